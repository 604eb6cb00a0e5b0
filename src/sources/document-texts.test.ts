import fc from 'fast-check';
import { expect, test } from 'vitest';
import { positionsIn } from '../lint/positions.ts';
import { documentTexts } from './document-texts.ts';
import { type KnownDocuments, parseDocuments } from './documents.ts';

test.each<[string, string, [string, number][] | undefined]>([
  ['nothing', '', []],
  ['a comment', '# one\n\n', []],
  ['one', 'a: 1\n', [['a: 1\n', 0]]],
  [
    'several, and a comment in front',
    '# one\n---\na: 1\n---\n---\nb: 2\n',
    [
      ['\na: 1\n', 1],
      ['\n', 3],
      ['\nb: 2\n', 4],
    ],
  ],
  [
    'dashes at the end',
    'a: 1\n---',
    [
      ['a: 1\n', 0],
      ['', 1],
    ],
  ],
  ['dashes that are indented', 'a: |\n  ---\n', [['a: |\n  ---\n', 0]]],
  ['dashes beside something', 'a: 1\n--- # two\nb: 2\n', undefined],
  ['dots', 'a: 1\n...\nb: 2\n', undefined],
  ['a directive', '%YAML 1.2\n---\na: 1\n', undefined],
])('%s', (_, text, expected) => {
  expect(documentTexts(text)?.map(({ text, linesBefore }) => [text, linesBefore])).toEqual(expected);
});

/** Pieces of which texts are made that part in all ways, good ones and bad ones. */
const PIECES = [
  '---\n',
  '---',
  '--- # beside\n',
  ' ---\n',
  '...\n',
  '%YAML 1.2\n',
  '# a comment\n',
  '\n',
  '\r\n',
  '\uFEFF',
  'a: 1\n',
  'b:\n  - c: 2\n',
  'd: {e: [3, 4]}\n',
  'f: |\n  text\n',
  'g: "of\n',
  '  two lines"\n',
  '[h, i]\n',
  '&j k: *j\n',
];

const texts = fc.array(fc.constantFrom(...PIECES), { maxLength: 12 }).map((pieces) => pieces.join(''));

test('documents that are read one by one are those of the whole text', () => {
  fc.assert(
    fc.property(texts, (text) => {
      const known: KnownDocuments = new Map();
      const whole = parseDocuments({ name: 'f', text });
      for (const _ of ['new', 'known'])
        expect(parseDocuments({ name: 'f', text }, undefined, known)).toEqual(whole);
    }),
    { numRuns: 1000 },
  );
});

test('of many texts, one after the other, the documents of the last ones stay known', () => {
  const known: KnownDocuments = new Map();
  for (let i = 0; i < 11_000; i++)
    parseDocuments({ name: 'f', text: `same: true\n---\nchanges: ${i}\n` }, undefined, known);
  expect(known.size).toBeLessThanOrEqual(10_002);
  const texts = [...known.keys()].join();
  expect(texts).toContain('same: true');
  expect(texts).toContain('changes: 10999');
  expect(texts).toContain('changes: 10000');
  expect(texts).not.toContain('changes: 1\n');
});

test('fields stand where they stand in the whole text', () => {
  fc.assert(
    fc.property(
      texts,
      fc.integer({ min: 1, max: 4 }),
      fc.constantFrom('a', 'b[0].c', 'd.e[1]', 'f'),
      (text, number, field) => {
        const { documents, problems } = parseDocuments({ name: 'f', text });
        const at = documents.find(({ at: [, words] }) => words === `document ${number}`)?.at;
        fc.pre(at !== undefined && problems.length === 0);
        const place = [`document ${number}`];
        // Dots at the end have the text parsed as a whole.
        const ended = `${text}${text.endsWith('\n') ? '' : '\n'}...\n`;
        expect(positionsIn(text)(place, field)).toEqual(positionsIn(ended)(place, field));
      },
    ),
    { numRuns: 1000 },
  );
});
