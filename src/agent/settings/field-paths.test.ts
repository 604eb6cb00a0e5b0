import fc from 'fast-check';
import { expect, test } from 'vitest';
import { documentOf, valueAt } from './field-paths.ts';

test.each<[string, unknown]>([
  ['a', { b: { c: 0 }, d: [1] }],
  ['a.b', { c: 0 }],
  ['a.b.c', 0],
  ['a.d.0', 1],
  ['a.x', undefined],
  ['a.b.c.x', undefined],
  ['x.y', undefined],
])('what stands at %s', (path, expected) => {
  expect(valueAt({ a: { b: { c: 0 }, d: [1] } }, path)).toEqual(expected);
});

test('a document of fields has each of them', () => {
  const name = fc.constantFrom('a', 'b', 'c');
  const leaf = fc.constantFrom('x', 'y', 'z');
  const path = fc
    .tuple(fc.array(name, { maxLength: 3 }), leaf)
    .map(([names, last]) => [...names, last].join('.'));
  const fields = fc.uniqueArray(fc.tuple(path, fc.nat()), { selector: ([path]) => path });
  fc.assert(
    fc.property(fields, (fields) => {
      const document = documentOf(fields);
      for (const [path, value] of fields) expect(valueAt(document, path)).toBe(value);
    }),
  );
});
