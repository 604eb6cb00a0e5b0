/** Names of Services that there are not. */
import { meantBy, nearest } from '../text/nearest.ts';
import { InputError, show } from './problem.ts';

/**
 * ` (shop/web or test/web?)`: who has a name in some namespace, or else the name that is nearest to it; empty where there
 * is none.
 * @param name `namespace/name`, or a name alone
 */
export function namesakes(name: string, known: Iterable<string>): string {
  const names = [...new Set(known)];
  const own = name.slice(name.lastIndexOf('/') + 1);
  const found = names.filter((other) => other.endsWith(`/${own}`));
  if (found.length > 0) return ` (${found.join(' or ')}?)`;
  return meantBy(nearest(name, names));
}

/**
 * That there is no such Service, and which one may be meant.
 * @param known the names that there are, `namespace/name`
 * @param where they are, in words
 */
export function unknownService(name: string, known: Iterable<string>, where: string): InputError {
  const hint = namesakes(name, known);
  return new InputError([{ at: [], message: `no Service ${show(name)} ${where}${hint}` }]);
}
