/** Facts about the node, from everywhere they may be given. */
import type { HostFacts, Node, NodeFacts } from '../api/node.ts';

/** Where facts may be given, what counts most first. */
export interface NodeSources {
  readonly flags?: HostFacts | undefined;
  readonly host?: HostFacts | undefined;
  /** `hostnameOverride` of the configuration. */
  readonly hostnameOverride?: string | undefined;
  /** The Node objects of the cluster, by name. */
  readonly nodes?: ReadonlyMap<string, Node> | undefined;
  /** What was found out on the machine itself, where that is the node. */
  readonly live?: HostFacts | undefined;
}

/**
 * Puts together what is known of the node. Its name decides which Node object gives the rest; without a name, the
 * only Node of the cluster is taken. What nothing tells is assumed as {@link completeFacts} says.
 */
export function resolveNode({
  flags = {},
  host = {},
  hostnameOverride,
  nodes = new Map(),
  live = {},
}: NodeSources = {}): NodeFacts {
  const only = nodes.size === 1 ? [...nodes.keys()][0] : undefined;
  const name = flags.name || host.name || hostnameOverride || live.name || only || '';
  return completeFacts([flags, host, { ...factsOf(nodes.get(name)), name }, live]);
}

/** A Node object that was never in a cluster has no addresses and no ranges yet: then it tells nothing of them. */
function factsOf(node: Node | undefined): HostFacts {
  if (!node) return {};
  const { ips, podCIDRs } = node;
  return {
    zone: node.zone,
    region: node.region,
    ips: ips.length > 0 ? ips : undefined,
    podCIDRs: podCIDRs.length > 0 ? podCIDRs : undefined,
  };
}

/**
 * Facts about a node, each from the first source that has it. Assumed where none has: a recent iptables with
 * `--random-fully`, a kernel with xt_bpf and xt_recent, no nfacct counters, the kernel's strict TCP tracking, no addresses
 * beside the node's IPs.
 */
export function completeFacts(sources: readonly HostFacts[] = []): NodeFacts {
  const first = <Fact extends keyof NodeFacts>(fact: Fact): HostFacts[Fact] =>
    sources.map((source) => source[fact]).find((value) => value !== undefined && value !== '');
  const ips = first('ips') ?? [];
  return {
    name: first('name') ?? '',
    zone: first('zone'),
    region: first('region'),
    ips,
    interfaceAddresses: first('interfaceAddresses') ?? ips,
    podCIDRs: first('podCIDRs') ?? [],
    randomFully: first('randomFully') ?? true,
    bpf: first('bpf') ?? true,
    recent: first('recent') ?? true,
    nfacct: first('nfacct') ?? false,
    conntrackTCPBeLiberal: first('conntrackTCPBeLiberal') ?? false,
  };
}

/** So many Nodes are named. */
const NAMED = 5;

/**
 * `no Node node-c in the input, which has node-a, node-b`
 * @param known the names of the Nodes that there are, as far as they are known: those of the same host come first
 */
export function noSuchNode(name: string, where: string, known: Iterable<string>): string {
  const { near = [], others = [] } = Object.groupBy(known, (other) =>
    hostName(other) === hostName(name) ? 'near' : 'others',
  );
  const names = [...near, ...others];
  const more = names.length > NAMED ? ` and ${names.length - NAMED} more` : '';
  return `no Node ${name} ${where}${names.length === 0 ? '' : `, which has ${names.slice(0, NAMED).join(', ')}${more}`}`;
}

/** A name as far as its first dot: what one calls `node-a` may be `node-a.example` to others. */
export function hostName(name: string): string {
  return name.toLowerCase().replace(/\..*/, '');
}
