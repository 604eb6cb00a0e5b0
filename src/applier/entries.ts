/**
 * Whether what leads into our rules is still there, without reading all that it leads to: somebody who flushes tables
 * (`iptables -F`, a firewall that starts again) takes out the jumps from the built-in chains, the canaries, or what is
 * in the chains behind the jumps.
 */

import { CommandError } from '../errors/command-error.ts';
import type { TableName } from '../iptables/types.ts';
import { run, runStreaming } from './command.ts';
import { type CurrentTables, currentTables, EMPTY_TABLE } from './current.ts';
import { explain, type IptablesPrograms, WAIT_FOR_LOCK } from './host.ts';
import { type CurrentChain, parseSaved, type SavedTables } from './kernel.ts';
import { CANARY, CANARY_TABLES, JUMPS } from './own.ts';

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

/**
 * What iptables says of a chain that is not there; the second is iptables-nft's way (1.8.9). It says that of a chain
 * with a rule that only nft understands, too: somebody's rule in a built-in chain, which is always there.
 */
const NO_SUCH_CHAIN = /No chain\/target\/match by that name|is incompatible, use 'nft' tool/;

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
    if (error instanceof CommandError && NO_SUCH_CHAIN.test(error.stderr)) return [];
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
