/**
 * What is new in an answer: threads copy all that they send each other, and a keystroke changes little. What is the same
 * stays the same object, so that the page draws only what is new.
 */

/**
 * From one plain value to the next:
 * - `same`: nothing is new.
 * - `now`: all of it.
 * - `parts`: some values of an object, or of a list of the same length, by their keys.
 * - `between`: of a list, those after the first and before the last ones, which are as they were.
 */
export type News =
  | 'same'
  | { readonly now: unknown }
  | { readonly parts: readonly (readonly [key: string, news: News])[] }
  | { readonly first: number; readonly last: number; readonly between: readonly unknown[] };

/**
 * @param before plain data, as `after`: objects, lists, texts, numbers, booleans, undefined and null. Anything else is new
 */
export function newsOf(before: unknown, after: unknown): News {
  if (Object.is(before, after)) return 'same';
  if (Array.isArray(before) && Array.isArray(after) && before.length !== after.length) {
    return newsOfList(before, after);
  }
  if (!isPlain(before) || !isPlain(after) || Array.isArray(before) !== Array.isArray(after))
    return { now: after };
  const keys = Object.keys(after);
  const sameKeys =
    keys.length === Object.keys(before).length && keys.every((key) => Object.hasOwn(before, key));
  if (!sameKeys) return { now: after };
  const parts: (readonly [string, News])[] = [];
  for (const key of keys) {
    const news = newsOf(before[key], after[key]);
    if (news !== 'same') parts.push([key, news]);
  }
  return parts.length === 0 ? 'same' : { parts };
}

function newsOfList(before: readonly unknown[], after: readonly unknown[]): News {
  const most = Math.min(before.length, after.length);
  const isSame = (was: unknown, is: unknown) => newsOf(was, is) === 'same';
  let first = 0;
  while (first < most && isSame(before[first], after[first])) first += 1;
  let last = 0;
  while (last < most - first && isSame(before.at(-1 - last), after.at(-1 - last))) last += 1;
  return { first, last, between: after.slice(first, after.length - last) };
}

/** What {@link newsOf} was given as `after`, made of what it was given as `before`. */
export function withNews(before: unknown, news: News): unknown {
  if (news === 'same') return before;
  if ('now' in news) return news.now;
  if ('between' in news) {
    const list = Array.isArray(before) ? before : [];
    return [...list.slice(0, news.first), ...news.between, ...list.slice(list.length - news.last)];
  }
  const parts = news.parts.map(([key, part]) => [
    key,
    withNews(isPlain(before) ? before[key] : undefined, part),
  ]);
  return Array.isArray(before)
    ? Object.assign([...before], Object.fromEntries(parts))
    : { ...(isPlain(before) && before), ...Object.fromEntries(parts) };
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === Array.prototype;
}
