import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { block, code, plain, prose, table } from './markdown-text.ts';

describe('text, read as it is written', () => {
  test.each([
    ['a namespace/name: (Kubernetes before 1.13)', 'a namespace/name: (Kubernetes before 1.13)'],
    ['<file> & co.', '\\<file> \\& co.'],
    ['*all* of `it`', '\\*all\\* of \\`it\\`'],
    ['[bool] \\ ~/.bashrc', '\\[bool\\] \\\\ \\~/.bashrc'],
    ['nf_conntrack_tcp_be_liberal', 'nf_conntrack_tcp_be_liberal'],
    ['svc2ipt_ and _own_', 'svc2ipt\\_ and \\_own\\_'],
    ['# no heading', '\\# no heading'],
    ['> no quotation', '\\> no quotation'],
    ['- for standard input', '\\- for standard input'],
    ['1. no list', '1\\. no list'],
    ['12) no list', '12\\) no list'],
    ['0 to 31', '0 to 31'],
    ['...', '...'],
    ["'' serves none", "'' serves none"],
    ['a | b', 'a | b'],
  ])('%s', (text, markdown) => expect(plain(text)).toBe(markdown));

  test('without its backslashes it is what it was', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(plain(text).replaceAll(/\\([\\`*[\]<&~_#>=+.)-])/g, '$1')).toBe(text);
      }),
    );
  });
});

describe('code', () => {
  test.each([
    ['-o <format>', '`-o <format>`'],
    ['a`b', '``a`b``'],
    ['`a`', '`` `a` ``'],
    ['a``b`c', '```a``b`c```'],
    [' a ', '`  a  `'],
    [' a', '` a`'],
  ])('%j', (text, markdown) => expect(code(text)).toBe(markdown));

  test('is what stands between its backticks', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('`', 'a', ' ', '|'), minLength: 1 }), (text) => {
        // As CommonMark 0.31.2 reads it: to the next run of as many backticks, less a blank at either end.
        const [, fence = ''] = /^(`+)/.exec(code(text)) ?? [];
        const end = new RegExp(`(?<!\`)${fence}(?!\`)`, 'g');
        end.lastIndex = fence.length;
        const inner = code(text).slice(fence.length, end.exec(code(text))?.index);
        expect(inner.replace(/^ (.*[^ ].*) $/, '$1')).toBe(text);
      }),
    );
  });

  test.each([
    ['svc2ipt render', '```sh\nsvc2ipt render\n```'],
    ['cat <<END\n```\nEND', '````sh\ncat <<END\n```\nEND\n````'],
  ])('block: %j', (text, markdown) => expect(block('sh', text)).toBe(markdown));
});

test('prose has its code as such', () => {
  const isCode = (word: string) => ['-f', '--save'].includes(word);
  expect(prose('With --save and -f, an <x>, not --saved or x-f', isCode)).toBe(
    'With `--save` and `-f`, an \\<x>, not --saved or x-f',
  );
});

test('a bar does not end a cell', () => {
  expect(table(['a', 'b'], [[code('x|y'), plain('1 | 2')]])).toBe(
    '| a | b |\n| --- | --- |\n| `x\\|y` | 1 \\| 2 |',
  );
});
