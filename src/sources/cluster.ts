/** A cluster from manifests. */
import { isDeepStrictEqual } from 'node:util';
import { type ClusterState, namespacedName, type ServiceEntry } from '../api/cluster.ts';
import type { EndpointSlice, Endpoints } from '../api/endpoint-slice.ts';
import type { Node } from '../api/node.ts';
import {
  type KubernetesObject,
  type ParsedObjects,
  type PlacedObject,
  parseObjects,
} from '../api/objects.ts';
import type { Pod } from '../api/pod.ts';
import { formatProblem, InputError, type Problem } from '../api/problem.ts';
import type { Service } from '../api/service.ts';
import { type Allocation, allocate } from './control-plane/allocation.ts';
import { type Conflict, findConflicts } from './control-plane/conflicts.ts';
import { slicesFromEndpoints } from './control-plane/from-endpoints.ts';
import { podFinder, slicesFromPods } from './control-plane/from-pods.ts';
import { inOrderOfNames } from './control-plane/in-order.ts';
import { parseDocuments } from './documents.ts';
import type { SourceText } from './files.ts';
import { Memo } from './memo.ts';

/** The API server's usual `--service-cluster-ip-range`. */
export const DEFAULT_SERVICE_RANGES: readonly string[] = ['10.96.0.0/12', 'fd00:10:96::/108'];

export interface ClusterOptions {
  /** Where cluster IPs are taken from, a range for each family, the first for Services that name no family. */
  readonly serviceRanges: readonly string[];
  /** What no API server holds is an error: a Service without a cluster IP, or with one that another Service has. */
  readonly strict: boolean;
  /** Is told how many characters are read, and of how many. */
  readonly onProgress?: (done: number, total: number) => void;
}

export interface LoadedCluster {
  readonly cluster: ClusterState;
  /** The Node objects of the input, by name. */
  readonly nodes: ReadonlyMap<string, Node>;
  /** Its Pods, by `namespace/name`. */
  readonly pods: ReadonlyMap<string, Pod>;
  /** Every object that was read, as it was given, and where it stands. */
  readonly objects: readonly PlacedObject[];
  /** What the author should know of, though it is no error. */
  readonly warnings: readonly string[];
  /** How many objects of other kinds there were, by `kind.group/version`. */
  readonly ignored: ReadonlyMap<string, number>;
}

/**
 * Builds a cluster from the texts of manifests, in any order. What a control plane would have added to them is
 * added: cluster IPs and node ports, and endpoints from Pods or from the older Endpoints objects.
 * @throws InputError with every problem of the input
 */
export function loadCluster(
  sources: readonly SourceText[],
  { onProgress = () => {}, ...options }: ClusterOptions,
): LoadedCluster {
  const total = sources.reduce((sum, { text }) => sum + text.length, 0);
  let read = 0;
  const parsed = sources.map((source) => {
    const before = read;
    read += source.text.length;
    return parseSource(source, (characters) => onProgress(before + characters, total));
  });
  return new ClusterAssembler(options).assemble(parsed);
}

/** What one text holds, whatever stands in others. */
export interface ParsedSource {
  /** What is wrong with the text as YAML or JSON. */
  readonly problems: readonly Problem[];
  readonly documents: readonly ParsedDocument[];
}

interface ParsedDocument extends Omit<ParsedObjects, 'objects'> {
  readonly objects: readonly KeyedObject[];
}

/** An object with its keys, which would take most of the time if they were made whenever a cluster is put together. */
interface KeyedObject {
  readonly placed: PlacedObject;
  /** Kind and name. */
  readonly key: string;
  /** The Service that an EndpointSlice belongs to, by `namespace/name`. */
  readonly serviceKey: string | undefined;
}

/**
 * Parses a text; what is wrong with it is told by whoever puts it together with others.
 * @param onProgress is told how many characters are read
 */
export function parseSource(source: SourceText, onProgress?: (characters: number) => void): ParsedSource {
  const { documents, problems } = parseDocuments(source, onProgress);
  return {
    problems,
    documents: documents.map(({ value, at }) => {
      const parsed = parseObjects(value, at);
      return { ...parsed, objects: parsed.objects.map(withKeys) };
    }),
  };
}

function withKeys(placed: PlacedObject): KeyedObject {
  const { object } = placed;
  const serviceKey = object.kind === 'EndpointSlice' ? serviceKeyOf(object) : undefined;
  return { placed, key: objectKey(object), serviceKey };
}

/**
 * Puts a cluster together from texts that are parsed, again and again while some of them change. A Service for which
 * nothing has changed keeps its entry, the same object, which is how the compiler sees that; what else comes out is
 * what it would be without a past.
 */
