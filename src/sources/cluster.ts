/** A cluster from manifests. */
import { deepEqual } from 'fast-equals';
import {
  type ClusterState,
  inOrderOfNames,
  namespacedName,
  type ServiceEntry,
  serviceKeyOf,
} from '../api/cluster.ts';
import type { EndpointSlice, Endpoints } from '../api/endpoint-slice.ts';
import type { Node } from '../api/node.ts';
import type { KnownObjects, ParsedObjects, PlacedObject } from '../api/objects.ts';
import type { Pod } from '../api/pod.ts';
import { formatProblem, InputError, type Problem } from '../api/problem.ts';
import type { Service } from '../api/service.ts';
import { rangesOf } from '../api/service-cidr.ts';
import { WORKLOAD_KINDS, type Workload } from '../api/workload.ts';
import { type Allocation, allocate } from './control-plane/allocation.ts';
import { type Conflict, findConflicts } from './control-plane/conflicts.ts';
import { slicesFromEndpoints } from './control-plane/from-endpoints.ts';
import { isEndpoint, podFinder, slicesFromPods } from './control-plane/from-pods.ts';
import { type MadePods, podsFromWorkloads, type WorkloadOptions } from './control-plane/from-workloads.ts';
import type { KnownDocuments } from './documents.ts';
import { Memo } from './memo.ts';
import { ObjectIndex, type ObjectsByKind, type ParsedSource, parseSource } from './object-index.ts';
import type { SourceText } from './source-text.ts';

/** The API server's usual `--service-cluster-ip-range`. */
export const DEFAULT_SERVICE_RANGES: readonly string[] = ['10.96.0.0/12', 'fd00:10:96::/108'];

export interface LoadOptions {
  /**
   * Where cluster IPs are taken from, a range for each family, the first for Services that name no family;
   * {@link DEFAULT_SERVICE_RANGES} unless given.
   */
  readonly serviceRanges?: readonly string[] | undefined;
  /**
   * What no API server holds is an error: a Service without a cluster IP, or with one that another Service has; and so is
   * what is most likely misspelt, as where validation is strict. It is not unless given.
   */
  readonly strict?: boolean | undefined;
  /** What Pods are made by from Deployments and other workloads. Left out, none are, and workloads are other kinds. */
  readonly workloads?: WorkloadOptions | undefined;
  /** Is told how many characters are read, and of how many. */
  readonly onProgress?: (done: number, total: number) => void;
  /** What clusters have in common that are read one after the other. */
  readonly known?: KnownManifests | undefined;
}

/**
 * What was read of manifests before. What stands in the next ones, too, is not read again, and a Service with its endpoints
 * that is in both is the same object.
 */
export interface KnownManifests {
  readonly documents: KnownDocuments;
  readonly objects: KnownObjects;
  assembler: { readonly of: AssemblerOptions; readonly assembler: ClusterAssembler } | undefined;
}

/** Nothing is known. */
export function noManifests(): KnownManifests {
  return { documents: new Map(), objects: new Map(), assembler: undefined };
}

type AssemblerOptions = Pick<LoadOptions, 'serviceRanges' | 'strict' | 'workloads'>;

export interface LoadedCluster {
  readonly cluster: ClusterState;
  /** The Node objects of the input, by name. */
  readonly nodes: ReadonlyMap<string, Node>;
  /** The ranges of its ServiceCIDR objects, in order; none where it has no such object. */
  readonly serviceCIDRs: readonly string[];
  /** Its Pods, also those that were made, by `namespace/name`. */
  readonly pods: ReadonlyMap<string, Pod>;
  /** What was made from workloads. */
  readonly made: MadePods;
  /** Every object that was read, as it was given, and where it stands. */
  readonly objects: readonly PlacedObject[];
  /** What the author should know of, though it is no error. */
  readonly warnings: readonly string[];
  /** What is most likely misspelt, though it is no error. */
  readonly typos: ParsedObjects['typos'];
  /** How many objects of other kinds there were, by `kind.group/version`. */
  readonly ignored: ReadonlyMap<string, number>;
}

/** What is wrong with manifests: every problem, and beside them what is most likely misspelt. */
export class ManifestError extends InputError {
  readonly typos: readonly Problem[];

  constructor(problems: readonly Problem[], typos: readonly Problem[]) {
    super(problems);
    this.typos = typos;
  }
}

