/** JSON patches (RFC 6902), as `kubectl patch --type json` and Kustomize have them. */
import { z } from 'zod';

const operations = z.array(
  z.discriminatedUnion('op', [
    z.strictObject({ op: z.enum(['add', 'replace']), path: z.string(), value: z.unknown() }),
    z.strictObject({ op: z.literal('remove'), path: z.string() }),
  ]),
);

/** A value with a patch applied. Throws where there is nothing to be replaced or removed, or nowhere to add to. */
export function patched(value: unknown, patch: unknown): unknown {
  const result: unknown = structuredClone(value);
  for (const operation of operations.parse(patch)) {
    const keys = operation.path.split('/').slice(1).map(unescaped);
    const last = keys.pop() ?? '';
    const parent = keys.reduce<unknown>(valueAt, result);
    if (operation.op !== 'add') valueAt(parent, last);
    if (Array.isArray(parent)) {
      const index = last === '-' ? parent.length : Number(last);
      const added = operation.op === 'remove' ? [] : [operation.value];
      parent.splice(index, operation.op === 'add' ? 0 : 1, ...added);
    } else if (operation.op === 'remove') Reflect.deleteProperty(Object(parent), last);
    else Object.assign(Object(parent), { [last]: operation.value });
  }
  return result;
}

/** A part of a JSON pointer (RFC 6901). */
const unescaped = (key: string) => key.replaceAll('~1', '/').replaceAll('~0', '~');

function valueAt(value: unknown, key: string): unknown {
  const found = Object.entries(Object(value)).find(([name]) => name === key);
  if (found === undefined) throw new Error(`nothing there to be patched: ${key}`);
  return found[1];
}
