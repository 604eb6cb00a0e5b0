import { describe, expect, test } from 'vitest';
import { quotable } from './printable.ts';

const ESCAPE = '\u001b[31m';

describe('what another program said', () => {
  test.each<[string, string, string]>([
    ['nothing', '', ''],
    ['nothing but white space', ' \n\t\n', ''],
    ['a line', 'Invalid argument\n', 'Invalid argument'],
    ['lines, of any kind', 'one\r\n\r\n  two \rthree\n', 'one\n  two\nthree'],
    ['a tab', 'a\tb', 'a b'],
    ['what would write to the terminal', `${ESCAPE}red\u202e\u0000`, '\\u001b[31mred\\u202e\\u0000'],
    ['many lines', 'x\n'.repeat(100), `${Array(8).fill('x').join('\n')} ... (200 characters)`],
    ['a long line', 'x'.repeat(5_000_000), `${'x'.repeat(700)} ... (5000000 characters)`],
    ['as much as is told', 'x'.repeat(700), 'x'.repeat(700)],
    [
      'half a character at the end',
      `${'x'.repeat(699)}\u{1f600}`,
      `${'x'.repeat(699)}\\ ... (701 characters)`,
    ],
  ])('%s', (_, text, expected) => {
    expect(quotable(text)).toBe(expected);
  });

  test('bytes become no more than is told', () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i)).toString('latin1');
    const told = quotable(bytes.repeat(10_000));
    expect(told).toMatch(/ \.\.\. \(2560000 characters\)$/);
    expect(told.length).toBeLessThan(750);
    expect(told).not.toMatch(/[^\P{C}\n]/u);
  });
});
