/** Tests of the kernel have a short form, which is in every run, and a long one, which `scripts/test-long` runs. */

export const IS_LONG = process.env.SVC2IPT_LONG_TESTS !== undefined;

/** So often in the short form of a test, and in its long one. */
export function often(usually: number, atLength: number): number {
  return IS_LONG ? atLength : usually;
}

/** In the short form, every `parts`th of a table's rows, from one on: who shares a table takes turns. */
export function someOf<T>(rows: readonly T[], from: number, parts: number): readonly T[] {
  return IS_LONG ? rows : rows.filter((_, i) => i % parts === from);
}
