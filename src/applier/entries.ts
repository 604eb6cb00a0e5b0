/**
 * Whether what leads into our rules is still there, without reading all that it leads to: somebody who flushes tables
 * (`iptables -F`, a firewall that starts again) takes out the jumps from the built-in chains, the canaries, or what is
 * in the chains behind the jumps.
 */

import { JUMPS } from '../chains/jumps.ts';
import { CANARY, CANARY_TABLES } from '../chains/names.ts';
import type { TableName } from '../iptables/types.ts';
import { listChain } from './chain-listing.ts';
import { type CurrentTables, currentTables, EMPTY_TABLE } from './current.ts';
import type { CurrentChain, SavedChain, SavedTables } from './kernel.ts';
import type { IptablesPrograms } from './programs.ts';
import { readSaved } from './saved-tables.ts';

/** The chains of each table that our jumps are in, those that they lead to, and our canary. */
export const ENTRY_CHAINS: ReadonlyMap<TableName, readonly string[]> = new Map(
  CANARY_TABLES.map((table) => [
    table,
    [CANARY, ...new Set(JUMPS.flatMap((jump) => (jump.table === table ? [jump.from, jump.to] : [])))],
  ]),
);

/**
 * Reads the entry chains alone. With 55,000 chains in the kernel (5,000 Services of 10 endpoints), iptables-nft takes
 * 4 ms for a chain, 50 ms for the one with a rule for each Service, and 75 ms for all 17; iptables-nft-save takes more
 * than a second for any table, as `nft list chains` does. iptables-legacy always gets the whole table from the kernel,
 * which is 250 ms for each chain, so that 440 ms for all at once are the least (iptables 1.8.9, median of five).
 * @throws HostError where the kernel may not be read
 */
export async function readEntries(programs: IptablesPrograms): Promise<SavedTables> {
  const read = programs.backend === 'nft' ? listChains : readFromAll;
  const tables = await Promise.all(
    [...ENTRY_CHAINS].map(async ([table, names]) => [table, await read(programs, table, names)] as const),
  );
  return new Map(tables);
}

/**
 * Whether every canary and jump that is known to be there still is, and the chains behind the jumps have no fewer
 * rules. More are somebody else's: the kubelet and we share a chain. Nothing is known of jumps in a built-in chain that
 * was not to be read; where they are gone with the whole table, the canary is, too.
 */
export function hasEntries({ tables, family }: CurrentTables, saved: SavedTables): boolean {
  const now = currentTables(saved, family).tables;
  return [...tables].every(([name, { chains, jumps }]) => {
    const table = now.get(name) ?? EMPTY_TABLE;
    const wasRead = (chain: string) => saved.get(name)?.has(chain) === true;
    const known = (ENTRY_CHAINS.get(name) ?? []).flatMap((chain) => chains.get(chain) ?? []);
    return (
      known.every((chain) => countRules(table.chains.get(chain.name)) >= countRules(chain)) &&
      [...jumps.keys()].every((jump) => table.jumps.has(jump) || !wasRead(jump.from))
    );
  });
}

/** A chain that is not there has fewer rules than any that is. */
function countRules(chain: CurrentChain | undefined): number {
  if (!chain) return -1;
  return 'lines' in chain ? chain.lines.length : chain.rules.length;
}

async function listChains(
  programs: IptablesPrograms,
  table: TableName,
  names: readonly string[],
): Promise<ReadonlyMap<string, SavedChain>> {
  const chains = await Promise.all(names.map((name) => listChain(programs, table, name)));
  return new Map(chains.flatMap((chain) => (chain ? [[chain.name, chain]] : [])));
}

async function readFromAll(
  programs: IptablesPrograms,
  table: TableName,
  names: readonly string[],
): Promise<ReadonlyMap<string, SavedChain>> {
  const saved = await readSaved(programs, ['-t', table], { only: (chain) => names.includes(chain) });
  return saved.get(table) ?? new Map();
}
