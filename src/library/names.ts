/** Names as users type them, in rules or in an input. */

import { InputError, type Problem } from '../api/problem.ts';
import { candidatesFor, findOne, type NamedThing, notFound, type Search } from '../names/find.ts';
import { readName } from '../names/name.ts';
import { type Things, thingsOfCluster, thingsOfRules } from '../names/things.ts';
import type { Family } from '../net/address.ts';
import { hasPorts, type Place, parsePlace, placeIn } from '../trace/place.ts';
import type { CompilerInput } from './compiler-input.ts';
import type { RulesSource } from './rules.ts';
import { isNarrowed, type Narrowing, namespaceOf, shownOf } from './shown.ts';

/**
 * What names stand for: by the input where there is any, else by the rules.
 * @param family the only one that is asked for, where it is known
 */
export function thingsOf(source: RulesSource, family: Family | undefined): Things {
  if (source.input !== undefined) return thingsOfCluster(source.input);
  const families = family === undefined ? source.families : [family];
  return thingsOfRules(families.map((one) => source.rules(one)));
}

/** Where names are looked for, by the options that narrow what is shown. */
export function searchIn(
  things: Things,
  kinds: readonly NamedThing['kind'][],
  options: Narrowing,
  inputs: readonly CompilerInput[],
): Search {
  const isShown = isNarrowed(options) ? { isShown: shownOf(options, inputs).service } : {};
  return { things, kinds, namespace: namespaceOf(options), ...isShown };
}

/**
 * The Services that the values of `--service` stand for, `namespace/name`.
 * @throws InputError for each that stands for none, or for several
 */
export function servicesNamed(
  texts: readonly string[],
  things: Things,
  options: Narrowing,
): readonly string[] {
  const search: Search = { things, kinds: ['service'], namespace: namespaceOf(options) };
  const problems: Problem[] = [];
  const services = texts.flatMap((text) => {
    try {
      const found = findOne(text, search, '--service');
      if (found?.kind === 'service') return [found.service];
      throw notFound(text, search, '--service');
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      problems.push(...error.problems);
      return [];
    }
  });
  if (problems.length > 0) throw new InputError(problems);
  return services;
}

/**
 * Where a packet comes from or goes to, as a user types it.
 * @param search where names are looked for; called only where the text alone does not say it all
 * @throws InputError where that is nothing, or may be several things
 */
export function placeNamed(text: string, flag: '--from' | '--to', search: () => Search): Place {
  const place = placeIn(text);
  if (place !== undefined && (isWholePlace(place) || (flag === '--from' && place.kind === 'address')))
    return place;
  if (place === undefined && readName(text).length === 0) return parsePlace(text, flag);
  const where = search();
  if (place?.kind === 'service' && where.things.services.has(place.service)) return place;
  const found = findOne(text, where, flag);
  if (found !== undefined) return placeOfFound(found);
  // What it may be else is told where the packet is made.
  if (place !== undefined) return place;
  const [service] = flag === '--from' ? candidatesFor(text, { ...where, kinds: ['service'] }) : [];
  if (service !== undefined) return placeOfFound(service);
  throw notFound(text, where, flag);
}

/** Whether there is no more to know of a place: an address may be that of a Service, which has ports, a name that of a Pod. */
export function isWholePlace(place: Place): boolean {
  if (place.kind === 'service') return false;
  if (place.kind !== 'address' || place.port !== undefined) return true;
  return place.protocol !== undefined && !hasPorts(place.protocol);
}

function placeOfFound(found: NamedThing): Place {
  if (found.kind === 'pod') return found;
  return { ...found, way: found.way ?? 'cluster-ip' };
}
