import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FakeKernel } from '../../test/support/fake-kernel.ts';
import { parseRule } from '../iptables/parse.ts';
import type { Chain } from '../iptables/types.ts';
import { createChain, editChain, rewriteChain } from './edits.ts';
import type { CurrentChain, SavedChain } from './kernel.ts';

/** A rule for each letter. */
const ruleOf = (letter: string) => `-s 10.0.0.${letter.charCodeAt(0)} -j ACCEPT`;
const savedOf = (letter: string) => ` -s 10.0.0.${letter.charCodeAt(0)}/32 -j ACCEPT`;

const wantedOf = (letters: readonly string[]): Chain => ({
  name: 'A',
  rules: letters.map((letter) => parseRule(ruleOf(letter), 'ipv4')),
});

/** As it was read, every rule with a counter of its own. */
const savedChain = (letters: readonly string[], counted = true): SavedChain => ({
  name: 'A',
  builtIn: false,
  lines: letters.map(savedOf),
  counters: letters.map((_, i) => (counted ? `[${i + 1}:${i + 1}]` : '[0:0]')),
});

/** The lines of an edit, each rule as its letter. */
function readable(lines: readonly string[]): string[] {
  return lines.map((line) =>
    line.replace(
      / -s 10\.0\.0\.(\d+)(?:\/32)? -j ACCEPT$/,
      (_, code: string) => ` ${String.fromCharCode(Number(code))}`,
    ),
  );
}

const many = (count: number, from = 48) =>
  Array.from({ length: count }, (_, i) => String.fromCharCode(from + i));

describe('editChain deletes and inserts what differs', () => {
  test.each<[string, string, string, string[]]>([
    ['nothing', 'abc', 'abc', []],
    ['from nothing', '', 'ab', ['-I A 1 a', '-I A 2 b']],
    ['to nothing', 'ab', '', ['-D A a', '-D A b']],
    ['one more at the end', 'ab', 'abc', ['-I A 3 c']],
    ['one more at the start', 'bc', 'abc', ['-I A 1 a']],
    ['one more in the middle', 'ac', 'abc', ['-I A 2 b']],
    ['one less', 'abc', 'ac', ['-D A b']],
    ['another', 'abc', 'axc', ['-D A b', '-I A 2 x']],
    ['all others', 'ab', 'xy', ['-D A a', '-D A b', '-I A 1 x', '-I A 2 y']],
    ['several', 'abcdef', 'xacdfy', ['-D A b', '-D A e', '-I A 1 x', '-I A 6 y']],
    // The fewest move, and they take along what they have counted.
    ['the first becomes the last', 'abcd', 'bcda', ['-D A a', '[1:1] -I A 4 a']],
    ['the last becomes the first', 'abcd', 'dabc', ['-D A d', '[4:4] -I A 1 d']],
    ['two change places', 'abcd', 'acbd', ['-D A b', '[2:2] -I A 3 b']],
  ])('%s', (_, before, after, expected) => {
    const edit = editChain(savedChain([...before]), wantedOf([...after]), 'ipv4');
    expect(edit.header).toBeUndefined();
    expect(readable(edit.lines)).toEqual(expected);
  });

  test('what is known of a chain without reading it will do', () => {
    const edit = editChain(wantedOf(['a', 'b', 'c']), wantedOf(['a', 'x', 'c']), 'ipv4');
    expect(edit).toEqual({
      header: undefined,
      lines: ['-D A -s 10.0.0.98 -j ACCEPT', '-I A 2 -s 10.0.0.120 -j ACCEPT'],
      rules: 1,
    });
  });

  test('a rule is deleted by the text that was read', () => {
    const current: CurrentChain = { ...savedChain(['a', 'b']), lines: [' -p tcp -j ACCEPT', savedOf('b')] };
    expect(editChain(current, wantedOf(['b']), 'ipv4').lines).toEqual(['-D A -p tcp -j ACCEPT']);
  });

  test('rules that are only spelled otherwise stay', () => {
    const current: CurrentChain = {
      ...savedChain(['a']),
      lines: [' -m mark --mark 0x1 -m comment --comment x', ' -j RETURN'],
    };
    const wanted = { name: 'A', rules: [parseRule('-m comment --comment x -m mark --mark 1', 'ipv4')] };
    expect(editChain(current, wanted, 'ipv4')).toEqual({
      header: undefined,
      lines: ['-D A -j RETURN'],
      rules: 0,
    });
  });
});

