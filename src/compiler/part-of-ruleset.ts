/** A ruleset as far as some Services are concerned. */
import { isSharedChain } from '../chains/names.ts';
import { printRule } from '../iptables/print.ts';
import type { Chain, Ruleset } from '../iptables/types.ts';
import type { CompiledService } from './compile-service.ts';

/**
 * The rules of some Services and those of the node: without what other Services have in chains that all share, and
 * without the chains of trees that this leaves empty.
 * @param whole the ruleset of all Services
 * @param services what all of them compiled to, by `namespace/name`
 * @param only those to show, by `namespace/name`
 */
export function partOfRuleset(
  whole: Ruleset,
  services: ReadonlyMap<string, Pick<CompiledService, 'shared' | 'chains'>>,
  only: ReadonlySet<string>,
): Ruleset {
  const all = [...services];
  const shown = all.filter(([key]) => only.has(key));
  const rulesOf = (some: typeof all) => some.flatMap(([, { shared }]) => shared.map(({ rule }) => rule));
  const chainsOf = (some: typeof all) => new Set(some.flatMap(([, { chains }]) => chains));

  const ofServices = new Set(rulesOf(all));
  // Of two rules that are the same, a chain has only one.
  const wanted = new Set(rulesOf(shown).map(printRule));
  const [ownChains, shownChains] = [chainsOf(all), chainsOf(shown)];

  const prune = (chains: readonly Chain[]): Chain[] => {
    const byName = new Map(chains.map((chain) => [chain.name, chain]));
    const pruned = new Map<string, Chain>();
    const keep = (chain: Chain): Chain => {
      if (ownChains.has(chain)) return chain;
      const known = pruned.get(chain.name);
      if (known) return known;
      const rules = chain.rules.filter((rule) => {
        if (ofServices.has(rule)) return wanted.has(printRule(rule));
        const next = rule.target?.target === 'jump' ? byName.get(rule.target.chain) : undefined;
        return !next || isSharedChain(next.name) || keep(next).rules.length > 0 || next.rules.length === 0;
      });
      const left = { name: chain.name, rules };
      pruned.set(chain.name, left);
      return left;
    };
    return chains.flatMap((chain) => {
      if (ownChains.has(chain)) return shownChains.has(chain) ? [chain] : [];
      const left = keep(chain);
      const stays = left.rules.length > 0 || chain.rules.length === 0 || isSharedChain(chain.name);
      return stays ? [left] : [];
    });
  };
  return { ...whole, tables: whole.tables.map(({ name, chains }) => ({ name, chains: prune(chains) })) };
}
