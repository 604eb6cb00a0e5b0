import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { codeBlocks, withoutCodeBlocks } from './markdown.ts';

describe('code blocks', () => {
  test.each<[string, string[], object[]]>([
    ['none', ['# A page', '', 'with `code` in a line'], []],
    [
      'with a language',
      ['Text', '```sh', 'ls', '```', 'more'],
      [{ line: 3, language: 'sh', title: '', lines: ['ls'] }],
    ],
    ['without one', ['```', 'x', '```'], [{ line: 2, language: '', title: '', lines: ['x'] }]],
    ['empty', ['```sh', '```'], [{ line: 2, language: 'sh', title: '', lines: [] }]],
    [
      'with the name of a file',
      ['``` yaml web.yaml', 'a: 1', '', 'b: 2', '```'],
      [{ line: 2, language: 'yaml', title: 'web.yaml', lines: ['a: 1', '', 'b: 2'] }],
    ],
    [
      'in an item of a list, whose indentation is not its own',
      ['- item', '', '  ```yaml', '  a:', '    b: 1', ' c: 2', '  ```'],
      [{ line: 4, language: 'yaml', title: '', lines: ['a:', '  b: 1', 'c: 2'] }],
    ],
    [
      'with a block in it',
      ['````markdown', '```sh', 'ls', '```', '````'],
      [{ line: 2, language: 'markdown', title: '', lines: ['```sh', 'ls', '```'] }],
    ],
    ['between tildes', ['~~~sh', '```', '~~~'], [{ line: 2, language: 'sh', title: '', lines: ['```'] }]],
    ['that begin with code in a line', ['```x``` is code'], []],
    [
      'one after the other',
      ['```sh', 'a', '```', '```sh', 'b', '```'],
      [
        { line: 2, language: 'sh', title: '', lines: ['a'] },
        { line: 5, language: 'sh', title: '', lines: ['b'] },
      ],
    ],
    [
      'that end with more backticks',
      ['```', 'a', '`````'],
      [{ line: 2, language: '', title: '', lines: ['a'] }],
    ],
  ])('%s', (_, page, blocks) => expect(codeBlocks(page.join('\n'))).toEqual(blocks));

  test('that are never closed', () => {
    expect(() => codeBlocks('text\n```sh\nls\n``\n')).toThrow('line 2: the code block is never closed');
  });

  test('are what was put between text', () => {
    const line = fc.stringMatching(/^[ a-z$#`]{0,8}$/).filter((line) => !/^ *`{3}/.test(line));
    const lines = fc.array(line, { maxLength: 4 });
    fc.assert(
      fc.property(fc.array(fc.record({ text: lines, code: lines }), { maxLength: 5 }), (parts) => {
        const page = parts.flatMap(({ text, code }) => [...text, '```console', ...code, '```']).join('\n');
        expect(codeBlocks(page).map(({ lines }) => lines)).toEqual(parts.map(({ code }) => code));
        const all = page.split('\n');
        for (const { line, lines } of codeBlocks(page)) {
          expect(all.slice(line - 1, line - 1 + lines.length)).toEqual(lines);
        }
      }),
    );
  });
});

test('a page without its code has the lines around it', () => {
  const page = [
    '# A',
    '',
    '```sh',
    '# no heading',
    '```',
    'text',
    '- item',
    '  ~~~',
    '  [no](link)',
    '  ~~~',
    'end',
  ];
  expect(withoutCodeBlocks(page.join('\n')).split('\n')).toEqual(['# A', '', 'text', '- item', 'end']);
});
