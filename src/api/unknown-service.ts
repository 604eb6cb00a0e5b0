/** Names of Services that there are not. */
import { InputError, show } from './problem.ts';

/** ` (shop/web or test/web?)`: who has a name in some namespace; empty where nobody has. */
export function namesakes(name: string, known: Iterable<string>): string {
  const found = [...new Set(known)].filter((other) => other.endsWith(`/${name}`));
  return found.length > 0 ? ` (${found.join(' or ')}?)` : '';
}

/**
 * That there is no such Service, and which one may be meant.
 * @param known the names that there are, `namespace/name`
 * @param where they are, in words
 */
export function unknownService(name: string, known: Iterable<string>, where: string): InputError {
  const hint = namesakes(name.slice(name.lastIndexOf('/') + 1), known);
  return new InputError([{ at: [], message: `no Service ${show(name)} ${where}${hint}` }]);
}
