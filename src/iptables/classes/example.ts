/** One packet for a class, and whether a packet is in a class. */
import { addressValue, type Family, familyOf, formatAddress } from '../../net/address.ts';
import type { Packet, SimulatedNode } from '../simulator/packet.ts';
import { canonicalProtocol, WITH_PORTS } from '../simulator/protocols.ts';
import type { ConntrackState } from '../types.ts';
import type { Start } from './class-flow.ts';
import {
  DIMENSIONS,
  fitsPattern,
  inInterfacePattern,
  localOf,
  type PacketClass,
  STATES,
  seenIn,
  TO_ITSELF,
} from './packet-class.ts';
import { type ClassNode, markBit, serviceValue, TRANSLATED } from './questions.ts';
import { common, holds, type Ranges, without } from './ranges.ts';

/** A packet, and what else must be so for it to be of a class. */
export interface ClassExample {
  readonly packet: Packet;
  readonly node: SimulatedNode;
  /** What must answer so and cannot be arranged by the packet. */
  readonly assumed: readonly (readonly [fact: string, is: boolean])[];
}

/** Addresses that look like somebody's, where a class has them: documentation's, then private ones. */
const LIKELY: Readonly<Record<Family, readonly bigint[]>> = {
  ipv4: ['203.0.113.9', '192.168.0.9', '10.244.1.5'].map(addressValue),
  ipv6: ['2001:db8:99::9', 'fd00::9'].map(addressValue),
};

const [TCP, UDP] = [serviceValue('tcp', 0), serviceValue('udp', 0)];

/** A packet of a class. */
export function exampleOf(
  packets: PacketClass,
  start: Start,
  family: Family,
  { local }: ClassNode,
): ClassExample {
  const { facts } = packets;
  const [destination, source] = pair(packets, family, start === 'begins' ? local : undefined);
  const service = likely(packets.service, [TCP + 80n, TCP + 8080n, UDP + 53n, TCP, UDP]);
  const protocol = canonicalProtocol(String(service >> 16n));
  const ports = WITH_PORTS.includes(protocol)
    ? { destinationPort: Number(service & 0xffffn), sourcePort: Number(likely(packets.sourcePort, [40000n])) }
    : {};
  const assumed: [string, boolean][] = [];
  const recent = new Map<string, Map<string, number>>();
  const patterns: [string, boolean][] = [];
  const owns = new Map<string, boolean>();
  let mark = 0;
  const states: ConntrackState[] = [STATES[Number(packets.state[0] ?? 0n)] ?? 'NEW'];
  for (const [fact, is] of facts) {
    const [bit, pattern, seen] = [markBit(fact), inInterfacePattern(fact), seenIn(fact)];
    const whose = localOf(fact);
    if (bit !== undefined) mark = is ? (mark | bit) >>> 0 : mark;
    else if (pattern !== undefined) patterns.push([pattern, is]);
    else if (seen !== undefined) {
      const before = recent.get(seen.entry)?.get(formatAddress(family, source)) ?? Number.POSITIVE_INFINITY;
      if (is) {
        // As long ago as may be.
        const age = Math.min(before, seen.seconds);
        recent.set(seen.entry, new Map([[formatAddress(family, source), Number.isFinite(age) ? age : 1e9]]));
      }
    } else if (whose === 'source') owns.set(formatAddress(family, source), is);
    else if (whose === 'destination') owns.set(formatAddress(family, destination), is);
    else if (whose !== undefined) owns.set(whose, is);
    else if (fact === TRANSLATED.DNAT || fact === TRANSLATED.SNAT) {
      if (is) states.push(fact === TRANSLATED.DNAT ? 'DNAT' : 'SNAT');
    } else if (fact !== TO_ITSELF) assumed.push([fact, is]);
  }
  return {
    packet: {
      source: formatAddress(family, source),
      destination: formatAddress(family, destination),
      protocol,
      ...ports,
      ...(start === 'arrives' && { inInterface: interfaceFor(patterns) }),
      states,
      mark,
    },
    node: {
      isLocal: (address) =>
        owns.get(address) ?? (familyOf(address) === family && holds(local, addressValue(address))),
      recent,
    },
    assumed,
  };
}

