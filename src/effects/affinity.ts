/** How long endpoints remember clients, by the rules that ask for them. */
import type { PreparedChain, PreparedRuleset } from '../iptables/simulator/prepare.ts';

/** For how many seconds a client is looked for in a list of xt_recent; undefined where no rule asks for it. */
export type Timeouts = (list: string) => number | undefined;

/** Walks the rules when somebody asks first: most changes are not about this. */
export function timeoutsIn(ruleset: PreparedRuleset): Timeouts {
  let found: ReadonlyMap<string, number> | undefined;
  return (list) => {
    found ??= walk(ruleset);
    return found.get(list);
  };
}

function walk(ruleset: PreparedRuleset): ReadonlyMap<string, number> {
  const timeouts = new Map<string, number>();
  const seen = new Set<PreparedChain>();
  const todo = ['PREROUTING', 'OUTPUT'].flatMap((name) => ruleset.chain('nat', name) ?? []);
  for (let chain = todo.pop(); chain; chain = todo.pop()) {
    if (seen.has(chain)) continue;
    seen.add(chain);
    for (const { rule, effect } of chain.rules) {
      for (const match of rule.matches) {
        if (match.match === 'recent' && match.operation === 'rcheck') {
          timeouts.set(match.name, Math.max(match.seconds, timeouts.get(match.name) ?? 0));
        }
      }
      if (effect.effect === 'jump' || effect.effect === 'goto') {
        const next = ruleset.chain('nat', effect.chain);
        if (next) todo.push(next);
      }
    }
  }
  return timeouts;
}
