/** Looking into what a server sends, before any schema has seen it. */
import { isMapping } from '../../api/problem.ts';

/** A field that is a mapping; undefined where it is anything else, or there is nothing to look into. */
export function mappingAt(value: unknown, field: string): Readonly<Record<string, unknown>> | undefined {
  const inner = isMapping(value) ? value[field] : undefined;
  return isMapping(inner) ? inner : undefined;
}

/** A field that is text; undefined where it is anything else, or there is nothing to look into. */
export function textAt(value: unknown, field: string): string | undefined {
  const inner = isMapping(value) ? value[field] : undefined;
  return typeof inner === 'string' ? inner : undefined;
}
