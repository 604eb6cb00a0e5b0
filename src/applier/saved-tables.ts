/** Reading what is in the kernel with iptables-save. */
import { OutputError } from '../errors/command-error.ts';
import { runStreaming } from './command.ts';
import { explainFailure } from './host.ts';
import { SavedReader, type SavedTables } from './kernel.ts';
import type { IptablesPrograms } from './programs.ts';

/**
 * The tables of one family, with counters.
 * @param args further ones, such as the table alone that is wanted
 * @param only the chains to keep; all unless given
 * @param givenUp ends the reading, which rejects then
 * @throws HostError where they may not be read; OutputError where what was printed is no whole output of iptables-save:
 *   it must never be taken for a kernel that holds less than it does
 */
export async function readSaved(
  { save, family }: IptablesPrograms,
  args: readonly string[],
  {
    only,
    givenUp,
  }: { readonly only?: (chain: string) => boolean; readonly givenUp?: AbortSignal | undefined },
): Promise<SavedTables> {
  const command = [save, '--counters', ...args];
  const reader = new SavedReader(only);
  await runStreaming(command, (text) => reader.read(text), givenUp).catch((error: unknown) => {
    throw explainFailure(error, save, family);
  });
  const tables = reader.finish();
  if (reader.problem !== undefined) throw new OutputError(command, reader.problem);
  return tables;
}
