/** What waits until the rules are in the kernel. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Family } from '../net/address.ts';

/** Milliseconds after the last family's first sync: whatever was waiting for it goes first. */
const AFTER = 2000;

/**
 * Acts once, a little after each family was synced for the first time.
 * @returns is told of each sync
 */
export function onceSynced(families: readonly Family[], act: () => void): (family: Family) => void {
  const waiting = new Set(families);
  return (family) => {
    if (waiting.delete(family) && waiting.size === 0) setTimeout(act, AFTER).unref();
  };
}

/**
 * Gives back what a start has read and written. V8 would do so by itself in three steps, 100 seconds after one another, which
 * is most of what an idle agent would take (`--no-memory-reducer`, src/cli/frugal.ts). There is no other way to V8's
 * collector than the function that this flag brings into new contexts.
 */
export function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  if (typeof collect === 'function') collect();
}
