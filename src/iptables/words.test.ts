import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { quote, quoteAsSaved, splitWords } from './words.ts';

describe('splitWords reads what iptables-restore does', () => {
  test.each<[string, string, string[]]>([
    ['nothing', '', []],
    ['spaces only', '   ', []],
    ['words', '-A KUBE-SERVICES -j ACCEPT', ['-A', 'KUBE-SERVICES', '-j', 'ACCEPT']],
    ['more than one space', ' a   b ', ['a', 'b']],
    ['tabs', '\ta\t b\t', ['a', 'b']],
    ['another kind of space, which is a character', 'a\u00a0b c', ['a\u00a0b', 'c']],
    ['quotes', '"a b" c', ['a b', 'c']],
    ['quotes around nothing', 'a "" b', ['a', '', 'b']],
    ['quotes around a space', '" "', [' ']],
    ['a quote in quotes', '"say \\"hi\\""', ['say "hi"']],
    ['a backslash in quotes', '"a\\\\b"', ['a\\b']],
    ['any character behind a backslash', '"it\\\'s \\x"', ["it's x"]],
    ['a backslash outside quotes', 'a\\b\\ "c"', ['a\\b\\', 'c']],
    ['quotes that begin within a word', 'pre"fix and" b', ['prefix and', 'b']],
    ['quotes that end within a word', '"a"b', ['a', 'b']],
    ['quotes that touch', '"a""b"', ['a', 'b']],
    ['quotes that nobody closes', '--comment "a -j ACCEPT', ['--comment', 'a -j ACCEPT']],
    ['quotes that nobody closes, at the end', 'a "', ['a']],
    ['a backslash at the end of such', 'a "b\\', ['a', 'b']],
    ['a tab in quotes', '"a\tb"', ['a\tb']],
    ['a line separator, which ends no line', '"a\u2028b" c', ['a\u2028b', 'c']],
    ['characters outside the first plane', '"🙂 \\🙂" 🙂', ['🙂 🙂', '🙂']],
  ])('%s', (_, line, expected) => {
    expect(splitWords(line)).toEqual(expected);
  });
});

describe('quotes', () => {
  test.each<[string, string, string, string]>([
    ['a name', 'KUBE-SVC', 'KUBE-SVC', 'KUBE-SVC'],
    ['a service port', 'ns/name:port', 'ns/name:port', '"ns/name:port"'],
    ['an address', '10.0.0.0/8', '10.0.0.0/8', '"10.0.0.0/8"'],
    ['nothing', '', '""', '""'],
    ['a space', 'a b', '"a b"', '"a b"'],
    ['an exclamation mark', '!', '"!"', '"!"'],
    ['quotes', 'a"b', '"a\\"b"', '"a\\"b"'],
    ['a backslash', 'a\\b', '"a\\\\b"', '"a\\\\b"'],
    ['an apostrophe', "it's", '"it\'s"', '"it\\\'s"'],
    ['a prefix of interfaces', 'veth+', 'veth+', '"veth+"'],
  ])('%s', (_, word, forRestore, asSaved) => {
    expect(quote(word)).toBe(forRestore);
    expect(quoteAsSaved(word)).toBe(asSaved);
  });

  test('come off again, whatever is in them', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary', maxLength: 12 })), (words) => {
        expect(splitWords(words.map(quote).join(' '))).toEqual(words);
        expect(splitWords(words.map(quoteAsSaved).join(' '))).toEqual(words);
      }),
    );
  });
});
