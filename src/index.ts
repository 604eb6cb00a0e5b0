/** The library: the pure parts of svc2ipt. Reading, compiling, printing and answering; nothing here touches a node. */
export { type ClusterState, clusterState, type ServiceChange, type ServiceEntry } from './api/cluster.ts';
export type { EndpointSlice, Endpoints } from './api/endpoint-slice.ts';
export {
  DEFAULT_CONFIGURATION,
  type KubeProxyConfiguration,
  type Svc2iptSection,
} from './api/kube-proxy-configuration.ts';
export type { GivenConfiguration } from './api/kube-proxy-fields.ts';
export { LAYOUT_NAMES, type LayoutName } from './api/layout-names.ts';
export type { HostFacts, Node, NodeFacts } from './api/node.ts';
export type { KnownObjects, KubernetesObject, ParsedObjects, PlacedObject } from './api/objects.ts';
export type { Owner } from './api/owner.ts';
export type { Pod } from './api/pod.ts';
export { InputError, type Problem, type ProblemCode } from './api/problem.ts';
export type { Service } from './api/service.ts';
export type { ServiceCIDR } from './api/service-cidr.ts';
export type { PodTemplate, Workload, WorkloadKind } from './api/workload.ts';
export { JUMPS, type Jump, withJumps } from './chains/jumps.ts';
export type { ServiceTable, SharedChain } from './chains/names.ts';
export type { ServiceAddress, Way } from './chains/service-addresses.ts';
export { compile } from './compiler/compile.ts';
export type { CompiledService } from './compiler/compile-service.ts';
export { IncrementalCompiler, type RulesetChanges, type RulesetTotals } from './compiler/incremental.ts';
export type { SharedRule } from './compiler/layout.ts';
export type { NodePlan, NodePortsAt } from './compiler/node-plan.ts';
export {
  type CompileOptions,
  compileOptions,
  type DetectLocal,
  type OwnOptions,
} from './compiler/options.ts';
export type { Effects, Fates, PacketEffect, ServiceEffects, WayEffects } from './effects/effects.ts';
export type { Senders } from './effects/senders.ts';
export type { NodeEffects } from './effects/text.ts';
export type { ExplainedChain, ExplainedRule } from './explain/chain.ts';
export type { EndpointSet, ExplainedEndpoint, ExplainedPort } from './explain/explain.ts';
export type { Explanation } from './explain/explanation.ts';
export type { PodWithoutEndpoint } from './explain/pods.ts';
export type { Reason } from './explain/reasons.ts';
export type { Unassigned } from './explain/unassigned.ts';
export type { Becomes, MarkingRule, WayIn } from './explain/ways.ts';
export type { Theme } from './graph/arrangement/look.ts';
export type { Direction, PageData, PageNode, PageRule } from './graph/arrangement/page-types.ts';
export { collapse } from './graph/collapse.ts';
export { printDot } from './graph/formats/dot.ts';
export { printHtml } from './graph/formats/html.ts';
export { printMermaid } from './graph/formats/mermaid.ts';
export { pageData } from './graph/formats/page-data.ts';
export { pageScript } from './graph/formats/page-script.ts';
export { printSvg } from './graph/formats/svg.ts';
export type { Fraction } from './graph/fraction.ts';
export { graphOf } from './graph/graph.ts';
export { savedRuleset } from './graph/saved.ts';
export type {
  ChainNode,
  GraphEdge,
  GraphNode,
  RuleGraph,
  ServiceNode,
  TargetNode,
} from './graph/types.ts';
export type { ClassFlow, MarkNow, Start } from './iptables/classes/class-flow.ts';
export type { ClassOutcome, Difference } from './iptables/classes/compare.ts';
export type { ClassExample } from './iptables/classes/example.ts';
export type { ClassEnd } from './iptables/classes/explore.ts';
export type { ClassDimension, Facts, PacketClass } from './iptables/classes/packet-class.ts';
export type { ClassNode } from './iptables/classes/questions.ts';
export type { Ranges } from './iptables/classes/ranges.ts';
export type { SpelledRule } from './iptables/spell.ts';
export * from './iptables.ts';
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
export {
  type Explained,
  type ExplainedAddress,
  type ExplainedChains,
  type ExplainedPrinting,
  type ExplainedServices,
  type ExplanationPaintStyle,
  printExplained,
} from './library/explain-in.ts';
export {
  type FoundFindings,
  isAtLeast,
  type Linted,
  type LintedPrinting,
  printLinted,
} from './library/lint-in.ts';
export type { ManifestsQuestion, NodeQuestion, RulesQuestion, Texts, Warned } from './library/question.ts';
export type { Narrowing } from './library/shown.ts';
export { type PacketQuestion, printTraced, type Traced, type TracedPrinting } from './library/trace-in.ts';
export type { Finding, ObjectReference, PlaceOf } from './lint/finding.ts';
export type { Position } from './lint/positions.ts';
export type { RuleCode } from './lint/rules.ts';
export type { Severity } from './lint/severity.ts';
export { FAMILIES } from './net/address.ts';
export type { UdpAddress, UdpDestination } from './net/flows.ts';
export {
  type ClusterAssembler,
  DEFAULT_SERVICE_RANGES,
  type KnownManifests,
  type LoadedCluster,
  type LoadOptions,
  loadCluster,
  ManifestError,
  noManifests,
} from './sources/cluster.ts';
export {
  type Configuration,
  configurationText,
  parseConfiguration,
  parseHost,
} from './sources/configuration.ts';
export {
  type MadePods,
  type WorkloadOptions,
  workloadOptions,
} from './sources/control-plane/from-workloads.ts';
export type { KnownDocuments } from './sources/documents.ts';
export { completeFacts, type NodeSources, resolveNode } from './sources/node.ts';
export type { ParsedSource } from './sources/object-index.ts';
export type { SourceText } from './sources/source-text.ts';
export type { Paint, Printing } from './text/paint.ts';
export { simulatedNode } from './trace/known-node.ts';
export type { Asked } from './trace/question.ts';
export type { Trace, TraceLine, TraceRest, TraceStage, TraceStep, UndecidedRule } from './trace/trace.ts';
