import { expect, test } from 'vitest';
import { alternatives, enumerate } from './lists.ts';

test.each([
  [[], '', ''],
  [['a'], 'a', 'a'],
  [['a', 'b'], 'a and b', 'a or b'],
  [['a', 'b', 'c'], 'a, b and c', 'a, b or c'],
])('%j', (words, all, any) => {
  expect(enumerate(words)).toBe(all);
  expect(alternatives(words)).toBe(any);
});

test('of a long list, the first are named', () => {
  expect(enumerate(['a', 'b', 'c', 'd', 'e', 'f', 'g'])).toBe('a, b, c, d, e and 2 more');
  expect(enumerate(['a', 'b', 'c'], 2)).toBe('a, b and 1 more');
});

test('what is absent is no alternative', () => {
  expect(alternatives(['', 'Cluster', 'Local'])).toBe('Cluster or Local');
});
