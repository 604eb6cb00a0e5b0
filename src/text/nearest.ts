/** What somebody may have meant who wrote a name that there is not. */

/** One letter in so many may be wrong. */
const LETTERS_FOR_ONE = 4;

/** No more letters may be wrong, however long a name is. */
const MOST_WRONG = 3;

/**
 * The name that a word may stand for, or undefined where it is like none of them. Capitals do not count; a letter too
 * many, too few, wrong or in its neighbour's place counts as one.
 * @param most so many letters may be wrong; by default as many as the length of the word allows
 */
export function nearest(
  word: string,
  names: Iterable<string>,
  most = Math.min(Math.max(Math.floor(word.length / LETTERS_FOR_ONE), 1), MOST_WRONG),
): string | undefined {
  let best: { readonly name: string; readonly wrong: number } | undefined;
  for (const name of names) {
    if (Math.abs(name.length - word.length) > most) continue;
    const wrong = distance(word.toLowerCase(), name.toLowerCase());
    if (wrong <= most && wrong < Math.min(word.length, best?.wrong ?? Number.POSITIVE_INFINITY)) {
      best = { name, wrong };
    }
  }
  return best?.name;
}

/** ` (shop/web?)`, behind a message about a name that there is not; empty where nothing is like it. */
export function meantBy(name: string | undefined): string {
  return name === undefined ? '' : ` (${name}?)`;
}

/** How many letters to insert, to delete, to replace or to swap with their neighbours make one word the other. */
function distance(a: string, b: string): number {
  let [beforeLast, last]: [readonly number[], readonly number[]] = [
    [],
    Array.from({ length: b.length + 1 }, (_, j) => j),
  ];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row.push(
        Math.min(
          at(last, j) + 1,
          at(row, j - 1) + 1,
          at(last, j - 1) + (same ? 0 : 1),
          swapped ? at(beforeLast, j - 2) + 1 : Number.POSITIVE_INFINITY,
        ),
      );
    }
    [beforeLast, last] = [last, row];
  }
  return at(last, b.length);
}

function at(row: readonly number[], i: number): number {
  return row[i] ?? Number.POSITIVE_INFINITY;
}
