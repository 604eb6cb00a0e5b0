/** Reading what is in the kernel with iptables-save. */
import { runReading } from './command.ts';
import { explainFailure } from './host.ts';
import { SavedReader, type SavedTables } from './kernel.ts';
import type { IptablesPrograms } from './programs.ts';

/**
 * The tables of one family, with counters.
 * @param givenUp ends the reading, which rejects then
 * @throws HostError where they may not be read; OutputError where what was printed is no whole output of iptables-save:
 *   it must never be taken for a kernel that holds less than it does
 */
export async function readSaved(
  { save, family }: IptablesPrograms,
  givenUp?: AbortSignal,
): Promise<SavedTables> {
  const reader = new SavedReader();
  await runReading([save, '--counters'], reader, givenUp).catch((error: unknown) => {
    throw explainFailure(error, save, family);
  });
  return reader.tables;
}
