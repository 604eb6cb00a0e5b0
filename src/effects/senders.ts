/** Who sends the packets that something changes for, in words. */
import type { Difference } from '../iptables/classes/compare.ts';
import { everyPacket } from '../iptables/classes/packet-class.ts';
import type { ClassNode } from '../iptables/classes/questions.ts';
import { inInterfacePattern, undecidedWords } from '../iptables/classes/questions.ts';
import {
  between,
  common,
  countOf,
  isEmpty,
  type Ranges,
  union,
  without,
} from '../iptables/classes/ranges.ts';
import { addressBits, type Family, formatAddress } from '../net/address.ts';
import { enumerate } from '../text/lists.ts';

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
  const every = without(everyPacket(family).source, local);
  const missing = without(every, arriving);
  // Of a pod that may reach itself, and of one that may not, is told as of all.
  const few = countOf(missing) <= FEW_ADDRESSES && countOf(arriving) > countOf(missing);
  const [inside, outside] = [rangesAsText(arriving, family), rangesAsText(missing, family)];
  const from = isEmpty(arriving)
    ? { from: 'nobody' as const, outside: false }
    : isEmpty(missing) || few
      ? { from: 'anybody' as const, outside: false }
      : outside.length < inside.length
        ? { from: outside, outside: true }
        : { from: inside, outside: false };
  return {
    node: !isEmpty(common(beginning, local)) || (isEmpty(arriving) && !isEmpty(beginning)),
    ...from,
    where: conditions(differences),
  };
}

const FEW_ADDRESSES = 256n;

/** What all of them have in common that is not an address. */
function conditions(differences: readonly Difference[]): string[] {
  const answers = new Map<string, Set<boolean | undefined>>();
  const facts = new Set(differences.flatMap(({ packets }) => [...packets.facts.keys()]));
  for (const fact of facts) {
    answers.set(fact, new Set(differences.map(({ packets }) => packets.facts.get(fact))));
  }
  return [...answers].flatMap(([fact, is]) => {
    const [answer, another] = [...is];
    if (answer === undefined || another !== undefined || is.size > 1) return [];
    const pattern = inInterfacePattern(fact);
    if (pattern !== undefined) return [answer ? `coming in on ${pattern}` : `not coming in on ${pattern}`];
    const words = undecidedWords(fact);
    if (words !== undefined) return [answer ? `that fit ${words}` : `that do not fit ${words}`];
    return [];
  });
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
