/** The cluster as the Kubernetes API tells it: Services, EndpointSlices and this node, followed for ever. */
import { isDeepStrictEqual } from 'node:util';
import type { z } from 'zod';
import type { ClusterState } from '../../api/cluster.ts';
import { endpointSliceSchema, SERVICE_NAME_LABEL } from '../../api/endpoint-slice.ts';
import { type Node, nodeSchema } from '../../api/node.ts';
import { check, formatProblem, type Problem } from '../../api/problem.ts';
import { serviceSchema } from '../../api/service.ts';
import { rangesOf, type ServiceCIDR, serviceCIDRSchema } from '../../api/service-cidr.ts';
import { LiveCluster } from '../live-cluster.ts';
import { hostName, noSuchNode } from '../node.ts';
import { NO_CHANGE, type ServiceName, type Source, type SourceListener } from '../source.ts';
import { ApiError, type Connection } from './connection.ts';
import { type KnownObject, knownService, knownSlice } from './later-version.ts';
import {
  DEFAULT_TIMES,
  type Follower,
  type ListWatchTimes,
  listAll,
  listWatch,
  type Resource,
} from './list-watch.ts';
import { mappingAt, textAt } from './raw-object.ts';

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

const NODES = '/api/v1/nodes';

const SERVICE_CIDRS = '/apis/networking.k8s.io/v1/servicecidrs';

/** What servers answer that do not have a kind (before Kubernetes 1.33), and where a role does not allow it. */
const NOT_THERE: ReadonlySet<number> = new Set([403, 404]);

/** What is followed beside Services, EndpointSlices and this node. */
export interface FollowedObjects {
  readonly serviceCIDRs: boolean;
}

/** What a label may have as its value, but for the empty one (Kubernetes' validation). */
const LABEL_VALUE = /^[A-Za-z0-9](?:[-\w.]{0,61}[A-Za-z0-9])?$/;

export class KubernetesSource implements Source {
  readonly #connection: Connection;
  readonly #nodeName: string;
  readonly #listener: SourceListener;
  readonly #times: ListWatchTimes;
  readonly #cluster = new LiveCluster();
  readonly #listed = new Set<string>();
  readonly #nodes = new Map<string, Node>();
  readonly #followed: FollowedObjects;
  readonly #serviceCIDRs = new Map<string, ServiceCIDR>();
  /** What was told last of each object that is not as it should be: it comes again with every list. */
  readonly #told = new Map<string, string>();

  constructor(
    connection: Connection,
    nodeName: string,
    listener: SourceListener,
    times: ListWatchTimes = DEFAULT_TIMES,
    followed: FollowedObjects = { serviceCIDRs: false },
  ) {
    this.#connection = connection;
    this.#nodeName = nodeName;
    this.#listener = listener;
    this.#followed = followed;
    this.#times = times;
  }

  get cluster(): ClusterState {
    return this.#cluster.state;
  }

  get nodes(): ReadonlyMap<string, Node> {
    return this.#nodes;
  }

