import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { SourceChange } from '../../sources/source.ts';
import { PendingChanges } from './pending-changes.ts';

const change = (services: number): SourceChange => ({ services, endpointSlices: 0, triggered: [services] });

test.each<[string, (pending: PendingChanges) => SourceChange, readonly number[], number]>([
  ['a sync that nobody saw begin serves everything', (pending) => pending.succeed(), [1], 0],
  [
    'a sync serves what came before it began',
    (pending) => {
      pending.begin();
      pending.add(change(2));
      return pending.succeed();
    },
    [1],
    2,
  ],
  [
    'what a failed sync would have served is served by the next one',
    (pending) => {
      pending.begin();
      pending.fail();
      pending.add(change(2));
      pending.begin();
      return pending.succeed();
    },
    [1, 2],
    0,
  ],
  [
    'nothing is served twice',
    (pending) => {
      pending.succeed();
      return pending.succeed();
    },
    [],
    0,
  ],
])('%s', (_, what, served, left) => {
  const pending = new PendingChanges();
  pending.add(change(1));
  expect(what(pending).triggered).toEqual(served);
  expect(pending.all.services).toBe(left);
});

test('what was added is served or pending, once', () => {
  const step = fc.oneof(fc.nat(9), fc.constantFrom('begin' as const, 'succeed' as const, 'fail' as const));
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const pending = new PendingChanges();
      const served: number[] = [];
      for (const step of steps) {
        if (typeof step === 'number') pending.add(change(step));
        else if (step === 'succeed') served.push(...pending.succeed().triggered);
        else pending[step]();
      }
      const added = steps.filter((step) => typeof step === 'number');
      expect([...served, ...pending.all.triggered]).toEqual(added);
    }),
  );
});
