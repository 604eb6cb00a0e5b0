/** In which order rules may stand so that no packet can tell. */
import { MATCH_TRAITS } from './match-traits.ts';
import type { Protocol, Rule } from './types.ts';

/**
 * The rules of a chain in the order of their places, as far as no packet can tell: whatever rules a packet fits, it
 * still comes to them in the order in which they are given. A rule without a place comes right behind the one that it
 * is given behind.
 *
 * Two rules change places only where their destinations tell that no packet fits both, or where both do the same to it:
 * have the same target, and no match that does something itself. There are three kinds of rules, and none moves past one
 * of another kind:
 * - Those for one protocol and port. They move past those for another; and past those for the same one, where all of
 *   these around are for one address each, and the two for different ones.
 * - Those for one address, but not for one port. They move past those for another address.
 * - All others, with every rule that has a match or target of another program. They never move.
 * @param places of the rules, from 0; undefined where one has none
 */
export function inOrderOfPlaces(
  rules: readonly Rule[],
  places: readonly (number | undefined)[],
): readonly Rule[] {
  if (isRising(places)) return rules;
  const placed = rules.map((rule, i): PlacedRule => ({ rule, place: places[i], traits: traitsOf(rule) }));
  return runsOf(placed).flatMap(sortRun);
}

function isRising(places: readonly (number | undefined)[]): boolean {
  let last = -1;
  for (const place of places) {
    if (place === undefined) continue;
    if (place < last) return false;
    last = place;
  }
  return true;
}

/** What a rule says about where the packets go that fit it: no other fits. */
interface Destination {
  /** Either both or none. */
  readonly port: { readonly protocol: Protocol; readonly number: number } | undefined;
  /** One, not a range. */
  readonly address: string | undefined;
}

interface Traits extends Destination {
  /** A match of it does something, too. */
  readonly acts: boolean;
}

interface PlacedRule {
  readonly rule: Rule;
  readonly place: number | undefined;
  readonly traits: Traits;
}

const ANY: Traits = { port: undefined, address: undefined, acts: true };

function traitsOf({ matches, target }: Rule): Traits {
  if (target?.target === 'unknown') return ANY;
  let address: string | undefined;
  let protocol: Protocol | undefined;
  let number: number | undefined;
  let acts = false;
  for (const match of matches) {
    if (match.match === 'unknown') return ANY;
    if (match.match === 'destination' && !match.negated) address = oneAddress(match.address);
    else if (match.match === 'destination-port' && match.last === undefined) number = match.port;
    else if (match.match === 'protocol') {
      // The port is looked at here: what acts before is done to packets to other ports, too.
      if (acts) return ANY;
      protocol = match.protocol;
    }
    acts ||= MATCH_TRAITS[match.match].acts;
  }
  return {
    port: protocol === undefined || number === undefined ? undefined : { protocol, number },
    address,
    acts,
  };
}

function oneAddress(range: string): string | undefined {
  const slash = range.indexOf('/');
  if (slash === -1) return range;
  return range.endsWith(range.includes(':') ? '/128' : '/32') ? range.slice(0, slash) : undefined;
}

/** Rules among which order may mean nothing: those with a port, or without but with an address. Others are alone. */
function runsOf(rules: readonly PlacedRule[]): PlacedRule[][] {
  const runs: PlacedRule[][] = [];
  let last: 'port' | 'address' | 'none' = 'none';
  for (const rule of rules) {
    const kind = kindOf(rule.traits);
    if (kind !== 'none' && kind === last) runs.at(-1)?.push(rule);
    else runs.push([rule]);
    last = kind;
  }
  return runs;
}

function kindOf({ port, address }: Destination): 'port' | 'address' | 'none' {
  if (port) return 'port';
  return address === undefined ? 'none' : 'address';
}

function sortRun(run: readonly PlacedRule[]): Rule[] {
  const groupOf = groups(run);
  let before = -1;
  const sorted = run.map(({ rule, place, traits }) => {
    const group = groupOf(traits);
    const { last } = group;
    const isAlike = last && !traits.acts && !last.traits.acts && sameTarget(last.rule, rule);
    if (!isAlike) group.lowest = group.behind;
    before = Math.max(place ?? before, group.lowest);
    group.behind = Math.max(group.behind, before);
    group.last = { rule, traits };
    return { rule, place: before };
  });
  // Rules of one place keep their order.
  return sorted.sort((a, b) => a.place - b.place).map(({ rule }) => rule);
}

/** Rules that a packet may fit all of. */
interface Group {
  readonly protocol: Protocol | undefined;
  readonly number: number | undefined;
  last: Omit<PlacedRule, 'place'> | undefined;
  /** The last place of any of them so far. */
  behind: number;
  /** The last place of those that do something else than the last one. */
  lowest: number;
}

/** Puts the rules of a run into groups, such that no packet fits rules of two. */
function groups(run: readonly PlacedRule[]): (destination: Destination) => Group {
  // A rule for any address meets all packets to its port.
  const anyAddress = new Map<number, Protocol[]>();
  for (const { address, port } of run.map(({ traits }) => traits)) {
    if (address !== undefined || !port) continue;
    anyAddress.set(port.number, [...(anyAddress.get(port.number) ?? []), port.protocol]);
  }
  // Few ports are at one address, and few protocols at one port.
  const found = new Map<string | number | undefined, Group[]>();
  return ({ address, port }) => {
    const isAny = address === undefined || (port && anyAddress.get(port.number)?.includes(port.protocol));
    const key = isAny ? port?.number : address;
    const near = found.get(key);
    const known = near?.find((group) => group.number === port?.number && group.protocol === port?.protocol);
    if (known) return known;
    const group: Group = {
      protocol: port?.protocol,
      number: port?.number,
      last: undefined,
      behind: -1,
      lowest: -1,
    };
    if (near) near.push(group);
    else found.set(key, [group]);
    return group;
  };
}

function sameTarget({ target: a }: Rule, { target: b }: Rule): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}
