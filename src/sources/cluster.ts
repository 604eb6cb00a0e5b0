/** A cluster from manifests. */
import { isDeepStrictEqual } from 'node:util';
import { type ClusterState, clusterState, namespacedName, type ServiceEntry } from '../api/cluster.ts';
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
import { allocate } from './control-plane/allocation.ts';
import { findConflicts } from './control-plane/conflicts.ts';
import { slicesFromEndpoints } from './control-plane/from-endpoints.ts';
import { podFinder, slicesFromPods } from './control-plane/from-pods.ts';
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
  /** The objects of each of its documents, and what is wrong with them. */
  readonly documents: readonly ParsedObjects[];
}

/**
 * Parses a text; what is wrong with it is told by whoever puts it together with others.
 * @param onProgress is told how many characters are read
 */
export function parseSource(source: SourceText, onProgress?: (characters: number) => void): ParsedSource {
  const { documents, problems } = parseDocuments(source, onProgress);
  return { problems, documents: documents.map(({ value, at }) => parseObjects(value, at)) };
}

/**
 * Puts a cluster together from texts that are parsed, again and again while some of them change. A Service for which
 * nothing has changed keeps its entry, the same object, which is how the compiler sees that; what else comes out is
 * what it would be without a past.
 */
export class ClusterAssembler {
  readonly #options: Omit<ClusterOptions, 'onProgress'>;
  #former: ClusterState['services'] = new Map();
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
    const { objects, problems, ignored } = gather(sources);
    const placeOf = (object: KubernetesObject) => objects.get(objectKey(object))?.at ?? [];
    const of = byKind(objects.values());
    const nodes = new Map(of.Node.map((node) => [node.name, node]));
    const pods = new Map(of.Pod.map((pod) => [namespacedName(pod), pod]));
    const warnings = of.EndpointSlice.flatMap((slice) => warnOfPorts(slice, () => placeOf(slice)));

    const { serviceRanges, strict } = this.#options;
    const { services: allocated, assigned, failed } = allocate(of.Service, serviceRanges);
    for (const [service, reason] of failed) problems.push({ at: placeOf(service), message: reason });
    for (const [service, words] of assigned) {
      const at = placeOf(service);
      if (strict) problems.push({ at, message: 'has no cluster IP yet, which --strict asks for' });
      else
        warnings.push(formatProblem({ at, message: `has no cluster IP yet; assigned ${words.join(', ')}` }));
    }
    for (const { service, field, message } of findConflicts(allocated)) {
      const problem = { at: [...placeOf(service), field], message };
      if (strict) problems.push(problem);
      else warnings.push(formatProblem(problem));
    }
    if (problems.length > 0) throw new InputError(problems);

    const services = allocated.map((service) => this.#asBefore(service));
    const derived = this.#derivedSlices(services, of, nodes);
    const slices = [...of.EndpointSlice, ...derived].map((slice) => this.#regionsOf(slice, nodes));
    const cluster = sameAsBefore(this.#former, clusterState(services, slices));
    this.#former = cluster.services;
    return { cluster, nodes, pods, objects: [...objects.values()], warnings, ignored };
  }

  /** The Service as it was, where it is no other now: read again, or completed again in the same way. */
  #asBefore(service: Service): Service {
    const former = this.#former.get(namespacedName(service))?.service;
    return former !== undefined && isDeepStrictEqual(former, service) ? former : service;
  }

  /** Slices for the Services that have none: from their Endpoints, or else from the Pods that they select. */
  #derivedSlices(
    services: readonly Service[],
    given: ObjectsByKind,
    nodes: ReadonlyMap<string, Node>,
  ): readonly EndpointSlice[] {
    const serviceKey = ({ namespace, serviceName }: EndpointSlice) => `${namespace}/${serviceName}`;
    const served = new Set(
      given.EndpointSlice.filter(({ serviceName }) => serviceName !== undefined).map(serviceKey),
    );
    const mirrored = Map.groupBy(
      given.Endpoints.flatMap((endpoints) =>
        this.#fromEndpoints.get(endpoints, [], () => slicesFromEndpoints(endpoints)),
      ),
      serviceKey,
    );
    const candidates = podFinder(given.Pod);
    return services.flatMap((service) => {
      const key = namespacedName(service);
      if (served.has(key)) return [];
      const slices = mirrored.get(key);
      if (slices) return slices;
      if (Object.keys(service.selector).length === 0) return [];
      const pods = candidates(service);
      const inputs = [...pods, ...topology(pods, nodes)];
      return this.#fromPods.get(service, inputs, () => slicesFromPods(service, pods, nodes));
    });
  }

  /** An EndpointSlice gives an endpoint's zone; its region is only known from its Node. */
  #regionsOf(slice: EndpointSlice, nodes: ReadonlyMap<string, Node>): EndpointSlice {
    if (nodes.size === 0) return slice;
    const inputs = topology(slice.endpoints, nodes);
    return this.#withRegions.get(slice, inputs, () => withRegions(slice, nodes));
  }
}

/** All objects by their keys, each once. */
function gather(sources: readonly ParsedSource[]) {
  const problems: Problem[] = [];
  const ignored = new Map<string, number>();
  const objects = new Map<string, PlacedObject>();
  for (const source of sources) {
    for (const problem of source.problems) problems.push(problem);
    for (const document of source.documents) {
      for (const problem of document.problems) problems.push(problem);
      for (const [kind, count] of document.ignored) ignored.set(kind, (ignored.get(kind) ?? 0) + count);
      for (const placed of document.objects) {
        const key = objectKey(placed.object);
        const first = objects.get(key);
        if (!first) objects.set(key, placed);
        else if (!isDeepStrictEqual(first.object, placed.object)) {
          const message = `is there twice, and differs from ${first.at.slice(0, -1).join(', ')}`;
          problems.push({ at: placed.at, message });
        }
      }
    }
  }
  return { objects, problems, ignored };
}

type ObjectsByKind = { readonly [K in KubernetesObject['kind']]: readonly ObjectOf<K>[] };
type ObjectOf<K extends KubernetesObject['kind']> = Extract<KubernetesObject, { kind: K }>;

function byKind(objects: Iterable<PlacedObject>): ObjectsByKind {
  const found: { [K in KubernetesObject['kind']]: ObjectOf<K>[] } = {
    Service: [],
    EndpointSlice: [],
    Endpoints: [],
    Pod: [],
    Node: [],
  };
  const add = <K extends KubernetesObject['kind']>(kind: K, object: ObjectOf<K>) => found[kind].push(object);
  for (const { object } of objects) add(object.kind, object);
  return found;
}

/** The cluster with the former entries of Services that have not changed. */
function sameAsBefore(former: ClusterState['services'], { services }: ClusterState): ClusterState {
  const entries = Array.from(services, ([key, entry]): [string, ServiceEntry] => {
    const before = former.get(key);
    return [key, before && sameEntry(before, entry) ? before : entry];
  });
  return { services: new Map(entries) };
}

function sameEntry(a: ServiceEntry, b: ServiceEntry): boolean {
  return (
    a.service === b.service &&
    a.endpointSlices.length === b.endpointSlices.length &&
    a.endpointSlices.every((slice, i) => isDeepStrictEqual(slice, b.endpointSlices[i]))
  );
}

function objectKey(object: KubernetesObject): string {
  return `${object.kind} ${'namespace' in object ? namespacedName(object) : object.name}`;
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
