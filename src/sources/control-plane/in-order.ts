/** The order in which a control plane made of manifests looks at objects. */
import { namespacedName } from '../../api/cluster.ts';

/** Objects in the order of their names, which are put together once for each and not for each comparison. */
export function inOrderOfNames<T extends { readonly namespace: string; readonly name: string }>(
  objects: readonly T[],
): readonly T[] {
  if (objects.length < 2) return objects;
  return objects
    .map((object) => ({ object, key: namespacedName(object) }))
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    .map(({ object }) => object);
}
