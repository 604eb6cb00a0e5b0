/** From manifests, a configuration and a node, all of them read, to what the compiler takes. */
import { z } from 'zod';
import type { ClusterState } from '../api/cluster.ts';
import { cidr, oneOfEachFamily } from '../api/fields.ts';
import type { KubeProxyConfiguration } from '../api/kube-proxy-configuration.ts';
import type { HostFacts, Node, NodeFacts } from '../api/node.ts';
import type { PlacedObject } from '../api/objects.ts';
import type { Pod } from '../api/pod.ts';
import { check, InputError } from '../api/problem.ts';
import { type CompileOptions, compileOptions, type OwnOptions } from '../compiler/options.ts';
import type { ServiceRanges } from '../compiler/unassigned.ts';
import type { Family } from '../net/address.ts';
import type { LoadedCluster } from '../sources/cluster.ts';
import type { Configuration } from '../sources/configuration.ts';
import type { MadePods } from '../sources/control-plane/from-workloads.ts';
import { resolveNode } from '../sources/node.ts';
import type { SourceText } from '../sources/source-text.ts';

export interface CompilerInput {
  readonly cluster: ClusterState;
  readonly node: NodeFacts;
  /** The Pods of the input and those that were made, by `namespace/name`. */
  readonly pods: ReadonlyMap<string, Pod>;
  readonly made: MadePods;
  /** Every object of the input, as it was given, and where it stands. */
  readonly objects: readonly PlacedObject[];
  readonly sources: readonly SourceText[];
  /** The Node objects of the input, by name. */
  readonly nodes: ReadonlyMap<string, Node>;
  /** kube-proxy's, where one was given. */
  readonly configuration: KubeProxyConfiguration | undefined;
  /** Whether what nobody serves is to be refused, and where. */
  readonly unassigned: ServiceRanges;
  options(family: Family): CompileOptions;
  /** The same input, as another of its Nodes sees it. */
  forNode(name: string): CompilerInput;
}

/** What an input is put together from. */
export interface InputParts {
  readonly loaded: LoadedCluster;
  /** What the cluster was loaded from. */
  readonly sources: readonly SourceText[];
  readonly configuration: Configuration;
  /** Whether that was given, and is not the usual one. */
  readonly isConfigured: boolean;
  /** What counts more than the configuration's own section. */
  readonly own: OwnOptions;
  /** Facts of the node, what counts most first. */
  readonly flags: HostFacts;
  readonly host: HostFacts;
  readonly live: HostFacts;
}

/** Puts an input together. The node is the one that its facts name, or the only Node of the cluster. */
export function compilerInput({
  loaded: { cluster, nodes, serviceCIDRs, pods, made, objects },
  sources,
  configuration: { kubeProxy, own: section },
  isConfigured,
  own,
  flags,
  host,
  live,
}: InputParts): CompilerInput {
  const { hostnameOverride } = kubeProxy;
  const legacyPortNames = own.legacyPortNames ?? section.legacyPortNames;
  const layout = own.layout ?? section.layout;
  const unassigned = {
    rejectUnassigned: own.rejectUnassigned ?? section.rejectUnassigned ?? false,
    serviceRanges: own.serviceRanges ?? serviceCIDRs,
  };
  const asSeenBy = (node: NodeFacts): CompilerInput => ({
    cluster,
    node,
    pods,
    made,
    objects,
    sources,
    nodes,
    configuration: isConfigured ? kubeProxy : undefined,
    unassigned,
    options: (family) => compileOptions(family, kubeProxy, node, { legacyPortNames, layout, ...unassigned }),
    forNode: (name) => asSeenBy(resolveNode({ flags: { ...flags, name }, host, hostnameOverride, nodes })),
  });
  return asSeenBy(resolveNode({ flags, host, hostnameOverride, nodes, live }));
}

/**
 * Ranges of cluster IPs, canonical.
 * @param at which option they are the value of
 * @throws InputError for what is no range, and for two of one family
 */
export function checkedServiceRanges(ranges: readonly string[], at: string): readonly string[] {
  const result = check(z.array(cidr), ranges, []);
  if (!result.ok) throw new InputError(result.problems.map(({ message }) => ({ at: [at], message })));
  if (!oneOfEachFamily(result.value)) {
    throw new InputError([{ at: [at], message: 'expected at most one range of each family' }]);
  }
  return result.value;
}

/**
 * The input as each node sees it that the options ask for: every Node of it, by name, or the one.
 * @throws InputError where every Node is asked for, and there is none
 */
export function eachNode(
  input: CompilerInput,
  { allNodes }: { readonly allNodes?: true | undefined },
): CompilerInput[] {
  if (allNodes === undefined) return [input];
  if (input.nodes.size === 0) {
    throw new InputError([{ at: ['--all-nodes'], message: 'no Node in the input' }]);
  }
  return [...input.nodes.keys()].sort().map((name) => input.forNode(name));
}
