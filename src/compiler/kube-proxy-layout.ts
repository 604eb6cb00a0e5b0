/**
 * The `kube-proxy` layout: chain for chain and byte for byte what kube-proxy v1.36.2 writes in iptables mode. Words
 * of comments and the order of matches are its, too.
 */
import type { Chain, Match, Rule } from '../iptables/types.ts';
import { endpointChain, servicePortChain } from './chain-names.ts';
import type { Endpoint } from './endpoints.ts';
import type { Layout, LoweringContext, SharedChain, SharedRule } from './layout.ts';
import {
  comment,
  destination,
  destinationPort,
  FROM_THIS_NODE,
  fromLocalPod,
  isEverything,
  jump,
  notFromLocalPod,
  PROTOCOLS,
  source,
  TO_THIS_NODE,
  toServicePort,
  verdict,
} from './matches.ts';
import { countedLocalhostNodePorts, nodeChains } from './node-chains.ts';
import type { ServicePortPlan } from './plan.ts';
import type { ServicePort } from './service-ports.ts';

const MARK_FOR_MASQUERADE = jump('KUBE-MARK-MASQ');

export const kubeProxyLayout: Layout = {
  lowerServicePort(plan, context) {
    const names = chainNames(plan.servicePort);
    return {
      shared: [...internalEntry(plan, names), ...externalEntries(plan, names, context), ...healthCheck(plan)],
      chains: [
        ...externalChain(plan, names, context),
        ...firewallChain(plan, names),
        ...endpointSetChains(plan, names, context),
      ],
    };
  },
  lowerShared: nodeChains,
};

interface ChainNames {
  /** All endpoints that the Cluster policy may use. */
  readonly cluster: string;
  /** This node's endpoints, for the Local policy. */
  readonly local: string;
  readonly external: string;
  readonly firewall: string;
}

function chainNames(servicePort: ServicePort): ChainNames {
  return {
    cluster: servicePortChain('SVC', servicePort),
    local: servicePortChain('SVL', servicePort),
    external: servicePortChain('EXT', servicePort),
    firewall: servicePortChain('FW', servicePort),
  };
}

/** Traffic to the cluster IP: into its chain, or its end in the filter table. */
function internalEntry({ servicePort, internal }: ServicePortPlan, names: ChainNames): SharedRule[] {
  const { name, clusterIP } = servicePort;
  const packets = toServicePort(servicePort, clusterIP);
  const { fate } = internal;
  if (fate === 'reject' || fate === 'drop') {
    return [shared('filter', 'KUBE-SERVICES', refusal(name, packets, fate))];
  }
  return [
    shared('nat', 'KUBE-SERVICES', {
      matches: [comment(`${name} cluster IP`), ...packets],
      target: jump(names[fate]),
    }),
  ];
}

/** Traffic to each external IP, load-balancer IP and the node port. */
function externalEntries(
  { servicePort, external }: ServicePortPlan,
  names: ChainNames,
  context: LoweringContext,
): SharedRule[] {
  if (!external) return [];
  const { name, externalIPs, loadBalancerIPs, nodePort, protocol } = servicePort;
  const rules: SharedRule[] = [];

  const dispatch = (address: string, what: string, chain: string) => {
    const matches = [comment(`${name} ${what}`), ...toServicePort(servicePort, address)];
    rules.push(shared('nat', 'KUBE-SERVICES', { matches, target: jump(chain) }));
  };
  // Under the Local policy without local endpoints, the chain still serves what begins on this node; what falls out
  // of it untouched meets the rule in the filter table.
  const refuse = (packets: readonly Match[]) => {
    if (external.fate !== 'reject' && external.fate !== 'drop') return;
    rules.push(shared('filter', 'KUBE-EXTERNAL-SERVICES', refusal(name, packets, external.fate)));
  };

  for (const ip of externalIPs) {
    if (external.fate !== 'reject') dispatch(ip, 'external IP', names.external);
    refuse(toServicePort(servicePort, ip));
  }
  for (const ip of loadBalancerIPs) {
    if (external.fate !== 'reject') {
      dispatch(ip, 'loadbalancer IP', external.firewall ? names.firewall : names.external);
    }
    if (external.firewall) {
      const matches = [
        comment(`${name} traffic not accepted by ${names.firewall}`),
        ...toServicePort(servicePort, ip),
      ];
      rules.push(shared('filter', 'KUBE-PROXY-FIREWALL', { matches, target: verdict('DROP') }));
    }
    refuse(toServicePort(servicePort, ip));
  }
  if (nodePort !== 0) {
    if (external.fate !== 'reject') {
      const target = jump(names.external);
      if (countedLocalhostNodePorts(context)) {
        const matches: Match[] = [
          comment(name),
          PROTOCOLS[protocol],
          destination('127.0.0.0/8'),
          destinationPort(nodePort),
          { match: 'nfacct', name: 'localhost_nps_accepted_pkts' },
        ];
        rules.push(shared('nat', 'KUBE-NODEPORTS', { matches, target }));
      }
      const matches = [comment(name), PROTOCOLS[protocol], destinationPort(nodePort)];
      rules.push(shared('nat', 'KUBE-NODEPORTS', { matches, target }));
    }
    refuse([TO_THIS_NODE, PROTOCOLS[protocol], destinationPort(nodePort)]);
  }
  return rules;
}

