import { expect, test } from 'vitest';
import { columns } from './columns.ts';

test.each<[string, string[][], string[]]>([
  ['nothing', [], []],
  [
    'columns below each other',
    [
      ['a', 'bb', 'c'],
      ['aaa', 'b', 'ccc'],
    ],
    ['a    bb  c', 'aaa  b   ccc'],
  ],
  ['no blanks at the end', [['a', 'b', ''], ['aaa']], ['a  b', 'aaa']],
  ['a long last cell', [['a', 'b'], ['a long one']], ['a  b', 'a long one']],
])('%s', (_, rows, expected) => {
  expect(columns(rows)).toEqual(expected);
});

test('what is painted takes no room', () => {
  const rows = [
    ['a', 'b'],
    ['aaa', 'b'],
  ];
  expect(columns(rows, (cell, row) => (row === 0 ? `<${cell}>` : cell))).toEqual(['<a>    <b>', 'aaa  b']);
});