/**
 * Builds a cluster from the texts of manifests, in any order. What a control plane would have added to them is
 * added: cluster IPs and node ports, Pods of workloads, and endpoints from Pods or from the older Endpoints objects.
 * @throws ManifestError with every problem of the input
 */
export function loadCluster(
  sources: readonly SourceText[],
  { onProgress = () => {}, known, ...options }: LoadOptions = {},
): LoadedCluster {
  const total = sources.reduce((sum, { text }) => sum + text.length, 0);
  let read = 0;
  const parsed = sources.map((source) => {
    const before = read;
    read += source.text.length;
    return parseSource(
      source,
      (characters) => onProgress(before + characters, total),
      { workloads: options.workloads !== undefined, known: known?.objects },
      known?.documents,
    );
  });
  return assemblerFor(options, known).assemble(parsed);
}

function assemblerFor(options: AssemblerOptions, known: KnownManifests | undefined): ClusterAssembler {
  const former = known?.assembler;
  if (former && deepEqual(former.of, options)) return former.assembler;
  const assembler = new ClusterAssembler(options);
  if (known) known.assembler = { of: options, assembler };
  return assembler;
}

/**
 * Puts a cluster together from texts that are parsed, again and again while some of them change. A Service for which
 * nothing has changed keeps its entry, the same object, which is how the compiler sees that; what else comes out is
 * what it would be without a past.
 */
export class ClusterAssembler {
  readonly #serviceRanges: readonly string[];
  readonly #strict: boolean;
  readonly #workloads: WorkloadOptions | undefined;
  readonly #index = new ObjectIndex();
  #former: ClusterState['services'] = new Map();
  readonly #assigned = new Memo<this, Assignment>();
  readonly #fromEndpoints = new Memo<Endpoints, readonly EndpointSlice[]>();
  readonly #fromPods = new Memo<Service, readonly EndpointSlice[]>();
  readonly #withRegions = new Memo<EndpointSlice, EndpointSlice>();

  constructor({ serviceRanges = DEFAULT_SERVICE_RANGES, strict = false, workloads }: AssemblerOptions) {
    this.#serviceRanges = serviceRanges;
    this.#strict = strict;
    this.#workloads = workloads;
  }

  /**
   * Builds the cluster of all these texts, in this order. An object that was parsed before is recognized by being the
   * same, so that only new ones cost more than a look.
   * @throws ManifestError with every problem of the input; then the next cluster is compared with the last good one
   */
  assemble(sources: readonly ParsedSource[]): LoadedCluster {
    const { objects, of, slicesOf, placeOf, typos, ignored, ...gathered } = this.#index.gather(sources);
    const strict = this.#strict;
    const problems = [...gathered.problems, ...(strict ? typos : [])];
    const nodes = new Map(of.Node.map((node) => [node.name, node]));
    const made = this.#madePods(of);
    const pods = new Map([...of.Pod, ...made.pods].map((pod) => [namespacedName(pod), pod]));
    const warnings: string[] = [];

    const { services, assigned, failed, conflicts } = this.#assign(of.Service);
    for (const [service, reason] of failed) problems.push({ at: placeOf(service), message: reason });
    for (const [service, words] of assigned) {
      const at = placeOf(service);
      if (strict) problems.push({ at, message: 'has no cluster IP yet, which --strict requires' });
      else
        warnings.push(formatProblem({ at, message: `has no cluster IP yet; assigned ${words.join(', ')}` }));
    }
    for (const { service, field, message } of conflicts) {
      const problem = { at: [...placeOf(service), field], message };
      if (strict) problems.push(problem);
      else warnings.push(formatProblem(problem));
    }
    for (const [workload, message] of made.pending) {
      warnings.push(formatProblem({ at: placeOf(workload), message }));
    }
    if (problems.length > 0) throw new ManifestError(problems, strict ? [] : typos);

    const derived = this.#derivedSlices(of, made.pods, nodes);
    const entries = new Map<string, ServiceEntry>();
    for (const [key, service] of services) {
      const slices = this.#withNodes(slicesOf(key) ?? derived(key, service), nodes);
      const former = this.#former.get(key);
      const same = former && sameEntry(former, service, slices);
      entries.set(key, same ? former : { service, endpointSlices: [...slices] });
    }
    this.#former = entries;
    const serviceCIDRs = rangesOf(of.ServiceCIDR);
    return {
      cluster: { services: entries },
      nodes,
      serviceCIDRs,
      pods,
      made,
      objects,
      warnings,
      typos,
      ignored,
    };
  }

