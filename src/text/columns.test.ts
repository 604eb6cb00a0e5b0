import { describe, expect, test } from 'vitest';
import { columns, columnsWithin } from './columns.ts';

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

describe('within a width', () => {
  const rows = [
    ['  to', 'from', 'goes to'],
    ['  10.96.0.10:80', 'pods, this node and everybody else', 'nobody'],
  ];
  test('what fits is as it was', () => {
    expect(columnsWithin(rows, 80)).toEqual(columns(rows));
  });
  test('what does not goes on in the next line', () => {
    const lines = columnsWithin(rows, 40);
    expect(lines).toEqual([
      '  to             from             goes to',
      '  10.96.0.10:80  pods, this node  nobody',
      '                 and everybody',
      '                 else',
    ]);
  });
  test('words stay whole', () => {
    expect(columnsWithin([['averyverylongword', 'b c']], 12)).toEqual(['averyverylongword  b c']);
  });
  test('each piece is painted', () => {
    expect(columnsWithin([['one two three', 'x']], 11, (cell) => `<${cell}>`)).toEqual([
      '<one two>  <x>',
      '<three>',
    ]);
  });
});
