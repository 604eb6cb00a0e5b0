/** A packet on its way through the tables. */
import type { Family } from '../../net/address.ts';
import type { ConntrackState } from '../types.ts';
import { type Header, type Packet, readAddress } from './packet.ts';
import { canonicalProtocol } from './protocols.ts';

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
  /** As it came, or began: what connection tracking keeps of it, whatever NAT makes of it. */
  readonly original: Header;
  /** '' where there is none, as in OUTPUT; undefined where it is not known. */
  readonly inInterface: string | undefined;
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
    original: header,
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
function keyOf({ header, mark, states, recent, redirected, source }: Flow): string {
  const to = typeof source === 'object' ? source.to : source;
  const key = `${header.destination.text} ${header.destinationPort} ${mark} ${states.join()} ${redirected} ${to}`;
  if (recent.length === 0) return key;
  return `${key} ${JSON.stringify(recent.map(({ list, address }) => `${address} ${list}`).sort())}`;
}

/** How probable it is that there is any of these packets. */
export function probabilityOf(flows: readonly Flow[]): number {
  return flows.reduce((sum, { probability }) => sum + probability, 0);
}
