/** The rules in built-in chains by which packets come to chains of a program. */
import type { Rule, Ruleset, TableName } from '../types.ts';

/** A rule at the beginning of a built-in chain that leads to another chain. */
export interface JumpFromBuiltIn {
  readonly table: TableName;
  /** The built-in chain. */
  readonly from: string;
  readonly to: string;
  readonly rule: Rule;
}

/**
 * A ruleset with built-in chains that lead into it, as it will be in a kernel that holds nothing else.
 * @param jumps in the order in which they are put in front of their chain, so that the last one ends up first; those
 * to chains that there are not, are left out
 */
export function withJumps({ family, tables }: Ruleset, jumps: readonly JumpFromBuiltIn[]): Ruleset {
  return {
    family,
    tables: tables.map(({ name, chains }) => {
      const here = jumps.filter(
        (jump) => jump.table === name && chains.some((chain) => chain.name === jump.to),
      );
      const builtIn = [...Map.groupBy(here, ({ from }) => from)].map(([from, jumps]) => ({
        name: from,
        policy: 'ACCEPT' as const,
        rules: jumps.toReversed().map(({ rule }) => rule),
      }));
      return { name, chains: [...builtIn, ...chains] };
    }),
  };
}
