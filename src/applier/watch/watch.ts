/** Watching this network namespace's kernel, by whatever it offers. */
import type { Family } from '../../iptables/types.ts';
import type { IptablesPrograms } from '../programs.ts';
import { type KernelWatches, UNWATCHED } from './kernel-watch.ts';
import { LegacyWatch } from './legacy-watch.ts';
import { type Libc, NetlinkSocket, openLibc, WatchError } from './libc.ts';
import { NftWatch } from './nft-watch.ts';

/** Begins to watch the tables of some programs; where that is not possible, everything is in doubt at every check. */
export async function watchKernel(
  programs: readonly Pick<IptablesPrograms, 'family' | 'backend'>[],
): Promise<KernelWatches> {
  const libc = await openLibc();
  if (!libc) return unwatched('this Node.js has no node:ffi; 26.1 and newer have it');
  try {
    return watches(libc, programs);
  } catch (error) {
    if (error instanceof WatchError) return unwatched(error.message);
    throw error;
  }
}

const NOT_WATCHED = (why: string): string =>
  `cannot watch the kernel for changes by other programs (${why}): ` +
  'reading all rules every iptables.syncPeriod instead, which takes a second or more on large clusters';

function unwatched(why: string): KernelWatches {
  return { of: () => UNWATCHED, warningFor: () => NOT_WATCHED(why), close() {} };
}

function watches(
  libc: Libc,
  programs: readonly Pick<IptablesPrograms, 'family' | 'backend'>[],
): KernelWatches {
  const nft = programs.some(({ backend }) => backend === 'nft')
    ? new NftWatch(new NetlinkSocket(libc), new NetlinkSocket(libc))
    : undefined;
  const legacy = new Map<Family, LegacyWatch>();
  const failed = new Map<Family, string>();
  for (const { family } of programs.filter(({ backend }) => backend === 'legacy')) {
    try {
      legacy.set(family, new LegacyWatch(libc, family));
    } catch (error) {
      // Its programs may be there, and the kernel without IPv6.
      if (!(error instanceof WatchError)) throw error;
      failed.set(family, NOT_WATCHED(error.message));
    }
  }
  return {
    of: (family) => legacy.get(family) ?? nft?.of(family) ?? UNWATCHED,
    warningFor: (families) => families.flatMap((family) => failed.get(family) ?? [])[0],
    close() {
      nft?.close();
      for (const watch of legacy.values()) watch.close();
    },
  };
}
