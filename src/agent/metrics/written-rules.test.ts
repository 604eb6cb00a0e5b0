import fc from 'fast-check';
import { expect, test } from 'vitest';
import { countWritten } from './written-rules.ts';

test.each<[string, string[], number, Record<string, number>]>([
  ['nothing', [], 0, {}],
  [
    'rules of two tables',
    [
      '*filter',
      ':A - [0:0]',
      '-A A -j DROP',
      'COMMIT',
      '*nat',
      ':B - [0:0]',
      '-A B -j C',
      '-A B -j D',
      'COMMIT',
    ],
    9,
    { filter: 1, nat: 2 },
  ],
  [
    'several transactions of one table',
    ['*nat', '-A A -j B', 'COMMIT', '*nat', '-A A -j C', 'COMMIT'],
    6,
    { nat: 2 },
  ],
  ['with counters', ['*nat', '[12:840] -A A -j B', 'COMMIT'], 3, { nat: 1 }],
  [
    'what is inserted and replaced, not what is deleted',
    ['*nat', '-I A 2 -j B', '-R A 1 -j C', '-D A 3', '-X D'],
    5,
    { nat: 2 },
  ],
])('%s', (_, lines, count, rules) => {
  const input = lines.map((line) => `${line}\n`).join('');
  expect(countWritten([input])).toEqual({ lines: count, rules });
});

test('however it comes in pieces, it is the same', () => {
  const input = '*filter\n-A A -j DROP\nCOMMIT\n*nat\n[1:2] -A B -j C\n-I B 1 -j D\nCOMMIT\n';
  fc.assert(
    fc.property(fc.array(fc.nat(input.length)), (cuts) => {
      const at = [0, ...cuts, input.length].sort((a, b) => a - b);
      const pieces = at.map((from, i) => input.slice(from, at[i + 1] ?? from));
      expect(countWritten(pieces)).toEqual({ lines: 7, rules: { filter: 1, nat: 2 } });
    }),
  );
});
