/** The entry: netfilter's own chains, and how packets get from them to ours. */
import { JUMPS } from '../applier/own.ts';
import type { Chain, Rule, Table } from '../iptables/types.ts';

/** In the order in which a packet may come through them. */
const BUILT_IN = ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'];

/** The built-in chains that lead to chains of a table, with those jumps that the applier makes. */
export function builtInChains({ name, chains }: Table): Chain[] {
  const present = new Set(chains.map((chain) => chain.name));
  const jumps = JUMPS.filter(({ table, to }) => table === name && present.has(to));
  return BUILT_IN.flatMap((from): Chain[] => {
    // Each is put in front of those before it.
    const rules: Rule[] = jumps
      .filter((jump) => jump.from === from)
      .map(({ rule }) => rule)
      .reverse();
    return rules.length > 0 ? [{ name: from, rules }] : [];
  });
}