function refusal(name: string, packets: readonly Match[], fate: 'reject' | 'drop'): Rule {
  const reason = fate === 'reject' ? 'has no endpoints' : 'has no local endpoints';
  return {
    matches: [comment(`${name} ${reason}`), ...packets],
    target: verdict(fate === 'reject' ? 'REJECT' : 'DROP'),
  };
}

function healthCheck({ servicePort }: ServicePortPlan): SharedRule[] {
  const { name, healthCheckNodePort } = servicePort;
  if (healthCheckNodePort === 0) return [];
  const matches = [
    comment(`${name} health check node port`),
    PROTOCOLS.tcp,
    destinationPort(healthCheckNodePort),
  ];
  return [shared('filter', 'KUBE-NODEPORTS', { matches, target: verdict('ACCEPT') })];
}

/** KUBE-EXT: whom traffic from outside goes to, and whether it is masqueraded on the way. */
function externalChain(plan: ServicePortPlan, names: ChainNames, { options }: LoweringContext): Chain[] {
  const { external, cluster, servicePort } = plan;
  if (!external || external.fate === 'reject') return [];
  const destinations = `${servicePort.name} external destinations`;
  const rules: Rule[] = [];
  if (external.policy === 'Cluster') {
    rules.push({
      matches: [comment(`masquerade traffic for ${destinations}`)],
      target: MARK_FOR_MASQUERADE,
    });
  } else {
    if (options.detectLocal && cluster.length > 0) {
      rules.push({
        matches: [comment(`pod traffic for ${destinations}`), fromLocalPod(options.detectLocal)],
        target: jump(names.cluster),
      });
    }
    rules.push({
      matches: [comment(`masquerade LOCAL traffic for ${destinations}`), FROM_THIS_NODE],
      target: MARK_FOR_MASQUERADE,
    });
    if (cluster.length > 0) {
      rules.push({
        matches: [comment(`route LOCAL traffic for ${destinations}`), FROM_THIS_NODE],
        target: jump(names.cluster),
      });
    }
  }
  if (external.fate !== 'drop') rules.push({ matches: [], target: jump(names[external.fate]) });
  return [{ name: names.external, rules }];
}

/** KUBE-FW: lets the source ranges through; what is left meets KUBE-PROXY-FIREWALL in the filter table. */
function firewallChain({ servicePort, external }: ServicePortPlan, names: ChainNames): Chain[] {
  if (!external?.firewall) return [];
  const { name, loadBalancerIPs } = servicePort;
  const { sourceRanges, admitsNode } = external.firewall;
  const admitted = admitsNode ? [...sourceRanges, ...loadBalancerIPs] : sourceRanges;
  const rules: Rule[] = admitted.map((address) => ({
    matches: [comment(`${name} loadbalancer IP`), source(address)],
    target: jump(names.external),
  }));
  rules.push({ matches: [comment(`other traffic to ${name} will be dropped by KUBE-PROXY-FIREWALL`)] });
  return [{ name: names.firewall, rules }];
}

