/** The cluster as the Kubernetes API tells it: Services, EndpointSlices and this node, followed for ever. */
import { z } from 'zod';
import type { ClusterState } from '../../api/cluster.ts';
import { endpointSliceSchema } from '../../api/endpoint-slice.ts';
import { type Node, nodeSchema } from '../../api/node.ts';
import { check, formatProblem } from '../../api/problem.ts';
import { serviceSchema } from '../../api/service.ts';
import { LiveCluster } from '../live-cluster.ts';
import type { Connection } from './connection.ts';
import { DEFAULT_TIMES, type Follower, type ListWatchTimes, listWatch, type Resource } from './list-watch.ts';

/** Who is told of what happens. */
export interface SourceListener {
  /** The cluster or the node is another one than before. Only told once everything has been listed. */
  changed(): void;
  /** An object that cannot be used; what was known of it stays. */
  invalidObject(message: string): void;
  /** The API server failed; what was known stays, and it is tried again in so many milliseconds. */
  failed(resource: string, error: Error, retryIn: number): void;
}

/** What is taken of an object: undefined where it cannot be used. */
interface Reduced<T> {
  /** `namespace/name`, or the name of a Node. */
  readonly key: string;
  readonly object: T | undefined;
}

/** The selector that kube-proxy v1.36 watches EndpointSlices with. */
const PROXIED = '!service.kubernetes.io/headless,!service.kubernetes.io/service-proxy-name';

export class KubernetesSource {
  readonly #connection: Connection;
  readonly #nodeName: string;
  readonly #listener: SourceListener;
  readonly #times: ListWatchTimes;
  readonly #cluster = new LiveCluster();
  readonly #listed = new Set<string>();
  #node: Node | undefined;

  constructor(
    connection: Connection,
    nodeName: string,
    listener: SourceListener,
    times: ListWatchTimes = DEFAULT_TIMES,
  ) {
    this.#connection = connection;
    this.#nodeName = nodeName;
    this.#listener = listener;
    this.#times = times;
  }

  /** The cluster as far as it is known; only whole once {@link synced}. */
  get cluster(): ClusterState {
    return this.#cluster.state;
  }

  /** This node's object; undefined where there is none. */
  get node(): Node | undefined {
    return this.#node;
  }

  /** Whether everything has been listed at least once. Until then no rule may be written. */
  get synced(): boolean {
    return this.#listed.size === 3;
  }

  /** Follows the cluster until the signal ends it. */
  async run(signal: AbortSignal): Promise<void> {
    const cluster = this.#cluster;
    await Promise.all([
      this.#follow(
        '/api/v1/services',
        {},
        serviceSchema,
        {
          get: (key) => cluster.service(key),
          replace: (all) => cluster.replaceServices(all),
          set: (service) => cluster.setService(service),
          delete: (key) => cluster.deleteService(key),
        },
        signal,
      ),
      this.#follow(
        '/apis/discovery.k8s.io/v1/endpointslices',
        { labelSelector: PROXIED },
        endpointSliceSchema,
        {
          get: (key) => cluster.slice(key),
          replace: (all) => cluster.replaceSlices(all),
          set: (slice) => cluster.setSlice(slice),
          delete: (key) => cluster.deleteSlice(key),
        },
        signal,
      ),
      this.#follow(
        '/api/v1/nodes',
        { fieldSelector: `metadata.name=${this.#nodeName}` },
        nodeSchema,
        {
          get: () => this.#node,
          replace: ([node]) => this.#setNode(node),
          set: (node) => this.#setNode(node),
          delete: () => this.#setNode(undefined),
        },
        signal,
      ),
    ]);
  }

  #setNode(node: Node | undefined): boolean {
    const changed = JSON.stringify(node) !== JSON.stringify(this.#node);
    this.#node = node;
    return changed;
  }

  async #follow<Schema extends z.ZodType>(
    path: string,
    selectors: Resource<unknown>['selectors'],
    schema: Schema,
    store: Store<z.output<Schema>>,
    signal: AbortSignal,
  ): Promise<void> {
    const tell = (changed: boolean) => {
      if (changed && this.synced) this.#listener.changed();
    };
    const resource: Resource<Reduced<z.output<Schema>>> = {
      path,
      selectors,
      reduce: (raw) => this.#reduce(path, schema, raw),
    };
    const follower: Follower<Reduced<z.output<Schema>>> = {
      listed: (all) => {
        const usable = all.flatMap(({ key, object }) => object ?? store.get(key) ?? []);
        const changed = store.replace(usable);
        const first = !this.#listed.has(path);
        this.#listed.add(path);
        tell(changed || (first && this.synced));
      },
      changed: ({ object }) => tell(object !== undefined && store.set(object)),
      deleted: ({ key }) => tell(store.delete(key)),
      failed: (error, retryIn) => this.#listener.failed(path, error, retryIn),
    };
    await listWatch(this.#connection, resource, follower, signal, this.#times);
  }

  /** Lists of one kind leave `kind` out of their items, so the schemas do without. */
  #reduce<Schema extends z.ZodType>(path: string, schema: Schema, raw: unknown): Reduced<z.output<Schema>> {
    const { name = '', namespace } = metadataSchema.safeParse(raw).data?.metadata ?? {};
    const key = namespace === undefined ? name : `${namespace}/${name}`;
    const result = check(schema, raw, [`${path} ${key}`]);
    if (result.ok) return { key, object: result.value };
    this.#listener.invalidObject(result.problems.map(formatProblem).join('; '));
    return { key, object: undefined };
  }
}

/** Where objects of one kind are kept. What changes them tells whether anything is different from before. */
interface Store<T> {
  get(key: string): T | undefined;
  replace(all: readonly T[]): boolean;
  set(object: T): boolean;
  delete(key: string): boolean;
}

const metadataSchema = z.object({
  metadata: z.object({ name: z.string().optional(), namespace: z.string().optional() }),
});
