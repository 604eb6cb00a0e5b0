/** What a node's tables become where rules are applied to them: others' chains and rules stay. */
import { JUMPS } from '../chains/jumps.ts';
import { isOwnChain } from '../chains/names.ts';
import { sameMeaning } from '../iptables/meaning.ts';
import type { Chain, Ruleset, Table, TableName } from '../iptables/types.ts';

/**
 * @param found all rules of a node
 * @param wanted our chains as they will be there
 */
export function appliedTo(found: Ruleset, wanted: Ruleset): Ruleset {
  const names = new Set([...found.tables, ...wanted.tables].map(({ name }) => name));
  return {
    family: found.family,
    tables: [...names].map((name) => {
      const others = chainsOf(found, name).filter((chain) => !isOwnChain(name, chain.name));
      return withOurJumps({ name, chains: [...others, ...chainsOf(wanted, name)] });
    }),
  };
}

function chainsOf({ tables }: Ruleset, name: TableName): readonly Chain[] {
  return tables.find((table) => table.name === name)?.chains ?? [];
}

/** Our jumps in front, where they are not there already; those to chains of ours that are gone, are gone. */
function withOurJumps({ name, chains }: Table): Table {
  const present = new Set(chains.map((chain) => chain.name));
  const builtIn = new Set(JUMPS.filter(({ table }) => table === name).map(({ from }) => from));
  const missing = [...builtIn].filter((from) => !present.has(from));
  const all = [...missing.map((from): Chain => ({ name: from, policy: 'ACCEPT', rules: [] })), ...chains];
  return {
    name,
    chains: all.map((chain) => {
      const kept = chain.rules.filter(
        ({ target }) =>
          target?.target !== 'jump' || present.has(target.chain) || !isOwnChain(name, target.chain),
      );
      const jumps = JUMPS.filter(
        ({ table, from, to, rule }) =>
          table === name &&
          from === chain.name &&
          present.has(to) &&
          !kept.some((one) => sameMeaning(one, rule)),
      );
      return { ...chain, rules: [...jumps.map(({ rule }) => rule).reverse(), ...kept] };
    }),
  };
}
