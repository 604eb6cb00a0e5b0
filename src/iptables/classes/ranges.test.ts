import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  between,
  common,
  countOf,
  holds,
  labelOf,
  only,
  type Ranges,
  sameRanges,
  union,
  without,
} from './ranges.ts';

const ALL = between(0n, (1n << 128n) - 1n);

/** Addresses of IPv6 that are often alike but for one of their parts. */
const address = fc
  .array(fc.constantFrom(0n, 1n, 2n), { minLength: 8, maxLength: 8 })
  .map((words) => words.reduce<bigint>((sum, word) => (sum << 16n) + word, 0n));
const few: fc.Arbitrary<Ranges> = fc.array(address, { maxLength: 12 }).map((all) => union(all.map(only)));
const ranges = fc.oneof(
  few,
  few.map((holes) => without(ALL, holes)),
);

describe('the label of a set', () => {
  test.each<{ what: string; a: readonly bigint[]; b: readonly bigint[] }>([
    { what: 'differ above their last 48 bits', a: [1n << 64n], b: [2n << 64n] },
    { what: 'differ above their last 64 bits', a: [1n << 96n], b: [3n << 96n] },
    { what: 'differ in two numbers that make up for each other', a: [100n, 200n], b: [99n, 1161n] },
  ])('tells sets apart that $what', ({ a, b }) => {
    const others = [0n, ...[10n, 20n, 30n, 40n, 50n].map((value) => value << 100n)].map(only);
    const [left, right] = [a, b].map((values) => union([...others, ...values.map(only)]));
    expect(labelOf(left ?? [])).not.toBe(labelOf(right ?? []));
  });

  test('is the same only of the same sets', () => {
    fc.assert(
      fc.property(ranges, ranges, (a, b) => (labelOf(a) === labelOf(b)) === sameRanges(a, b)),
      { numRuns: 2000 },
    );
  });
});

test('common, without and union are those of sets', () => {
  fc.assert(
    fc.property(ranges, ranges, address, (a, b, value) => {
      const [inA, inB] = [holds(a, value), holds(b, value)];
      expect(holds(common(a, b), value)).toBe(inA && inB);
      expect(holds(without(a, b), value)).toBe(inA && !inB);
      expect(holds(union([a, b]), value)).toBe(inA || inB);
      expect(countOf(common(a, b)) + countOf(without(a, b))).toBe(countOf(a));
    }),
    { numRuns: 2000 },
  );
});
