/** When the agent gives back what a start has needed. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { NodeKernel } from '../applier/node-kernel.ts';
import { releaseFilePages, releaseFreed } from '../applier/watch/libc.ts';
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

/** Lines of what is written: of less, no program takes memory to speak of. */
const LONG = 10_000;

/** What is given back when a long input begins to be written, and when iptables-restore has all of it. */
const GIVEN_BACK = { begun: () => void giveBack(), given: () => void releaseFilePages() };

/**
 * A kernel of which long inputs are written with little else in memory: what they were made of goes before
 * iptables-legacy-restore has the same rules in its own memory, 40 MB of 5,000 Services x 10 endpoints and 170 of 250,000
 * endpoints (iptables 1.8.9), and what making the text has needed before it has the most.
 */
export function givingBack(kernel: NodeKernel, { begun, given } = GIVEN_BACK): NodeKernel {
  const { tables } = kernel;
  return {
    ...kernel,
    tables: {
      ...tables,
      async restore(input, wanted) {
        const { lineCount, transactionCount } = input;
        if (lineCount < LONG) {
          await tables.restore(input, wanted);
          return;
        }
        const pieces = function* () {
          yield* input;
          // Once the last piece is on its way.
          setImmediate(given);
        };
        const written = tables.restore({ lineCount, transactionCount, [Symbol.iterator]: pieces }, wanted);
        // While programs begin.
        setImmediate(begun);
        await written;
      },
    },
  };
}

/** Gives back what is not needed any more: of V8's heap and the C library's, and of Node.js' own file. */
export async function giveBack(): Promise<void> {
  collectGarbage();
  await releaseFreed();
  await releaseFilePages();
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
