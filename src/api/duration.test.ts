import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatDuration, parseDuration } from './duration.ts';

describe('parsed', () => {
  test.each<[string, number | undefined]>([
    ['0', 0],
    ['0s', 0],
    ['30s', 30_000],
    ['1m', 60_000],
    ['2h22m', 8_520_000],
    ['1h15m30.918273645s', 4_530_918.273645],
    ['1.5h', 5_400_000],
    ['.5s', 500],
    ['5.s', 5_000],
    ['100ms', 100],
    ['1us', 0.001],
    ['1µs', 0.001],
    ['1μs', 0.001],
    ['10ns', 0.00001],
    ['-1m', -60_000],
    ['+5s', 5_000],
    ['', undefined],
    ['-', undefined],
    ['5', undefined],
    ['5 s', undefined],
    ['s', undefined],
    ['.s', undefined],
    ['1d', undefined],
    ['1.2.3s', undefined],
    ['1s ', undefined],
    ['1S', undefined],
    ['0.0000000000000000000000000001s', 0],
    ['000000000000000000000000000001s', 1_000],
    ['2562047h47m16.854775807s', 9_223_372_036_854.775],
    ['2562047h47m16.854775808s', undefined],
    ['-0s', 0],
    ['99999999999999999999999999999s', undefined],
  ])('%j', (text, expected) => {
    const actual = parseDuration(text);
    if (expected === undefined) expect(actual).toBeUndefined();
    else expect(actual).toBeCloseTo(expected, 6);
  });
});

describe('printed, as Go does', () => {
  test.each<[number, string]>([
    [0, '0s'],
    [-0, '0s'],
    [1000, '1s'],
    [1500, '1.5s'],
    [30_000, '30s'],
    [59_999.999999, '59.999999999s'],
    [60_000, '1m0s'],
    [900_000, '15m0s'],
    [3_600_000, '1h0m0s'],
    [86_400_000, '24h0m0s'],
    [4_530_918.273645, '1h15m30.918273645s'],
    [100, '100ms'],
    [1.5, '1.5ms'],
    [0.25, '250µs'],
    [0.0015, '1.5µs'],
    [0.000005, '5ns'],
    [-60_000, '-1m0s'],
    [-0.5, '-500µs'],
    [9_223_372_036_854, '2562047h47m16.854s'],
  ])('%d ms: %s', (milliseconds, expected) => {
    expect(formatDuration(milliseconds)).toBe(expected);
  });
});

describe('for every duration', () => {
  /** Up to 45 days, within which a number of milliseconds holds every nanosecond. */
  const duration = fc.bigInt(-(45n * 86_400n * 10n ** 9n), 45n * 86_400n * 10n ** 9n);

  test('what is printed is read as the same again', () => {
    const milliseconds = fc.oneof(
      duration.map(
        (nanoseconds) => Number(nanoseconds / 1_000_000n) + Number(nanoseconds % 1_000_000n) / 1e6,
      ),
      fc.integer({ min: 0, max: 9_223_372_036_854 }),
    );
    fc.assert(
      fc.property(milliseconds, (value) => {
        expect(parseDuration(formatDuration(value))).toBe(value);
      }),
    );
  });

  test('no nanosecond is lost', () => {
    fc.assert(
      fc.property(duration, (nanoseconds) => {
        const printed = formatDuration(parseDuration(`${nanoseconds}ns`) ?? Number.NaN);
        expect(inNanoseconds(printed)).toBe(nanoseconds);
      }),
    );
  });
});

/** What a printed duration comes to, reckoned in another way than the parser does. */
function inNanoseconds(text: string): bigint {
  const sizes = {
    h: 3600n * 10n ** 9n,
    m: 60n * 10n ** 9n,
    s: 10n ** 9n,
    ms: 10n ** 6n,
    µs: 10n ** 3n,
    ns: 1n,
  };
  let sum = 0n;
  for (const [unit, size] of Object.entries(sizes)) {
    const [, whole = '0', fraction = ''] =
      new RegExp(`(\\d+)(?:\\.(\\d+))?${unit}(?![a-z])`).exec(text) ?? [];
    sum += BigInt(whole) * size + (BigInt(fraction) * size) / 10n ** BigInt(fraction.length);
  }
  return text.startsWith('-') ? -sum : sum;
}
