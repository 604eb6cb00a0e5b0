/** Who may send packets to a Service, as far as the rules tell them apart. */
import type { Packet, SimulatedNode } from '../iptables/simulator/packet.ts';
import {
  addressBits,
  addressValue,
  type Family,
  formatAddress,
  isLoopback,
  prefixLength,
} from '../net/address.ts';
import { isAskedFor, type RulesOfServicePort } from './rules.ts';

/** Somebody who sends packets. All whom the rules cannot tell from him fare alike. */
export interface Origin {
  /** In a sentence: `this node`, `pods (10.244.0.0/16)`, `everybody else`. */
  readonly name: string;
  readonly packet: Pick<Packet, 'source' | 'inInterface' | 'arrives'>;
}

/** What is known of the node and its pods. */
export interface Surroundings {
  readonly family: Family;
  /** The node's own addresses; where there is none of this family, one that nobody has stands for it. */
  readonly addresses: ReadonlySet<string>;
  /** How packets of pods are known, where the configuration says so. */
  readonly podRange: string | undefined;
  readonly podInterface: string | undefined;
}

/** Nobody has these (RFC 5737, RFC 3849), and rules seldom ask for them. */
const STAND_IN: Readonly<Record<Family, { readonly node: string; readonly others: readonly string[] }>> = {
  ipv4: { node: '192.0.2.254', others: ['192.0.2.0/24', '203.0.113.0/24', '198.51.100.0/24', '11.0.0.0/8'] },
  ipv6: { node: '2001:db8:ffff::fffe', others: ['2001:db8:ffff::/48', '2001:db8:fffe::/48', '3fff::/20'] },
};

/** The address that stands for the node. */
export function ownAddress({ family, addresses }: Surroundings): string {
  const own = [...addresses].find(
    (address) => address.includes(':') === (family === 'ipv6') && !isLoopback(address),
  );
  return own ?? STAND_IN[family].node;
}

/** The node as the simulator asks for it: it has the addresses that are known, and no other that we send from or to. */
export function nodeOf(place: Surroundings, alsoLocal: readonly string[]): SimulatedNode {
  const own = new Set([...place.addresses, ...alsoLocal, ownAddress(place)]);
  return { isLocal: (address) => own.has(address) || isLoopback(address) };
}

/** One for each that some rule asks for, the node itself, and one for all others. */
export function originsOf(rules: RulesOfServicePort, place: Surroundings): Origin[] {
  const { endpoints } = rules;
  // Pods are told apart in any case: another Service, whose rules do, may have an address of this one.
  const sources = withAnother(rules.sources, place.podRange);
  const interfaces = withAnother(rules.interfaces, place.podInterface);
  const node = ownAddress(place);
  const isEndpoint = (address: string) =>
    [...endpoints.keys()].some(
      (endpoint) => endpoint.startsWith(`${address}:`) || endpoint.startsWith(`[${address}]`),
    );
  const asked = sources.filter((source) => source.includes('/') || !isEndpoint(source));
  const taken = [...sources, ...place.addresses, node];
  const arrival = interfaces.length === 0 ? { arrives: true } : { inInterface: unlike(interfaces) };

  const others = firstFree(STAND_IN[place.family].others, taken, isEndpoint);
  return [
    ...asked.flatMap((range) => {
      const isNarrower = (other: string) =>
        other !== range && (!other.includes('/') || isWithin(other, range));
      const source = range.includes('/') ? firstFree([range], taken.filter(isNarrower), isEndpoint) : range;
      const name = range === place.podRange ? `pods (${range})` : range;
      return source === undefined ? [] : [{ name, packet: { source, ...arrival } }];
    }),
    ...interfaces.flatMap((name): Origin[] => {
      const told = name === place.podInterface ? `pods (by ${name})` : `incoming interface ${name}`;
      const inInterface = name.replace(/\+$/, '0');
      return others === undefined ? [] : [{ name: told, packet: { source: others, inInterface } }];
    }),
    { name: 'this node', packet: { source: node } },
    ...(others === undefined ? [] : [{ name: 'everybody else', packet: { source: others, ...arrival } }]),
  ];
}

function withAnother(asked: readonly string[], another: string | undefined): readonly string[] {
  return another === undefined || asked.includes(another) ? asked : [...asked, another];
}

/** So many addresses of a range are tried. */
const TRIED = 4096;

/** The first address in one of the ranges that nothing of what is taken holds. */
function firstFree(
  ranges: readonly string[],
  taken: readonly string[],
  isEndpoint: (address: string) => boolean,
): string | undefined {
  for (const range of ranges) {
    const family = range.includes(':') ? 'ipv6' : 'ipv4';
    const base = addressValue(range.slice(0, range.indexOf('/')));
    const size = 2 ** Math.min(addressBits(family) - prefixLength(range), 40);
    // The first address of a range is seldom a host's.
    for (let i = size > 2 ? 1 : 0; i < Math.min(size, TRIED); i++) {
      const address = formatAddress(family, base + BigInt(i));
      if (!taken.some((other) => isAskedFor(address, other)) && !isEndpoint(address)) return address;
    }
  }
  return undefined;
}

function isWithin(inner: string, outer: string): boolean {
  const address = inner.slice(0, inner.indexOf('/'));
  return prefixLength(inner) > prefixLength(outer) && isAskedFor(address, outer);
}

/** An interface that no rule asks for. */
function unlike(patterns: readonly string[]): string {
  const isLike = (name: string) =>
    patterns.some((pattern) =>
      pattern.endsWith('+') ? name.startsWith(pattern.slice(0, -1)) : name === pattern,
    );
  return ['eth0', 'uplink0', 'x0'].find((name) => !isLike(name)) ?? '0';
}
