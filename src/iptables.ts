/** The language of iptables alone: rules as data, as text, and what they do to packets. It knows nothing of Kubernetes. */
export type { OperationalError } from './errors/operational-error.ts';
export { type ChainChanges, compareChains } from './iptables/compare.ts';
export { ruleMeaning, sameMeaning } from './iptables/meaning.ts';
export { parseRule, parseRuleset } from './iptables/parse.ts';
export { type PastedRules, readPasted } from './iptables/pasted.ts';
export { printRule, printRuleset, printTable } from './iptables/print.ts';
export { printSaved } from './iptables/saved.ts';
export { ParseError } from './iptables/saved-text.ts';
export type { Condition } from './iptables/simulator/condition.ts';
export type { Effect, Translation, Verdict } from './iptables/simulator/effects.ts';
export { dnatTargets, type Fate, type Outcome } from './iptables/simulator/fate.ts';
export type { Flow, RecentEntry, SourceTranslation } from './iptables/simulator/flow.ts';
export { type Dimension, type IPSet, parseIPSets } from './iptables/simulator/ip-set.ts';
export type { Test } from './iptables/simulator/match-tests.ts';
export type { Address, Header, Packet, SimulatedNode } from './iptables/simulator/packet.ts';
export type { Stage, StagePacket, Step } from './iptables/simulator/path.ts';
export {
  type GivenChain,
  type KnownChains,
  type PlacedRule,
  type PreparedChain,
  type PreparedRule,
  type PreparedRuleset,
  prepare,
  prepareSaved,
  type RuleCondition,
} from './iptables/simulator/prepare.ts';
export type { Recent } from './iptables/simulator/recent.ts';
export { simulate } from './iptables/simulator/simulate.ts';
export { RulesetError } from './iptables/simulator/walk.ts';
export type * from './iptables/types.ts';
