/** The cluster as the Kubernetes API tells it: Services, EndpointSlices and this node, followed for ever. */
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import type { ClusterState } from '../../api/cluster.ts';
import { endpointSliceSchema } from '../../api/endpoint-slice.ts';
import { type Node, nodeSchema } from '../../api/node.ts';
import { check, formatProblem } from '../../api/problem.ts';
import { serviceSchema } from '../../api/service.ts';
import { LiveCluster } from '../live-cluster.ts';
import { NO_CHANGE, type Source, type SourceListener } from '../source.ts';
import type { Connection } from './connection.ts';
import { DEFAULT_TIMES, type Follower, type ListWatchTimes, listWatch, type Resource } from './list-watch.ts';

/** What is taken of an object: undefined where it cannot be used. */
interface Reduced<T> {
  /** `namespace/name`, or the name of a Node. */
  readonly key: string;
  readonly object: T | undefined;
  /** When what happened that this object tells of, in milliseconds since 1970. */
  readonly triggered: readonly number[];
}

/** The selector that kube-proxy v1.36 watches EndpointSlices with. */
const PROXIED = '!service.kubernetes.io/headless,!service.kubernetes.io/service-proxy-name';

export class KubernetesSource implements Source {
  readonly #connection: Connection;
  readonly #nodeName: string;
  readonly #listener: SourceListener;
  readonly #times: ListWatchTimes;
  readonly #cluster = new LiveCluster();
  readonly #listed = new Set<string>();
  readonly #nodes = new Map<string, Node>();

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

  get cluster(): ClusterState {
    return this.#cluster.state;
  }

  get nodes(): ReadonlyMap<string, Node> {
    return this.#nodes;
  }

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
          counts: 'services',
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
          counts: 'endpointSlices',
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
          counts: undefined,
          get: () => this.#nodes.get(this.#nodeName),
          replace: ([node]) => (this.#setNode(node) ? 1 : 0),
          set: (node) => this.#setNode(node),
          delete: () => this.#setNode(undefined),
        },
        signal,
      ),
    ]);
  }

  #setNode(node: Node | undefined): boolean {
    const former = this.#nodes.get(this.#nodeName);
    if (node) this.#nodes.set(this.#nodeName, node);
    else this.#nodes.delete(this.#nodeName);
    return !isDeepStrictEqual(node, former);
  }

  async #follow<Schema extends z.ZodType>(
    path: string,
    selectors: Resource<unknown>['selectors'],
    schema: Schema,
    store: Store<z.output<Schema>>,
    signal: AbortSignal,
  ): Promise<void> {
    const tell = (objects: number, triggered: readonly number[] = []) => {
      const counted = store.counts === undefined ? {} : { [store.counts]: objects };
      if (this.synced) this.#listener.changed({ ...NO_CHANGE, ...counted, triggered });
    };
    const resource: Resource<Reduced<z.output<Schema>>> = {
      path,
      selectors,
      reduce: (raw) => this.#reduce(path, schema, raw),
    };
    const follower: Follower<Reduced<z.output<Schema>>> = {
      listed: (all) => {
        const objects = store.replace(all.flatMap(({ key, object }) => object ?? store.get(key) ?? []));
        const first = !this.#listed.has(path);
        this.#listed.add(path);
        if (objects > 0 || first) tell(objects);
      },
      changed: ({ object, triggered }) => {
        if (object !== undefined && store.set(object)) tell(1, triggered);
      },
      deleted: ({ key }) => {
        if (store.delete(key)) tell(1);
      },
      failed: (error, retryIn) => this.#listener.failed(path, error, retryIn),
    };
    await listWatch(this.#connection, resource, follower, signal, this.#times);
  }

  /** Lists of one kind leave `kind` out of their items, so the schemas do without. */
  #reduce<Schema extends z.ZodType>(path: string, schema: Schema, raw: unknown): Reduced<z.output<Schema>> {
    const { name = '', namespace, annotations } = metadataSchema.safeParse(raw).data?.metadata ?? {};
    const key = namespace === undefined ? name : `${namespace}/${name}`;
    const time = Date.parse(annotations?.[LAST_CHANGE_TRIGGER_TIME] ?? '');
    const triggered = Number.isNaN(time) ? [] : [time];
    const result = check(schema, withoutForeignFields(raw), [`${path} ${key}`]);
    if (result.ok) return { key, object: result.value, triggered };
    this.#listener.invalid(result.problems.map(formatProblem).join('; '));
    return { key, object: undefined, triggered };
  }
}

/** Set by the EndpointSlice controller: when the first of the Pods or Services changed that made it write. */
const LAST_CHANGE_TRIGGER_TIME = 'endpoints.kubernetes.io/last-change-trigger-time';

/**
 * An object without fields that decide no rule here, but that the API server of a later version may give values that
 * no schema of today knows. A Service must not stay without rules for them.
 */
function withoutForeignFields(raw: unknown): unknown {
  const parsed = z.looseObject({ spec: z.looseObject({}) }).safeParse(raw);
  if (!parsed.success) return raw;
  const { trafficDistribution: _, ipFamilyPolicy: __, ipFamilies: ___, ...spec } = parsed.data.spec;
  return { ...parsed.data, spec };
}

/** Where objects of one kind are kept. What changes them tells whether anything is different from before. */
interface Store<T> {
  /** What its changes are counted as. */
  readonly counts: 'services' | 'endpointSlices' | undefined;
  get(key: string): T | undefined;
  /** Tells how many have changed. */
  replace(all: readonly T[]): number;
  set(object: T): boolean;
  delete(key: string): boolean;
}

const metadataSchema = z.object({
  metadata: z.object({
    name: z.string().optional(),
    namespace: z.string().optional(),
    annotations: z.record(z.string(), z.string()).optional(),
  }),
});
