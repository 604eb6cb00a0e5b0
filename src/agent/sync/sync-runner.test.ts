import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { SyncRunner } from './sync-runner.ts';

const TIMES = { shortest: 1000, retry: { first: 2000, longest: 8000 } };

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => void vi.useRealTimers());

/** A runner whose syncs take so long and fail so often, and when each began. */
function runner({ takes = 0, failures = 0, did = true } = {}) {
  const began: number[] = [];
  const start = performance.now();
  const retries: (number | undefined)[] = [];
  const sync = async () => {
    // Timers have whole milliseconds, the clock has fractions.
    began.push(Math.round((performance.now() - start) / 10) * 10);
    await new Promise((resolve) => setTimeout(resolve, takes));
    if (failures-- > 0) throw new Error('refused');
    return did;
  };
  return { began, retries, runner: new SyncRunner(sync, TIMES, (_, retryIn) => retries.push(retryIn)) };
}

test.each<
  [string, { takes?: number; failures?: number; did?: boolean }, readonly number[], readonly number[]]
>([
  ['the first change is synced at once', {}, [0], [0]],
  ['changes soon after wait for the shortest period, together', {}, [0, 10, 500, 900], [0, 1000]],
  ['a change after quiet is synced at once again', {}, [0, 5000], [0, 5000]],
  ['a change during a sync is not lost', { takes: 300 }, [0, 100], [0, 1300]],
  ['the period counts from the end of a sync', { takes: 300 }, [0, 400], [0, 1300]],
  ['a sync that had nothing to do keeps no other waiting', { did: false }, [0, 10], [0, 10]],
  ['a failed sync is run again, with longer pauses', { failures: 2 }, [0], [0, 2000, 6000]],
  ['pauses grow to the longest only', { failures: 5 }, [0], [0, 2000, 6000, 14000, 22000, 30000]],
  ['a change while a retry waits does not hurry it', { failures: 1 }, [0, 100], [0, 2000]],
])('%s', async (_, how, changes, expected) => {
  const { began, runner: syncs } = runner(how);
  for (const [i, at] of changes.entries()) {
    await vi.advanceTimersByTimeAsync(at - (changes[i - 1] ?? 0));
    syncs.request();
  }
  await vi.advanceTimersByTimeAsync(60_000);
  expect(began).toEqual(expected);
  expect(syncs.pending).toBe(false);
});

test('stopping waits for the sync in hand and begins no other', async () => {
  const { began, runner: syncs } = runner({ takes: 500 });
  syncs.request();
  await vi.advanceTimersByTimeAsync(100);
  syncs.request();
  let stopped = false;
  const stopping = syncs.stop().then(() => {
    stopped = true;
  });
  await vi.advanceTimersByTimeAsync(300);
  expect(stopped).toBe(false);
  await vi.advanceTimersByTimeAsync(10_000);
  await stopping;
  syncs.request();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(began).toEqual([0]);
});

test('a sync that fails while it is stopped is not run again, and nobody is told that it will be', async () => {
  const { began, retries, runner: syncs } = runner({ takes: 500, failures: 9 });
  syncs.request();
  await vi.advanceTimersByTimeAsync(2600);
  const stopping = syncs.stop();
  await vi.advanceTimersByTimeAsync(10_000);
  await stopping;
  expect(began).toEqual([0, 2500]);
  expect(retries).toEqual([2000, undefined]);
});
