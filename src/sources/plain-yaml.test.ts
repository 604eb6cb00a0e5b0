import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import { parseYAML } from './documents.ts';
import { readPlainYAML } from './plain-yaml.ts';

const FIXTURES = join(import.meta.dirname, '../../fixtures');

/** What the library makes of it, empty documents left out. */
function byLibrary(text: string) {
  const { documents, problems } = parseYAML({ name: 'text', text });
  return { problems, documents: documents.map(({ value, at }) => ({ value, document: at[1] })) };
}

function expectSame(text: string, values: readonly unknown[]): void {
  const documents = values
    .map((value, i) => ({ value, document: `document ${i + 1}` }))
    .filter(({ value }) => value !== null);
  expect(byLibrary(text)).toEqual({ problems: [], documents });
}

const KUBECTL = `apiVersion: v1
items:
- apiVersion: v1
  kind: Service
  metadata:
    annotations:
      kubectl.kubernetes.io/last-applied-configuration: |
        {"apiVersion":"v1","kind":"Service","metadata":{"annotations":{},"name":"web"}}
    creationTimestamp: "2026-01-31T08:00:00Z"
    name: web
    uid: 7d3c9a0e-5b1f-4d5c-8f4e-2b8c0f6c1f3a
  spec:
    clusterIP: 10.96.0.10
    clusterIPs:
    - 10.96.0.10
    - fd00:10:96::a
    ports:
    - port: 80
      targetPort: http
    selector: {}
  status:
    loadBalancer: {}
kind: List
metadata:
  resourceVersion: ""
`;

test.each<[string, string]>([
  ['kubectl', KUBECTL],
  ['several documents', '# first\n---\na: 1\n---\n\n---\n- b\n-\n- - c\n  - d: e\n    f:\n    - g\n---\n'],
  ['quotes', "a: \"b: c # d \\n\"\nb: 'it''s'\n"],
  ['literals', 'a: |\n  b\n\n    c: # d\n  ---\n\nb:\n- |-\n  - x\nc: --flag=1\n'],
  ['what looks like numbers', '- 10.0.0.1\n- 10s\n- -5\n- 2026-01-31T08:00:00Z\n- v1\n- fe80::1\n'],
  ['nothing', ''],
])('is plain, and read as the library reads it: %s', (_, text) => {
  const values = readPlainYAML(text);
  expect(values).toBeDefined();
  expectSame(text, values ?? []);
});

test('so are the fixtures that are plain', () => {
  const plain = globSync('**/*.yaml', { cwd: FIXTURES }).filter((path) => {
    const text = readFileSync(join(FIXTURES, path), 'utf8');
    const values = readPlainYAML(text);
    if (values) expectSame(text, values);
    return values !== undefined;
  });
  expect(plain.length).toBeGreaterThan(100);
});

test.each<[string, string]>([
  ['a key twice', 'a: 1\na: 2\n'],
  ['a flow', 'a: {b: c}\n'],
  ['an anchor', 'a: &b c\nd: *b\n'],
  ['a tag', 'a: !!str 1\n'],
  ['a text of two lines', 'a: b\n  c\n'],
  ['a comment behind a value', 'a: b # c\n'],
  ['another number', 'a: 0x10\n'],
  ['one more', 'a: 1.5\n'],
  ['a folded text', 'a: >\n  b\n'],
  ['a key that is no text', 'true: a\n'],
  ['a tab', 'a:\n\tb: c\n'],
  ['a line that stands nowhere', 'a:\n    b: c\n  d: e\n'],
  ['a value in a value', 'a: b: c\n'],
  ['a document that has ended', 'a: b\n...\n'],
  ['a directive', '%YAML 1.1\n---\na: b\n'],
  ['a text alone', 'a\n'],
  ['a carriage return', 'a: b\r\nc: d\r\n'],
  ['a prototype', '__proto__: a\n'],
])('is not plain: %s', (_, text) => {
  expect(readPlainYAML(text)).toBeUndefined();
});

test('whatever the library writes and this reads, it reads as it was', () => {
  const value = fc.jsonValue({ maxDepth: 5 });
  const style = fc.record({ indent: fc.integer({ min: 1, max: 4 }), indentSeq: fc.boolean() });
  fc.assert(
    fc.property(fc.array(value, { minLength: 1, maxLength: 3 }), style, (documents, style) => {
      const text = documents.map((value) => stringify(value, style)).join('---\n');
      const values = readPlainYAML(text);
      if (values) expectSame(text, values);
    }),
  );
});

test('whatever is read is what the library reads, line by line of nonsense', () => {
  const odd = fc.constantFrom(
    ...[
      'b',
      'true',
      'null',
      '~',
      '1',
      '-1',
      '01',
      '1.2',
      '1e3',
      'x: y',
      "'q",
      '"\\x41"',
      '[a]',
      '|2',
      '>',
      '#c',
    ],
    ...[
      'a #c',
      'a#c',
      'a:b',
      'a:',
      '- a',
      '-',
      '-a',
      '--a',
      '---',
      '...',
      '&a',
      '*a',
      '!a',
      '?',
      '? a',
      'é',
      '\t',
    ],
    ...[
      ' ',
      'No',
      '.5',
      '0o7',
      '%a',
      '@a',
      '`a',
      '<<',
      '1:2',
      '1_0',
      '+1',
      '7e3',
      '7d3c-9a',
      '2026-01-31',
      '0x1',
    ],
  );
  const usual = fc.constantFrom('a', '1.2.3.4', "'q'", '"q"', '|', '|-', '', '', '{}', '[]');
  const word = fc.oneof({ weight: 5, arbitrary: usual }, { weight: 1, arbitrary: odd });
  const start = fc.constantFrom(
    ...['', '', '  ', '  ', '    ', '- ', '  - ', '-   ', '- - '],
    ...['', ' ', '---', '#'],
  );
  const key = fc.oneof(
    { weight: 6, arbitrary: fc.nat(9).map((n) => `k${n}: `) },
    { weight: 2, arbitrary: fc.nat(9).map((n) => `k${n}:`) },
    {
      weight: 1,
      arbitrary: fc.constantFrom('', 'a.b/c-d: ', '"k": ', 'true: ', '1: ', 'k : ', '<<: ', 'k:\t'),
    },
  );
  const line = fc.tuple(start, key, word).map((parts) => parts.join(''));
  const ending = fc.constantFrom('\n', '', '\n\n', '\n---\n');
  fc.assert(
    fc.property(fc.array(line, { minLength: 1, maxLength: 8 }), ending, (lines, ending) => {
      const text = lines.join('\n') + ending;
      const values = readPlainYAML(text);
      if (values) expectSame(text, values);
    }),
    { numRuns: 5000 },
  );
});
