import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { keptProbability } from '../iptables/saved.ts';
import { fractionOf, multiply, ONE, printFraction, subtract } from './fraction.ts';

describe('a probability as a fraction', () => {
  test.each<[number, string]>([
    [1 / 2, '1/2'],
    [1 / 3, '1/3'],
    [0.3333333333, '1/3'],
    [0.33333333349, '1/3'],
    [1 / 44, '1/44'],
    [0.75, '3/4'],
    [0.2, '1/5'],
    [7 / 20, '7/20'],
    [0.5384615385, '7/13'],
    [1, '1/1'],
    [0, '0/1'],
  ])('%d is %s', (probability, expected) => {
    expect(printFraction(fractionOf(probability))).toBe(expected);
  });

  test('so many of so many, as it is compiled, as it is printed and as the kernel keeps it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 5000 }), fc.nat(), (count, of) => {
        const some = 1 + (of % (count - 1));
        const { numerator, denominator } = fractionOf(keptProbability(some / count));
        expect(numerator * BigInt(count)).toBe(BigInt(some) * denominator);
      }),
    );
  });

  test('one of so many, as it is compiled, as it is printed and as the kernel keeps it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 5000 }), (count) => {
        for (const probability of [1 / count, Number((1 / count).toFixed(10)), keptProbability(1 / count)]) {
          expect(printFraction(fractionOf(probability))).toBe(`1/${count}`);
        }
      }),
    );
  });
});

test('what is taken away one after the other leaves nothing', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 300 }), (count) => {
      let left = ONE;
      for (let i = 0; i < count; i++) {
        const share = multiply(left, fractionOf(1 / (count - i)));
        expect(printFraction(share)).toBe(`1/${count}`);
        left = subtract(left, share);
      }
      expect(left.numerator).toBe(0n);
    }),
  );
});
