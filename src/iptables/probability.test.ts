import { expect, test } from 'vitest';
import { keptProbability } from './saved.ts';

// Not all: the first such is 1/44, of which ten digits make another fraction of 2^31.
const SHARES = Array.from({ length: 2000 }, (_, i) => 1 / (i + 2));

test('a probability that is printed and given to the kernel is kept as it is known here', () => {
  const printed = (probability: number) => Number(probability.toFixed(10));
  expect(SHARES.map(keptProbability)).toEqual(SHARES.map((share) => keptProbability(printed(share))));
});

test('a kept probability that is saved and read is the same one', () => {
  const saved = (probability: number) => Number(probability.toFixed(11));
  const kept = SHARES.map(keptProbability);
  expect(kept.map((share) => keptProbability(saved(share)))).toEqual(kept);
});
