/** One chain of the kernel, without all the others. */

import { CommandError, OutputError } from '../errors/command-error.ts';
import type { TableName } from '../iptables/types.ts';
import { run } from './command.ts';
import { explainFailure, WAIT_FOR_LOCK } from './host.ts';
import { type SavedChain, SavedReader } from './kernel.ts';
import type { IptablesPrograms } from './programs.ts';

/**
 * What iptables says of a chain that is not there; the second is iptables-nft's way (1.8.9). It says that of a chain
 * with a rule that only nft understands, too: somebody's rule in a built-in chain, which is always there.
 */
const NO_SUCH_CHAIN = /No chain\/target\/match by that name|is incompatible, use 'nft' tool/;

/**
 * Lists one chain.
 * @returns its rules, whose counters are not read; undefined where there is no such chain
 * @throws HostError where the kernel may not be read; OutputError where that is no listing
 */
export async function listChain(
  { iptables, family }: IptablesPrograms,
  table: TableName,
  chain: string,
): Promise<SavedChain | undefined> {
  try {
    const command = [iptables, ...WAIT_FOR_LOCK, '-t', table, '-S', chain];
    const { stdout } = await run(command);
    const reader = new SavedReader();
    reader.read(`*${table}\n${stdout}\nCOMMIT\n`);
    reader.finish();
    const found = reader.tables.get(table)?.get(chain);
    if (reader.problem !== undefined) throw new OutputError(command, 'it is not the listing of a chain');
    // A chain that is there is listed at least by its name.
    if (!found) throw new OutputError(command, `the chain ${chain} is missing`);
    return found;
  } catch (error) {
    if (error instanceof CommandError && NO_SUCH_CHAIN.test(error.stderr)) return undefined;
    throw explainFailure(error, iptables, family);
  }
}
