/**
 * Rules for packets to one address or one port each, as a tree of chains: a packet walks a few rules at each level
 * instead of all of them. Rules for different addresses, or ports, never meet the same packet, so only the order of
 * those for the same ones counts, and is kept. As long as a chain has few rules, there is no tree.
 */
import { type SharedChain, treeChain } from '../chains/names.ts';
import { sameRule } from '../iptables/compare.ts';
import type { Chain, Rule } from '../iptables/types.ts';
import type { Family } from '../net/address.ts';
import { keyOfRule, keyRange, type RuleKey } from './keys.ts';
import { jump } from './matches.ts';
import { branchesOf, type Keyed, sortByKey } from './radix.ts';

/** A chain's rules, and the chains of the tree that they lead into. */
export interface Arranged {
  readonly rules: Rule[];
  readonly chains: Chain[];
}

interface KeyedRule extends Keyed {
  readonly rule: Rule;
}

/** Arranges the rules of a chain: those that are not for one address or port first, then a tree for either. */
export function dispatchTree(chain: SharedChain, rules: readonly Rule[], family: Family): Arranged {
  const [others, byAddress, byPort]: [Rule[], KeyedRule[], KeyedRule[]] = [[], [], []];
  for (const rule of rules) {
    const known = knownKey(rule, family);
    if (!known) others.push(rule);
    else (known.by === 'address' ? byAddress : byPort).push({ key: known.key, rule });
  }
  const chains: Chain[] = [];
  const grow = (members: readonly KeyedRule[], by: RuleKey['by']): Rule[] =>
    (branchesOf(members) ?? [{ prefix: '', members }]).flatMap(({ prefix, members }) => {
      if (prefix === '' || members.length === 1) return members.map(({ rule }) => rule);
      const range = keyRange(prefix, by, family);
      const name = treeChain(chain, prefix, range);
      chains.push({ name, rules: grow(members, by) });
      return [{ matches: range.matches, target: jump(name) }];
    });
  const tree = (members: readonly KeyedRule[], by: RuleKey['by']) => grow(unique(sortByKey(members)), by);
  return { rules: [...others, ...tree(byAddress, 'address'), ...tree(byPort, 'port')], chains };
}

/** Different service ports may ask for the same: an endpoint can be one of several. */
function unique(sorted: readonly KeyedRule[]): KeyedRule[] {
  return sorted.filter(({ key, rule }, i) => {
    const before = sorted[i - 1];
    return before?.key !== key || !sameRule(before.rule, rule);
  });
}

/** Rules stay the same objects while nothing about their Service changes. */
const KEYS = new WeakMap<Rule, RuleKey>();

function knownKey(rule: Rule, family: Family): RuleKey | undefined {
  const known = KEYS.get(rule) ?? keyOfRule(rule, family);
  if (known) KEYS.set(rule, known);
  return known;
}
