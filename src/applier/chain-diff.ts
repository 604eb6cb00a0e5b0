/** How the kernel differs from what is wanted, chain by chain, for people to read. */
import { ruleMeaning } from '../iptables/meaning.ts';
import { parseRule } from '../iptables/parse.ts';
import { printRule } from '../iptables/print.ts';
import type { Chain, Family, TableName } from '../iptables/types.ts';
import { type CurrentChain, linesOf } from './kernel.ts';
import type { TableChanges } from './plan.ts';

/** One chain's lines, in the kernel and as they are wanted. Rules that mean the same are spelled the same in both. */
export interface ChainDifference {
  readonly table: TableName;
  readonly chain: string;
  readonly current: readonly string[];
  readonly wanted: readonly string[];
}

/** The chains that differ, and the jumps that are missing or too many. */
export function chainDifferences(changes: readonly TableChanges[], family: Family): ChainDifference[] {
  return changes.flatMap(({ table, renamed, added, changed, removed, emptied, ...jumpsOf }) => {
    const difference = (
      chain: string,
      current: CurrentChain | undefined,
      wanted: Chain | undefined,
    ): ChainDifference => ({
      table,
      chain,
      current: current ? currentLines(current, wanted, family) : [],
      wanted: wanted ? wantedLines(wanted) : [],
    });
    const { jumpsAdded, jumpsRemoved, jumpsMoved } = jumpsOf;
    const places = new Set([...jumpsAdded, ...jumpsRemoved, ...jumpsMoved].map(({ from }) => from));
    const jumps = [...places].map((from) => {
      const linesFrom = (list: typeof jumpsAdded) =>
        list.filter((jump) => jump.from === from).map(({ rule }) => `-A ${from}${printRule(rule)}`);
      return {
        table,
        chain: from,
        current: [
          ...linesFrom(jumpsRemoved),
          ...[...countsOf(linesFrom(jumpsMoved))].map(
            ([line, times]) => `${line} # ${times > 1 ? `${times} times` : "behind another's"}`,
          ),
        ],
        wanted: [...linesFrom(jumpsAdded), ...new Set(linesFrom(jumpsMoved))],
      };
    });
    return [
      ...renamed.map(({ from, to }) => ({
        table,
        chain: to,
        current: [`:${from} # renamed`],
        wanted: [`:${to}`],
      })),
      ...jumps,
      ...added.map((chain) => difference(chain.name, undefined, chain)),
      ...changed.map(({ current, wanted }) => difference(wanted.name, current, wanted)),
      ...emptied.map((chain) => difference(chain.name, chain, { name: chain.name, rules: [] })),
      ...removed.map((chain) => difference(chain.name, chain, undefined)),
    ];
  });
}

function countsOf(lines: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const line of lines) counts.set(line, (counts.get(line) ?? 0) + 1);
  return counts;
}

function wantedLines({ name, rules }: Chain): string[] {
  return [`:${name}`, ...rules.map((rule) => `-A ${name}${printRule(rule)}`)];
}

function currentLines(chain: CurrentChain, wanted: Chain | undefined, family: Family): string[] {
  const spelling = new Map((wanted?.rules ?? []).map((rule) => [ruleMeaning(rule), printRule(rule)]));
  return [
    `:${chain.name}`,
    ...linesOf(chain).map((line) => {
      const rule = parseRule(line, family);
      return `-A ${chain.name}${spelling.get(ruleMeaning(rule)) ?? printRule(rule)}`;
    }),
  ];
}
