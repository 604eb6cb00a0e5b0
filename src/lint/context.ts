/** What lint's rules look at: the cluster as the compiler plans it, and what is around it. */
import { type ClusterState, namespacedName, type ServiceEntry } from '../api/cluster.ts';
import type { EndpointSlice } from '../api/endpoint-slice.ts';
import { DEFAULT_CONFIGURATION, type KubeProxyConfiguration } from '../api/kube-proxy-configuration.ts';
import type { Node, NodeFacts } from '../api/node.ts';
import type { Pod } from '../api/pod.ts';
import type { Service } from '../api/service.ts';
import type { Workload } from '../api/workload.ts';
import { planService } from '../compiler/compile-service.ts';
import { type CompileOptions, compileOptions } from '../compiler/options.ts';
import type { ServicePortPlan } from '../compiler/plan.ts';
import type { ServiceRanges } from '../compiler/unassigned.ts';
import { FAMILIES, type Family } from '../net/address.ts';
import { podFinder, selects } from '../sources/control-plane/from-pods.ts';

/** What is known beside the cluster and the node. Rules that need what is not given find nothing. */
export interface LintOptions {
  /** The Nodes of the cluster, by name. */
  readonly nodes?: ReadonlyMap<string, Node>;
  /**
   * The EndpointSlices that were given as such, also those of no Service; where left out, all of the cluster's.
   * What was made from Pods or Endpoints is found fault with in the Service, as there is no object to name.
   */
  readonly endpointSlices?: readonly EndpointSlice[];
  /** The Pods that were given, and those that were made from workloads. */
  readonly pods?: readonly Pod[];
  /** Deployments and other workloads. */
  readonly workloads?: readonly Workload[];
  /** The API server's `--service-cluster-ip-range`, canonical, at most one range of each family. */
  readonly serviceRanges?: readonly string[];
  /** kube-proxy's configuration, where one was given. */
  readonly configuration?: KubeProxyConfiguration | undefined;
  /** Whether what nobody serves is to be refused, and where. */
  readonly unassigned?: ServiceRanges;
}

/** A port of a Service in one family, and what becomes of its traffic on this node. */
export interface PlannedPort {
  /** Its place in `spec.ports`. */
  readonly index: number;
  readonly family: Family;
  readonly plan: ServicePortPlan;
}

export interface PlannedEntry {
  /** `namespace/name` */
  readonly key: string;
  readonly entry: ServiceEntry;
  /** Of each family that it has a cluster IP of. Empty where it has no rules. */
  readonly ports: readonly PlannedPort[];
}

export interface Context {
  /** In the order of their names. */
  readonly entries: readonly PlannedEntry[];
  readonly services: ClusterState['services'];
  readonly node: NodeFacts;
  readonly nodes: ReadonlyMap<string, Node>;
  /** How many nodes there are, as far as Nodes and endpoints tell. */
  readonly nodeCount: number;
  readonly endpointSlices: readonly EndpointSlice[];
  /** Whose EndpointSlices were given as such, by `namespace/name`. */
  readonly withGivenSlices: ReadonlySet<string>;
  /** The namespaces that have Pods, or what makes some. */
  readonly podNamespaces: ReadonlySet<string>;
  readonly workloads: readonly Workload[];
  /** What a Service selects, whatever state it is in. */
  readonly workloadsFor: (service: Service) => readonly Workload[];
  readonly podsFor: (service: Service) => readonly Pod[];
  readonly serviceRanges: readonly string[];
  readonly configuration: KubeProxyConfiguration | undefined;
  readonly unassigned: ServiceRanges;
  /** The EndpointSlices of a Service that kube-proxy passes over, by `namespace/name` of the Service. */
  readonly skippedSlices: ReadonlyMap<string, readonly EndpointSlice[]>;
  /** The Pods that run or will, and have addresses; in the order of the input. */
  readonly pods: readonly Pod[];
  /** The Service of each cluster IP, by `namespace/name`; the first by name where there are several. */
  readonly clusterIPs: ReadonlyMap<string, string>;
}

export function prepareContext(
  cluster: ClusterState,
  node: NodeFacts,
  {
    nodes = new Map(),
    endpointSlices,
    pods = [],
    workloads = [],
    serviceRanges = [],
    configuration,
    unassigned = { rejectUnassigned: false, serviceRanges: [] },
  }: LintOptions,
): Context {
  const entries = [...cluster.services].sort(([a], [b]) => (a < b ? -1 : 1));
  const slices = entries.flatMap(([, entry]) => entry.endpointSlices);
  const given = endpointSlices ?? slices;
  // No rule depends on what a configuration decides: which endpoints get traffic is the same under all of them.
  const options = FAMILIES.map((family) => compileOptions(family, DEFAULT_CONFIGURATION, node));
  return {
    entries: entries.map(([key, entry]) => ({
      key,
      entry,
      ports: options.flatMap((options) => plannedPorts(entry, node, options)),
    })),
    services: cluster.services,
    node,
    nodes,
    nodeCount: Math.max(nodes.size, nodesOf(slices).size),
    endpointSlices: given,
    withGivenSlices: new Set(given.map(({ namespace, serviceName }) => `${namespace}/${serviceName}`)),
    podNamespaces: new Set([...pods, ...workloads].map(({ namespace }) => namespace)),
    workloads,
    workloadsFor: selected(workloads, ({ template }) => template.labels),
    podsFor: selected(pods, ({ labels }) => labels),
    serviceRanges,
    configuration,
    unassigned,
    skippedSlices: Map.groupBy(
      given.filter(({ skipped }) => skipped !== undefined),
      ({ namespace, skipped }) => `${namespace}/${skipped?.service}`,
    ),
    pods: pods.filter(({ finished, ips }) => !finished && ips.length > 0),
    clusterIPs: clusterIPs(entries.map(([, entry]) => entry)),
  };
}

function selected<T extends { readonly namespace: string }>(
  things: readonly T[],
  labelsOf: (thing: T) => Pod['labels'],
): (service: Service) => readonly T[] {
  const find = podFinder(
    things.map((thing) => ({ thing, namespace: thing.namespace, labels: labelsOf(thing) })),
  );
  return (service) =>
    find(service)
      .filter((one) => selects(service, one))
      .map(({ thing }) => thing);
}

function plannedPorts(entry: ServiceEntry, node: NodeFacts, options: CompileOptions): PlannedPort[] {
  return planService(entry, node, options).plans.map((plan, index) => ({
    index,
    family: options.family,
    plan,
  }));
}

function nodesOf(slices: readonly EndpointSlice[]): ReadonlySet<string> {
  const names = new Set<string>();
  for (const { endpoints } of slices) {
    for (const { nodeName } of endpoints) if (nodeName) names.add(nodeName);
  }
  return names;
}

function clusterIPs(entries: readonly ServiceEntry[]): ReadonlyMap<string, string> {
  const owners = new Map<string, string>();
  for (const { service } of entries) {
    if (service.type === 'ExternalName') continue;
    for (const ip of service.clusterIPs) {
      if (ip !== 'None' && !owners.has(ip)) owners.set(ip, namespacedName(service));
    }
  }
  return owners;
}
