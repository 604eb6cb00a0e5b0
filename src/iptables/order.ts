/** In which order rules may stand so that no packet can tell. */
import { MATCH_TRAITS } from './match-traits.ts';
import type { Rule } from './types.ts';

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
  const placed = rules.map((rule, i): PlacedRule => ({ rule, place: places[i], ...traitsOf(rule) }));
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
  /** `tcp 80` */
  readonly port: string | undefined;
  /** One, not a range. */
  readonly address: string | undefined;
}

interface PlacedRule extends Traits {
  readonly rule: Rule;
  readonly place: number | undefined;
}

interface Traits extends Destination {
  /** A match of it does something, too. */
  readonly acts: boolean;
}

const ANY: Traits = { port: undefined, address: undefined, acts: true };

function traitsOf({ matches, target }: Rule): Traits {
  if (target?.target === 'unknown') return ANY;
  let [address, protocol, port]: (string | undefined)[] = [];
  let acts = false;
  for (const match of matches) {
    if (match.match === 'unknown') return ANY;
    if (match.match === 'destination' && !match.negated) address = oneAddress(match.address);
    else if (match.match === 'destination-port' && match.last === undefined) port = String(match.port);
    else if (match.match === 'protocol') {
      // The port is looked at here: what acts before is done to packets to other ports, too.
      if (acts) return ANY;
      protocol = match.protocol;
    }
    acts ||= MATCH_TRAITS[match.match].acts;
  }
  return {
    port: protocol === undefined || port === undefined ? undefined : `${protocol} ${port}`,
    address,
    acts,
  };
}

function oneAddress(range: string): string | undefined {
  const [address = '', bits] = range.split('/');
  return bits === undefined || bits === (address.includes(':') ? '128' : '32') ? address : undefined;
}

/** Rules among which order may mean nothing: those with a port, or without but with an address. Others are alone. */
function runsOf(rules: readonly PlacedRule[]): PlacedRule[][] {
  const runs: PlacedRule[][] = [];
  let last: PlacedRule | undefined;
  for (const rule of rules) {
    const isAlone = rule.port === undefined && rule.address === undefined;
    if (last && !isAlone && kindOf(last) === kindOf(rule)) runs.at(-1)?.push(rule);
    else runs.push([rule]);
    last = rule;
  }
  return runs;
}

function kindOf({ port, address }: Destination): 'port' | 'address' | 'none' {
  if (port !== undefined) return 'port';
  return address === undefined ? 'none' : 'address';
}

function sortRun(run: readonly PlacedRule[]): Rule[] {
  // A rule for any address meets all packets to its port.
  const anyAddress = new Set(run.map(({ port, address }) => (address === undefined ? port : undefined)));
  const groups = new Map<string, Group>();
  let before = -1;
  const sorted = run.map(({ rule, place, port = '', address, acts }) => {
    const key = address === undefined || anyAddress.has(port) ? port : `${port} ${address}`;
    const group = groups.get(key) ?? { last: undefined, behind: -1, lowest: -1 };
    groups.set(key, group);
    if (!group.last || acts || group.last.acts || !sameTarget(group.last.rule, rule))
      group.lowest = group.behind;
    before = Math.max(place ?? before, group.lowest);
    group.behind = Math.max(group.behind, before);
    group.last = { rule, acts };
    return { rule, place: before };
  });
  // Rules of one place keep their order.
  return sorted.sort((a, b) => a.place - b.place).map(({ rule }) => rule);
}

/** Rules that a packet may fit all of. */
interface Group {
  last: { readonly rule: Rule; readonly acts: boolean } | undefined;
  /** The place that is behind all of them so far. */
  behind: number;
  /** The place that is behind all those that do something else than the last one. */
  lowest: number;
}

function sameTarget({ target: a }: Rule, { target: b }: Rule): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}
