/** Label and field selectors, as far as they compare with `=` and `!=` or ask for a key. */

/**
 * What a selector asks of values, by their keys.
 * @throws Error where it has anything else, such as `in`
 */
function matches(selector: string, read: (key: string) => unknown): boolean {
  return selector
    .split(',')
    .filter((part) => part !== '')
    .every((part) => {
      const { not, key, operator, value } =
        /^(?<not>!?)(?<key>[\w./-]+?)(?:(?<operator>!=|==?)(?<value>[^=]*))?$/.exec(part)?.groups ?? {};
      if (key === undefined) throw new Error(`not a selector that is known here: ${part}`);
      const actual = read(key);
      if (operator === undefined) return (actual !== undefined) === (not === '');
      return (String(actual ?? '') === value) === (operator !== '!=');
    });
}

/** Whether an object has the labels. */
export function hasLabels(object: unknown, selector: string): boolean {
  return matches(selector, (key) => field(object, ['metadata', 'labels', key]));
}

/** Whether an object has the fields, each by its path, such as `spec.nodeName`. */
export function hasFields(object: unknown, selector: string): boolean {
  return matches(selector, (key) => field(object, key.split('.')));
}

/** A field of a value by its path; undefined where there is none. */
export function field(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (at, key) => Object.entries(Object(at)).find(([name]) => name === key)?.[1],
    value,
  );
}
