/** Rules as one line: as iptables-save prints them, their comments apart. */
import { printable } from '../api/problem.ts';
import { printSavedRule } from '../iptables/saved.ts';
import type { Family, Match, Rule } from '../iptables/types.ts';

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
