/**
 * The `fast` layout: for every packet what the kube-proxy layout has for it (endpoints with the same probabilities,
 * masqueraded or not, accepted, refused or dropped), in fewer rules and fewer steps:
 *
 * - An endpoint is one rule in the chain of its set, not a chain; many endpoints are split into groups.
 * - The shared chains are trees by address and port.
 * - A pod that reaches itself is told by its packets, whose source is their destination, in one rule for all.
 *
 * Chains of service ports, and lists of clients under session affinity, have the names that they have in the other
 * layout, so that a node can change from one to the other under load. Names of all others begin as kube-proxy's do,
 * which therefore removes them when it takes over.
 */
import { endpointChain, groupChain, servicePortChains } from '../chains/names.ts';
import { SOURCE_IS_DESTINATION } from '../iptables/hairpin-program.ts';
import type { Chain, Match, Protocol, Rule, Target } from '../iptables/types.ts';
import type { Family } from '../net/address.ts';
import { DispatchTree } from './dispatch-tree.ts';
import type { Endpoint } from './endpoints.ts';
import { addressKey, portKey } from './keys.ts';
import type { Layout, LoweringContext, NodeContext, SharedRule } from './layout.ts';
import { behind, comment, destination, jump, oneOf, source, toServicePort, verdict } from './matches.ts';
import type { ServicePortPlan } from './plan.ts';
import { branchesOf, type Keyed, sortByKey } from './radix.ts';
import type { ServicePort } from './service-ports.ts';
import {
  type ChainNames,
  internalMasquerade,
  MARK_FOR_MASQUERADE,
  outsideChains,
  shared,
  sharedRules,
} from './ways-in.ts';

export const fastLayout: Layout = {
  lowerServicePort(plan, context) {
    const names = servicePortChains(plan.servicePort);
    return {
      shared: [...sharedRules(plan, names, context), ...endpointHairpins(plan, context)],
      chains: [...outsideChains(plan, names, context), ...endpointSetChains(plan, names, context)],
    };
  },
  arrange: (chain, node, { options }) => new DispatchTree(chain, node, options.family),
  nodeRules: hairpinForAll,
};

/** KUBE-SVC and KUBE-SVL, and the groups that they are split into. */
function endpointSetChains(plan: ServicePortPlan, names: ChainNames, context: LoweringContext): Chain[] {
  const { servicePort } = plan;
  // Without a way in from outside, all traffic in the chain is to the cluster IP.
  const toClusterIP = plan.external ? toServicePort(servicePort, servicePort.clusterIP) : [];
  const chains: Chain[] = [];
  for (const set of ['cluster', 'local'] as const) {
    const endpoints = plan[set];
    if (endpoints.length === 0) continue;
    const { rules, groups } = choice(servicePort, names[set], endpoints, context.options.family);
    const masquerade = plan.internal.fate === set ? internalMasquerade(plan, context, toClusterIP) : [];
    chains.push(...groups, {
      name: names[set],
      rules: masquerade.concat(rememberedEndpoints(servicePort, endpoints), rules),
    });
  }
  return chains;
}

/** The endpoint that a client had before, if it comes again in time. */
function rememberedEndpoints(servicePort: ServicePort, endpoints: readonly Endpoint[]): Rule[] {
  const { affinitySeconds } = servicePort;
  if (affinitySeconds === undefined) return [];
  return endpoints.map((endpoint) => {
    const name = endpointChain(servicePort, endpoint);
    const seen: Match = { match: 'recent', operation: 'rcheck', name, seconds: affinitySeconds };
    return toEndpoint(servicePort, endpoint, [seen]);
  });
}

interface KeyedEndpoint extends Keyed {
  readonly endpoint: Endpoint;
}

interface Choice {
  readonly rules: Rule[];
  readonly groups: Chain[];
}

