/** A cluster from manifests. */
import { isDeepStrictEqual } from 'node:util';
import { type ClusterState, clusterState, namespacedName } from '../api/cluster.ts';
import type { EndpointSlice } from '../api/endpoint-slice.ts';
import type { Node } from '../api/node.ts';
import { type KubernetesObject, type PlacedObject, parseObjects } from '../api/objects.ts';
import type { Pod } from '../api/pod.ts';
import { formatProblem, InputError, type Problem } from '../api/problem.ts';
import type { Service } from '../api/service.ts';
import { allocate } from './control-plane/allocation.ts';
import { findConflicts } from './control-plane/conflicts.ts';
import { slicesFromEndpoints } from './control-plane/from-endpoints.ts';
import { slicesFromPods } from './control-plane/from-pods.ts';
import { parseDocuments } from './documents.ts';
import type { SourceText } from './files.ts';

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
  { serviceRanges, strict, onProgress }: ClusterOptions,
): LoadedCluster {
  const { objects, problems, ignored } = parseSources(sources, onProgress);
  const placeOf = new Map(objects.map(({ object, at }) => [objectKey(object), at]));
  const ofKind = <K extends KubernetesObject['kind']>(kind: K) =>
    objects.flatMap(({ object }) =>
      object.kind === kind ? [object as Extract<KubernetesObject, { kind: K }>] : [],
    );
  const nodes = new Map(ofKind('Node').map((node) => [node.name, node]));
  const pods = new Map(ofKind('Pod').map((pod) => [namespacedName(pod), pod]));
  const endpointSlices = ofKind('EndpointSlice');
  const warnings = endpointSlices.flatMap((slice) => warnOfPorts(slice, placeOf.get(objectKey(slice)) ?? []));

  const { services, assigned, failed } = allocate(ofKind('Service'), serviceRanges);
  for (const [service, reason] of failed) {
    problems.push({ at: placeOf.get(objectKey(service)) ?? [], message: reason });
  }
  for (const [service, words] of assigned) {
    const at = placeOf.get(objectKey(service)) ?? [];
    if (strict) problems.push({ at, message: 'has no cluster IP yet, which --strict asks for' });
    else warnings.push(formatProblem({ at, message: `has no cluster IP yet; assigned ${words.join(', ')}` }));
  }
  for (const { service, field, message } of findConflicts(services)) {
    const problem = { at: [...(placeOf.get(objectKey(service)) ?? []), field], message };
    if (strict) problems.push(problem);
    else warnings.push(formatProblem(problem));
  }
  if (problems.length > 0) throw new InputError(problems);

  const derived = derivedSlices(
    services,
    endpointSlices,
    ofKind('Endpoints').flatMap(slicesFromEndpoints),
    (service) => slicesFromPods(service, [...pods.values()], nodes),
  );
  const slices = [...endpointSlices, ...derived].map((slice) => withRegions(slice, nodes));
  return { cluster: clusterState(services, slices), nodes, pods, objects, warnings, ignored };
}

function parseSources(sources: readonly SourceText[], onProgress: ClusterOptions['onProgress'] = () => {}) {
  const problems: Problem[] = [];
  const ignored = new Map<string, number>();
  const objects = new Map<string, PlacedObject>();
  const total = sources.reduce((sum, { text }) => sum + text.length, 0);
  let read = 0;
  for (const source of sources) {
    const before = read;
    const parsed = parseDocuments(source, (characters) => onProgress(before + characters, total));
    read += source.text.length;
    for (const problem of parsed.problems) problems.push(problem);
    for (const { value, at } of parsed.documents) {
      const result = parseObjects(value, at);
      for (const problem of result.problems) problems.push(problem);
      for (const [kind, count] of result.ignored) ignored.set(kind, (ignored.get(kind) ?? 0) + count);
      for (const placed of result.objects) {
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
  return { objects: [...objects.values()], problems, ignored };
}

function objectKey(object: KubernetesObject): string {
  return `${object.kind} ${'namespace' in object ? namespacedName(object) : object.name}`;
}

/** Slices for the Services that have none: from their Endpoints, or else from the Pods that they select. */
function derivedSlices(
  services: readonly Service[],
  given: readonly EndpointSlice[],
  fromEndpoints: readonly EndpointSlice[],
  fromPods: (service: Service) => EndpointSlice[],
): EndpointSlice[] {
  const serviceKey = ({ namespace, serviceName }: EndpointSlice) => `${namespace}/${serviceName}`;
  const served = new Set(given.filter(({ serviceName }) => serviceName !== undefined).map(serviceKey));
  const mirrored = Map.groupBy(fromEndpoints, serviceKey);
  return services.flatMap((service) => {
    const key = namespacedName(service);
    if (served.has(key)) return [];
    return mirrored.get(key) ?? (Object.keys(service.selector).length > 0 ? fromPods(service) : []);
  });
}

/** An EndpointSlice gives an endpoint's zone; its region is only known from its Node. */
function withRegions(slice: EndpointSlice, nodes: ReadonlyMap<string, Node>): EndpointSlice {
  if (nodes.size === 0) return slice;
  const endpoints = slice.endpoints.map((endpoint) => {
    const node = nodes.get(endpoint.nodeName ?? '');
    return node
      ? { ...endpoint, zone: endpoint.zone ?? node.zone, region: endpoint.region ?? node.region }
      : endpoint;
  });
  return { ...slice, endpoints };
}

function warnOfPorts({ ports }: EndpointSlice, at: readonly string[]): string[] {
  return ports.flatMap(({ name }, i) =>
    name === undefined
      ? [
          formatProblem({
            at: [...at, `ports[${i}]`],
            message: 'has no name and is ignored; an unnamed port is name: ""',
          }),
        ]
      : [],
  );
}
