/** Names of Services that there are not. */
import { InputError, show } from './problem.ts';

/**
 * That there is no such Service, and which one may be meant.
 * @param known the names that there are, `namespace/name`
 * @param where they are, in words
 */
export function unknownService(name: string, known: Iterable<string>, where: string): InputError {
  const last = name.slice(name.lastIndexOf('/') + 1);
  const namesakes = [...new Set(known)].filter((other) => other.endsWith(`/${last}`));
  const hint = namesakes.length > 0 ? ` (${namesakes.join(' or ')}?)` : '';
  return new InputError([{ at: [], message: `no Service ${show(name)} ${where}${hint}` }]);
}
