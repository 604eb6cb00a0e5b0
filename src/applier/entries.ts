/**
 * Whether what leads into our rules is still there, without reading all that it leads to: somebody who flushes tables
 * (`iptables -F`, a firewall that starts again) takes out the jumps from the built-in chains, the canaries, or both.
 */
import type { TableName } from '../iptables/types.ts';
import { CommandError, run, runStreaming } from './command.ts';
import { type CurrentTables, currentTables } from './current.ts';
import { explain, type IptablesPrograms, WAIT_FOR_LOCK } from './host.ts';
import { parseSaved, type SavedTables } from './kernel.ts';
import { CANARY, CANARY_TABLES, JUMPS } from './own.ts';

/** The chains of each table that our jumps are in, and our canary. */
export const ENTRY_CHAINS: ReadonlyMap<TableName, readonly string[]> = new Map(
  CANARY_TABLES.map((table) => [
    table,
    [CANARY, ...new Set(JUMPS.flatMap((jump) => (jump.table === table ? [jump.from] : [])))],
  ]),
);

/**
 * Reads the entry chains alone. With 55,000 chains in the kernel, iptables-nft takes 4 ms for each of the nine, and
 * iptables-nft-save more than a second; iptables-legacy always gets the whole table from the kernel, 250 ms for each
 * chain and 380 ms for all (iptables 1.8.9).
 * @throws HostError where the kernel may not be read
 */
export async function readEntries(programs: IptablesPrograms): Promise<SavedTables> {
  const texts = await Promise.all(
    [...ENTRY_CHAINS].map(async ([table, chains]) => {
      const lines =
        programs.backend === 'nft'
          ? (await Promise.all(chains.map((chain) => readChain(programs, table, chain)))).flat()
          : await readFromAll(programs, table, chains);
      return [`*${table}`, ...lines, 'COMMIT\n'].join('\n');
    }),
  );
  return parseSaved(texts.join(''));
}

/** Whether every canary and jump that is known to be there still is. */
export function hasEntries({ tables, family }: CurrentTables, saved: SavedTables): boolean {
  const now = currentTables(saved, family).tables;
  return [...tables].every(([name, { chains, jumps }]) => {
    const table = now.get(name);
    const canary = !chains.has(CANARY) || table?.chains.has(CANARY) === true;
    return canary && [...jumps.keys()].every((jump) => table?.jumps.has(jump));
  });
}

/** The lines that iptables-save would print of a chain; none where there is no such chain. */
async function readChain(
  { iptables, family }: IptablesPrograms,
  table: TableName,
  chain: string,
): Promise<string[]> {
  try {
    const { stdout } = await run([iptables, ...WAIT_FOR_LOCK, '-t', table, '-S', chain]);
    return stdout.split('\n').flatMap((line) => {
      if (/^-[NP] /.test(line)) return [`:${chain} ${line.startsWith('-N') ? '-' : 'ACCEPT'} [0:0]`];
      return line === '' ? [] : [`[0:0] ${line}`];
    });
  } catch (error) {
    if (error instanceof CommandError && /No chain\/target\/match by that name/.test(error.stderr)) return [];
    throw explain(error, iptables, family);
  }
}

async function readFromAll(
  { save, family }: IptablesPrograms,
  table: TableName,
  chains: readonly string[],
): Promise<string[]> {
  const wanted = new RegExp(String.raw`^(?::|\[\S+\] -A )(?:${chains.join('|')}) .*$`, 'gm');
  const lines: string[] = [];
  let rest = '';
  await runStreaming([save, '--counters', '-t', table], (text) => {
    const whole = rest + text;
    const end = whole.lastIndexOf('\n') + 1;
    for (const [line] of whole.slice(0, end).matchAll(wanted)) lines.push(line);
    rest = whole.slice(end);
  }).catch((error: unknown) => {
    throw explain(error, save, family);
  });
  return lines;
}
