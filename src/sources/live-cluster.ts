/** A cluster that changes, object by object, as the compiler wants to see it: what did not change stays the same. */
import { isDeepStrictEqual } from 'node:util';
import {
  type ClusterState,
  inOrderOfNames,
  namespacedName,
  type ServiceChange,
  type ServiceEntry,
  serviceKeyOf,
} from '../api/cluster.ts';
import type { EndpointSlice } from '../api/endpoint-slice.ts';
import type { Service } from '../api/service.ts';

/**
 * Holds Services and EndpointSlices and joins them, whatever comes first. Each method that takes objects tells
 * whether the cluster is another one than before.
 */
export class LiveCluster {
  readonly #entries = new Map<string, ServiceEntry>();
  /** By the Service that they belong to, then by their own name. */
  readonly #slices = new Map<string, Map<string, EndpointSlice>>();
  /** The Service of each EndpointSlice, by the slice's own key. */
  readonly #serviceOf = new Map<string, string>();
  #lastChange: Open<ServiceChange> = { service: undefined, next: undefined };

  /** The cluster as it is now. The same map all the time; an entry is replaced when anything in it changes. */
  get state(): ClusterState {
    return { services: this.#entries, lastChange: this.#lastChange };
  }

  service(key: string): Service | undefined {
    return this.#entries.get(key)?.service;
  }

  slice(key: string): EndpointSlice | undefined {
    return this.#slices.get(this.#serviceOf.get(key) ?? '')?.get(key);
  }

  setService(service: Service): boolean {
    const key = namespacedName(service);
    const former = this.#entries.get(key);
    if (former && isDeepStrictEqual(former.service, service)) return false;
    this.#set(key, { service, endpointSlices: former?.endpointSlices ?? this.#slicesOf(key) });
    return true;
  }

  deleteService(key: string): boolean {
    const deleted = this.#entries.delete(key);
    if (deleted) this.#changed(key);
    return deleted;
  }

  setSlice(slice: EndpointSlice): boolean {
    const key = namespacedName(slice);
    const service = serviceKeyOf(slice);
    const formerService = this.#serviceOf.get(key);
    const moved = formerService !== undefined && formerService !== service && this.deleteSlice(key);
    if (service === undefined) return moved;

    const slices = this.#slices.get(service) ?? new Map<string, EndpointSlice>();
    if (isDeepStrictEqual(slices.get(key), slice)) return moved;
    slices.set(key, slice);
    this.#slices.set(service, slices);
    this.#serviceOf.set(key, service);
    return this.#rejoin(service) || moved;
  }

  deleteSlice(key: string): boolean {
    const service = this.#serviceOf.get(key);
    const slices = this.#slices.get(service ?? '');
    if (service === undefined || !slices) return false;
    this.#serviceOf.delete(key);
    slices.delete(key);
    if (slices.size === 0) this.#slices.delete(service);
    return this.#rejoin(service);
  }

  /** Takes a list of all Services there are: others are gone. Tells how many have changed. */
  replaceServices(services: readonly Service[]): number {
    const kept = new Set(services.map(namespacedName));
    const gone = [...this.#entries.keys()].filter((key) => !kept.has(key));
    return (
      gone.filter((key) => this.deleteService(key)).length +
      services.filter((service) => this.setService(service)).length
    );
  }

  /** Takes a list of all EndpointSlices there are: others are gone. Tells how many have changed. */
  replaceSlices(slices: readonly EndpointSlice[]): number {
    const kept = new Set(slices.map(namespacedName));
    const gone = [...this.#serviceOf.keys()].filter((key) => !kept.has(key));
    return (
      gone.filter((key) => this.deleteSlice(key)).length +
      slices.filter((slice) => this.setSlice(slice)).length
    );
  }

  #slicesOf(service: string): readonly EndpointSlice[] {
    return inOrderOfNames([...(this.#slices.get(service)?.values() ?? [])]);
  }

  /** Gives a Service the slices that it has now. Tells whether there is such a Service. */
  #rejoin(service: string): boolean {
    const entry = this.#entries.get(service);
    if (!entry) return false;
    this.#set(service, { ...entry, endpointSlices: this.#slicesOf(service) });
    return true;
  }

  #set(key: string, entry: ServiceEntry): void {
    this.#entries.set(key, entry);
    this.#changed(key);
  }

  #changed(service: string): void {
    const change = { service, next: undefined };
    this.#lastChange.next = change;
    this.#lastChange = change;
  }
}

type Open<T> = { -readonly [K in keyof T]: T[K] };