  /** What the control plane does with all Services together; done again when one of them is another than before. */
  #assign(given: readonly Service[]): Assignment {
    return this.#assigned.get(this, given, () => {
      const { services, assigned, failed } = allocate(given, this.#serviceRanges);
      const keyed = services.map((service): [string, Service] => {
        const key = namespacedName(service);
        const former = this.#former.get(key)?.service;
        // One that was completed again in the same way is no other.
        return [key, former && deepEqual(former, service) ? former : service];
      });
      return { services: new Map(keyed), assigned, failed, conflicts: findConflicts(services) };
    });
  }

  /** The Pods that the controllers of workloads would make; no two of them, nor one that is given, have an address. */
  #madePods(given: ObjectsByKind): MadePods {
    const options = this.#workloads;
    if (!options) return NONE_MADE;
    const workloads = WORKLOAD_KINDS.flatMap((kind): readonly Workload[] => given[kind]);
    if (workloads.length === 0) return NONE_MADE;
    const addresses = [
      ...given.EndpointSlice.flatMap(({ endpoints }) => endpoints),
      ...given.Endpoints.flatMap(({ subsets }) => subsets.flatMap((subset) => subset.addresses)),
    ].map(({ address }) => address);
    return podsFromWorkloads(workloads, { pods: given.Pod, nodes: given.Node, addresses }, options);
  }

  /**
   * Finds slices for a Service that has none: from its Endpoints, or else from the Pods that it selects; from Pods that
   * were made only where none of those that are given is an endpoint.
   */
  #derivedSlices(
    given: ObjectsByKind,
    made: readonly Pod[],
    nodes: ReadonlyMap<string, Node>,
  ): (key: string, service: Service) => readonly EndpointSlice[] {
    const mirrored = Map.groupBy(
      given.Endpoints.flatMap((endpoints) =>
        this.#fromEndpoints.get(endpoints, [], () => slicesFromEndpoints(endpoints)),
      ),
      serviceKeyOf,
    );
    const candidates = podFinder(given.Pod);
    const others = podFinder(made);
    return (key, service) => {
      const slices = mirrored.get(key);
      if (slices) return slices;
      if (Object.keys(service.selector).length === 0) return [];
      const own = candidates(service);
      const pods = own.some((pod) => isEndpoint(service, pod)) ? own : [...own, ...others(service)];
      const inputs = [...pods, ...topology(pods, nodes)];
      return this.#fromPods.get(service, inputs, () => slicesFromPods(service, pods, nodes));
    };
  }

  /** A Service's slices in the order of their names, with what only Nodes tell: zone and region. */
  #withNodes(slices: readonly EndpointSlice[], nodes: ReadonlyMap<string, Node>): readonly EndpointSlice[] {
    const sorted = inOrderOfNames(slices);
    if (nodes.size === 0) return sorted;
    return sorted.map((slice) =>
      this.#withRegions.get(slice, topology(slice.endpoints, nodes), () => withRegions(slice, nodes)),
    );
  }
}

const NONE_MADE: MadePods = { pods: [], workloads: new Map(), ranges: [], pending: new Map() };

/** What a control plane makes of all Services, by `namespace/name` and in the order of these names. */
interface Assignment extends Omit<Allocation, 'services'> {
  readonly services: ReadonlyMap<string, Service>;
  readonly conflicts: readonly Conflict[];
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
      (slice, i) => slice === endpointSlices[i] || deepEqual(slice, endpointSlices[i]),
    )
  );
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

/** An EndpointSlice gives an endpoint's zone; its region is only known from its Node. */
function withRegions(slice: EndpointSlice, nodes: ReadonlyMap<string, Node>): EndpointSlice {
  const endpoints = slice.endpoints.map((endpoint) => {
    const node = nodes.get(endpoint.nodeName ?? '');
    return node
      ? { ...endpoint, zone: endpoint.zone ?? node.zone, region: endpoint.region ?? node.region }
      : endpoint;
  });
  return { ...slice, endpoints };
}
