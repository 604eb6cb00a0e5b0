/**
 * What a cleanup must know of a node's tables: which chains there are, and what leads into ours from others. Our own
 * chains' rules, nearly all there is, are not read: iptables-nft-save needs longer for them than it takes to delete
 * them (1.3 s of 2.3 s for 5,000 Services x 10 endpoints).
 */

import { CANARY_TABLES, compareLevels, isOwnChain } from '../chains/names.ts';
import { CommandError } from '../errors/command-error.ts';
import { targetOf } from '../iptables/saved-text.ts';
import type { Family, TableName } from '../iptables/types.ts';
import { listChain } from './chain-listing.ts';
import { run } from './command.ts';
import type { SavedChain, SavedTables } from './kernel.ts';
import type { IptablesPrograms } from './programs.ts';

/** With more chains of others than this, one iptables-save is faster. */
const MOST_FOREIGN_CHAINS = 50;

/**
 * Looks at the tables of iptables-nft, without the rules of our chains that only our own rules lead into. Undefined
 * where that is not possible: no nft program, another backend, or very many chains of others.
 */
export async function glance(programs: IptablesPrograms): Promise<SavedTables | undefined> {
  if (programs.backend !== 'nft') return undefined;
  const names = await chainNames(programs.family);
  return (
    names &&
    (await lookAround(names, async (table, name) => {
      return (await listChain(programs, table, name))?.lines ?? [];
    }))
  );
}

/** A chain by its table and name. */
export interface ChainName {
  readonly table: TableName;
  readonly name: string;
}

/**
 * The chains that there are, with the rules of those that matter.
 * @param names of all chains
 * @param read gives the rules of one, as iptables-save prints them behind `-A CHAIN`
 * @returns undefined where there are so many chains of others that reading everything is faster
 */
export async function lookAround(
  names: readonly ChainName[],
  read: (table: TableName, name: string) => Promise<readonly string[]>,
): Promise<SavedTables | undefined> {
  const foreign = names.filter(({ table, name }) => !isOwnChain(table, name));
  if (foreign.length > MOST_FOREIGN_CHAINS) return undefined;

  const foreignLines = await Promise.all(foreign.map(({ table, name }) => read(table, name)));
  const tables = new Map(CANARY_TABLES.map((table) => [table, new Map<string, SavedChain>()]));
  for (const [i, { table, name }] of foreign.entries()) {
    tables.get(table)?.set(name, { name, builtIn: false, counters: [], lines: foreignLines[i] ?? [] });
  }
  const usedByOthers = new Set(foreignLines.flat().map(targetOf));
  const own = names.filter(({ table, name }) => isOwnChain(table, name));
  for (const { table, name } of own.sort((a, b) => compareLevels(a.name, b.name))) {
    const lines = usedByOthers.has(name) ? await read(table, name) : [];
    tables.get(table)?.set(name, { name, builtIn: false, counters: [], lines });
  }
  return tables;
}

async function chainNames(family: Family): Promise<ChainName[] | undefined> {
  try {
    const { stdout } = await run(['nft', 'list', 'chains', family === 'ipv4' ? 'ip' : 'ip6']);
    // What nft never prints tells nothing; iptables-save will say what is wrong, if anything is.
    if (!isListing(stdout)) return undefined;
    let table: TableName | undefined;
    return stdout.split('\n').flatMap((line) => {
      const opened = /^table ip6? (\S+) \{/.exec(line)?.[1];
      if (opened !== undefined) table = CANARY_TABLES.find((name) => name === opened);
      const name = /^\tchain (\S+) \{/.exec(line)?.[1];
      return name !== undefined && table !== undefined ? [{ table, name }] : [];
    });
  } catch (error) {
    if (error instanceof CommandError) return undefined;
    throw error;
  }
}

/** Whether a text may be what `nft list chains` prints: tables in braces, and else only remarks. */
function isListing(text: string): boolean {
  return /^(?:table [^\n]*\{[^\n]*\n(?:\t[^\n]*\n)*\}\n|#[^\n]*\n|\n)*$/.test(text);
}
