/** Rules as one line: as iptables-save prints them, their comments apart. */
import { printable } from '../text/printable.ts';
import { printSavedRule } from './saved.ts';
import type { PlacedRule } from './simulator/prepare.ts';
import type { Family, Match, Rule, TableName } from './types.ts';

/** What follows `-A CHAIN`, without the comment; empty where there is nothing else. */
export function spellRule({ matches, target }: Rule, family: Family): string {
  const others = matches.filter(({ match }) => match !== 'comment');
  return printable(printSavedRule(target ? { matches: others, target } : { matches: others }, family).trim());
}

export function spellMatch(match: Match, family: Family): string {
  return spellRule({ matches: [match] }, family);
}

/** What a rule's comment says. */
export function commentOf({ matches }: Rule): string | undefined {
  const text = matches.find((match) => match.match === 'comment')?.comment;
  return text === undefined ? undefined : printable(text);
}

/** A rule in words, and where it stands. */
export interface SpelledRule {
  readonly table: TableName;
  readonly chain: string;
  /** From 1, as iptables counts. */
  readonly number: number;
  /** What follows `-A CHAIN` as iptables-save prints it, without the comment. */
  readonly rule: string;
  readonly comment: string | undefined;
}

export function spellPlaced({ table, chain, number, rule }: PlacedRule, family: Family): SpelledRule {
  return { table, chain, number, rule: spellRule(rule, family), comment: commentOf(rule) };
}
