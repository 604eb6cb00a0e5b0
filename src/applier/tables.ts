/** The kernel's tables of one family, as the applier reaches them. */
import type { Ruleset } from '../iptables/types.ts';
import { readEntries } from './entries.ts';
import { glance } from './glance.ts';
import { expectSameBackend } from './host.ts';
import type { SavedTables } from './kernel.ts';
import type { IptablesPrograms } from './programs.ts';
import { restore } from './restore.ts';
import type { RestoreInput } from './restore-input.ts';
import { readSaved } from './saved-tables.ts';

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
  restore(
    input: Pick<RestoreInput, 'lineCount'> & Iterable<string>,
    wanted: Ruleset | undefined,
  ): Promise<void>;
}

/** The tables behind the programs of iptables, as long as these are the same ones. */
export function kernelTables(host: IptablesPrograms): KernelTables {
  return {
    async read(givenUp) {
      await expectSameBackend(host);
      return await readSaved(host, [], { givenUp });
    },
    async entries() {
      await expectSameBackend(host);
      return await readEntries(host);
    },
    glance: () => glance(host),
    async restore(input, wanted) {
      await expectSameBackend(host);
      await restore(host, input, wanted);
    },
  };
}
