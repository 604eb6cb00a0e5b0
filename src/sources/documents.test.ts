import { describe, expect, test } from 'vitest';
import { formatProblem } from '../api/problem.ts';
import { type KnownDocuments, parseDocuments } from './documents.ts';

const known: KnownDocuments = new Map();

function valuesOf(text: string): unknown[] {
  const { documents, problems } = parseDocuments({ name: 'f', text });
  // What was read before, of this text and of all others, makes no difference.
  for (const _ of ['new', 'known']) {
    expect(parseDocuments({ name: 'f', text }, undefined, known)).toEqual({ documents, problems });
  }
  if (problems.length > 0) throw new Error(problems.map(formatProblem).join('\n'));
  return documents.map(({ value }) => value);
}

function problemsOf(text: string): string[] {
  return parseDocuments({ name: 'f', text }).problems.map(formatProblem);
}

describe('documents', () => {
  test.each<[string, string, unknown[]]>([
    ['nothing', '', []],
    ['white space', ' \n\n', []],
    ['a comment', '# nothing here\n', []],
    ['a line of dashes', '---', []],
    ['null', '---\nnull\n---\n~\n', []],
    ['one', 'a: 1\n', [{ a: 1 }]],
    ['several', 'a: 1\n---\nb: 2\n---\nc: 3\n', [{ a: 1 }, { b: 2 }, { c: 3 }]],
    ['with dashes before the first and behind the last', '---\na: 1\n---\nb: 2\n---\n', [{ a: 1 }, { b: 2 }]],
    [
      'as Helm prints them',
      '---\n# Source: web/templates/a.yaml\na: 1\n---\n# Source: b\nb: 2',
      [{ a: 1 }, { b: 2 }],
    ],
    ['ended by dots', 'a: 1\n...\n---\nb: 2\n...\n', [{ a: 1 }, { b: 2 }]],
    [
      'with line ends of Windows',
      'a: 1\r\nb:\r\n- 2\r\n---\r\nc: |\r\n  x\r\n',
      [{ a: 1, b: [2] }, { c: 'x\n' }],
    ],
    ['with a byte order mark', '\ufeffa: 1\n', [{ a: 1 }]],
    ['with byte order marks of joined files', '\ufeffa: 1\n---\n\ufeffb: 2\n', [{ a: 1 }, { b: 2 }]],
    ['JSON', '{"a": 1, "b": [true, null]}', [{ a: 1, b: [true, null] }]],
    ['JSON with white space around it', '\n\t {"a": 1}\n', [{ a: 1 }]],
    ['JSON, a list', '[1, 2]', [[1, 2]]],
    [
      'JSON, one behind the other',
      '{\n  "a": 1\n}\n{\n  "b": {\n    "c": 2\n  }\n}\n',
      [{ a: 1 }, { b: { c: 2 } }],
    ],
    [
      'JSON, one on each line',
      '{"a":1}\n{"b":{"c":2}}\r\n{"d":"}\\n{"}\n',
      [{ a: 1 }, { b: { c: 2 } }, { d: '}\n{' }],
    ],
    ['JSON between dashes', '{"a": 1}\n---\n{"b": 2}\n', [{ a: 1 }, { b: 2 }]],
    ['JSON with what only YAML allows', '{a: 1, "b": [2,],}', [{ a: 1, b: [2] }]],
  ])('%s', (_, text, expected) => {
    expect(valuesOf(text)).toEqual(expected);
  });

  test('of the same text are the same values', () => {
    const [one, other] = ['---\na: 1\n---\nb: 2\n', 'c: 3\n---\na: 1\n---\nb: 2\n'].map((text) =>
      parseDocuments({ name: 'f', text }, undefined, known).documents.map(({ value }) => value),
    );
    expect(one).toEqual([{ a: 1 }, { b: 2 }]);
    expect(other?.[2]).toBe(one?.[1]);
  });

  test('are counted with the empty ones', () => {
    const { documents } = parseDocuments({ name: 'f', text: '---\n---\na: 1\n---\n# nothing\n---\nb: 2\n' });
    expect(documents.map(({ at }) => at.join(', '))).toEqual(['f, document 2', 'f, document 4']);
  });
});

