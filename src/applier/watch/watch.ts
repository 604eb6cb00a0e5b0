/** Watching this network namespace's kernel, by whatever it offers. */
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

function unwatched(why: string): KernelWatches {
  const warning =
    `cannot watch the kernel for changes by other programs (${why}): ` +
    'reading all rules every iptables.syncPeriod instead, which takes a second or more on large clusters';
  return { of: () => UNWATCHED, warning, close() {} };
}

function watches(
  libc: Libc,
  programs: readonly Pick<IptablesPrograms, 'family' | 'backend'>[],
): KernelWatches {
  const nft = programs.some(({ backend }) => backend === 'nft')
    ? new NftWatch(new NetlinkSocket(libc), new NetlinkSocket(libc))
    : undefined;
  const legacy = new Map(
    programs
      .filter(({ backend }) => backend === 'legacy')
      .map(({ family }) => [family, new LegacyWatch(libc, family)]),
  );
  return {
    of: (family) => legacy.get(family) ?? nft?.of(family) ?? UNWATCHED,
    warning: undefined,
    close() {
      nft?.close();
      for (const watch of legacy.values()) watch.close();
    },
  };
}
