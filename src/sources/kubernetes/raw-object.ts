/** Looking into what a server sends, before any schema has seen it. */
import { isMapping } from '../../api/problem.ts';

type Mapping = Readonly<Record<string, unknown>>;

/** A value that is a mapping; undefined where it is anything else. */
export function mappingOf(value: unknown): Mapping | undefined {
  return isMapping(value) ? value : undefined;
}

/** A field that is a mapping; undefined where it is anything else, or there is nothing to look into. */
export function mappingAt(value: unknown, field: string): Mapping | undefined {
  return mappingOf(mappingOf(value)?.[field]);
}

/** A field that is text; undefined where it is anything else, or there is nothing to look into. */
export function textAt(value: unknown, field: string): string | undefined {
  const inner = mappingOf(value)?.[field];
  return typeof inner === 'string' ? inner : undefined;
}
