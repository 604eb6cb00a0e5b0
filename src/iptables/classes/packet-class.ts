/**
 * Classes of packets: all that a conjunction of answers leaves. A class is split by a question into those packets that
 * answer yes and those that answer no, so that classes that come of splitting never share a packet and lose none.
 */
import { addressBits, addressValue, type Family, parseAddress } from '../../net/address.ts';
import {
  between,
  common,
  holds,
  isEmpty,
  labelOf,
  only,
  onlyOne,
  type Ranges,
  sameRanges,
  without,
} from './ranges.ts';

/** What is a number of a packet as it comes to the node, or begins there. */
export const DIMENSIONS = ['destination', 'service', 'source', 'sourcePort', 'state'] as const;

/**
 * - `source`, `destination`: addresses.
 * - `service`: the number of the protocol, and the destination port below it (16 bits). Of protocols without ports, any.
 * - `state`: what connection tracking says, by its place in {@link STATES}.
 */
export type ClassDimension = (typeof DIMENSIONS)[number];

/** The states of a packet that connection tracking may tell apart before any rule has. */
export const STATES = ['NEW', 'ESTABLISHED', 'RELATED', 'INVALID', 'UNTRACKED'] as const;

/**
 * What is true of a packet or not, by a name: a bit of its mark, the interface that it comes in by, what another
 * program's match answers.
 */
export type Facts = ReadonlyMap<string, boolean>;

export interface PacketClass extends Readonly<Record<ClassDimension, Ranges>> {
  readonly facts: Facts;
}

/** Protocols by their numbers. */
const PROTOCOLS = 256n;

const NO_FACTS: Facts = new Map();

/** Every packet of a family. */
export function everyPacket(family: Family): PacketClass {
  const addresses = between(0n, (1n << BigInt(addressBits(family))) - 1n);
  return {
    source: addresses,
    destination: addresses,
    service: between(0n, (PROTOCOLS << 16n) - 1n),
    sourcePort: between(0n, 0xffffn),
    state: between(0n, BigInt(STATES.length - 1)),
    facts: NO_FACTS,
  };
}

/** A question to a packet: whether a number is one of these, or whether something is true. */
export type ClassQuestion =
  | { readonly dimension: ClassDimension; readonly ranges: Ranges }
  | { readonly fact: string };

/** The packets of a class that answer yes, and those that answer no; undefined where there are none. */
export interface Answers {
  readonly yes: PacketClass | undefined;
  readonly no: PacketClass | undefined;
}

export function ask(packets: PacketClass, question: ClassQuestion): Answers {
  if ('fact' in question) {
    const known = packets.facts.get(question.fact);
    if (known !== undefined) return known ? { yes: packets, no: undefined } : { yes: undefined, no: packets };
    return { yes: assume(packets, question.fact, true), no: assume(packets, question.fact, false) };
  }
  const { dimension, ranges } = question;
  const here = packets[dimension];
  const inside = common(here, ranges);
  if (inside === here) return { yes: packets, no: undefined };
  if (isEmpty(inside)) return { yes: undefined, no: packets };
  return {
    yes: possible({ ...packets, [dimension]: inside }),
    no: possible({ ...packets, [dimension]: without(here, ranges) }),
  };
}

/** The packets of a class of which something is true, or not; undefined where that cannot be. */
function assume(packets: PacketClass, fact: string, is: boolean): PacketClass | undefined {
  const facts = new Map(packets.facts).set(fact, is);
  return possible({ ...packets, facts });
}

/**
 * Facts without those about the interface that others make certain: `eth0` is no `eth1`, and fits `eth+`. So facts are the
 * same in whatever order questions were asked.
 */
function withoutImplied(facts: Facts): Facts {
  const asked = [...facts.keys()].filter((fact) => inInterfacePattern(fact) !== undefined);
  if (asked.length < 2) return facts;
  const needed = new Map(facts);
  for (const fact of asked) {
    const is = facts.get(fact) === true;
    needed.set(fact, !is);
    if (canBeInterface(needed)) needed.set(fact, is);
    else needed.delete(fact);
  }
  return needed.size === facts.size ? facts : needed;
}

/** That a packet goes to where it comes from. */
export const TO_ITSELF = 'source is destination';

/** The name of the fact that a packet comes in by an interface, or by one whose name begins so. */
export function inInterfaceFact(pattern: string): string {
  return `${IN_INTERFACE}${pattern}`;
}

const IN_INTERFACE = 'in-interface ';

/** The interfaces that a fact is about; undefined where it is about something else. */
export function inInterfacePattern(fact: string): string | undefined {
  return fact.startsWith(IN_INTERFACE) ? fact.slice(IN_INTERFACE.length) : undefined;
}

/** A class without what no packet can be; undefined where that leaves nothing. */
function possible(packets: PacketClass): PacketClass | undefined {
  if (isEmpty(packets.source) || isEmpty(packets.destination)) return undefined;
  const { facts } = packets;
  if (facts.size === 0) return packets;
  if (!canBeInterface(facts) || !canBeSeen(facts)) return undefined;
  const needed = withoutImplied(facts);
  const told = needed === facts ? packets : { ...packets, facts: needed };
  const here = withoutOtherOwners(withoutOtherOwners(told, 'source'), 'destination');
  const { source, destination } = here;
  if (isEmpty(source) || isEmpty(destination)) return undefined;
  const same = facts.get(TO_ITSELF);
  if (same === true) {
    const both = common(source, destination);
    if (isEmpty(both)) return undefined;
    return sameRanges(both, source) && sameRanges(both, destination)
      ? here
      : { ...here, source: both, destination: both };
  }
  return same === false && onlyOne(source) !== undefined && onlyOne(source) === onlyOne(destination)
    ? undefined
    : here;
}

