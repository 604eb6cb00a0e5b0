/** What the page shows, as far as a link shares it. */
import type { LayoutName } from '../api/layout-names.ts';
import type { Family } from '../net/address.ts';

export const TABS = ['meaning', 'rules', 'picture', 'packet', 'compare', 'layouts'] as const;

export type Tab = (typeof TABS)[number];

/** What rules are made from. */
export interface PlaygroundInput {
  readonly manifests: string;
  /** A KubeProxyConfiguration; may be empty. */
  readonly config: string;
  /** The name of the node; '' for the first Node of the manifests. */
  readonly node: string;
  readonly family: Family;
  /** Undefined for the one that the configuration asks for. */
  readonly layout: LayoutName | undefined;
}

export interface PlaygroundState extends PlaygroundInput {
  readonly tab: Tab;
  /** The Service whose rules are shown, `namespace/name`; '' for all of them. */
  readonly service: string;
  /** The chain that is looked at, in the picture or among the rules, `nat/KUBE-SERVICES`; '' for none. */
  readonly chain: string;
  /** Who sends a packet, and where to, as `svc2ipt trace` takes it; '' where nobody has chosen yet. */
  readonly from: string;
  readonly to: string;
  /** The manifests that those of the editor are compared with. */
  readonly before: string;
}

/** Manifests to begin with. */
export interface PlaygroundExample {
  /** For links: it stays. */
  readonly name: string;
  readonly title: string;
  /** What is to be seen: a sentence. */
  readonly about: string;
  readonly manifests: string;
  readonly config: string;
  readonly node: string;
  /** Another state of the manifests, which is worth a comparison. */
  readonly before?: string;
  readonly to?: string;
  readonly from?: string;
}

/** The page as an example shows it. */
export function stateOfExample(example: PlaygroundExample): PlaygroundState {
  const { manifests, config, node, before = manifests, from = '', to = '' } = example;
  const nothing = { layout: undefined, service: '', chain: '' };
  return { ...nothing, manifests, config, node, before, from, to, family: 'ipv4', tab: 'meaning' };
}
