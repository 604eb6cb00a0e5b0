import { expect, test } from 'vitest';
import { unified } from './unified-diff.ts';

test('each line says what it is', () => {
  const lines = unified('title', ['a', 'b'], ['a', 'c']);
  expect(lines.map(({ kind }) => kind)).toEqual(['header', 'place', 'same', 'removed', 'added']);
});

test('so much that nobody looks for the smallest difference', () => {
  const numbered = (letter: string) => Array.from({ length: 10_000 }, (_, i) => `${letter}${i}`);
  const lines = unified('title', numbered('a'), numbered('b')).map(({ text }) => text);
  expect(lines.slice(0, 3)).toEqual(['title', '@@ -1,10000 +1,10000 @@', '-a0']);
  expect(lines.slice(10_001, 10_003)).toEqual(['-a9999', '+b0']);
  expect(lines).toHaveLength(20_002);
});
