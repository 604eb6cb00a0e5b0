/** What a drawing of a ruleset shows, as data: boxes and the arrows between them. */
import type { Chain, Family, Rule, TableName } from '../iptables/types.ts';
import type { Fraction } from './fraction.ts';

/** Nodes and edges are in the order of the ruleset. Labels are single lines without control characters. */
export interface RuleGraph {
  readonly family: Family;
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
}

export type GraphNode = ChainNode | TargetNode | ServiceNode;

interface NodeBase {
  /** Unique in its graph. */
  readonly id: string;
  readonly label: string;
  /** `namespace/name` of the Service that it belongs to; undefined for what belongs to the whole node. */
  readonly service: string | undefined;
}

/** A chain; each chain of the ruleset is one node. */
export interface ChainNode extends NodeBase {
  readonly kind: 'chain';
  readonly table: TableName;
  readonly chain: Chain;
  /** One of netfilter's own chains, where packets come in. */
  readonly builtIn: boolean;
}

/** What becomes of packets in the end: `DNAT 10.244.1.5:8080`, `REJECT`, `MASQUERADE --random-fully`. */
export interface TargetNode extends NodeBase {
  readonly kind: 'target';
  /** As in a rule: `DNAT`, `REJECT`. */
  readonly target: string;
  readonly table: TableName;
}

/** A Service whose chains and targets are drawn as one box. */
export interface ServiceNode extends NodeBase {
  readonly kind: 'service';
  readonly service: string;
}

/** A rule with a target, as an arrow from its chain. */
export interface GraphEdge {
  /** Ids of nodes. */
  readonly from: string;
  readonly to: string;
  /** In short which packets take it, and {@link share}; empty where all do that get there. */
  readonly label: string;
  /** Where endpoints are chosen by chance: how much of all that comes to be chosen for goes this way. */
  readonly share: Fraction | undefined;
  /** The rules that it stands for: one, or several in a graph whose Services are collapsed. */
  readonly rules: readonly Rule[];
}
