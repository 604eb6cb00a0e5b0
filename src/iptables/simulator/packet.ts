/** What goes through the tables: a packet as it is asked for, and on its way. */
import { addressValue, type Family, familyOf, formatAddress, joinPort } from '../../net/address.ts';
import type { ConntrackState } from '../types.ts';

/** A packet as it comes to the node, or begins there. */
export interface Packet {
  /** An IP address, as is `destination`. */
  readonly source: string;
  readonly destination: string;
  /** `tcp`, `udp`, or another name or number of a protocol, as iptables knows them. */
  readonly protocol: string;
  /** Whether rules that look for a port fit a packet of which it is not known, is not known either. */
  readonly sourcePort?: number | undefined;
  readonly destinationPort?: number | undefined;
  /** The interface that it comes in by. A packet without one begins on the node. */
  readonly inInterface?: string | undefined;
  /** What connection tracking says of it: that it is the first of its connection (`NEW`) unless given. */
  readonly states?: readonly ConntrackState[] | undefined;
  /** 0 unless given. */
  readonly mark?: number | undefined;
}

/** What a packet's fate depends on besides the rules. Addresses are canonical. */
export interface SimulatedNode {
  /** Whether an address is the node's own: those of all its interfaces, and all of 127.0.0.0/8. */
  isLocal(address: string): boolean;
  /** The interface by which packets to an address leave the node; undefined where that is not known. */
  outInterface?(address: string): string | undefined;
  /** What xt_recent's lists hold: by list and address, how many seconds ago it was last seen. Nothing unless given. */
  readonly recent?: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

/** An address in both the forms that it is compared in: alone as text, with ranges as a number. */
export interface Address {
  readonly text: string;
  readonly value: bigint;
}

/** What stands in a packet. */
export interface Header {
  readonly source: Address;
  readonly destination: Address;
  readonly protocol: string;
  readonly sourcePort: number | undefined;
  readonly destinationPort: number | undefined;
}

/** An address in one of xt_recent's lists. */
export interface RecentEntry {
  readonly list: string;
  readonly address: string;
}

/** What becomes of the source address: `masquerade`, or the address and port that SNAT gives. */
export type SourceTranslation = 'masquerade' | { readonly to: string };

/**
 * A packet on its way: one of those that chance may make of the one that was asked for. Whatever happens to it makes
 * another one of it.
 */
export interface Flow {
  readonly header: Header;
  /** '' where there is none, as in OUTPUT. */
  readonly inInterface: string;
  /** '' where there is none, as in INPUT; undefined where it is not known. */
  readonly outInterface: string | undefined;
  readonly states: readonly ConntrackState[];
  readonly mark: number;
  /** What it was written into xt_recent's lists as. */
  readonly recent: readonly RecentEntry[];
  readonly redirected: boolean;
  readonly source: SourceTranslation | undefined;
  /** Of all that chance may make of the packet. */
  readonly probability: number;
}

/** What connection tracking says before it has seen a packet: in the raw table. */
export const BEFORE_TRACKING: readonly ConntrackState[] = ['INVALID'];

const NEW: readonly ConntrackState[] = ['NEW'];

/** The states that a packet has as soon as connection tracking has seen it. */
export const statesOf = (packet: Packet): readonly ConntrackState[] => packet.states ?? NEW;

/**
 * The packet at the beginning of its way.
 * @throws RangeError where its addresses are none, or not of this family
 */
export function startOf(packet: Packet, family: Family): Flow {
  const { source, destination, protocol, sourcePort, destinationPort, mark = 0 } = packet;
  const header: Header = {
    source: readAddress(source, family),
    destination: readAddress(destination, family),
    protocol: canonicalProtocol(protocol),
    sourcePort,
    destinationPort,
  };
  return {
    header,
    inInterface: '',
    outInterface: '',
    states: statesOf(packet),
    mark,
    recent: [],
    redirected: false,
    source: undefined,
    probability: 1,
  };
}

/**
 * An address in canonical form.
 * @throws RangeError where it is none of this family
 */
export function readAddress(text: string, family: Family): Address {
  if (familyOf(text) !== family) throw new RangeError(`not an ${family} address: ${text}`);
  const value = addressValue(text);
  return { text: formatAddress(family, value), value };
}

const PROTOCOLS: Readonly<Record<string, number>> = {
  icmp: 1,
  igmp: 2,
  tcp: 6,
  udp: 17,
  dccp: 33,
  gre: 47,
  esp: 50,
  ah: 51,
  'ipv6-icmp': 58,
  icmpv6: 58,
  sctp: 132,
  udplite: 136,
};

/** The number of a protocol, where we know its name. */
export function protocolNumber(protocol: string): number | undefined {
  return /^\d+$/.test(protocol) ? Number(protocol) : PROTOCOLS[protocol];
}

/** A protocol by one of its names: that of the number, where we know one. */
export function canonicalProtocol(text: string): string {
  const number = protocolNumber(text.toLowerCase());
  const known = Object.entries(PROTOCOLS).find(([, known]) => known === number);
  return known?.[0] ?? text.toLowerCase();
}

/** `address:port`, or the address of a packet without ports. */
export function destinationOf({ destination, destinationPort }: Header): string {
  return destinationPort === undefined ? destination.text : joinPort(destination.text, destinationPort);
}

/** Of packets that are the same from here on, one that is as probable as all of them. */
export function mergeFlows(flows: Flow[]): Flow[] {
  if (flows.length < 2) return flows;
  const merged = new Map<string, Flow>();
  for (const flow of flows) {
    const key = keyOf(flow);
    const same = merged.get(key);
    merged.set(key, same ? { ...same, probability: same.probability + flow.probability } : flow);
  }
  return [...merged.values()];
}

/** A text that two packets share that came from the same one and are the same from here on. */
export function keyOf({ header, mark, states, recent, redirected, source }: Flow): string {
  const to = typeof source === 'object' ? source.to : source;
  const key = `${header.destination.text} ${header.destinationPort} ${mark} ${states.join()} ${redirected} ${to}`;
  if (recent.length === 0) return key;
  return [key, ...recent.map(({ list, address }) => `${list} ${address}`).sort()].join(' ');
}

/** How probable it is that there is any of these packets. */
export function probabilityOf(flows: readonly Flow[]): number {
  return flows.reduce((sum, { probability }) => sum + probability, 0);
}