/** KUBE-SVC, KUBE-SVL and the KUBE-SEP chains that they choose from. */
function endpointSetChains(plan: ServicePortPlan, names: ChainNames, context: LoweringContext): Chain[] {
  const { servicePort } = plan;
  const chainOf = new Map<Endpoint, string>();
  for (const endpoint of [...plan.cluster, ...plan.local]) {
    if (!chainOf.has(endpoint)) chainOf.set(endpoint, endpointChain(servicePort, endpoint));
  }
  const chains: Chain[] = [];
  for (const set of ['cluster', 'local'] as const) {
    if (plan[set].length === 0) continue;
    const rules = choice(servicePort, plan[set], chainOf, context);
    if (plan.internal.fate === set) rules.unshift(...internalMasquerade(plan, context));
    chains.push({ name: names[set], rules });
  }
  const about = context.largeCluster ? undefined : comment(servicePort.name);
  for (const [endpoint, name] of chainOf) {
    chains.push({ name, rules: endpointRules(servicePort, endpoint, name, about) });
  }
  return chains;
}

/** Marks traffic to the cluster IP whose answers would not find their way back through this node. */
function internalMasquerade(
  { servicePort, internal }: ServicePortPlan,
  { options }: LoweringContext,
): Rule[] {
  const { name, clusterIP } = servicePort;
  if (internal.masquerade === 'none') return [];
  const matches = [comment(`${name} cluster IP`), ...toServicePort(servicePort, clusterIP)];
  if (internal.masquerade === 'not-from-local-pods' && options.detectLocal) {
    // Where every address is a local pod's, nothing is left to mark, and iptables-nft refuses to look for it.
    if (isEverything(options.detectLocal)) return [];
    matches.push(notFromLocalPod(options.detectLocal));
  }
  return [{ matches, target: MARK_FOR_MASQUERADE }];
}

/** One rule per endpoint, each taken with the same probability; before them, the endpoint that a client had before. */
function choice(
  { name, affinitySeconds }: ServicePort,
  endpoints: readonly Endpoint[],
  chainOf: ReadonlyMap<Endpoint, string>,
  { largeCluster }: LoweringContext,
): Rule[] {
  const rules: Rule[] = [];
  const add = (endpoint: Endpoint, match: (chain: string) => readonly Match[]) => {
    const chain = chainOf.get(endpoint) ?? '';
    const about = largeCluster ? [] : [comment(`${name} -> ${endpoint.text}`)];
    rules.push({ matches: behind(about, match(chain)), target: jump(chain) });
  };
  if (affinitySeconds !== undefined) {
    for (const endpoint of endpoints) {
      add(endpoint, (name) => [{ match: 'recent', operation: 'rcheck', name, seconds: affinitySeconds }]);
    }
  }
  for (const [i, endpoint] of endpoints.entries()) add(endpoint, () => oneOf(endpoints.length - i));
  return rules;
}

/** Matches one packet of so many, or every packet. */
function oneOf(count: number): readonly Match[] {
  const known = FRACTIONS[count];
  if (known) return known;
  const fraction: Match = { match: 'statistic', probability: 1 / count };
  if (count < MOST_FRACTIONS) FRACTIONS[count] = [fraction];
  return [fraction];
}

/** The same few lists are in most rules of a large cluster, and are there once. */
const MOST_FRACTIONS = 256;
const FRACTIONS: (readonly Match[] | undefined)[] = [[], []];

/** KUBE-SEP: a pod that reaches itself is masqueraded, or it would answer itself directly; then the DNAT. */
function endpointRules(
  { protocol, affinitySeconds }: ServicePort,
  { object, text }: Endpoint,
  chain: string,
  about: Match | undefined,
): Rule[] {
  const from = source(object.address);
  const set: Match[] =
    affinitySeconds === undefined ? [] : [{ match: 'recent', operation: 'set', name: chain }];
  return [
    { matches: about ? [about, from] : [from], target: MARK_FOR_MASQUERADE },
    {
      matches: behind(about ? [about, ...set] : set, OF_PROTOCOL[protocol]),
      target: { target: 'DNAT', to: text },
    },
  ];
}

const OF_PROTOCOL = { tcp: [PROTOCOLS.tcp], udp: [PROTOCOLS.udp], sctp: [PROTOCOLS.sctp] } as const;

/**
 * The second list, with the first in front of it. Most of a ruleset's memory is lists of matches: one that need not be
 * made is not, and one that is spread or pushed together would keep room for 16 more.
 */
function behind(first: readonly Match[], second: readonly Match[]): readonly Match[] {
  return first.length === 0 ? second : first.concat(second);
}

function shared(table: 'filter' | 'nat', chain: SharedChain, rule: Rule): SharedRule {
  return { table, chain, rule };
}
