/** What the page holds: the graph as it is drawn there, and the rules of its chains as text. */

/** Where arrows lead in a picture. Services below the node's chains make a narrower one. */
export type Direction = 'right' | 'down';

export interface PageData {
  readonly family: string;
  /** Whether Services are one box each until they are opened. */
  readonly collapsed: boolean;
  /** Of a graph whose Services are not collapsed. */
  readonly nodes: readonly PageNode[];
}

export interface PageNode {
  readonly kind: 'built-in' | 'chain' | 'target';
  readonly label: string;
  readonly table: string;
  /** `namespace/name` */
  readonly service?: string;
  /** Of a target: `DNAT`, `REJECT`. */
  readonly target?: string;
  /** What the name does not say, a line each: the Pod of an endpoint. */
  readonly about?: readonly string[];
  /** Of a chain. */
  readonly rules: readonly PageRule[];
}

export interface PageRule {
  /** As on the arrow; empty where the rule takes every packet. */
  readonly label: string;
  readonly comment?: string;
  /** As iptables-restore reads it, without its chain and its comment. */
  readonly text: string;
  /** The place in `nodes` of what it leads to; rules that only count lead nowhere. */
  readonly to?: number;
}
