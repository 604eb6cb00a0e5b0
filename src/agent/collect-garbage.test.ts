import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { collectOnceSynced } from './collect-garbage.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('once, when each family was synced', () => {
  const collect = vi.fn();
  const synced = collectOnceSynced(['ipv4', 'ipv6'], collect);
  synced('ipv4');
  synced('ipv4');
  vi.runAllTimers();
  expect(collect).not.toHaveBeenCalled();
  synced('ipv6');
  expect(collect).not.toHaveBeenCalled();
  vi.runAllTimers();
  synced('ipv4');
  vi.runAllTimers();
  expect(collect).toHaveBeenCalledOnce();
});

test('V8 has such a function', () => {
  const held: unknown[] = Array.from({ length: 1000 }, () => Array.from({ length: 1000 }, Math.random));
  const before = process.memoryUsage().heapUsed;
  held.length = 0;
  collectOnceSynced(['ipv4'])('ipv4');
  vi.runAllTimers();
  expect(process.memoryUsage().heapUsed).toBeLessThan(before - 4_000_000);
});
