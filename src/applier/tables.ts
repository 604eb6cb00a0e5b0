/** The kernel's tables of one family, as the applier reaches them. */
import type { Ruleset, TableName } from '../iptables/types.ts';
import { listChain } from './chain-listing.ts';
import { glance } from './glance.ts';
import { expectSameBackend } from './host.ts';
import type { ChainsByTable, SavedChain, SavedTables } from './kernel.ts';
import type { IptablesPrograms } from './programs.ts';
import { restore } from './restore.ts';
import { readSaved } from './saved-tables.ts';
import { type KernelWatch, UNWATCHED, type WriteSize } from './watch/kernel-watch.ts';

export interface KernelTables {
  /**
   * All that is there. Rejects with a HostError where it may not be read.
   * @param givenUp ends the reading, which rejects then
   */
  read(givenUp?: AbortSignal): Promise<SavedTables>;
  /** Some chains alone, as far as they are there, without their counters. Rejects like {@link read}. */
  list(chains: ChainsByTable): Promise<SavedTables>;
  /** As much of it as a cleanup needs, if that is to be had for less; else undefined. */
  glance(): Promise<SavedTables | undefined>;
  /**
   * Takes input for `iptables-restore --noflush --counters`, one transaction after the other up to the first that
   * fails. Rejects with a RestoreError then.
   * @param wanted whose chains the input writes, to tell which service port a refused line is for
   */
  restore(input: WriteSize & Iterable<string>, wanted: Ruleset | undefined): Promise<void>;
}

/**
 * The tables behind the programs of iptables, as long as these are the same ones.
 * @param watch is told of what is written
 */
export function kernelTables(host: IptablesPrograms, watch: KernelWatch = UNWATCHED): KernelTables {
  return {
    async read(givenUp) {
      await expectSameBackend(host);
      return await readSaved(host, givenUp);
    },
    async list(chains) {
      await expectSameBackend(host);
      const tables = new Map<TableName, Map<string, SavedChain>>();
      for (const [table, names] of chains) {
        const listed = await Promise.all([...names].map((name) => listChain(host, table, name)));
        tables.set(table, new Map(listed.flatMap((chain) => (chain ? [[chain.name, chain]] : []))));
      }
      return tables;
    },
    glance: () => glance(host),
    async restore(input, wanted) {
      await expectSameBackend(host);
      await watch.ownWrite(input, (started) => restore(host, input, wanted, started));
    },
  };
}