  get serviceCIDRs(): readonly string[] {
    return rangesOf(this.#serviceCIDRs.values());
  }

  get synced(): boolean {
    return this.#listed.size === (this.#followed.serviceCIDRs ? 4 : 3);
  }

  /** Asks for the Nodes of hosts with these names and no others: a large cluster has thousands. */
  async noSuchNode(name: string, machineName: string | undefined, signal: AbortSignal): Promise<string> {
    const hosts = [name, machineName ?? name].flatMap((one) => [one, hostName(one)]);
    const values = [...new Set(hosts)].filter((host) => LABEL_VALUE.test(host));
    const resource = {
      path: NODES,
      selectors: { labelSelector: `kubernetes.io/hostname in (${values.join(',')})` },
      reduce: (raw: unknown) => identityOf(raw).key,
    };
    // Which Node is meant is a help, and no more.
    const found =
      values.length === 0
        ? []
        : await listAll(this.#connection, resource, signal, this.#times).then(
            ({ objects }) => objects,
            () => [],
          );
    return noSuchNode(name, 'in the cluster', found);
  }

  /** Follows the cluster until the signal ends it. */
  async run(signal: AbortSignal): Promise<void> {
    const cluster = this.#cluster;
    await Promise.all([
      this.#follow(
        {
          path: '/api/v1/services',
          selectors: {},
          schema: serviceSchema,
          known: knownService,
          serviceOf: ({ namespace, name }) => (namespace === undefined ? undefined : { namespace, name }),
        },
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
        {
          path: '/apis/discovery.k8s.io/v1/endpointslices',
          selectors: { labelSelector: PROXIED },
          schema: endpointSliceSchema,
          known: knownSlice,
          serviceOf: ({ namespace, serviceName: name }) =>
            namespace === undefined || name === undefined ? undefined : { namespace, name },
        },
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
        {
          path: NODES,
          selectors: { fieldSelector: `metadata.name=${this.#nodeName}` },
          schema: nodeSchema,
          known: (value) => ({ value, leftOut: [] }),
          serviceOf: () => undefined,
        },
        {
          counts: undefined,
          get: () => this.#nodes.get(this.#nodeName),
          replace: ([node]) => (this.#setNode(node) ? 1 : 0),
          set: (node) => this.#setNode(node),
          delete: () => this.#setNode(undefined),
        },
        signal,
      ),
      ...(this.#followed.serviceCIDRs ? [this.#followServiceCIDRs(signal)] : []),
    ]);
  }

  async #followServiceCIDRs(signal: AbortSignal): Promise<void> {
    const ranges = this.#serviceCIDRs;
    const set = (range: ServiceCIDR) => {
      const isNews = !isDeepStrictEqual(ranges.get(range.name), range);
      ranges.set(range.name, range);
      return isNews;
    };
    await this.#follow(
      {
        path: SERVICE_CIDRS,
        selectors: {},
        schema: serviceCIDRSchema,
        known: (value) => ({ value, leftOut: [] }),
        serviceOf: () => undefined,
        canBeMissing: true,
      },
      {
        counts: undefined,
        get: (key) => ranges.get(key),
        replace: (all) => {
          const names = new Set(all.map(({ name }) => name));
          const gone = [...ranges.keys()].filter((name) => !names.has(name));
          return gone.filter((name) => ranges.delete(name)).length + all.filter(set).length;
        },
        set,
        delete: (key) => ranges.delete(key),
      },
      signal,
    );
  }