describe('editChain writes the chain as a whole', () => {
  test.each<[string, string[], string[]]>([
    ['a rule is there twice, and one of them shall go', [...'aba'], [...'ab']],
    ['a rule is there twice, and both shall go', [...'aba'], [...'b']],
    ['a rule shall be there twice', [...'b'], [...'aa']],
    ['more than 64 edits', many(40), many(40, 100)],
    ['more than 64 to delete', many(65), []],
  ])('%s', (_, before, after) => {
    const current = savedChain(before);
    const wanted = wantedOf(after);
    expect(editChain(current, wanted, 'ipv4')).toEqual(rewriteChain(current, wanted, 'ipv4'));
  });

  test.each<[string, string[], string[]]>([
    ['64 edits', many(64), []],
    ['a rule that is there twice, and stays', [...'aab'], [...'aax']],
  ])('but not for %s', (_, before, after) => {
    expect(editChain(savedChain(before), wantedOf(after), 'ipv4').header).toBeUndefined();
  });
});

describe('rewriteChain', () => {
  test.each<[string, CurrentChain, string, string[]]>([
    [
      'rules keep what they have counted',
      savedChain([...'abc']),
      'cxa',
      ['[3:3] -A A c', '-A A x', '[1:1] -A A a'],
    ],
    ['nothing has been counted', savedChain([...'ab'], false), 'ab', ['-A A a', '-A A b']],
    ['nobody has looked', wantedOf([...'ab']), 'ab', ['-A A a', '-A A b']],
    ['a chain without rules', savedChain([]), '', []],
  ])('%s', (_, current, after, expected) => {
    const { header, lines } = rewriteChain(current, wantedOf([...after]), 'ipv4');
    expect(header).toBe(':A - [0:0]');
    expect(readable(lines)).toEqual(expected);
  });

  test('createChain counts nothing', () => {
    const { header, lines } = createChain(wantedOf([...'ab']));
    expect([header, ...readable(lines)]).toEqual([':A - [0:0]', '-A A a', '-A A b']);
  });
});

test('whatever a chain holds, an edit leads to what is wanted, and what stays has counted what it had', () => {
  const letters = fc.array(fc.constantFrom(...'abcdefgh'), { maxLength: 10 });
  fc.assert(
    fc.property(letters, letters, fc.boolean(), (before, after, rewrite) => {
      const kernel = new FakeKernel('ipv4');
      const restore = (lines: readonly string[]) =>
        expect(kernel.tryRestore(`*filter\n${lines.join('\n')}\nCOMMIT\n`)).toBeUndefined();
      restore([':A - [0:0]', ...before.map((letter) => `-A A ${ruleOf(letter)}`)]);
      kernel.count();
      const had = kernel.saved().get('filter')?.get('A') ?? savedChain([]);
      const { header, lines } = (rewrite ? rewriteChain : editChain)(had, wantedOf(after), 'ipv4');
      restore([...(header === undefined ? [] : [header]), ...lines]);
      const has = kernel.saved().get('filter')?.get('A') ?? savedChain([]);
      expect(has.lines).toEqual(after.map(savedOf));
      const counted = (chain: SavedChain, line: string) =>
        chain.counters.filter((_, i) => chain.lines[i] === line);
      for (const line of new Set(after.map(savedOf))) {
        const [once, twice] = counted(had, line);
        if (twice !== undefined || counted(has, line).length > 1) continue;
        expect(counted(has, line)).toEqual([once ?? '[0:0]']);
      }
    }),
    { numRuns: 400 },
  );
});
