import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { printable } from '../text/printable.ts';
import { allOf, check, checkOrThrow, formatPath, formatProblem, InputError, show } from './problem.ts';

test.each<[string, unknown, string]>([
  ['a text', 'web', '"web"'],
  ['an empty text', '', '""'],
  ['a text with quotes', 'a"b\\c', '"a\\"b\\\\c"'],
  ['a text with line ends', 'a\r\nb\u2028c', '"a\\r\\nb\\u2028c"'],
  ['a text with escape sequences', '\u001b[31mred\u009b0m', '"\\u001b[31mred\\u009b0m"'],
  ['a text that turns the direction of writing', 'abc\u202ecba', '"abc\\u202ecba"'],
  ['a text with half a character', '\ud800', '"\\ud800"'],
  ['a text with a tag character', '\u{e0001}', '"\\u{e0001}"'],
  ['letters of any script', 'Größe 東京 😀', '"Größe 東京 😀"'],
  ['a long text', 'x'.repeat(1000), `"${'x'.repeat(59)}...`],
  ['a whole number', 70000, '70000'],
  ['a fraction', 1.5, '1.5'],
  ['a huge number', 1e300, '1e+300'],
  ['not a number', Number.NaN, 'NaN'],
  ['true', true, 'true'],
  ['null', null, 'nothing'],
  ['undefined', undefined, 'nothing'],
  ['a list', [1, 2], 'a list of 2'],
  ['a mapping', { a: 1 }, 'a mapping'],
])('shows %s', (_, value, expected) => {
  expect(show(value)).toBe(expected);
});

test.each<[readonly PropertyKey[], string]>([
  [[], ''],
  [['spec', 'ports', 0, 'port'], 'spec.ports[0].port'],
  [[0, 'port'], '[0].port'],
  [['metadata', 'labels', 'a/b'], 'metadata.labels["a/b"]'],
  [['metadata', 'labels', ''], 'metadata.labels[""]'],
  [['data', 'a\nb'], 'data["a\\nb"]'],
])('the path %j', (path, expected) => {
  expect(formatPath(path)).toBe(expected);
});

test.each<[string, readonly string[], string, string]>([
  [
    'everything known',
    ['a.yaml', 'document 3', 'Service x/y'],
    'is bad',
    'a.yaml, document 3, Service x/y: is bad',
  ],
  ['nowhere', [], 'is bad', 'is bad'],
  [
    'control characters in a name of a file',
    ['a\n\u001b[2J.yaml'],
    'is bad',
    'a\\u000a\\u001b[2J.yaml: is bad',
  ],
  ['control characters in a message', ['a'], 'got\u0007\u0000', 'a: got\\u0007\\u0000'],
])('a problem with %s', (_, at, message, expected) => {
  expect(formatProblem({ at, message })).toBe(expected);
});

test('printable text has no line ends and no control characters', () => {
  const all = Array.from({ length: 0x3000 }, (_, code) => String.fromCodePoint(code)).join('');
  expect(printable(all)).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
  expect(printable('plain text, "quoted" \\ and all')).toBe('plain text, "quoted" \\ and all');
});

describe('checking a value', () => {
  const schema = z.strictObject({
    name: z.string(),
    count: z.number().optional(),
    flag: z.boolean().optional(),
    list: z.array(z.string()).optional(),
    map: z.object({}).optional(),
    kind: z.enum(['A', 'B', 'C', '']).optional(),
    one: z.literal('only').optional(),
  });

  test.each<[string, unknown, string[]]>([
    ['nothing', undefined, ['f: expected a mapping, got nothing']],
    ['a text', 'x', ['f: expected a mapping, got "x"']],
    ['a missing field', {}, ['f, name: expected a string, got nothing']],
    ['null', { name: null }, ['f, name: expected a string, got nothing']],
    ['a number for a string', { name: 1 }, ['f, name: expected a string, got 1']],
    ['a string for a number', { name: '', count: '1' }, ['f, count: expected a number, got "1"']],
    ['not a number', { name: '', count: Number.NaN }, ['f, count: expected a number, got NaN']],
    ['a string for a flag', { name: '', flag: 'yes' }, ['f, flag: expected true or false, got "yes"']],
    ['a mapping for a list', { name: '', list: {} }, ['f, list: expected a list, got a mapping']],
    ['a list for a mapping', { name: '', map: [] }, ['f, map: expected a mapping, got a list of 0']],
    ['another word', { name: '', kind: 'D' }, ['f, kind: expected A, B or C, got "D"']],
    ['not the word', { name: '', one: 'two' }, ['f, one: expected only, got "two"']],
    ['unknown fields', { name: '', a: 1, 'b/c': 2 }, ['f, a: unknown field', 'f, ["b/c"]: unknown field']],
    [
      'several problems at once',
      { name: 1, list: ['a', 2, null] },
      [
        'f, name: expected a string, got 1',
        'f, list[1]: expected a string, got 2',
        'f, list[2]: expected a string, got nothing',
      ],
    ],
  ])('%s', (_, value, expected) => {
    const result = check(schema, value, ['f']);
    expect(result.ok ? [] : result.problems.map(formatProblem)).toEqual(expected);
  });

  test('a good value comes back', () => {
    expect(checkOrThrow(schema, { name: 'x' }, [])).toEqual({ name: 'x' });
  });

  test('a bad value is thrown as one error that has all problems', () => {
    const attempt = () => checkOrThrow(schema, { list: [1] }, ['f']);
    expect(attempt).toThrow(InputError);
    expect(attempt).toThrow('f, name: expected a string, got nothing\nf, list[0]: expected a string, got 1');
  });
});

describe('waiting for several things', () => {
  const mistake = (message: string) => Promise.reject(new InputError([{ at: [], message }]));

  test('gives what they give', async () => {
    expect(await allOf([Promise.resolve(1), 'two'])).toEqual([1, 'two']);
  });

  test('throws the problems of all, in order', async () => {
    await expect(allOf([mistake('one'), Promise.resolve(2), mistake('three')])).rejects.toThrow('one\nthree');
  });

  test('a problem that several share is told once', async () => {
    const shared = mistake('shared');
    await expect(allOf([shared, shared.then(String)])).rejects.toThrow(/^shared$/);
  });

  test('what is no mistake of the user is thrown as it is', async () => {
    await expect(allOf([mistake('one'), Promise.reject(new TypeError('bug'))])).rejects.toThrow(TypeError);
  });
});
