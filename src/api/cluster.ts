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
  /** Of a cluster that tells its changes, the last one until now; see {@link ChangedServices}. */
  readonly lastChange?: ServiceChange;
}

/** A Service has come, gone or changed. Who keeps a change finds from it all that came after. */
export interface ServiceChange {
  /** `namespace/name`; undefined for the beginning, before anything changed. */
  readonly service: string | undefined;
  readonly next: ServiceChange | undefined;
}

/** Reads the changes of a cluster, each once, so that who follows it need not look at everything that is there. */
export class ChangedServices {
  #last: ServiceChange | undefined;

  /**
   * The Services, by `namespace/name`, that may be others than at the last call; undefined where all may be: the first
   * time, and for a cluster that does not tell its changes, or is another one.
   */
  in({ lastChange }: ClusterState): ReadonlySet<string> | undefined {
    const changed = new Set<string>();
    let known = this.#last !== undefined && this.#last === lastChange;
    let last = this.#last;
    while (last?.next) {
      last = last.next;
      known ||= last === lastChange;
      if (last.service !== undefined) changed.add(last.service);
    }
    this.#last = known ? last : lastChange;
    return known ? changed : undefined;
  }
}

/** `namespace/name`, the key of an object everywhere. */
export function namespacedName(object: { readonly namespace: string; readonly name: string }): string {
  return `${object.namespace}/${object.name}`;
}

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

/** The Service that an EndpointSlice belongs to, by `namespace/name`. */
export function serviceKeyOf({ namespace, serviceName }: EndpointSlice): string | undefined {
  return serviceName === undefined ? undefined : `${namespace}/${serviceName}`;
}

/** Gathers the EndpointSlices of each Service. Those of no Service are left out. */
export function clusterState(
  services: Iterable<Service>,
  endpointSlices: Iterable<EndpointSlice>,
): ClusterState {
  const slicesOf = Map.groupBy(endpointSlices, serviceKeyOf);
  const entries = Array.from(services, (service): [string, ServiceEntry] => {
    const key = namespacedName(service);
    return [key, { service, endpointSlices: inOrderOfNames(slicesOf.get(key) ?? []) }];
  });
  return { services: new Map(entries) };
}
