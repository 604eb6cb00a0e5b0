/** Rulesets in which one thing is another than it should be. */
import type { Chain, Match, Rule, Ruleset } from '../../src/iptables/types.ts';

/** What becomes of a rule: itself where it stays, undefined where it is left out. */
export type RuleChange = (rule: Rule, chain: Chain) => Rule | undefined;

/** Changes the first rule that a change can change; undefined where there is none. */
export function broken(ruleset: Ruleset, change: RuleChange): Ruleset | undefined {
  let done = false;
  const changeRule = (rule: Rule, chain: Chain): readonly Rule[] => {
    if (done) return [rule];
    const other = change(rule, chain);
    done = other !== rule;
    return other ? [other] : [];
  };
  const changed = withRules(ruleset, (chain) => chain.rules.flatMap((rule) => changeRule(rule, chain)));
  return done ? changed : undefined;
}

export function withRules(ruleset: Ruleset, rulesOf: (chain: Chain) => readonly Rule[]): Ruleset {
  return {
    ...ruleset,
    tables: ruleset.tables.map((table) => ({
      ...table,
      chains: table.chains.map((chain) => ({ ...chain, rules: rulesOf(chain) })),
    })),
  };
}

export const jumpsTo = ({ target }: Rule, beginning: string) =>
  target?.target === 'jump' && target.chain.startsWith(beginning);

/** A rule with its matches of a kind changed. */
export function withMatch<K extends Match['match']>(
  rule: Rule,
  kind: K,
  change: (match: Extract<Match, { match: K }>) => Match,
): Rule {
  const isKind = (match: Match): match is Extract<Match, { match: K }> => match.match === kind;
  return rule.matches.some(isKind)
    ? { ...rule, matches: rule.matches.map((match) => (isKind(match) ? change(match) : match)) }
    : rule;
}

/** A rule for a range of which only the first sixteenth is left. */
export function withSmallerRange(rule: Rule): Rule {
  return withMatch(rule, 'destination', (match) => ({
    ...match,
    address: match.address.replace(/\/(\d+)$/, (_, bits) => `/${Number(bits) + 4}`),
  }));
}

/** Chains in which chance decides, in the order that they should not have. */
export function inAnotherOrder(ruleset: Ruleset): Ruleset {
  const hasChance = ({ rules }: Chain) =>
    rules.some(({ matches }) => matches.some(({ match }) => match === 'statistic'));
  return withRules(ruleset, (chain) => (hasChance(chain) ? chain.rules.toReversed() : chain.rules));
}
