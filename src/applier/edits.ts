/** From the rules that a chain has to those that it shall have, touching as few as possible. */
import { present } from '../errors/invariant.ts';
import { sameRule } from '../iptables/compare.ts';
import { ruleMeaning } from '../iptables/meaning.ts';
import { parseRule } from '../iptables/parse.ts';
import { printRule } from '../iptables/print.ts';
import { printSavedRule } from '../iptables/saved.ts';
import type { Chain, Family, Rule } from '../iptables/types.ts';
import { type CurrentChain, linesOf } from './kernel.ts';
import { NOTHING_COUNTED } from './packed-chain.ts';

/** Lines for iptables-restore that change one chain; those of one edit belong into one transaction. */
export interface ChainEdit {
  /** `:CHAIN - [0:0]`, where the chain is made or emptied first. */
  readonly header: string | undefined;
  readonly lines: readonly string[];
  /** How many of the lines write a rule, and do not delete one. */
  readonly rules: number;
}

/** A chain with more changes than this is written as a whole: that costs iptables less than so many searches. */
const MOST_EDITS = 64;

/** The line that makes or empties a chain. */
export const headerOf = (chain: string): string => `:${chain} - [0:0]`;

/** Makes a new chain. */
export function createChain(wanted: Chain): ChainEdit {
  const lines = wanted.rules.map((rule) => `-A ${wanted.name}${printRule(rule)}`);
  return { header: headerOf(wanted.name), lines, rules: lines.length };
}

/** Replaces all rules of a chain. Rules that it had keep their counters, as far as these are known. */
export function rewriteChain(current: CurrentChain, wanted: Chain, family: Family): ChainEdit {
  const created = createChain(wanted);
  const counters = countersOf(current, family);
  if (counters.size === 0) return created;
  const lines = created.lines.map((line, i) => {
    const rule = present(wanted.rules[i], 'rule of a line');
    return withCounter(line, counters.get(ruleMeaning(rule)));
  });
  return { ...created, lines };
}

/** What the rules of a chain have counted, by what they mean. */
function countersOf(current: CurrentChain, family: Family): ReadonlyMap<string, string> {
  const counters = knownCounters(current);
  if (counters.every((counter) => counter === undefined)) return new Map();
  return new Map(
    linesOf(current).flatMap((line, i) => {
      const counter = counters[i];
      return counter === undefined ? [] : [[lineMeaning(line, family), counter] as const];
    }),
  );
}

/** Of each rule; undefined where it has counted nothing. Nothing at all where nobody has looked. */
function knownCounters(current: CurrentChain): readonly (string | undefined)[] {
  if ('rules' in current) return [];
  return current.counters.map((counter) => (counter === NOTHING_COUNTED ? undefined : counter));
}

function withCounter(line: string, counter: string | undefined): string {
  return counter === undefined ? line : `${counter} ${line}`;
}

/**
 * Deletes and inserts the rules that differ, so that all others keep their counters; writes the chain as a whole
 * where that is too much, or where a rule is there twice and one could be taken for the other.
 */
export function editChain(current: CurrentChain, wanted: Chain, family: Family): ChainEdit {
  const { name } = wanted;
  const had = linesOf(current);
  const { start, end } = differing(current, had, wanted, family);
  const counted = knownCounters(current);
  const changed = {
    had: had.slice(start, had.length - end).map((text, i) => {
      return { text, meaning: lineMeaning(text, family), counter: counted[start + i] };
    }),
    wanted: wanted.rules
      .slice(start, wanted.rules.length - end)
      .map((rule) => ({ rule, meaning: ruleMeaning(rule) })),
  };
  const kept = longestCommon(
    changed.had.map(({ meaning }) => meaning),
    changed.wanted.map(({ meaning }) => meaning),
  );
  const deleted = changed.had.filter(({ meaning }) => !kept?.has(meaning));
  // One that only moves takes along what it has counted.
  const counters = new Map(changed.had.map(({ meaning, counter }) => [meaning, counter]));
  const inserted = changed.wanted.flatMap(({ rule, meaning }, i) =>
    kept?.has(meaning)
      ? []
      : [withCounter(`-I ${name} ${start + i + 1}${printRule(rule)}`, counters.get(meaning))],
  );
  const many = deleted.length + inserted.length > MOST_EDITS;
  if (!kept || many || deleted.some(({ text }) => had.indexOf(text) !== had.lastIndexOf(text))) {
    return rewriteChain(current, wanted, family);
  }
  const lines = [...deleted.map(({ text }) => `-D ${name}${text}`), ...inserted];
  return { header: undefined, lines, rules: inserted.length };
}

/**
 * How many rules are the same at the start of a chain, and at its end.
 * @param lines of the current chain
 */
function differing(
  current: CurrentChain,
  lines: readonly string[],
  wanted: Chain,
  family: Family,
): { start: number; end: number } {
  const same = (i: number, rule: Rule | undefined) => {
    if (!rule) return false;
    if ('lines' in current) return lines[i] === printSavedRule(rule, family);
    const former = current.rules[i];
    return former !== undefined && sameRule(former, rule);
  };
  const { length } = lines;
  const most = Math.min(length, wanted.rules.length);
  let start = 0;
  while (start < most && same(start, wanted.rules[start])) start++;
  let end = 0;
  while (end < most - start && same(length - 1 - end, wanted.rules[wanted.rules.length - 1 - end])) end++;
  return { start, end };
}

function lineMeaning(line: string, family: Family): string {
  return ruleMeaning(parseRule(line, family));
}

/** The most rules that can stay in the order that they have; undefined where a rule is there twice. */
function longestCommon(had: readonly string[], wanted: readonly string[]): ReadonlySet<string> | undefined {
  const positions = new Map(wanted.map((meaning, i) => [meaning, i]));
  if (positions.size < wanted.length || new Set(had).size < had.length) return undefined;
  const common = had.filter((meaning) => positions.has(meaning));
  return new Set(
    longestIncreasing(common, (meaning) => present(positions.get(meaning), 'position of a common rule')),
  );
}

/** The longest subsequence whose values rise (patience sorting). */
function longestIncreasing<T>(items: readonly T[], rank: (item: T) => number): T[] {
  interface Pile {
    readonly item: T;
    readonly value: number;
    readonly before: Pile | undefined;
  }
  const piles: Pile[] = [];
  for (const item of items) {
    const value = rank(item);
    let [low, high] = [0, piles.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (present(piles[middle], 'pile between two others').value < value) low = middle + 1;
      else high = middle;
    }
    piles[low] = { item, value, before: piles[low - 1] };
  }
  const result: T[] = [];
  for (let pile = piles.at(-1); pile; pile = pile.before) result.push(pile.item);
  return result.reverse();
}
