/** The library: the pure parts of svc2ipt. Reading, compiling, printing and answering; nothing here touches a node. */
export { type ClusterState, clusterState, type ServiceEntry } from './api/cluster.ts';
export type { EndpointSlice } from './api/endpoint-slice.ts';
export { DEFAULT_CONFIGURATION, type KubeProxyConfiguration } from './api/kube-proxy-configuration.ts';
export type { LayoutName } from './api/layout-names.ts';
export type { HostFacts, Node, NodeFacts } from './api/node.ts';
export { InputError, type Problem } from './api/problem.ts';
export type { Service } from './api/service.ts';
export { JUMPS, type Jump, withJumps } from './chains/jumps.ts';
export { compile } from './compiler/compile.ts';
export { IncrementalCompiler, type RulesetChanges } from './compiler/incremental.ts';
export { type CompileOptions, compileOptions, type DetectLocal } from './compiler/options.ts';
export { type ChainChanges, compareChains } from './iptables/compare.ts';
export { ruleMeaning, sameMeaning } from './iptables/meaning.ts';
export { parseRule, parseRuleset } from './iptables/parse.ts';
export { printRule, printRuleset, printTable } from './iptables/print.ts';
export { ParseError } from './iptables/saved-text.ts';
export { dnatTargets, type Fate, type Outcome } from './iptables/simulator/fate.ts';
export type { Packet, SimulatedNode } from './iptables/simulator/packet.ts';
export type { Stage, StagePacket, Step } from './iptables/simulator/path.ts';
export {
  type PlacedRule,
  type PreparedRuleset,
  prepare,
  prepareSaved,
} from './iptables/simulator/prepare.ts';
export { simulate } from './iptables/simulator/simulate.ts';
export { RulesetError } from './iptables/simulator/walk.ts';
export type * from './iptables/types.ts';
export {
  type EffectsQuestion,
  type ExplainQuestion,
  effects,
  explain,
  type LintQuestion,
  lint,
  type Rendered,
  type RenderQuestion,
  render,
  type TraceQuestion,
  trace,
} from './library/calls.ts';
export { type EffectsPrinting, isSame, printEffects } from './library/effects-in.ts';
export { type Explained, type ExplainedPrinting, printExplained } from './library/explain-in.ts';
export { isAtLeast, type Linted, type LintedPrinting, printLinted } from './library/lint-in.ts';
export type {
  ManifestsQuestion,
  NodeQuestion,
  RulesQuestion,
  Texts,
  Warned,
} from './library/question.ts';
export { printTraced, type Traced, type TracedPrinting } from './library/trace-in.ts';
export {
  DEFAULT_SERVICE_RANGES,
  type LoadedCluster,
  type LoadOptions,
  loadCluster,
} from './sources/cluster.ts';
export { type Configuration, parseConfiguration, parseHost } from './sources/configuration.ts';
export {
  type MadePods,
  type WorkloadOptions,
  workloadOptions,
} from './sources/control-plane/from-workloads.ts';
export { completeFacts, type NodeSources, resolveNode } from './sources/node.ts';
export type { SourceText } from './sources/source-text.ts';
