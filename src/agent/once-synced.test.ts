import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { collectGarbage, onceSynced } from './once-synced.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('once, when each family was synced', () => {
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

test('V8 has a function that collects', () => {
  const held: unknown[] = Array.from({ length: 1000 }, () => Array.from({ length: 1000 }, Math.random));
  const before = process.memoryUsage().heapUsed;
  held.length = 0;
  collectGarbage();
  expect(process.memoryUsage().heapUsed).toBeLessThan(before - 4_000_000);
});
