import { expect, test } from 'vitest';
import { parseDuration } from './duration.ts';

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
])('%j', (text, expected) => {
  const actual = parseDuration(text);
  if (expected === undefined) expect(actual).toBeUndefined();
  else expect(actual).toBeCloseTo(expected, 6);
});
