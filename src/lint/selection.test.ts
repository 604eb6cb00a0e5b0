import { expect, test } from 'vitest';
import type { Finding } from './finding.ts';
import { leftOutLines, select } from './selection.ts';

function finding(cause: string, place: readonly string[] = [], more: Partial<Finding> = {}): Finding {
  return { code: 'invalid-object', severity: 'error', cause, remedy: 'Change it.', place, ...more };
}

const placeOf = ({ place = [] }: Finding) => place;
const at = (line: number) => ({ position: { line, column: 1 } });
const web = { kind: 'Service', namespace: 'shop', name: 'web' };

const causes = (findings: readonly Finding[], all = false) =>
  select(findings, placeOf, ['b.yaml', 'a.yaml'], all).told.map(({ cause }) => cause);

test.each<[string, Finding[], string[]]>([
  [
    'as files are given',
    [finding('2', ['a.yaml']), finding('1', ['b.yaml']), finding('3', ['c.yaml']), finding('4')],
    ['1', '2', '3', '4'],
  ],
  [
    'by the numbers of documents and items',
    [
      finding('4', ['a.yaml', 'document 10']),
      finding('3', ['a.yaml', 'document 2', 'items[10]']),
      finding('2', ['a.yaml', 'document 2', 'items[9]']),
      finding('1', ['a.yaml', 'document 2']),
    ],
    ['1', '2', '3', '4'],
  ],
  [
    'by lines, and what has none last',
    [finding('3', ['a.yaml']), finding('2', ['a.yaml'], at(10)), finding('1', ['a.yaml'], at(9))],
    ['1', '2', '3'],
  ],
  [
    'and otherwise as they came',
    [finding('2', ['a.yaml'], at(1)), finding('1', ['a.yaml'], at(1))],
    ['2', '1'],
  ],
])('findings are in order: %s', (_, findings, expected) => {
  expect(causes(findings)).toEqual(expected);
});

test.each<[string, Finding[], number]>([
  [
    'an object in two files',
    [finding('a', ['a.yaml'], { object: web }), finding('a', ['b.yaml'], { object: web })],
    1,
  ],
  [
    'two fields',
    [finding('a', [], { object: web, field: 'x' }), finding('a', [], { object: web, field: 'y' })],
    2,
  ],
  ['two causes', [finding('a', [], { object: web }), finding('b', [], { object: web })], 2],
  ['two codes', [finding('a', []), finding('a', [], { code: 'no-service' })], 2],
  [
    'two documents without an object',
    [finding('a', ['a', 'document 1']), finding('a', ['a', 'document 2'])],
    2,
  ],
  ['two lines of a document', [finding('a', ['a'], at(1)), finding('a', ['a'], at(2))], 2],
  ['one line, twice', [finding('a', ['a'], at(1)), finding('a', ['a'], at(1))], 1],
])('each is told once: %s', (_, findings, expected) => {
  expect(causes(findings)).toHaveLength(expected);
});

test('of each kind, ten are told, and all where that is asked for', () => {
  const findings = [
    ...Array.from({ length: 13 }, (_, i) => finding(`${i}`)),
    finding('other', [], { code: 'unknown-field' }),
  ];
  const { told, leftOut } = select(findings, placeOf, [], false);
  expect(told.map(({ cause }) => cause)).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'other']);
  expect(leftOutLines(leftOut)).toEqual(['3 more of invalid-object (--all tells them)']);
  expect(select(findings, placeOf, [], true)).toEqual({ told: findings, leftOut: [] });
});
