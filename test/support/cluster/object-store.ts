/** The objects of a cluster with their versions, and what has happened to them. */
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { type Resource, resourceOf } from './resources.ts';

export const objectSchema = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({
    name: z.string(),
    namespace: z.string().optional(),
    uid: z.string().optional(),
    generation: z.number().optional(),
    labels: z.record(z.string(), z.string()).optional(),
  }),
});
export type KubernetesObject = z.output<typeof objectSchema>;

export interface StoreEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly resource: Resource;
  readonly object: KubernetesObject;
  /** What it was before. */
  readonly former: KubernetesObject | undefined;
  readonly version: number;
}

export class ObjectStore {
  readonly events: StoreEvent[] = [];
  readonly #objects = new Map<string, KubernetesObject>();
  readonly #listeners = new Set<(event: StoreEvent) => void>();
  #version = 1;

  get version(): number {
    return this.#version;
  }

  get(resource: Resource, namespace: string | undefined, name: string): KubernetesObject | undefined {
    return this.#objects.get(keyOf(resource, namespace, name));
  }

  /** Sorted by namespace and name. */
  list(resource: Resource, namespace?: string): KubernetesObject[] {
    const prefix = namespace === undefined ? `${pathOf(resource)} ` : `${pathOf(resource)} ${namespace}/`;
    return [...this.#objects]
      .filter(([key]) => key.startsWith(prefix))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, object]) => object);
  }

  /** Adds an object, or a new version of it, with the metadata that a server gives it. */
  put(object: KubernetesObject): KubernetesObject {
    const resource = resourceOf(object);
    const { metadata } = object;
    const key = keyOf(resource, metadata.namespace, metadata.name);
    const former = this.#objects.get(key);
    const same = former !== undefined && isDeepStrictEqual(former.spec, object.spec);
    const version = ++this.#version;
    const stored = {
      ...object,
      metadata: {
        ...metadata,
        uid: former?.metadata.uid ?? metadata.uid ?? crypto.randomUUID(),
        creationTimestamp: former?.metadata.creationTimestamp ?? new Date().toISOString(),
        generation: (former?.metadata.generation ?? 0) + (same ? 0 : 1),
        resourceVersion: String(version),
      },
    };
    this.#objects.set(key, stored);
    this.#tell({ type: former ? 'MODIFIED' : 'ADDED', resource, object: stored, former, version });
    return stored;
  }

  /** Takes out an object; nothing happens where it is gone already. */
  delete(object: KubernetesObject): void {
    const resource = resourceOf(object);
    const key = keyOf(resource, object.metadata.namespace, object.metadata.name);
    const former = this.#objects.get(key);
    if (!former) return;
    this.#objects.delete(key);
    const version = ++this.#version;
    const last = { ...former, metadata: { ...former.metadata, resourceVersion: String(version) } };
    this.#tell({ type: 'DELETED', resource, object: last, former, version });
  }

  /** Tells of everything that happens from now on, until the function that it gives is called. */
  listen(listener: (event: StoreEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #tell(event: StoreEvent): void {
    this.events.push(event);
    for (const listener of [...this.#listeners]) listener(event);
  }
}

const pathOf = ({ group, plural }: Resource) => `${group}/${plural}`;

const keyOf = (resource: Resource, namespace: string | undefined, name: string): string =>
  `${pathOf(resource)} ${namespace ?? ''}/${name}`;