/** Each endpoint with the same probability; a group with that of all in it. */
function choice(
  servicePort: ServicePort,
  set: string,
  endpoints: readonly Endpoint[],
  family: Family,
): Choice {
  const groups: Chain[] = [];
  const choose = (members: readonly KeyedEndpoint[]): Rule[] => {
    let left = members.length;
    const share = (count: number) => {
      const matches = oneOf(left / count);
      left -= count;
      return matches;
    };
    return (branchesOf(members) ?? [{ prefix: '', members }]).flatMap(({ prefix, members }) => {
      if (prefix === '' || members.length === 1) {
        return members.map(({ endpoint }) => toEndpoint(servicePort, endpoint, share(1)));
      }
      const name = groupChain(set, prefix);
      groups.push({ name, rules: choose(members) });
      return [{ matches: share(members.length), target: jump(name) }];
    });
  };
  return { rules: choose(keyed(endpoints, family)), groups };
}

function keyed(endpoints: readonly Endpoint[], family: Family): KeyedEndpoint[] {
  return sortByKey(
    endpoints.map((endpoint) => {
      const { object, port } = endpoint;
      return { key: addressKey(object.address, family) + portKey(port), endpoint };
    }),
  );
}

/**
 * Without the extension, which has nothing to look at: whatever changes, iptables-nft has the kernel walk through every
 * expression of every rule that a packet can come to.
 */
const BARE_PROTOCOLS = {
  tcp: { match: 'protocol', protocol: 'tcp', bare: true },
  udp: { match: 'protocol', protocol: 'udp', bare: true },
  sctp: { match: 'protocol', protocol: 'sctp', bare: true },
} as const satisfies Record<Protocol, Match>;

const WITH_PROTOCOL = {
  tcp: new WeakMap<readonly Match[], readonly Match[]>(),
  udp: new WeakMap<readonly Match[], readonly Match[]>(),
  sctp: new WeakMap<readonly Match[], readonly Match[]>(),
} as const satisfies Record<Protocol, unknown>;

/** Lists of shares are the same few everywhere (`oneOf`), and so are those with a protocol in front: each is there once. */
function ofProtocol(protocol: Protocol, fits: readonly Match[]): readonly Match[] {
  const known = WITH_PROTOCOL[protocol].get(fits);
  if (known) return known;
  const matches = behind([BARE_PROTOCOLS[protocol]], fits);
  WITH_PROTOCOL[protocol].set(fits, matches);
  return matches;
}

/** Sends a packet that fits to an endpoint, and remembers that where clients are to come back to theirs. */
function toEndpoint(servicePort: ServicePort, endpoint: Endpoint, fits: readonly Match[]): Rule {
  const { protocol, affinitySeconds } = servicePort;
  const matches = ofProtocol(protocol, fits);
  const target: Target = { target: 'DNAT', to: endpoint.text };
  if (affinitySeconds === undefined) return { matches, target };
  const set: Match = { match: 'recent', operation: 'set', name: endpointChain(servicePort, endpoint) };
  return { matches: behind(matches, [set]), target };
}

const REDIRECTED: Match = { match: 'conntrack', states: ['DNAT'] };

/**
 * A pod that a Service sends to itself must be masqueraded, or it would answer itself directly. Such packets are
 * accepted when they are forwarded as those with the mark are, which they get only later.
 */
function hairpin(matches: readonly Match[]): SharedRule[] {
  const about = comment('a pod that reaches itself');
  return [
    shared('nat', 'KUBE-POSTROUTING', { matches: [about, ...matches], target: MARK_FOR_MASQUERADE }),
    shared('filter', 'KUBE-FORWARD', { matches: [about, ...matches], target: verdict('ACCEPT') }),
  ];
}

function hairpinForAll({ node, options }: NodeContext): SharedRule[] {
  return node.bpf
    ? hairpin([REDIRECTED, { match: 'bpf', bytecode: SOURCE_IS_DESTINATION[options.family] }])
    : [];
}

/** Where the kernel has no xt_bpf: one by one. */
function endpointHairpins({ cluster, local }: ServicePortPlan, { node }: LoweringContext): SharedRule[] {
  if (node.bpf) return [];
  const addresses = new Set([...cluster, ...local].map(({ object }) => object.address));
  return [...addresses].flatMap((address) => hairpin([source(address), destination(address), REDIRECTED]));
}
