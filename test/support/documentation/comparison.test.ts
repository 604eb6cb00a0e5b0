import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { outputProblem } from './comparison.ts';

const PRINTED = ['one', 'two  ', '', 'two', '5 rules (3 ms)', 'five', ''];

describe('is as it is shown', () => {
  test.each<[string, string[]]>([
    ['all of it', ['one', 'two', '', 'two', '5 rules (3 ms)', 'five']],
    ['blanks at ends of lines and at the end', ['one ', 'two', ' ', 'two', '5 rules (3 ms)', 'five', '', '']],
    ['anything', ['...']],
    ['anything at the end', ['one', '...']],
    ['anything at the beginning', ['  ...', 'five']],
    ['anything between', ['one', '...', 'five']],
    [
      'nothing in place of anything',
      ['one', '...', 'two', '', 'two', '...', '5 rules (3 ms)', 'five', '...'],
    ],
    ['anything twice', ['one', '...', '5 rules (3 ms)', '...']],
    ['anything twice in a row', ['...', '...', 'five']],
    ['the last of lines that are alike', ['one', '...', 'two', '5 rules (3 ms)', 'five']],
    ['anything in a line', ['one', '...', '5 rules (... ms)', 'five']],
    ['nothing in a line', ['o...ne', '...', 'f...i...e']],
  ])('%s', (_, shown) => expect(outputProblem(shown, PRINTED)).toBe(undefined));
});

describe('is not', () => {
  test.each<[string, string[], string]>([
    [
      'another line',
      ['one', 'three', '', 'two', '5 rules (3 ms)', 'five'],
      'line 2 of the output is\ntwo\nand should be\nthree',
    ],
    [
      'a missing line',
      ['one', '', 'two', '5 rules (3 ms)', 'five'],
      'line 2 of the output is\ntwo\nand should be\n',
    ],
    [
      'a line too many',
      ['one', 'two', '', 'two', '5 rules (3 ms)', 'five', 'six'],
      'line 7 of the output is missing\nand should be\nsix',
    ],
    ['the beginning only', ['one'], 'after line 1, the output goes on:\ntwo'],
    ['nothing', [], 'after line 0, the output goes on:\none'],
    ['another beginning', ['two', '...'], 'line 1 of the output is\none\nand should be\ntwo'],
    ['another end', ['...', 'two'], 'line 6 of the output is\nfive\nand should be\ntwo'],
    [
      'lines in another order',
      ['...', 'five', '...', 'one', '...'],
      'after line 6 of the output, there is no\none',
    ],
    [
      'lines that are there once, shown twice',
      ['one', '...', 'one', 'two', '...'],
      'after line 1 of the output, there is no\none\ntwo',
    ],
    [
      'lines that overlap',
      ['one', 'two', '', 'two', '5 rules (3 ms)', '...', '5 rules (3 ms)', 'five'],
      'after line 5 of the output, it does not end with\n5 rules (3 ms)\nfive',
    ],
    [
      'another text in a line',
      ['one', '...', '... rules (4 ms)', 'five'],
      'line 5 of the output is\n5 rules (3 ms)\nand should be\n... rules (4 ms)',
    ],
    ['a line that only begins so', ['on', '...'], 'line 1 of the output is\none\nand should be\non'],
    ['a pattern', ['.*', '...'], 'line 1 of the output is\none\nand should be\n.*'],
  ])('%s', (_, shown, problem) => expect(outputProblem(shown, PRINTED)).toBe(problem));
});

describe('for all outputs', () => {
  const line = fc.constantFrom<string[]>('a', 'b', 'a b', '-A X', '(1.5)');
  const lines = fc.array(line, { minLength: 1, maxLength: 8 });
  /** Lines, and a place in them. */
  const withPlace = lines.chain((all) => fc.tuple(fc.constant(all), fc.nat(all.length - 1)));

  test('it is what is shown, with any run of lines left out', () => {
    fc.assert(
      fc.property(lines, fc.nat(8), fc.nat(8), (printed, from, length) => {
        expect(outputProblem(printed, printed)).toBe(undefined);
        expect(outputProblem(printed.toSpliced(from, length, '...'), printed)).toBe(undefined);
      }),
    );
  });

  test('it is what is shown, with any part of a line left out', () => {
    fc.assert(
      fc.property(withPlace, fc.nat(4), fc.nat(4), ([printed, at], from, length) => {
        const text = printed[at] ?? '';
        const shown = `${text.slice(0, from)}...${text.slice(from + length)}`;
        expect(outputProblem(printed.with(at, shown), printed)).toBe(undefined);
      }),
    );
  });

  test('a line that is missing, added or another is found', () => {
    fc.assert(
      fc.property(withPlace, ([printed, at]) => {
        expect(outputProblem(printed.toSpliced(at, 1), printed)).not.toBe(undefined);
        expect(outputProblem(printed.toSpliced(at, 0, 'new'), printed)).not.toBe(undefined);
        expect(outputProblem(printed.with(at, 'new'), printed)).not.toBe(undefined);
        expect(outputProblem(['...', ...printed.with(at, 'new'), '...'], printed)).not.toBe(undefined);
      }),
    );
  });
});
