/** The kernel's tables of one family, as the applier reaches them. */
import type { Ruleset } from '../iptables/types.ts';
import { runStreaming } from './command.ts';
import { readEntries } from './entries.ts';
import { glance } from './glance.ts';
import { explain, type IptablesPrograms } from './host.ts';
import { SavedReader, type SavedTables } from './kernel.ts';
import { restore } from './restore.ts';

export interface KernelTables {
  /**
   * All that is there. Rejects with a HostError where it may not be read.
   * @param givenUp ends the reading, which rejects then
   */
  read(givenUp?: AbortSignal): Promise<SavedTables>;
  /** The chains that our jumps are in, those that they lead to, and our canaries, alone. Rejects like {@link read}. */
  entries(): Promise<SavedTables>;
  /** As much of it as a cleanup needs, if that is to be had for less; else undefined. */
  glance(): Promise<SavedTables | undefined>;
  /**
   * Takes input for `iptables-restore --noflush --counters`, one transaction after the other up to the first that
   * fails. Rejects with a RestoreError then.
   * @param wanted whose chains the input writes, to tell which service port a refused line is for
   */
  restore(input: Iterable<string>, wanted: Ruleset | undefined): Promise<void>;
}

/** The tables behind the programs of iptables. */
export function kernelTables(host: IptablesPrograms): KernelTables {
  return {
    async read(givenUp) {
      const reader = new SavedReader();
      const read = runStreaming([host.save, '--counters'], (text) => reader.read(text), givenUp);
      await read.catch((error: unknown) => {
        throw explain(error, host.save, host.family);
      });
      return reader.finish();
    },
    entries: () => readEntries(host),
    glance: () => glance(host),
    restore: (input, wanted) => restore(host, input, wanted),
  };
}
