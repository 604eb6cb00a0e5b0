/** What the compiler must be told beside the cluster and the node. */

import type { KubeProxyConfiguration } from '../api/kube-proxy-configuration.ts';
import { DEFAULT_LAYOUT, type LayoutName } from '../api/layout-names.ts';
import type { NodeFacts } from '../api/node.ts';
import { type Family, familyOf } from '../net/address.ts';
import { refusedRanges } from './unassigned.ts';

export interface CompileOptions {
  readonly family: Family;
  /** Masquerade everything that goes to a cluster IP. */
  readonly masqueradeAll: boolean;
  /** Which bit of the packet mark stands for "masquerade this", 0 to 31. */
  readonly masqueradeBit: number;
  /** Let node ports be reached on 127.0.0.0/8 (IPv4 only). */
  readonly localhostNodePorts: boolean;
  /** How a packet from a pod of this node is known; undefined where it is not. */
  readonly detectLocal: DetectLocal | undefined;
  /** CIDR ranges of the node addresses that serve node ports, and keywords (see `node-plan.ts`); empty means all. */
  readonly nodePortAddresses: readonly string[];
  /** Print an unnamed port as `namespace/name:`, as clusters before Kubernetes 1.13 did. */
  readonly legacyPortNames: boolean;
  readonly layout: LayoutName;
  /** The ranges of cluster IPs, of this family, in which what nobody serves is refused; see `unassigned.ts`. */
  readonly rejectUnassigned: readonly string[];
}

export type DetectLocal =
  | { readonly by: 'source'; readonly range: string }
  /** `name` ends with `+` where it is a prefix. */
  | { readonly by: 'interface'; readonly name: string };

/** Options that no KubeProxyConfiguration has a field for. */
export interface OwnOptions {
  readonly legacyPortNames?: boolean | undefined;
  readonly layout?: LayoutName | undefined;
  readonly rejectUnassigned?: boolean | undefined;
  /** Where cluster IPs are, of either family; unless given, that is unknown, and {@link rejectUnassigned} has no effect. */
  readonly serviceRanges?: readonly string[] | undefined;
}

/** The options that a kube-proxy configuration asks for on a node. */
export function compileOptions(
  family: Family,
  config: KubeProxyConfiguration,
  node: NodeFacts,
  own: OwnOptions = {},
): CompileOptions {
  const { rejectUnassigned = false, serviceRanges = [] } = own;
  const refused = refusedRanges({ rejectUnassigned, serviceRanges }, { configuration: config, node });
  return {
    family,
    masqueradeAll: config.iptables.masqueradeAll,
    masqueradeBit: config.iptables.masqueradeBit,
    localhostNodePorts: config.iptables.localhostNodePorts,
    detectLocal: detectLocal(family, config, node),
    nodePortAddresses: config.nodePortAddresses,
    legacyPortNames: own.legacyPortNames ?? false,
    layout: own.layout ?? DEFAULT_LAYOUT,
    rejectUnassigned: refused.filter((range) => familyOf(range) === family),
  };
}

function detectLocal(
  family: Family,
  config: KubeProxyConfiguration,
  node: NodeFacts,
): DetectLocal | undefined {
  switch (config.detectLocalMode) {
    case 'ClusterCIDR':
      return bySource(family, config.clusterCIDR);
    case 'NodeCIDR':
      return bySource(family, node.podCIDRs);
    case 'BridgeInterface':
      return { by: 'interface', name: config.detectLocal.bridgeInterface };
    case 'InterfaceNamePrefix':
      return { by: 'interface', name: startingWith(config.detectLocal.interfaceNamePrefix) };
  }
}

/** The longest name that an interface can have (IFNAMSIZ - 1 in the kernel's if.h). */
const INTERFACE_NAME_LENGTH = 15;

/** Names with a prefix. What is as long as a name can be is the name itself; iptables refuses a `+` behind it. */
function startingWith(prefix: string): string {
  return prefix.length < INTERFACE_NAME_LENGTH ? `${prefix}+` : prefix;
}

function bySource(family: Family, ranges: readonly string[]): DetectLocal | undefined {
  const range = ranges.find((range) => familyOf(range) === family);
  return range === undefined ? undefined : { by: 'source', range };
}
