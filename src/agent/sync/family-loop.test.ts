import { expect, test, vi } from 'vitest';
import { EVERYTHING } from '../../applier/watch/kernel-watch.ts';
import { SILENT } from '../log.ts';
import { FamilyLoop, type FamilyLoopOptions } from './family-loop.ts';
import type { FamilyRules } from './family-rules.ts';

/** A loop over rules that take their time, and who is told of them. */
function loop() {
  const working = Promise.withResolvers<void>();
  const rules = {
    host: { family: 'ipv4' },
    compiled: true,
    doubt: () => EVERYTHING,
    mend: vi.fn(() => working.promise.then(() => undefined)),
    sync: vi.fn(async () => ({ result: { input: { isEmpty: true }, tables: [] } })),
  };
  const observer = {
    queued: vi.fn(),
    syncing: vi.fn(),
    synced: vi.fn(),
    syncFailed: vi.fn(),
    driftFound: vi.fn(),
  };
  const options = {
    input: () => ({}),
    times: { shortest: 0, retry: { first: 1, longest: 1 } },
    observer,
    log: SILENT,
  };
  const loop = new FamilyLoop(rules as unknown as FamilyRules, options as unknown as FamilyLoopOptions);
  return { loop, rules, observer, finish: () => working.resolve() };
}

test('a comparison is one of its own, though a check waits to read everything, too', async () => {
  const { loop: family, rules, observer, finish } = loop();
  // The first is at work, the second waits.
  family.check();
  family.check();
  for (let i = 0; i < 100; i++) family.compare();
  finish();
  await vi.waitFor(() => expect(observer.synced).toHaveBeenCalled());
  await family.stop();
  expect(rules.mend).toHaveBeenCalledTimes(2);
  expect(observer.synced).toHaveBeenCalledOnce();
  expect(observer.queued).toHaveBeenCalledOnce();
});
