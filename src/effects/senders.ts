/** Who sends the packets that something changes for, in words. */
import type { Difference } from '../iptables/classes/compare.ts';
import { everyPacket, inInterfacePattern, STATES } from '../iptables/classes/packet-class.ts';
import type { ClassNode } from '../iptables/classes/questions.ts';
import { markBit, undecidedWords } from '../iptables/classes/questions.ts';
import {
  between,
  common,
  countOf,
  holds,
  isEmpty,
  only,
  type Ranges,
  union,
  without,
} from '../iptables/classes/ranges.ts';
import {
  addressBits,
  addressValue,
  type Family,
  familyOf,
  formatAddress,
  splitPort,
} from '../net/address.ts';
import { alternatives, enumerate } from '../text/lists.ts';

export interface Senders {
  /** What begins on the node. */
  readonly node: boolean;
  /** What arrives there, by its source; `anybody` where that does not matter. */
  readonly from: 'anybody' | 'nobody' | readonly string[];
  /** Everybody else instead. */
  readonly outside: boolean;
  /** What else must be so, in words. */
  readonly where: readonly string[];
}

export function sendersOf(differences: readonly Difference[], { local }: ClassNode, family: Family): Senders {
  const sources = (start: Difference['start']) =>
    union(differences.flatMap((one) => (one.start === start ? [one.packets.source] : [])));
  const [arriving, beginning] = [sources('arrives'), sources('begins')];
  return {
    node: !isEmpty(common(beginning, local)) || (isEmpty(arriving) && !isEmpty(beginning)),
    ...arrivingFrom(arriving, endpointsOf(differences, family), local, family),
    where: conditions(differences),
  };
}

/**
 * Of a pod that may reach itself, and of one that may not, is told as of all: endpoints are named where that makes fewer
 * words, or where there is nobody else.
 */
function arrivingFrom(
  arriving: Ranges,
  endpoints: Ranges,
  local: Ranges,
  family: Family,
): Pick<Senders, 'from' | 'outside'> {
  if (isEmpty(arriving)) return { from: 'nobody', outside: false };
  const others = without(arriving, endpoints);
  const same = isEmpty(others) ? [arriving] : [arriving, union([arriving, endpoints]), others];
  const told = same.map((sources) => sendersIn(sources, local, family));
  const words = ({ from }: Pick<Senders, 'from'>) => (typeof from === 'string' ? '' : from.join());
  return told.reduce((least, one) => (words(one).length < words(least).length ? one : least));
}

function sendersIn(arriving: Ranges, local: Ranges, family: Family): Pick<Senders, 'from' | 'outside'> {
  const missing = without(without(everyPacket(family).source, local), arriving);
  const few = countOf(missing) <= FEW_ADDRESSES && countOf(arriving) > countOf(missing);
  if (isEmpty(missing) || few) return { from: 'anybody', outside: false };
  const [inside, outside] = [rangesAsText(arriving, family), rangesAsText(missing, family)];
  return outside.length < inside.length ? { from: outside, outside: true } : { from: inside, outside: false };
}

/** The addresses that these packets are sent on to. */
function endpointsOf(differences: readonly Difference[], family: Family): Ranges {
  const sent = new Set<string>();
  for (const { before, after } of differences) {
    for (const outcomes of [before, after]) {
      for (const { dnat } of outcomes) if (dnat !== undefined) sent.add(dnat);
    }
  }
  const addresses = [...sent].map((to) => splitPort(to)?.address ?? to);
  return union(
    addresses.filter((address) => familyOf(address) === family).map((one) => only(addressValue(one))),
  );
}

const FEW_ADDRESSES = 256n;

/** What all of them have in common that is not an address. */
function conditions(differences: readonly Difference[]): string[] {
  const told = differences.map(({ packets: { facts } }) => {
    const words = new Set([...facts].flatMap(conditionOf));
    // Asked again on another way, a match may answer otherwise: what it fits is what makes a difference.
    return new Set(
      [...words].filter((one) => !one.startsWith(NO_FIT) || !words.has(one.replace(NO_FIT, FIT))),
    );
  });
  const [first = new Set<string>(), ...others] = told;
  const shared = [...first].filter((one) => others.every((words) => words.has(one)));
  return [...shared.sort(), ...stateOf(differences)];
}

/** What connection tracking says of them, where none begins a connection. */
function stateOf(differences: readonly Difference[]): string[] {
  const states = union(differences.map(({ packets }) => packets.state));
  const named = STATES.filter((_, i) => holds(states, BigInt(i)));
  return named.includes('NEW') ? [] : [`in conntrack state ${alternatives(named)}`];
}

const FIT = 'that match ';
const NO_FIT = 'that do not match ';

function conditionOf([fact, is]: readonly [string, boolean]): string[] {
  const pattern = inInterfacePattern(fact);
  if (pattern !== undefined)
    return [is ? `incoming interface ${pattern}` : `incoming interface not ${pattern}`];
  const words = undecidedWords(fact);
  if (words !== undefined) return [`${is ? FIT : NO_FIT}${words}`];
  const bit = markBit(fact);
  return bit !== undefined && is ? [`with mark 0x${bit.toString(16)}`] : [];
}

/** Ranges as few CIDRs: `10.0.0.0/16 without 10.0.1.0/24` where these are fewer. */
export function rangesAsText(ranges: Ranges, family: Family): string[] {
  const texts = cidrs(ranges, family);
  const [first, last] = [ranges[0], ranges.at(-1)];
  if (texts.length < 3 || first === undefined || last === undefined) return texts;
  let size = 0n;
  while (first >> size !== last >> size) size++;
  const around = between((first >> size) << size, (((first >> size) + 1n) << size) - 1n);
  const missing = cidrs(without(around, ranges), family);
  if (size === BigInt(addressBits(family)) || missing.length + 1 >= texts.length) return texts;
  return [`${cidrs(around, family).join()} without ${enumerate(missing)}`];
}

function cidrs(ranges: Ranges, family: Family): string[] {
  const texts: string[] = [];
  const bits = addressBits(family);
  for (let i = 0; i < ranges.length && texts.length < MOST_RANGES; i += 2) {
    let first = ranges[i] ?? 0n;
    const last = ranges[i + 1] ?? 0n;
    while (first <= last && texts.length < MOST_RANGES) {
      let size = 0;
      while (
        size < bits &&
        (first & ((1n << BigInt(size + 1)) - 1n)) === 0n &&
        first + (1n << BigInt(size + 1)) - 1n <= last
      )
        size++;
      const address = formatAddress(family, first);
      texts.push(size === 0 ? address : `${address}/${bits - size}`);
      first += 1n << BigInt(size);
    }
  }
  return texts;
}

/** Of more nobody wants to read. */
const MOST_RANGES = 64;

/** `anybody`, `this node and 10.244.0.0/16`, `anybody outside 10.244.0.0/16`. */
export function describeSenders({ node, from, outside, where }: Senders): string {
  const others =
    from === 'nobody'
      ? []
      : from === 'anybody'
        ? ['anybody']
        : outside
          ? [`anybody outside ${enumerate(from)}`]
          : [enumerate(from)];
  const who =
    from === 'anybody' && node
      ? ['anybody']
      : from === 'anybody'
        ? ['anybody but this node']
        : [...(node ? ['this node'] : []), ...others];
  return [who.join(' and '), ...where].join(', ');
}
