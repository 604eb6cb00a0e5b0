/** A cluster as the compiler sees it: Services, each with the EndpointSlices that say where its endpoints are. */
import type { EndpointSlice } from './endpoint-slice.ts';
import type { Service } from './service.ts';

/** Immutable: a change of the Service or of its endpoints makes a new one, which is how the compiler sees a change. */
export interface ServiceEntry {
  readonly service: Service;
  /** In the order of their names. */
  readonly endpointSlices: readonly EndpointSlice[];
}

export interface ClusterState {
  /** By `namespace/name`. */
  readonly services: ReadonlyMap<string, ServiceEntry>;
}

/** `namespace/name`, the key of an object everywhere. */
export function namespacedName(object: { readonly namespace: string; readonly name: string }): string {
  return `${object.namespace}/${object.name}`;
}

/** Gathers the EndpointSlices of each Service. Those of no Service are left out. */
export function clusterState(
  services: Iterable<Service>,
  endpointSlices: Iterable<EndpointSlice>,
): ClusterState {
  const slicesOf = Map.groupBy(
    endpointSlices,
    ({ namespace, serviceName }) => `${namespace}/${serviceName ?? ''}`,
  );
  const entries = Array.from(services, (service): [string, ServiceEntry] => {
    const key = namespacedName(service);
    const slices = (slicesOf.get(key) ?? []).sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
    return [key, { service, endpointSlices: slices }];
  });
  return { services: new Map(entries) };
}