describe('values', () => {
  test.each<[string, string, unknown]>([
    ['words', 'a: yes\nb: no\nc: on\nd: true\ne: False', { a: 'yes', b: 'no', c: 'on', d: true, e: false }],
    ['numbers', 'a: 080\nb: 0x50\nc: 8e1\nd: 1_000\ne: "80"', { a: 80, b: 80, c: 80, d: '1_000', e: '80' }],
    [
      'numbers without an end',
      'a: 1e999\nb: -.inf',
      { a: Number.POSITIVE_INFINITY, b: Number.NEGATIVE_INFINITY },
    ],
    ['nothing', 'a:\nb: ~\nc: ""', { a: null, b: null, c: '' }],
    [
      'dates are texts',
      'a: 2026-01-01\nb: 2026-01-01T00:00:00Z',
      { a: '2026-01-01', b: '2026-01-01T00:00:00Z' },
    ],
    ['a directive changes nothing', '%YAML 1.1\n---\na: yes\nb: 2026-01-01\n', { a: 'yes', b: '2026-01-01' }],
    ['a directive for tags', '%TAG !e! tag:example.com:\n---\na: !e!x 1\n', { a: '1' }],
    [
      'tags',
      'a: !!str 80\nb: !!int "80"\nc: !mine x\nd: !!binary aGk=',
      { a: '80', b: 80, c: 'x', d: 'aGk=' },
    ],
    ['sets and pairs', 'a: !!set {x, y}\nb: !!omap [c: 1]', { a: { x: null, y: null }, b: [{ c: 1 }] }],
    ['keys that are no texts', '80: a\ntrue: b\nnull: c', { '80': 'a', true: 'b', null: 'c' }],
    ['a long text', 'a: |\n  b\n  c\nd: >-\n  e\n  f\n', { a: 'b\nc\n', d: 'e f' }],
    ['aliases', 'a: &x {b: [1]}\nc: *x\nd: [*x]', { a: { b: [1] }, c: { b: [1] }, d: [{ b: [1] }] }],
    ['the same anchor again', 'a: &x 1\nb: *x\nc: &x 2\nd: *x', { a: 1, b: 1, c: 2, d: 2 }],
    ['an alias as a key', 'a: &x b\n*x : 1', { a: 'b', b: 1 }],
    ['an anchor of nothing', 'a: &x\nb: *x', { a: null, b: null }],
    ['more than a hundred aliases', `a: &x 1\nb: [${'*x, '.repeat(1000)}]`, { a: 1, b: Array(1000).fill(1) }],
    ['a merge', 'a: &x {b: 1, c: 2}\nd:\n  <<: *x\n  c: 3', { a: { b: 1, c: 2 }, d: { b: 1, c: 3 } }],
    ['a merge behind', 'a: &x {b: 1, c: 2}\nd:\n  c: 3\n  <<: *x', { a: { b: 1, c: 2 }, d: { b: 1, c: 3 } }],
    [
      'a merge of several, the first of which counts',
      'a: &x {k: 1}\nb: &y {k: 2, l: 2}\nc: {<<: [*x, *y, {l: 3, m: 3}]}',
      { a: { k: 1 }, b: { k: 2, l: 2 }, c: { k: 1, l: 2, m: 3 } },
    ],
    ['no merge in quotes', 'a: {"<<": {b: 1}}', { a: { '<<': { b: 1 } } }],
  ])('%s', (_, text, expected) => {
    expect(valuesOf(text)).toEqual([expected]);
  });

  test.each<[string, string]>([
    ['YAML', '__proto__: {a: 1}\nconstructor: b\n'],
    ['YAML that merges', 'x: &x {__proto__: {a: 1}, constructor: b}\n<<: *x\n'],
    ['JSON', '{"__proto__": {"a": 1}, "constructor": "b"}'],
  ])('keys of JavaScript are keys like others in %s', (_, text) => {
    const [value] = valuesOf(text);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(Object.entries(value as object)).toEqual(
      expect.arrayContaining([
        ['__proto__', { a: 1 }],
        ['constructor', 'b'],
      ]),
    );
  });
});

