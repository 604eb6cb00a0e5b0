/**
 * Who else changes the tables that hold our rules. Silence means that nothing needs to be read: an idle node costs
 * nothing, however many rules it has.
 */
import type { Family } from '../../iptables/types.ts';
import type { ChainsByTable } from '../kernel.ts';

/** What others may have changed; to be read before it is believed. */
export interface Doubt {
  /** The chains that may be other ones, by table; undefined where it can be any. */
  readonly chains: ChainsByTable | undefined;
  /** Who did it, each once, as far as the kernel tells: `nft (PID 4711)`. */
  readonly by: readonly string[];
}

/** Nobody knows. */
export const EVERYTHING: Doubt = { chains: undefined, by: [] };

/** Of one family's tables. */
export interface KernelWatch {
  /** What others may have changed since this was asked last; undefined where nothing has. */
  doubt(): Doubt | undefined;
  /**
   * Tells of rules that this process writes, so that it does not take them for somebody else's.
   * @param write writes them
   */
  ownWrite(input: WriteSize, write: Write): Promise<void>;
}

/** Writes, and says which process does so. */
export type Write = (started: (pid: number) => void) => Promise<void>;

/** How much is written. */
export interface WriteSize {
  readonly lineCount: number;
  readonly transactionCount: number;
}

/** Where nothing tells, everything is in doubt whenever somebody asks. */
export const UNWATCHED: KernelWatch = {
  doubt: () => EVERYTHING,
  ownWrite: (_, write) => write(() => {}),
};

/** Two doubts as one. */
export function joinDoubts(a: Doubt | undefined, b: Doubt | undefined): Doubt | undefined {
  if (!a || !b) return a ?? b;
  const by = [...new Set([...a.by, ...b.by])];
  if (!a.chains || !b.chains) return { chains: undefined, by };
  const chains = new Map([...a.chains].map(([table, names]) => [table, new Set(names)]));
  for (const [table, names] of b.chains) {
    chains.set(table, new Set([...(chains.get(table) ?? []), ...names]));
  }
  return { chains, by };
}

/** The watches of both families. */
export interface KernelWatches {
  of(family: Family): KernelWatch;
  /** Why changes of others are found by reading everything, for people; undefined where the kernel tells of them. */
  warningFor(families: readonly Family[]): string | undefined;
  close(): void;
}
