import fc from 'fast-check';
import { expect, test } from 'vitest';
import { keptProbability } from '../iptables/saved.ts';
import { printShare } from './share.ts';

test.each<[number, string]>([
  [1, 'all'],
  [0, 'none'],
  [0.5, '1/2'],
  [0.33333333349, '1/3'],
  [0.75, '3/4'],
  [0.0227272727, '1/44'],
  [1 - 1e-10, 'all'],
  [0.001, '1/1000'],
  [1 / 5000, '0.02 %'],
  [0.123456789, '12.35 %'],
  [0.000123, '0.0123 %'],
])('%f: %s', (probability, expected) => {
  expect(printShare(probability)).toBe(expected);
});

test('each of up to 500 endpoints, with the fractions that the kernel keeps', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 500 }), (count) => {
      let left = 1;
      for (let i = 0; i < count; i++) {
        const share = left * (i === count - 1 ? 1 : keptProbability(1 / (count - i)));
        left -= share;
        expect(printShare(share)).toBe(`1/${count}`);
      }
    }),
    { numRuns: 40 },
  );
});
