import { setImmediate as soon } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { nodeKernel } from '../applier/node-kernel.ts';
import { iptablesPrograms } from '../applier/programs.ts';
import type { KernelTables } from '../applier/tables.ts';
import { collectGarbage, givingBack, onceSynced } from './memory.ts';

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

describe('what goes while a long input is written', () => {
  test.each([
    [9_999, ['written']],
    [10_000, ['begun', 'given', 'written']],
  ])('of %i lines: %j, and the input is as it was', async (lineCount, expected) => {
    const told: string[] = [];
    const tell = (what: string) => () => void told.push(what);
    const kernel = nodeKernel(iptablesPrograms('ipv4', 'legacy'));
    let taken = '';
    const restore: KernelTables['restore'] = async (input, wanted) => {
      await soon();
      taken = [...input].join('');
      await soon();
      expect({ ...input, wanted }).toMatchObject({ lineCount, transactionCount: 1, wanted: undefined });
      tell('written')();
    };
    const tables = { ...kernel.tables, restore };
    const input = Object.assign(['*nat\n', 'COMMIT\n'], { lineCount, transactionCount: 1 });
    const patient = givingBack({ ...kernel, tables }, { begun: tell('begun'), given: tell('given') });
    await patient.tables.restore(input, undefined);
    expect(taken).toBe('*nat\nCOMMIT\n');
    expect(told).toEqual(expected);
  });
});

test('V8 has a function that collects', () => {
  const held: unknown[] = Array.from({ length: 1000 }, () => Array.from({ length: 1000 }, Math.random));
  const before = process.memoryUsage().heapUsed;
  held.length = 0;
  collectGarbage();
  expect(process.memoryUsage().heapUsed).toBeLessThan(before - 4_000_000);
});
