import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ListsInOrder } from './lists-in-order.ts';

const key = fc.constantFrom('a/a', 'a/aa', 'a/b', 'b/a', 'b/é', 'c/a');
const few = fc.array(fc.tuple(key, fc.array(fc.nat(), { maxLength: 3 })), { maxLength: 4 });
const many = fc
  .array(fc.array(fc.nat(), { maxLength: 2 }), { minLength: 20, maxLength: 20 })
  .map((lists) => lists.map((list, i): [string, number[]] => [`b/${(i * 7) % 20}`, list]));

test('whatever changes: the lists that are there now, in the order of their keys', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(few, many), { maxLength: 8 }), (changes) => {
      const lists = new ListsInOrder<number>();
      const now = new Map<string, number[]>();
      for (const change of changes) {
        lists.replace(new Map(change));
        for (const [key, list] of change) now.set(key, list);
        const expected = [...now].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([, list]) => list);
        expect(lists.items).toEqual(expected);
      }
    }),
  );
});

test('what was given out stays as it was', () => {
  const lists = new ListsInOrder<number>();
  lists.replace(
    new Map([
      ['a/a', [1]],
      ['a/b', [2]],
    ]),
  );
  const before = lists.items;
  lists.replace(new Map([['a/a', []]]));
  expect(before).toEqual([1, 2]);
  expect(lists.items).toEqual([2]);
});
