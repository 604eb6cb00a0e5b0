/** The order in which a control plane made of manifests looks at Services. */
import { namespacedName } from '../../api/cluster.ts';
import type { Service } from '../../api/service.ts';

/** Services in the order of their names, which are put together once for each and not for each comparison. */
export function inOrderOfNames(services: readonly Service[]): Service[] {
  return services
    .map((service) => ({ service, key: namespacedName(service) }))
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    .map(({ service }) => service);
}
