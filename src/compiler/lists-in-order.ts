/** What many Services give, each a list, as one list. */
import { present } from '../errors/invariant.ts';

/** With more Services than this, going through the list once costs less than as many copies. */
const ONE_BY_ONE = 16;

/**
 * The lists of many Services, one after the other in the order of the Services' keys. Where one changes, the others are
 * not looked at: it takes a search for its place, and a copy of the list in one piece.
 */
export class ListsInOrder<T> {
  #items: readonly T[] = [];
  /** The Service that each item is of, by `namespace/name`. */
  #keys: string[] = [];

  /** All items; another list whenever some are replaced. */
  get items(): readonly T[] {
    return this.#items;
  }

  /** Gives some Services, by `namespace/name`, other lists: empty ones to those that have nothing any more. */
  replace(lists: ReadonlyMap<string, readonly T[]>): void {
    if (lists.size > ONE_BY_ONE) {
      this.#merge(lists);
      return;
    }
    for (const [key, list] of lists) {
      const { start, end } = this.#placeOf(key);
      this.#items = this.#items.toSpliced(start, end - start, ...list);
      this.#keys.splice(start, end - start, ...list.map(() => key));
    }
  }

  #merge(lists: ReadonlyMap<string, readonly T[]>): void {
    const [items, keys]: [T[], string[]] = [[], []];
    let next = 0;
    const keepUntil = (end: number) => {
      for (const item of this.#items.slice(next, end)) items.push(item);
      for (const key of this.#keys.slice(next, end)) keys.push(key);
    };
    for (const [key, list] of [...lists].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const { start, end } = this.#placeOf(key);
      keepUntil(start);
      next = end;
      for (const item of list) {
        items.push(item);
        keys.push(key);
      }
    }
    keepUntil(this.#keys.length);
    this.#items = items;
    this.#keys = keys;
  }

  /** Where the items of a Service are, or would be. */
  #placeOf(key: string): { start: number; end: number } {
    let [low, high] = [0, this.#keys.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (present(this.#keys[middle], 'key between two others') < key) low = middle + 1;
      else high = middle;
    }
    let end = low;
    while (this.#keys[end] === key) end++;
    return { start: low, end };
  }
}