  #setNode(node: Node | undefined): boolean {
    const former = this.#nodes.get(this.#nodeName);
    if (node) this.#nodes.set(this.#nodeName, node);
    else this.#nodes.delete(this.#nodeName);
    return !isDeepStrictEqual(node, former);
  }

  async #follow<Schema extends z.ZodType>(
    kind: Kind<Schema>,
    store: Store<z.output<Schema>>,
    signal: AbortSignal,
  ): Promise<void> {
    const { path, selectors } = kind;
    const tell = (objects: number, triggered: readonly number[] = []) => {
      const counted = store.counts === undefined ? {} : { [store.counts]: objects };
      if (this.synced) this.#listener.changed({ ...NO_CHANGE, ...counted, triggered });
    };
    const listed = (changes: number) => {
      const first = !this.#listed.has(path);
      this.#listed.add(path);
      if (changes > 0 || first) tell(changes);
    };
    const resource: Resource<Reduced<z.output<Schema>>> = {
      path,
      selectors,
      keyOf: (raw) => identityOf(raw).key,
      reduce: (raw) => this.#reduce(kind, raw),
    };
    const follower: Follower<Reduced<z.output<Schema>>> = {
      listed: (all) => {
        const objects = store.replace(all.flatMap(({ key, object }) => object ?? store.get(key) ?? []));
        this.#forgetToldBut(path, new Set(all.map(({ key }) => key)));
        listed(objects);
      },
      changed: ({ object, triggered }) => {
        if (object !== undefined && store.set(object)) tell(1, triggered);
      },
      deleted: (key) => {
        this.#told.delete(placeOf(path, key));
        if (store.delete(key)) tell(1);
      },
      failed: (error, retryIn) => {
        this.#listener.failed(path, error, retryIn);
        if (kind.canBeMissing && error instanceof ApiError && NOT_THERE.has(error.status)) listed(0);
      },
      recovered: () => this.#listener.recovered(path),
    };
    await listWatch(this.#connection, resource, follower, signal, this.#times);
  }

  /** Lists of one kind leave `kind` out of their items, so the schemas do without. */
  #reduce<Schema extends z.ZodType>(kind: Kind<Schema>, raw: unknown): Reduced<z.output<Schema>> {
    const identity = identityOf(raw);
    const { key } = identity;
    const place = placeOf(kind.path, key);
    const time = Date.parse(triggerTimeOf(raw) ?? '');
    const triggered = Number.isNaN(time) ? [] : [time];
    const { value, leftOut } = kind.known(raw);
    const result = check(kind.schema, value, [place]);
    const problems = result.ok
      ? leftOut.map(({ at, message }) => ({ at: [place, ...at], message }))
      : result.problems;
    const message = problems.length === 0 ? undefined : messageOf(problems);
    if (message === undefined) this.#told.delete(place);
    else if (this.#told.get(place) !== message) {
      this.#told.set(place, message);
      const service = kind.serviceOf(identity);
      if (result.ok) this.#listener.warned(message, service);
      else this.#listener.invalid(message, service);
    }
    return { key, object: result.ok ? result.value : undefined, triggered };
  }

  /** Objects that are no more are told of anew if they come back. */
  #forgetToldBut(path: string, keys: ReadonlySet<string>): void {
    for (const place of this.#told.keys()) {
      if (place.startsWith(`${path} `) && !keys.has(place.slice(path.length + 1))) this.#told.delete(place);
    }
  }
}

/** One kind of object. */
interface Kind<Schema extends z.ZodType> extends Pick<Resource<unknown>, 'path' | 'selectors'> {
  readonly schema: Schema;
  known(raw: unknown): KnownObject;
  /** A server that does not have it, or does not give it, is as one without such objects. */
  readonly canBeMissing?: true;
  /** The Service whose rules depend on an object. */
  serviceOf(identity: Identity): ServiceName | undefined;
}

/** What tells an object from others, whatever else is wrong with it. */
interface Identity {
  readonly namespace: string | undefined;
  readonly name: string;
  /** `namespace/name`, or the name of a Node. */
  readonly key: string;
  /** Of an EndpointSlice. */
  readonly serviceName: string | undefined;
}

/** Asked for each event, before and beside what the schemas say of it: so it is no schema. */
function identityOf(raw: unknown): Identity {
  const metadata = mappingAt(raw, 'metadata');
  const name = textAt(metadata, 'name') ?? '';
  const namespace = textAt(metadata, 'namespace');
  const serviceName = textAt(mappingAt(metadata, 'labels'), SERVICE_NAME_LABEL);
  return { name, namespace, key: namespace === undefined ? name : `${namespace}/${name}`, serviceName };
}

const placeOf = (path: string, key: string): string => `${path} ${key}`;

function triggerTimeOf(raw: unknown): string | undefined {
  return textAt(mappingAt(mappingAt(raw, 'metadata'), 'annotations'), LAST_CHANGE_TRIGGER_TIME);
}

/** Of an object with thousands of endpoints, all may be wrong in the same way. */
const PROBLEMS_TOLD = 5;

function messageOf(problems: readonly Problem[]): string {
  const told = problems.slice(0, PROBLEMS_TOLD).map(formatProblem);
  const others = problems.length - told.length;
  return [...told, ...(others > 0 ? [`and ${others} more problems`] : [])].join('; ');
}

/** Set by the EndpointSlice controller: when the first of the Pods or Services changed that made it write. */
const LAST_CHANGE_TRIGGER_TIME = 'endpoints.kubernetes.io/last-change-trigger-time';

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
