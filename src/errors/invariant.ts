/**
 * What cannot be missing. Where it is, the program is wrong and not its input: better an error that says so than an
 * empty text in a rule.
 * @param what it is, for the error
 */
export function present<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`bug: no ${what}`);
  return value;
}