export class ClusterAssembler {
  readonly #options: Omit<ClusterOptions, 'onProgress'>;
  /** As they were given last, and as they were in the cluster: with cluster IPs. */
  #given: ReadonlyMap<string, Service> = new Map();
  #former: ClusterState['services'] = new Map();
  readonly #assigned = new Memo<this, Assignment>();
  readonly #fromEndpoints = new Memo<Endpoints, readonly EndpointSlice[]>();
  readonly #fromPods = new Memo<Service, readonly EndpointSlice[]>();
  readonly #withRegions = new Memo<EndpointSlice, EndpointSlice>();

  constructor(options: Omit<ClusterOptions, 'onProgress'>) {
    this.#options = options;
  }

  /**
   * Builds the cluster of all these texts, in this order. An object that was parsed before is recognized by being the
   * same, so that only new ones cost more than a look.
   * @throws InputError with every problem of the input; then the next cluster is compared with the last good one
   */
  assemble(sources: readonly ParsedSource[]): LoadedCluster {
    const { objects, of, slicesOf, problems, ignored } = gather(sources);
    const placeOf = (object: KubernetesObject) => objects.get(objectKey(object))?.at ?? [];
    const nodes = new Map(of.Node.map((node) => [node.name, node]));
    const pods = new Map(of.Pod.map((pod) => [namespacedName(pod), pod]));
    const warnings = of.EndpointSlice.flatMap((slice) => warnOfPorts(slice, () => placeOf(slice)));

    const { strict } = this.#options;
    const { services, assigned, failed, conflicts } = this.#assign(of.Service);
    for (const [service, reason] of failed) problems.push({ at: placeOf(service), message: reason });
    for (const [service, words] of assigned) {
      const at = placeOf(service);
      if (strict) problems.push({ at, message: 'has no cluster IP yet, which --strict asks for' });
      else
        warnings.push(formatProblem({ at, message: `has no cluster IP yet; assigned ${words.join(', ')}` }));
    }
    for (const { service, field, message } of conflicts) {
      const problem = { at: [...placeOf(service), field], message };
      if (strict) problems.push(problem);
      else warnings.push(formatProblem(problem));
    }
    if (problems.length > 0) throw new InputError(problems);

    const derived = this.#derivedSlices(of, nodes);
    const entries = new Map<string, ServiceEntry>();
    for (const [key, service] of services) {
      const found = slicesOf.get(key) ?? derived(key, service);
      const endpointSlices = inOrderOfNames(found.map((slice) => this.#regionsOf(slice, nodes)));
      const former = this.#former.get(key);
      const same = former && sameEntry(former, service, endpointSlices);
      entries.set(key, same ? former : { service, endpointSlices });
    }
    this.#former = entries;
    return {
      cluster: { services: entries },
      nodes,
      pods,
      objects: [...objects.values()],
      warnings,
      ignored,
    };
  }

  /** What the control plane does with all Services together; done again when one of them is another than before. */
  #assign(given: readonly Service[]): Assignment {
    const services = new Map<string, Service>();
    for (const service of given) {
      const key = namespacedName(service);
      services.set(key, asBefore(this.#given.get(key), service));
    }
    this.#given = services;
    return this.#assigned.get(this, [...services.values()], () => {
      const {
        services: complete,
        assigned,
        failed,
      } = allocate([...services.values()], this.#options.serviceRanges);
      const keyed = complete.map((service): [string, Service] => {
        const key = namespacedName(service);
        return [key, asBefore(this.#former.get(key)?.service, service)];
      });
      return { services: new Map(keyed), assigned, failed, conflicts: findConflicts(complete) };
    });
  }

  /** Finds slices for a Service that has none: from its Endpoints, or else from the Pods that it selects. */
  #derivedSlices(
    given: ObjectsByKind,
    nodes: ReadonlyMap<string, Node>,
  ): (key: string, service: Service) => readonly EndpointSlice[] {
    const mirrored = Map.groupBy(
      given.Endpoints.flatMap((endpoints) =>
        this.#fromEndpoints.get(endpoints, [], () => slicesFromEndpoints(endpoints)),
      ),
      serviceKeyOf,
    );
    const candidates = podFinder(given.Pod);
    return (key, service) => {
      const slices = mirrored.get(key);
      if (slices) return slices;
      if (Object.keys(service.selector).length === 0) return [];
      const pods = candidates(service);
      const inputs = [...pods, ...topology(pods, nodes)];
      return this.#fromPods.get(service, inputs, () => slicesFromPods(service, pods, nodes));
    };
  }

  /** An EndpointSlice gives an endpoint's zone; its region is only known from its Node. */
  #regionsOf(slice: EndpointSlice, nodes: ReadonlyMap<string, Node>): EndpointSlice {
    if (nodes.size === 0) return slice;
    const inputs = topology(slice.endpoints, nodes);
    return this.#withRegions.get(slice, inputs, () => withRegions(slice, nodes));
  }
}

/** What a control plane makes of all Services, by `namespace/name` and in the order of these names. */
interface Assignment extends Omit<Allocation, 'services'> {
  readonly services: ReadonlyMap<string, Service>;
  readonly conflicts: readonly Conflict[];
}

type ObjectsByKind = { readonly [K in KubernetesObject['kind']]: readonly ObjectOf<K>[] };
type ObjectOf<K extends KubernetesObject['kind']> = Extract<KubernetesObject, { kind: K }>;

/** All objects, each once, and the EndpointSlices of each Service. */
function gather(sources: readonly ParsedSource[]) {
  const problems: Problem[] = [];
  const ignored = new Map<string, number>();
  const objects = new Map<string, PlacedObject>();
  const slicesOf = new Map<string, EndpointSlice[]>();
  const of: { [K in KubernetesObject['kind']]: ObjectOf<K>[] } = {
    Service: [],
    EndpointSlice: [],
    Endpoints: [],
    Pod: [],
    Node: [],
  };
  const add = <K extends KubernetesObject['kind']>(kind: K, object: ObjectOf<K>) => of[kind].push(object);
  for (const source of sources) {
    for (const problem of source.problems) problems.push(problem);
    for (const document of source.documents) {
      for (const problem of document.problems) problems.push(problem);
      for (const [kind, count] of document.ignored) ignored.set(kind, (ignored.get(kind) ?? 0) + count);
      for (const { placed, key, serviceKey } of document.objects) {
        const { object, at } = placed;
        const first = objects.get(key);
        if (first) {
          if (isDeepStrictEqual(first.object, object)) continue;
          const message = `is there twice, and differs from ${first.at.slice(0, -1).join(', ')}`;
          problems.push({ at, message });
          continue;
        }
        objects.set(key, placed);
        add(object.kind, object);
        if (object.kind !== 'EndpointSlice' || serviceKey === undefined) continue;
        const others = slicesOf.get(serviceKey);
        if (others) others.push(object);
        else slicesOf.set(serviceKey, [object]);
      }
    }
  }
  return { objects, of, slicesOf, problems, ignored };
}

/** The Service as it was, where it is no other now: read again, or completed again in the same way. */
function asBefore(former: Service | undefined, service: Service): Service {
  return former === service || !isDeepStrictEqual(former, service) ? service : (former ?? service);
}

function sameEntry(
  former: ServiceEntry,
  service: Service,
  endpointSlices: readonly EndpointSlice[],
): boolean {
  return (
    former.service === service &&
    former.endpointSlices.length === endpointSlices.length &&
    former.endpointSlices.every(
      (slice, i) => slice === endpointSlices[i] || isDeepStrictEqual(slice, endpointSlices[i]),
    )
  );
}

function serviceKeyOf({ namespace, serviceName }: EndpointSlice): string | undefined {
  return serviceName === undefined ? undefined : `${namespace}/${serviceName}`;
}

/** All that an endpoint or a Pod may have from its Node: zone and region, one after the other. */
function topology(
  placed: readonly { readonly nodeName: string | undefined }[],
  nodes: ReadonlyMap<string, Node>,
): (string | undefined)[] {
  return placed.flatMap(({ nodeName }) => {
    const node = nodes.get(nodeName ?? '');
    return [node?.zone, node?.region];
  });
}

function withRegions(slice: EndpointSlice, nodes: ReadonlyMap<string, Node>): EndpointSlice {
  const endpoints = slice.endpoints.map((endpoint) => {
    const node = nodes.get(endpoint.nodeName ?? '');
    return node
      ? { ...endpoint, zone: endpoint.zone ?? node.zone, region: endpoint.region ?? node.region }
      : endpoint;
  });
  return { ...slice, endpoints };
}

function warnOfPorts({ ports }: EndpointSlice, place: () => readonly string[]): string[] {
  return ports.flatMap(({ name }, i) =>
    name === undefined
      ? [
          formatProblem({
            at: [...place(), `ports[${i}]`],
            message: 'has no name and is ignored; an unnamed port is name: ""',
          }),
        ]
      : [],
  );
}

function objectKey(object: KubernetesObject): string {
  return `${object.kind} ${'namespace' in object ? namespacedName(object) : object.name}`;
}