/** An address is the node's own or not, whoever asks for it: by what it is, or as the source of a packet. */
function withoutOtherOwners(packets: PacketClass, side: 'source' | 'destination'): PacketClass {
  const isLocal = packets.facts.get(localFact(side));
  if (isLocal === undefined) return packets;
  let ranges = packets[side];
  for (const [fact, is] of packets.facts) {
    const address = is === isLocal ? undefined : localAddress(fact);
    if (address !== undefined && holds(ranges, address)) ranges = without(ranges, only(address));
  }
  return ranges === packets[side] ? packets : { ...packets, [side]: ranges };
}

/** The name of the fact that an address is the node's own: the source or destination of a packet, or a certain one. */
export function localFact(whose: string): string {
  return `${LOCAL}${whose}`;
}

const LOCAL = 'local ';

/** Whose address a fact asks whether it is the node's own; undefined where it is about something else. */
export function localOf(fact: string): string | undefined {
  return fact.startsWith(LOCAL) ? fact.slice(LOCAL.length) : undefined;
}

function localAddress(fact: string): bigint | undefined {
  const address = parseAddress(localOf(fact) ?? '');
  return address === undefined ? undefined : addressValue(address);
}

/** Whether an interface can have a name that fits these patterns, and does not fit those. */
function canBeInterface(facts: Facts): boolean {
  const patterns = [...facts].flatMap(([name, fits]) => {
    const pattern = inInterfacePattern(name);
    return pattern === undefined ? [] : [{ pattern, fits }];
  });
  if (patterns.length < 2) return true;
  // Of the patterns that fit, the longest is a name that all others must fit.
  const longest = patterns
    .filter(({ fits }) => fits)
    .map(({ pattern }) => pattern)
    .sort((a, b) => Number(a.endsWith('+')) - Number(b.endsWith('+')) || b.length - a.length)[0];
  const name = longest === undefined ? '?' : longest.endsWith('+') ? `${longest.slice(0, -1)}?` : longest;
  return patterns.every(({ pattern, fits }) => fitsPattern(name, pattern) === fits);
}

/** The name of the fact that an address is in a list, seen there at most so many seconds ago. */
export function seenFact(entry: string, seconds: number | undefined): string {
  return `${SEEN}${entry} ${seconds ?? 'ever'}`;
}

const SEEN = 'seen in ';

/** The entry of a list that a fact is about, and how long ago it counts there, in seconds. */
export function seenIn(fact: string): { readonly entry: string; readonly seconds: number } | undefined {
  if (!fact.startsWith(SEEN)) return undefined;
  const end = fact.lastIndexOf(' ');
  const seconds = fact.slice(end + 1);
  return {
    entry: fact.slice(SEEN.length, end),
    seconds: seconds === 'ever' ? Number.POSITIVE_INFINITY : Number(seconds),
  };
}

/** Who was seen within some time, was also within a longer one. */
function canBeSeen(facts: Facts): boolean {
  const asked = [...facts].flatMap(([fact, is]) => {
    const seen = seenIn(fact);
    return seen ? [{ ...seen, is }] : [];
  });
  if (asked.length < 2) return true;
  return asked.every(
    (one) =>
      !one.is || asked.every((other) => other.entry !== one.entry || other.is || other.seconds < one.seconds),
  );
}

/** Whether an interface fits a pattern: a name, or the beginning of names followed by `+`. */
export function fitsPattern(name: string, pattern: string): boolean {
  return pattern.endsWith('+') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}

/** The packets that are in both classes; undefined where there are none. */
export function commonClass(a: PacketClass, b: PacketClass): PacketClass | undefined {
  if (a === b) return a;
  const merged: Record<ClassDimension, Ranges> = { ...a };
  for (const dimension of DIMENSIONS) {
    const both = common(a[dimension], b[dimension]);
    if (isEmpty(both)) return undefined;
    merged[dimension] = both;
  }
  let facts = a.facts;
  if (b.facts.size > 0) {
    const all = new Map(a.facts);
    for (const [name, is] of b.facts) {
      if (all.get(name) === !is) return undefined;
      all.set(name, is);
    }
    facts = all;
  }
  return possible({ ...merged, facts });
}

/** The packets of `a` that are not in `b`, as classes that share none. */
export function otherClasses(a: PacketClass, b: PacketClass): PacketClass[] {
  const others: PacketClass[] = [];
  let here: PacketClass | undefined = a;
  const part = (question: ClassQuestion, wanted: boolean) => {
    if (!here) return;
    const { yes, no } = ask(here, question);
    const other = wanted ? no : yes;
    if (other) others.push(other);
    here = wanted ? yes : no;
  };
  for (const dimension of DIMENSIONS) part({ dimension, ranges: b[dimension] }, true);
  for (const [fact, is] of b.facts) part({ fact }, is);
  return here ? others : [a];
}

/** A text that two classes share if they are the same but for one dimension. */
export function labelWithout(packets: PacketClass, dimension: ClassDimension): string {
  const numbers = DIMENSIONS.map((other) => (other === dimension ? '' : labelOf(packets[other])));
  return `${numbers.join(' ')} ${factsLabel(packets.facts)}`;
}

function factsLabel(facts: Facts): string {
  if (facts.size === 0) return '';
  return JSON.stringify([...facts].map(([name, is]) => `${is} ${name}`).sort());
}
