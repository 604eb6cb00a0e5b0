import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { newsOf, withNews } from './news.ts';

const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom<unknown>(undefined, null, true, 0, -0, 1, Number.NaN, '', 'a', 'now', 'same'),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.constantFrom('a', 'b', '0', 'length', 'now', 'between', '__proto__'), tie('value'), {
      noNullPrototype: true,
    }),
  ),
}));

/** What threads do to all that they send. */
const sent = <Value>(one: Value): Value => structuredClone(one);

test('what is made of the former value and the news is the value', () => {
  fc.assert(
    fc.property(value, value, (before, after) => {
      expect(withNews(before, sent(newsOf(before, after)))).toStrictEqual(after);
      expect(newsOf(after, sent(after))).toBe('same');
    }),
    { numRuns: 2000 },
  );
});

describe('what is the same stays the same object', () => {
  const [a, b, c] = [{ rules: [1] }, { rules: [2] }, { rules: [3] }];
  test.each([
    { what: 'one is another', before: [a, b, c], after: [a, { rules: [4] }, c], kept: [0, undefined, 2] },
    { what: 'one comes', before: [a, c], after: [a, b, c], kept: [0, undefined, 1] },
    { what: 'one goes', before: [a, b, c], after: [a, c], kept: [0, 2] },
    { what: 'all are new', before: [], after: [a, b], kept: [undefined, undefined] },
    { what: 'all are gone', before: [a, b], after: [], kept: [] },
  ])('where $what', ({ before, after, kept }) => {
    const now = withNews(before, sent(newsOf(before, sent(after))));
    expect(now).toEqual(after);
    expect((now as unknown[]).map((one) => before.indexOf(one as typeof a))).toEqual(
      kept.map((place) => place ?? -1),
    );
  });

  test('and of a value that is the same, nothing is sent', () => {
    expect(newsOf({ a: [a, b] }, sent({ a: [a, b] }))).toBe('same');
  });
});

test('what is no plain data is sent whole', () => {
  const after = { map: new Map([['a', 1]]), date: new Date(0) };
  expect(withNews(sent(after), sent(newsOf(sent(after), after)))).toEqual(after);
  expect(newsOf(sent(after), after)).toEqual({
    parts: [
      ['map', { now: after.map }],
      ['date', { now: after.date }],
    ],
  });
});
