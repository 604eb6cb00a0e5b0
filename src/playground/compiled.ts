/** From what somebody has typed to rules, as the commands make them. */
import type { ClusterState } from '../api/cluster.ts';
import { DEFAULT_CONFIGURATION } from '../api/kube-proxy-configuration.ts';
import type { LayoutName } from '../api/layout-names.ts';
import type { NodeFacts } from '../api/node.ts';
import { withJumps } from '../chains/jumps.ts';
import { IncrementalCompiler } from '../compiler/incremental.ts';
import { type CompileOptions, compileOptions } from '../compiler/options.ts';
import { type PreparedRuleset, prepare } from '../iptables/simulator/prepare.ts';
import type { Family, Ruleset } from '../iptables/types.ts';
import {
  DEFAULT_SERVICE_RANGES,
  type KnownManifests,
  type LoadedCluster,
  loadCluster,
} from '../sources/cluster.ts';
import { type Configuration, NO_OPTIONS, parseConfiguration } from '../sources/configuration.ts';
import { workloadOptions } from '../sources/control-plane/from-workloads.ts';
import { completeFacts, resolveNode } from '../sources/node.ts';
import type { PlaygroundInput } from './state.ts';

/** How problems name the two texts. */
export const MANIFESTS = 'manifests';
export const CONFIGURATION = 'configuration';

/** A cluster as a node sees it. */
export interface LoadedInput extends LoadedCluster {
  readonly node: NodeFacts;
  readonly configuration: Configuration;
  options(family: Family): CompileOptions;
}

/**
 * Reads what somebody has typed.
 * @param known what was read before
 * @throws InputError
 */
export function loadInput(input: PlaygroundInput, known: KnownManifests): LoadedInput {
  const configuration = configurationOf(input.config);
  const { kubeProxy, own } = configuration;
  const told = completeFacts(input.node === '' ? [] : [{ name: input.node }]);
  const loaded = loadCluster([{ name: MANIFESTS, text: input.manifests }], {
    serviceRanges: DEFAULT_SERVICE_RANGES,
    strict: false,
    workloads: workloadOptions(told, kubeProxy),
    known,
  });
  const { nodes, serviceCIDRs } = loaded;
  const [first] = nodesIn(loaded);
  const flags = { name: input.node === '' ? first : input.node };
  const node = resolveNode({ flags, host: {}, hostnameOverride: kubeProxy.hostnameOverride, nodes });
  const layout = input.layout ?? own.layout;
  const { legacyPortNames, rejectUnassigned } = own;
  const further = { legacyPortNames, layout, rejectUnassigned, serviceRanges: serviceCIDRs };
  const options = (family: Family) => compileOptions(family, kubeProxy, node, further);
  return { ...loaded, node, configuration, options };
}

function configurationOf(text: string): Configuration {
  if (text.trim() === '') return { kubeProxy: DEFAULT_CONFIGURATION, own: NO_OPTIONS };
  return parseConfiguration({ name: CONFIGURATION, text });
}

/** The names of nodes that the objects speak of: Nodes, and where Pods and endpoints are. */
export function nodesIn({
  nodes,
  pods,
  cluster,
}: Pick<LoadedCluster, 'nodes' | 'pods' | 'cluster'>): string[] {
  const names = new Set(nodes.keys());
  for (const { nodeName } of pods.values()) if (nodeName !== undefined) names.add(nodeName);
  for (const { nodeName } of endpointsIn(cluster)) if (nodeName !== undefined) names.add(nodeName);
  return [...names].sort();
}

function endpointsIn({ services }: ClusterState) {
  return [...services.values()].flatMap(({ endpointSlices }) =>
    endpointSlices.flatMap(({ endpoints }) => endpoints),
  );
}

/** Rules of one family. */
export interface CompiledRules {
  /** What render prints. */
  readonly ruleset: Ruleset;
  /** With the jumps from built-in chains, by which packets come to it. */
  readonly whole: Ruleset;
  readonly prepared: PreparedRuleset;
}

export function compileInput({ cluster, node, options }: LoadedInput, family: Family): CompiledRules {
  const compiler = new IncrementalCompiler(node, options(family));
  compiler.update(cluster);
  const ruleset = compiler.ruleset();
  const whole = withJumps(ruleset);
  return { ruleset, whole, prepared: prepare(whole) };
}

/** A layout as an input asks for it. */
export function layoutOfInput(input: LoadedInput): LayoutName {
  return input.options('ipv4').layout;
}
