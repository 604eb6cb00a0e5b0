import { expect, test } from 'vitest';
import { patched } from './json-patch.ts';

const VALUE = { a: { b: [1, 2], 'c/d~e': 'old' } };

test.each([
  ['adds a field', { op: 'add', path: '/a/new', value: {} }, { a: { ...VALUE.a, new: {} } }],
  ['inserts into a list', { op: 'add', path: '/a/b/1', value: 9 }, { a: { ...VALUE.a, b: [1, 9, 2] } }],
  ['appends to a list', { op: 'add', path: '/a/b/-', value: 9 }, { a: { ...VALUE.a, b: [1, 2, 9] } }],
  ['replaces', { op: 'replace', path: '/a/c~1d~0e', value: 'new' }, { a: { ...VALUE.a, 'c/d~e': 'new' } }],
  ['replaces in a list', { op: 'replace', path: '/a/b/0', value: 9 }, { a: { ...VALUE.a, b: [9, 2] } }],
  ['removes', { op: 'remove', path: '/a' }, {}],
  ['removes from a list', { op: 'remove', path: '/a/b/0' }, { a: { ...VALUE.a, b: [2] } }],
])('%s', (_, operation, expected) => expect(patched(VALUE, [operation])).toEqual(expected));

test.each([
  { op: 'remove', path: '/a/x' },
  { op: 'replace', path: '/a/x', value: 1 },
  { op: 'add', path: '/x/y', value: 1 },
])('has nothing to do with $path for $op', (operation) =>
  expect(() => patched(VALUE, [operation])).toThrow('nothing there to be patched'),
);