/** A destination and a source, the same where they must be, and others where they must not. */
function pair(
  { destination, source, facts }: PacketClass,
  family: Family,
  own: Ranges | undefined,
): [bigint, bigint] {
  const to = likelyAddress(destination, LIKELY[family].slice(0, 1));
  const same = facts.get(TO_ITSELF);
  if (same === true) return [to, to];
  const others = without(source, [to, to]);
  const left = others.length > 0 ? others : source;
  const ofNode = own && common(left, own);
  const from = likelyAddress(ofNode && ofNode.length > 0 ? ofNode : left, LIKELY[family]);
  if (same === false && from === to) {
    const other = without(destination, [from, from])[0];
    if (other !== undefined) return [other, from];
  }
  return [to, from];
}

/** The first of a range is often that of a network, which nobody has. */
function likelyAddress(ranges: Ranges, wanted: readonly bigint[]): bigint {
  const value = likely(ranges, wanted);
  return value % 2n === 0n && !wanted.includes(value) && holds(ranges, value + 1n) ? value + 1n : value;
}

function likely(ranges: Ranges, wanted: readonly bigint[]): bigint {
  // The first of all is often one that no packet has, such as 0.0.0.0.
  const [first = 0n, last = 0n] = ranges;
  return wanted.find((value) => holds(ranges, value)) ?? (first === 0n && last > 0n ? 1n : first);
}

/** The name of an interface that fits patterns, or not. */
function interfaceFor(patterns: readonly (readonly [string, boolean])[]): string {
  const names = ['eth9', ...patterns.flatMap(([pattern]) => [pattern, pattern.replace(/\+$/, '0')])];
  return (
    names.find((name) => patterns.every(([pattern, fits]) => fitsPattern(name, pattern) === fits)) ?? 'eth9'
  );
}

/**
 * Whether a packet is in a class; undefined where that depends on something that the packet does not tell.
 * @param packet all of whose ports are known, if it has any
 */
export function isIn(packets: PacketClass, packet: Packet, node: SimulatedNode): boolean | undefined {
  const values = numbersOf(packet);
  if (!DIMENSIONS.every((dimension) => holds(packets[dimension], values[dimension]))) return false;
  let unknown = false;
  for (const [fact, is] of packets.facts) {
    const answer = answerOf(fact, packet, node);
    if (answer === undefined) unknown = true;
    else if (answer !== is) return false;
  }
  return unknown ? undefined : true;
}

function numbersOf({
  source,
  destination,
  protocol,
  sourcePort = 0,
  destinationPort = 0,
  states = ['NEW'],
}: Packet) {
  return {
    source: addressValue(source),
    destination: addressValue(destination),
    service: serviceValue(canonicalProtocol(protocol), destinationPort),
    sourcePort: BigInt(sourcePort),
    state: BigInt(STATES.findIndex((state) => states.includes(state))),
  };
}

function answerOf(fact: string, packet: Packet, node: SimulatedNode): boolean | undefined {
  const [bit, pattern, seen] = [markBit(fact), inInterfacePattern(fact), seenIn(fact)];
  if (bit !== undefined) return ((packet.mark ?? 0) & bit) !== 0;
  if (pattern !== undefined)
    return packet.inInterface !== undefined && fitsPattern(packet.inInterface, pattern);
  if (seen !== undefined) {
    const age = node.recent?.get(seen.entry)?.get(packet.source);
    return age !== undefined && age <= seen.seconds;
  }
  if (fact === TO_ITSELF) return packet.source === packet.destination;
  const whose = localOf(fact);
  if (whose !== undefined)
    return node.isLocal(whose === 'source' || whose === 'destination' ? packet[whose] : whose);
  if (fact === TRANSLATED.DNAT) return packet.states?.includes('DNAT') ?? false;
  if (fact === TRANSLATED.SNAT) return packet.states?.includes('SNAT') ?? false;
  return undefined;
}
