/** Short words for the rules that layouts are made of. */
import type { Match, Target } from '../iptables/types.ts';
import { prefixLength } from '../net/address.ts';
import type { DetectLocal } from './options.ts';
import type { ServicePort } from './service-ports.ts';

export const comment = (comment: string): Match => ({ match: 'comment', comment });

export const jump = (chain: string): Target => ({ target: 'jump', chain });

export const verdict = (target: 'ACCEPT' | 'DROP' | 'REJECT' | 'RETURN'): Target => ({ target });

export const source = (address: string): Match => ({ match: 'source', address });

export const destination = (address: string): Match => ({ match: 'destination', address });

export const destinationPort = (port: number): Match => ({ match: 'destination-port', port });

export const notDestination = (address: string): Match => ({ match: 'destination', address, negated: true });

export const PROTOCOL_MATCHES = {
  tcp: { match: 'protocol', protocol: 'tcp' },
  udp: { match: 'protocol', protocol: 'udp' },
  sctp: { match: 'protocol', protocol: 'sctp' },
} as const satisfies Record<string, Match>;

export const TO_THIS_NODE: Match = { match: 'addrtype', side: 'destination', type: 'LOCAL' };
export const NOT_TO_THIS_NODE: Match = {
  match: 'addrtype',
  side: 'destination',
  type: 'LOCAL',
  negated: true,
};
export const FROM_THIS_NODE: Match = { match: 'addrtype', side: 'source', type: 'LOCAL' };

/** Packets to one address of a service port. */
export const toServicePort = ({ protocol, port }: ServicePort, address: string): Match[] => [
  PROTOCOL_MATCHES[protocol],
  destination(address),
  destinationPort(port),
];

/** Packets from a pod of this node. */
export const fromLocalPod = (detectLocal: DetectLocal): Match =>
  detectLocal.by === 'source' ? source(detectLocal.range) : { match: 'in-interface', name: detectLocal.name };

/** Packets that no pod of this node sent. */
export const notFromLocalPod = (detectLocal: DetectLocal): Match =>
  detectLocal.by === 'source'
    ? { match: 'source', address: detectLocal.range, negated: true }
    : { match: 'in-interface', name: detectLocal.name, negated: true };

/** Whether packets from anywhere count as those of a pod of this node. */
export const isEverything = (detectLocal: DetectLocal): boolean =>
  detectLocal.by === 'source' && prefixLength(detectLocal.range) === 0;

/** Matches one packet of so many, or every packet of one. */
export function oneOf(count: number): readonly Match[] {
  const known = FRACTIONS[count];
  if (known) return known;
  const fraction: Match = { match: 'statistic', probability: 1 / count };
  if (count < MOST_FRACTIONS && Number.isInteger(count)) FRACTIONS[count] = [fraction];
  return [fraction];
}

/** The same few lists are in most rules of a large cluster, and are there once. */
const MOST_FRACTIONS = 256;
const FRACTIONS: (readonly Match[] | undefined)[] = [[], []];

/**
 * The second list, with the first in front of it. Most of a ruleset's memory is lists of matches: one that need not be
 * made is not, and one that is spread or pushed together would keep room for 16 more.
 */
export function behind(first: readonly Match[], second: readonly Match[]): readonly Match[] {
  return first.length === 0 ? second : first.concat(second);
}
