/** Fields that Kubernetes does not have. An API server drops them, and tells only where validation is strict. */
import { present } from '../errors/invariant.ts';
import { nearest } from '../text/nearest.ts';
import { FIELDS_OF_TYPES, KINDS } from './kubernetes-fields.ts';

export type KnownKind = keyof typeof KINDS;

export interface UnknownField {
  /** Its way into the object. */
  readonly path: readonly PropertyKey[];
  /** The field beside it that may be meant. */
  readonly meant: string | undefined;
}

/** What older releases had and is still followed. */
const OLDER_FIELDS: Readonly<Record<string, string>> = { ServiceSpec: 'topologyKeys' };

/** The fields of a type, each with the type of what it holds, where that has fields of its own. */
type Fields = ReadonlyMap<string, string | undefined>;

const TYPES = new Map<string, Fields>();

/**
 * The fields of an object that are none of its kind's, whether or not their values would do. What has a type that the
 * field cannot have is not looked into.
 */
export function unknownFields(object: unknown, kind: KnownKind): UnknownField[] {
  const found: UnknownField[] = [];
  const visit = (value: unknown, type: string, path: readonly PropertyKey[]): void => {
    if (typeof value !== 'object' || value === null) return;
    if (Array.isArray(value)) {
      for (const [i, item] of value.entries()) if (!Array.isArray(item)) visit(item, type, [...path, i]);
      return;
    }
    const fields = fieldsOfType(type);
    for (const [name, inner] of Object.entries(value)) {
      if (!fields.has(name)) {
        found.push({ path: [...path, name], meant: nearest(name, fields.keys()) });
        continue;
      }
      const innerType = fields.get(name);
      if (innerType !== undefined) visit(inner, innerType, [...path, name]);
    }
  };
  visit(object, KINDS[kind].type, []);
  return found;
}

/**
 * The fields of a type of {@link KINDS}, or of what a field holds. The table is read type by type, as objects need it: most
 * of it is for Pods.
 */
export function fieldsOfType(type: string): Fields {
  const known = TYPES.get(type);
  if (known) return known;
  const words = [present(FIELDS_OF_TYPES[type], `fields of ${type}`), OLDER_FIELDS[type]];
  const fields = new Map(
    words
      .flatMap((some) => some?.split(' ') ?? [])
      .map((word): [string, string | undefined] => {
        const [name = word, inner] = word.split(':');
        return [name, inner];
      }),
  );
  TYPES.set(type, fields);
  return fields;
}