describe('mistakes', () => {
  test.each<[string, string, string[]]>([
    [
      'a list that is not closed',
      'a: [1, 2\nb: 3\n',
      ['f, document 1, line 2, column 1: the list before it is not closed by "]"'],
    ],
    [
      'a mapping that is not closed',
      'a: {b: 1\nc: 3\n',
      ['f, document 1, line 2, column 1: the mapping before it is not closed by "}"'],
    ],
    ['a text that is not closed', 'a: "b\n', ['f, document 1, line 2, column 1: missing closing "quote']],
    [
      'a key without a value',
      'a: 1\nb\n',
      ['f, document 1, line 2, column 1: expected a key and its value, as in "key: value"'],
    ],
    [
      'a colon without a space',
      'a:1\nb: 2\n',
      ['f, document 1, line 1, column 1: expected a key and its value, as in "key: value"'],
    ],
    [
      'two colons',
      'a: b: c\n',
      ['f, document 1, line 1, column 4: a mapping cannot begin here; a text with ": " in it needs quotes'],
    ],
    [
      'lines that do not line up',
      'a:\n  b: 1\n c: 2\n',
      ['f, document 1, line 3, column 1: all mapping items must start at the same column'],
    ],
    ['a tab', 'a:\n\tb: 1\n', ['f, document 1, line 2, column 1: tabs are not allowed as indentation']],
    [
      'a character that is reserved',
      'a: @b\n',
      ['f, document 1, line 1, column 4: plain value cannot start with reserved character @'],
    ],
    [
      'a comma that is missing in JSON',
      '{"a": 1\n "b": 2}',
      ['f, document 1, line 1, column 7: expected a key and its value, as in "key: value"'],
    ],
    [
      'JSON that ends too early',
      '{"a": [{"b": 1}',
      ['f, document 1, line 1, column 16: the list before it is not closed by "]"'],
    ],
    [
      'the second document',
      'a: 1\n---\nb: [\n---\nc: 1\n',
      ['f, document 2, line 4, column 1: the list before it is not closed by "]"'],
    ],
    [
      'two documents',
      'a: }\n---\nb: ]\n',
      [
        'f, document 1, line 1, column 4: unexpected flow-map-end token in YAML stream: "}"',
        'f, document 2, line 3, column 4: unexpected flow-seq-end token in YAML stream: "]"',
      ],
    ],
    [
      'keys that are there twice',
      'a: 1\nb: {c: 1, c: 2}\na: 2\n',
      [
        'f, document 1, line 2, column 11: duplicate key "c"',
        'f, document 1, line 3, column 1: duplicate key "a"',
      ],
    ],
    [
      'a key twice in two spellings',
      '80: 1\n"80": 2\n',
      ['f, document 1, line 2, column 1: duplicate key "80"'],
    ],
    [
      'a key that is a mapping',
      '{a: 1}: 2\n',
      ['f, document 1, line 1, column 1: a mapping or a list cannot be a key'],
    ],
    [
      'a key that is a list',
      '? [a]\n: 2\n',
      ['f, document 1, line 1, column 3: a mapping or a list cannot be a key'],
    ],
    [
      'an alias without an anchor',
      'a: *x\n',
      ['f, document 1, line 1, column 4: the alias *x has no anchor &x before it'],
    ],
    [
      'an alias before its anchor',
      'a: *x\nb: &x 1\n',
      ['f, document 1, line 1, column 4: the alias *x has no anchor &x before it'],
    ],
    [
      'an alias of another document',
      'a: &x 1\n---\nb: *x\n',
      ['f, document 2, line 3, column 4: the alias *x has no anchor &x before it'],
    ],
    [
      'a cycle',
      'a: &x [*x]\n',
      ['f, document 1, line 1, column 8: the alias *x stands inside its own anchor'],
    ],
    [
      'a cycle of merges',
      'a: &x\n  <<: *x\n',
      [
        'f, document 1, line 2, column 7: the alias *x stands inside its own anchor',
        'f, document 1, line 2, column 7: expected a mapping, or a list of mappings, to merge',
      ],
    ],
    [
      'a merge of a text',
      'a:\n  <<: b\n',
      ['f, document 1, line 2, column 7: expected a mapping, or a list of mappings, to merge'],
    ],
    [
      'a text that would clear the screen',
      'a: [\u001b[2J: ]]',
      ['f, document 1, line 1, column 6: missing , or : between flow sequence items'],
    ],
    [
      'a name that would',
      '*\u001b[2J',
      ['f, document 1, line 1, column 3: unexpected flow-seq-start at node end'],
    ],
    [
      "a template's value",
      'a: {{ .Values.x }}\n',
      [
        'f, document 1, line 1, column 5: a mapping or a list cannot be a key (a Helm template? render it with helm template)',
      ],
    ],
    [
      "a template's block",
      '{{- if .Values.x }}\na: 1\n{{- end }}\n',
      [
        'f, document 1, line 1, column 3: expected a comma or a closing bracket (a Helm template? render it with helm template)',
      ],
    ],
  ])('%s', (_, text, expected) => {
    expect(problemsOf(text)).toEqual(expected);
  });

  test.each<[string, string]>([
    ['lists', '['.repeat(100_000)],
    ['mappings', '{a: '.repeat(100_000)],
    ['lists of lines', '- '.repeat(20_000)],
    ['mappings of lines', Array.from({ length: 5000 }, (_, i) => `${' '.repeat(i)}a:`).join('\n')],
    ['keys', '? '.repeat(20_000)],
  ])('%s that nest without end', (_, text) => {
    expect(problemsOf(text)).toEqual([
      expect.stringMatching(/^f, document 1, line \d+, column \d+: is nested too deeply$/),
    ]);
  });

  const BOMB = Array.from(
    { length: 30 },
    (_, i) => `a${i + 1}: &a${i + 1} [${Array(9).fill(`*a${i}`).join(', ')}]`,
  );
  const MERGES = Array.from(
    { length: 30 },
    (_, i) => `a${i + 1}: &a${i + 1}\n  <<: [${Array(9).fill(`*a${i}`).join(', ')}]`,
  );

  test.each<[string, string]>([
    ['aliases of aliases', `a0: &a0 x\n${BOMB.join('\n')}`],
    ['merges of merges', `a0: &a0 {x: 1}\n${MERGES.join('\n')}`],
    ['aliases of something large', `a: &a [${'1, '.repeat(2000)}]\nb: [${'*a, '.repeat(2000)}]`],
  ])('%s that come to too much', (_, text) => {
    expect(problemsOf(text)).toEqual([
      'f, document 1, line 1, column 1: its aliases expand to too many values',
    ]);
  });

  /** Each took more than five seconds once; the test fails by its time limit, which is ten times what it needs. */
  test.each<[string, string]>([
    ['keys', `a:\n${Array.from({ length: 40_000 }, (_, i) => `  k${i}: 1`).join('\n')}`],
    ['keys on one line', `{${Array.from({ length: 40_000 }, (_, i) => `k${i}: 1`).join(', ')}, }`],
    ['anchors', Array.from({ length: 20_000 }, (_, i) => `k${i}: &a${i} 1`).join('\n')],
    ['aliases', `a: &a 1\nb: [${'*a, '.repeat(20_000)}]`],
    ['mistakes', '"'.repeat(50_000)],
    ['empty lines behind JSON', `{"a": 1}${'\n'.repeat(200_000)}}`],
  ])('%s by the ten thousand take no longer each than one', (_, text) => {
    const { documents, problems } = parseDocuments({ name: 'f', text });
    expect(documents.length + problems.length).toBe(1);
  });
});

test.each<[string, KnownDocuments?]>([['as a whole'], ['document by document', new Map()]])(
  'tells how far it has read what is not plain, %s',
  (_, known) => {
    const told: number[] = [];
    const text = '{a: 1}\n---\n{b: 2}\n---\n{c: 3}\n';
    parseDocuments({ name: 'f', text }, (characters) => told.push(characters), known);
    expect(told).toHaveLength(3);
    expect(told).toEqual(told.toSorted((a, b) => a - b));
    expect(told.at(-1)).toBeLessThanOrEqual(text.length);
  },
);
