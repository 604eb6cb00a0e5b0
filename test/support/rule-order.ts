/** What the order of a chain's rules means, found out pair by pair: slow, and sure. */
import { isDeepStrictEqual } from 'node:util';
import { MATCH_TRAITS } from '../../src/iptables/match-traits.ts';
import { ruleMeaning } from '../../src/iptables/meaning.ts';
import type { Rule } from '../../src/iptables/types.ts';

interface Packets {
  readonly protocol: string | undefined;
  readonly address: string | undefined;
  readonly ports: readonly [number, number] | undefined;
}

/** Where the packets go that a rule is for, as far as each can be told from all others by that alone. */
function packetsOf({ matches }: Rule): Packets {
  let [protocol, address, ports]: [Packets['protocol'], Packets['address'], Packets['ports']] = [
    undefined,
    undefined,
    undefined,
  ];
  for (const match of matches) {
    if (match.match === 'protocol') protocol = match.protocol;
    if (match.match === 'destination-port') ports = [match.port, match.last ?? match.port];
    if (match.match === 'destination' && !match.negated) {
      const one = match.address.replace(/\/(?:32|128)$/, '');
      if (!one.includes('/')) address = one;
    }
  }
  return { protocol, address, ports };
}

/** Whether there may be a packet that fits both rules. */
export function mayMeet(a: Rule, b: Rule): boolean {
  const [one, other] = [packetsOf(a), packetsOf(b)];
  const differ = (key: 'protocol' | 'address') =>
    one[key] !== undefined && other[key] !== undefined && one[key] !== other[key];
  const apart = one.ports && other.ports && (one.ports[1] < other.ports[0] || other.ports[1] < one.ports[0]);
  return !differ('protocol') && !differ('address') && apart !== true;
}

/** Whether what becomes of a packet may depend on which of two rules comes first. */
export function orderMatters(a: Rule, b: Rule): boolean {
  const acts = [a, b].some(({ matches, target }) => {
    return target?.target === 'unknown' || matches.some(({ match }) => MATCH_TRAITS[match].acts);
  });
  return mayMeet(a, b) && (acts || !isDeepStrictEqual(a.target, b.target));
}

/**
 * What is the same of two chains where no packet can tell them apart: the rules that each has, and of every two whose
 * order matters, which comes first.
 */
export function effectOf(rules: readonly Rule[]): { rules: string[]; order: string[] } {
  const meanings = rules.map(ruleMeaning);
  const order = rules.flatMap((rule, i) =>
    rules.slice(i + 1).flatMap((later, j) => {
      return orderMatters(rule, later) ? [`${meanings[i]} before ${meanings[i + 1 + j]}`] : [];
    }),
  );
  return { rules: meanings.toSorted(), order: order.sort() };
}
