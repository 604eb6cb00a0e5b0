/** What was made of an object, kept for as long as it would be made the same again. */

/** Forgets an object together with whoever else held it. */
export class Memo<Key extends WeakKey, Value> {
  readonly #made = new WeakMap<Key, { readonly inputs: readonly unknown[]; readonly value: Value }>();

  /**
   * Gives what was made of the key last, or makes it.
   * @param inputs all else that it is made of; the same objects and values stand for the same result
   */
  get(key: Key, inputs: readonly unknown[], make: () => Value): Value {
    const known = this.#made.get(key);
    if (known && sameItems(known.inputs, inputs)) return known.value;
    const value = make();
    this.#made.set(key, { inputs, value });
    return value;
  }
}

function sameItems(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((item, i) => item === b[i]);
}
