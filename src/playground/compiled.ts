/** From what somebody has typed to rules, as the library makes them. */
import type { ClusterState } from '../api/cluster.ts';
import type { LayoutName } from '../api/layout-names.ts';
import type { Problem } from '../api/problem.ts';
import { withJumps } from '../chains/jumps.ts';
import { compile } from '../compiler/compile.ts';
import { type PreparedRuleset, prepare } from '../iptables/simulator/prepare.ts';
import type { Family, Ruleset } from '../iptables/types.ts';
import type { CompilerInput } from '../library/compiler-input.ts';
import { readQuestion } from '../library/question.ts';
import type { KnownManifests } from '../sources/cluster.ts';
import { parseConfiguration } from '../sources/configuration.ts';
import type { PlaygroundInput } from './state.ts';

/** How problems name the two texts. */
export const MANIFESTS = 'manifests';
export const CONFIGURATION = 'configuration';

/** A cluster as a node sees it, and what is most likely misspelt in it. */
export interface LoadedInput extends CompilerInput {
  readonly typos: readonly Problem[];
}

/**
 * Reads what somebody has typed.
 * @param known what was read before
 * @throws InputError
 */
export function loadInput(
  { manifests, config, node, layout }: PlaygroundInput,
  known: KnownManifests,
): LoadedInput {
  const sources = [{ name: MANIFESTS, text: manifests }];
  const configuration =
    config.trim() === '' ? undefined : parseConfiguration({ name: CONFIGURATION, text: config });
  const question = { config: configuration, node: node === '' ? undefined : node, layout };
  const { input, typos } = readQuestion(sources, question, { tellsOfLacks: true, known });
  const [first] = nodesIn(input);
  // Whoever has chosen no node looks at the first.
  return { ...(input.node.name === '' && first !== undefined ? input.forNode(first) : input), typos };
}

/** The names of nodes that the objects speak of: Nodes, and where Pods and endpoints are. */
export function nodesIn({
  nodes,
  pods,
  cluster,
}: Pick<CompilerInput, 'nodes' | 'pods' | 'cluster'>): string[] {
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
  const ruleset = compile(cluster, node, options(family));
  const whole = withJumps(ruleset);
  return { ruleset, whole, prepared: prepare(whole) };
}

/** A layout as an input asks for it. */
export function layoutOfInput(input: LoadedInput): LayoutName {
  return input.options('ipv4').layout;
}
