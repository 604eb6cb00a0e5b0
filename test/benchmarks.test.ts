/** What programs write into documents is there: a table between its marks. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { marksOf } from '../bench/publish.ts';
import { REPORTS } from '../bench/reports.ts';
import { PROJECT } from './support/project.ts';

test.each([
  ...[...Object.keys(REPORTS), 'layouts'].map((name) => ['BENCHMARKS.md', name] as const),
  ['README.md', 'switching'] as const,
])('%s: %s', (document, name) => {
  const [begin, end] = marksOf(name);
  const [, rest = ''] = readFileSync(join(PROJECT, document), 'utf8').split(begin);
  const [text = '', tail] = rest.split(end);
  expect(tail).toBeDefined();
  const rows = text.split('\n').filter((line) => line.startsWith('|'));
  expect(rows.length).toBeGreaterThan(2);
  // Every cell of the README's table has a figure.
  if (document === 'README.md') expect(rows.join('\n')).not.toMatch(/\| *\||NaN/);
});
