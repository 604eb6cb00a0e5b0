/**
 * Chains of ours that somebody has given another name. The rules that led to such a chain lead to it still, under its
 * new name: naming it back is one command, where writing all that leads to it anew may be the whole table.
 */
import { JUMPS } from '../chains/jumps.ts';
import { isOwnChain } from '../chains/names.ts';
import { targetOf } from '../iptables/saved-text.ts';
import type { Chain, Family, Ruleset, TableName } from '../iptables/types.ts';
import { isCurrent, isCurrentRule, type SavedChain, type SavedTables } from './kernel.ts';

export interface RenamedChain {
  /** The name that it has. */
  readonly from: string;
  /** The name that it had, and gets again. */
  readonly to: string;
}

export interface NamedBack {
  /** As it is once all chains have their names again. */
  readonly saved: SavedTables;
  /** Those that do not have them yet. */
  readonly renamed: ReadonlyMap<TableName, readonly RenamedChain[]>;
}

/**
 * Finds the chains that were renamed: they have the rules of one that is wanted and not there, and only rules of ours
 * lead to them. What was changed besides stays as it is, to be seen as changed.
 */
export function nameBack(saved: SavedTables, wanted: Ruleset | undefined): NamedBack {
  const renamed = new Map<TableName, readonly RenamedChain[]>();
  const named = new Map(saved);
  for (const { name: table, chains } of wanted?.tables ?? []) {
    const savedChains = saved.get(table);
    const found = savedChains ? renamedChains(table, savedChains, chains, wanted?.family ?? 'ipv4') : [];
    if (!savedChains || found.length === 0) continue;
    renamed.set(table, found);
    named.set(table, withNames(savedChains, found));
  }
  return { saved: named, renamed };
}

type SavedChains = ReadonlyMap<string, SavedChain>;

function renamedChains(
  table: TableName,
  saved: SavedChains,
  wanted: readonly Chain[],
  family: Family,
): RenamedChain[] {
  const strangers = [...saved.values()].filter(({ name, builtIn }) => !builtIn && !isOwnChain(table, name));
  const missing = wanted.filter(({ name, rules }) => !saved.has(name) && rules.length > 0);
  if (strangers.length === 0 || missing.length === 0 || missing.length === wanted.length) return [];
  const users = usersOf(new Set(strangers.map(({ name }) => name)), saved);
  return strangers.flatMap((chain) => {
    const leading = users.get(chain.name) ?? [];
    const to = missing.find((one) => isCurrent(chain, one, family))?.name;
    if (to === undefined || leading.length === 0) return [];
    const isOurs = ({ from, line }: Use) =>
      isOwnChain(table, from) || isJump(table, from, renamedLine(line, chain.name, to), family);
    return leading.every(isOurs) ? [{ from: chain.name, to }] : [];
  });
}

/** A rule that leads to a chain. */
interface Use {
  readonly from: string;
  readonly line: string;
}

function usersOf(names: ReadonlySet<string>, saved: SavedChains): ReadonlyMap<string, readonly Use[]> {
  const users = new Map<string, Use[]>();
  for (const { name: from, lines } of saved.values()) {
    for (const line of lines) {
      const target = targetOf(line);
      if (target === undefined || !names.has(target)) continue;
      // They may be as many as the table has.
      const known = users.get(target);
      if (known) known.push({ from, line });
      else users.set(target, [{ from, line }]);
    }
  }
  return users;
}

function isJump(table: TableName, from: string, line: string, family: Family): boolean {
  return JUMPS.some(
    (jump) => jump.table === table && jump.from === from && isCurrentRule(line, jump.rule, family),
  );
}

function withNames(saved: SavedChains, renamed: readonly RenamedChain[]): SavedChains {
  const names = new Map(renamed.map(({ from, to }) => [from, to]));
  return new Map(
    [...saved.values()].map((chain) => {
      const name = names.get(chain.name) ?? chain.name;
      const lines = chain.lines.map((line) => {
        const target = targetOf(line);
        const to = target === undefined ? undefined : names.get(target);
        return target === undefined || to === undefined ? line : renamedLine(line, target, to);
      });
      const { builtIn, counters } = chain;
      return [name, { name, builtIn, lines, counters }];
    }),
  );
}

/** iptables-save prints a jump last. */
function renamedLine(line: string, from: string, to: string): string {
  const jump = ` -j ${from}`;
  return line.endsWith(jump) ? `${line.slice(0, -jump.length)} -j ${to}` : line;
}
