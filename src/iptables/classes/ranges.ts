/** Sets of whole numbers, such as addresses and ports: ranges in their order that neither meet nor touch. */

/** The first and the last number of each range, one after the other: `[1, 5, 9, 9]` is 1 to 5, and 9. */
export type Ranges = readonly bigint[];

export const NOTHING: Ranges = [];

/** The numbers from `first` to `last`. */
export function between(first: bigint, last: bigint): Ranges {
  return [first, last];
}

/** Only one number. */
export function only(value: bigint): Ranges {
  return [value, value];
}

/** The one number that there is; undefined where there is none, or more than one. */
export function onlyOne(ranges: Ranges): bigint | undefined {
  return ranges.length === 2 && ranges[0] === ranges[1] ? ranges[0] : undefined;
}

/** The place of the first range that does not end before a number. */
function placeOf(ranges: Ranges, value: bigint): number {
  let [low, high] = [0, ranges.length / 2];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (at(ranges, 2 * middle + 1) < value) low = middle + 1;
    else high = middle;
  }
  return 2 * low;
}

/** Of a place that is there. */
function at(ranges: Ranges, place: number): bigint {
  return ranges[place] ?? 0n;
}

export function holds(ranges: Ranges, value: bigint): boolean {
  const place = placeOf(ranges, value);
  return place < ranges.length && at(ranges, place) <= value;
}

/** The numbers that are in both. */
export function common(a: Ranges, b: Ranges): Ranges {
  if (a === b) return a;
  if (a.length > b.length) return common(b, a);
  const found: bigint[] = [];
  for (let i = 0; i < a.length; i += 2) {
    const [first, last] = [at(a, i), at(a, i + 1)];
    for (let j = placeOf(b, first); j < b.length && at(b, j) <= last; j += 2) {
      found.push(at(b, j) > first ? at(b, j) : first, at(b, j + 1) < last ? at(b, j + 1) : last);
    }
  }
  if (found.length === a.length && sameRanges(found, a)) return a;
  return found.length === b.length && sameRanges(found, b) ? b : found;
}

/** The numbers of `a` that are not in `b`. */
export function without(a: Ranges, b: Ranges): Ranges {
  if (a === b) return NOTHING;
  const left: bigint[] = [];
  for (let i = 0; i < a.length; i += 2) {
    let first = at(a, i);
    const last = at(a, i + 1);
    for (let j = placeOf(b, first); j < b.length && at(b, j) <= last; j += 2) {
      if (first < at(b, j)) left.push(first, at(b, j) - 1n);
      first = at(b, j + 1) + 1n;
    }
    if (first <= last) left.push(first, last);
  }
  return left.length === a.length && sameRanges(left, a) ? a : left;
}

/** The numbers that are in any. */
export function union(all: readonly Ranges[]): Ranges {
  const [first = NOTHING, ...others] = all;
  if (others.length === 0) return first;
  const sorted = all
    .flatMap((ranges) =>
      Array.from(
        { length: ranges.length / 2 },
        (_, i) => [at(ranges, 2 * i), at(ranges, 2 * i + 1)] as const,
      ),
    )
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  const found: bigint[] = [];
  for (const [from, to] of sorted) {
    const end = found.at(-1);
    if (end === undefined || from > end + 1n) found.push(from, to);
    else if (to > end) found[found.length - 1] = to;
  }
  return found;
}

export function isEmpty(ranges: Ranges): boolean {
  return ranges.length === 0;
}

export function sameRanges(a: Ranges, b: Ranges): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

const LABELS = new WeakMap<Ranges, string>();

/** A text that two sets of numbers share only if they are the same. */
export function labelOf(ranges: Ranges): string {
  const known = LABELS.get(ranges);
  if (known !== undefined) return known;
  const label = ranges.map((value) => value.toString(32)).join();
  LABELS.set(ranges, label);
  return label;
}

/** How many numbers there are. */
export function countOf(ranges: Ranges): bigint {
  let count = 0n;
  for (let i = 0; i < ranges.length; i += 2) count += at(ranges, i + 1) - at(ranges, i) + 1n;
  return count;
}
