/** Tests that take long have a short form, which is in every run, and a long one, which `scripts/test-long` runs. */

export const IS_LONG = process.env.SVC2IPT_LONG_TESTS !== undefined;

/** So often in the short form of a test, and in its long one. */
export function often(usually: number, atLength: number): number {
  return IS_LONG ? atLength : usually;
}

/** In the short form, every `parts`th of a table's rows, from one on: who shares a table takes turns. */
export function someOf<T>(rows: readonly T[], from: number, parts: number): readonly T[] {
  return IS_LONG ? rows : rows.filter((_, i) => i % parts === from);
}

/** Each of some with each of others; in the short form, all of either in as few pairs as that takes. */
export function pairs<A, B>(some: readonly A[], others: readonly B[]): readonly (readonly [A, B])[] {
  return some.flatMap((one, i) =>
    others.flatMap((other, j) =>
      IS_LONG || (i - j) % Math.min(some.length, others.length) === 0 ? [[one, other] as const] : [],
    ),
  );
}
