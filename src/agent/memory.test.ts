import { setImmediate as soon } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { nodeKernel } from '../applier/node-kernel.ts';
import { iptablesPrograms } from '../applier/programs.ts';
import { atLongWrites, collectGarbage, onceSynced } from './memory.ts';

describe('what waits until the rules are there', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  test('acts once, when each family was synced', () => {
    const act = vi.fn();
    const synced = onceSynced(['ipv4', 'ipv6'], act);
    synced('ipv4');
    synced('ipv4');
    vi.runAllTimers();
    expect(act).not.toHaveBeenCalled();
    synced('ipv6');
    expect(act).not.toHaveBeenCalled();
    vi.runAllTimers();
    synced('ipv4');
    vi.runAllTimers();
    expect(act).toHaveBeenCalledOnce();
  });
});

describe('what goes before a long input is written', () => {
  test.each([
    [9_999, 0],
    [10_000, 1],
  ])('of %i lines: acts %i times, and the input is as it was', async (lineCount, times) => {
    const kernel = nodeKernel(iptablesPrograms('ipv4', 'legacy'));
    const restore = vi.fn(async () => await soon());
    const act = vi.fn();
    const { tables } = atLongWrites({ ...kernel, tables: { ...kernel.tables, restore } }, act);
    const input = Object.assign(['*nat\n', 'COMMIT\n'], { lineCount, transactionCount: 1 });
    await tables.restore(input, undefined);
    await soon();
    expect(restore).toHaveBeenCalledExactlyOnceWith(input, undefined);
    expect(act).toHaveBeenCalledTimes(times);
  });
});

test('V8 has a function that collects', () => {
  const held: unknown[] = Array.from({ length: 1000 }, () => Array.from({ length: 1000 }, Math.random));
  const before = process.memoryUsage().heapUsed;
  held.length = 0;
  collectGarbage();
  expect(process.memoryUsage().heapUsed).toBeLessThan(before - 4_000_000);
});
