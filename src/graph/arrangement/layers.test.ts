import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type LayerBox, layered } from './layers.ts';

/** Boxes of 100 x 60 that lead to others from rows of 10. */
function boxes(...exits: readonly (readonly number[])[]): LayerBox[] {
  return exits.map((to, id) => ({
    id,
    width: 100,
    height: 60,
    exits: to.map((to, row) => ({ to, y: 10 * (row + 1) })),
  }));
}

describe('columns', () => {
  test.each<[string, readonly (readonly number[])[], readonly number[]]>([
    ['one box', [[]], [0]],
    ['one after the other', [[1], [2], []], [0, 1, 2]],
    ['side by side', [[2], [2], []], [0, 0, 1]],
    ['behind the longest way', [[1, 2], [2], []], [0, 1, 2]],
    ['without what is not there', [[7], []], [0, 0]],
    ['in a circle', [[1], [0]], [1, 0]],
    ['to itself', [[0]], [0]],
  ])('%s', (_, exits, expected) => {
    const { places } = layered(boxes(...exits));
    const offsets = [...new Set([...places.values()].map(({ x }) => x))].sort((a, b) => a - b);
    expect(exits.map((_, id) => offsets.indexOf(places.get(id)?.x ?? -1))).toEqual(expected);
  });
});

test('many boxes around the middle of the one that leads to them', () => {
  const { places } = layered(boxes([1, 2, 3], [], [], []));
  expect(places.get(0)?.y).toBe(places.get(2)?.y);
});

test('a small box beside its row', () => {
  const { places } = layered([
    { id: 0, width: 100, height: 400, exits: [{ to: 1, y: 390 }] },
    { id: 1, width: 100, height: 60, exits: [] },
  ]);
  expect(places.get(0)?.y).toBe(0);
  expect(places.get(1)?.y).toBe(378);
});

const box = fc.record({
  width: fc.integer({ min: 1, max: 300 }),
  height: fc.integer({ min: 1, max: 300 }),
  exits: fc.array(fc.record({ to: fc.nat(12), y: fc.nat(300) }), { maxLength: 6 }),
});

test('whatever leads to what, every box has a place of its own', () => {
  fc.assert(
    fc.property(fc.array(box, { maxLength: 12 }), (shapes) => {
      const all = shapes.map((shape, id) => ({ id, ...shape }));
      const { places, width, height } = layered(all);
      const areas = all.map((box) => {
        const place = places.get(box.id);
        return { x: place?.x ?? -1, y: place?.y ?? -1, width: box.width, height: box.height };
      });
      for (const [i, a] of areas.entries()) {
        expect(a.x >= 0 && a.y >= 0 && a.x + a.width <= width && a.y + a.height <= height).toBe(true);
        for (const b of areas.slice(i + 1)) {
          const apart =
            a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y;
          expect(apart).toBe(true);
        }
      }
    }),
  );
});
