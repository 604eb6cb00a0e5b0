/** What all layouts write alike: how traffic to a service port gets to the sets of its endpoints, or to its end. */
import { commentFor } from '../chains/comments.ts';
import { MARK_CHAIN, type ServiceTable, type SharedChain, type servicePortChains } from '../chains/names.ts';
import type { Chain, Match, Rule } from '../iptables/types.ts';
import { LOOPBACK } from '../net/address.ts';
import type { LoweringContext, SharedRule } from './layout.ts';
import {
  behind,
  destination,
  destinationPort,
  FROM_THIS_NODE,
  fromLocalPod,
  isEverything,
  jump,
  notFromLocalPod,
  PROTOCOL_MATCHES,
  source,
  TO_THIS_NODE,
  toServicePort,
  verdict,
} from './matches.ts';
import type { ServicePortPlan } from './plan.ts';

export const MARK_FOR_MASQUERADE = jump(MARK_CHAIN);

/** A service port's part of the shared chains. */
export function sharedRules(
  plan: ServicePortPlan,
  names: ChainNames,
  context: LoweringContext,
): SharedRule[] {
  return [...internalEntry(plan, names), ...externalEntries(plan, names, context), ...healthCheck(plan)];
}

/** KUBE-EXT and KUBE-FW, where the service port has them. */
export function outsideChains(plan: ServicePortPlan, names: ChainNames, context: LoweringContext): Chain[] {
  return [...externalChain(plan, names, context), ...firewallChain(plan, names)];
}

/** The names of a service port's chains, whether it has them or not. */
export type ChainNames = ReturnType<typeof servicePortChains>;

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
      matches: behind([commentFor(name, 'cluster IP')], packets),
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

  const dispatch = (address: string, way: 'external IP' | 'load-balancer IP', chain: string) => {
    const matches = behind([commentFor(name, way)], toServicePort(servicePort, address));
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
      dispatch(ip, 'load-balancer IP', external.firewall ? names.firewall : names.external);
    }
    if (external.firewall) {
      const matches = [commentFor(name, 'not accepted', names.firewall), ...toServicePort(servicePort, ip)];
      rules.push(shared('filter', 'KUBE-PROXY-FIREWALL', { matches, target: verdict('DROP') }));
    }
    refuse(toServicePort(servicePort, ip));
  }
  if (nodePort !== 0) {
    if (external.fate !== 'reject') {
      const target = jump(names.external);
      if (context.nodePlan.counted.localhostNodePorts) {
        const matches: Match[] = [
          commentFor(name, 'itself'),
          PROTOCOL_MATCHES[protocol],
          destination(LOOPBACK.ipv4),
          destinationPort(nodePort),
          { match: 'nfacct', name: 'localhost_nps_accepted_pkts' },
        ];
        rules.push(shared('nat', 'KUBE-NODEPORTS', { matches, target }));
      }
      const matches = [commentFor(name, 'itself'), PROTOCOL_MATCHES[protocol], destinationPort(nodePort)];
      rules.push(shared('nat', 'KUBE-NODEPORTS', { matches, target }));
    }
    refuse([TO_THIS_NODE, PROTOCOL_MATCHES[protocol], destinationPort(nodePort)]);
  }
  return rules;
}

function refusal(name: string, packets: readonly Match[], fate: 'reject' | 'drop'): Rule {
  const reason = fate === 'reject' ? 'no endpoints' : 'no local endpoints';
  return {
    matches: behind([commentFor(name, reason)], packets),
    target: verdict(fate === 'reject' ? 'REJECT' : 'DROP'),
  };
}

function healthCheck({ servicePort }: ServicePortPlan): SharedRule[] {
  const { name, healthCheckNodePort } = servicePort;
  if (healthCheckNodePort === 0) return [];
  const matches = [
    commentFor(name, 'health check node port'),
    PROTOCOL_MATCHES.tcp,
    destinationPort(healthCheckNodePort),
  ];
  return [shared('filter', 'KUBE-NODEPORTS', { matches, target: verdict('ACCEPT') })];
}

/** KUBE-EXT: whom traffic from outside goes to, and whether it is masqueraded on the way. */
function externalChain(plan: ServicePortPlan, names: ChainNames, { options }: LoweringContext): Chain[] {
  const { external, cluster, servicePort } = plan;
  if (!external || external.fate === 'reject') return [];
  const { name } = servicePort;
  const rules: Rule[] = [];
  if (external.policy === 'Cluster') {
    rules.push({
      matches: [commentFor(name, 'masquerade external')],
      target: MARK_FOR_MASQUERADE,
    });
  } else {
    if (options.detectLocal && cluster.length > 0) {
      rules.push({
        matches: [commentFor(name, 'pods to external'), fromLocalPod(options.detectLocal)],
        target: jump(names.cluster),
      });
    }
    rules.push({
      matches: [commentFor(name, 'masquerade local to external'), FROM_THIS_NODE],
      target: MARK_FOR_MASQUERADE,
    });
    if (cluster.length > 0) {
      rules.push({
        matches: [commentFor(name, 'route local to external'), FROM_THIS_NODE],
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
    matches: [commentFor(name, 'load-balancer IP'), source(address)],
    target: jump(names.external),
  }));
  rules.push({ matches: [commentFor(name, 'other traffic')] });
  return [{ name: names.firewall, rules }];
}

/**
 * Marks traffic to the cluster IP whose answers would not find their way back through this node.
 * @param toClusterIP what tells that traffic from other traffic in the same chain
 */
export function internalMasquerade(
  { internal }: ServicePortPlan,
  { options }: LoweringContext,
  toClusterIP: readonly Match[],
): Rule[] {
  if (internal.masquerade === 'none') return [];
  let matches = toClusterIP;
  if (internal.masquerade === 'not-from-local-pods' && options.detectLocal) {
    // Where every address is a local pod's, nothing is left to mark, and iptables-nft refuses to look for it.
    if (isEverything(options.detectLocal)) return [];
    matches = behind(matches, [notFromLocalPod(options.detectLocal)]);
  }
  return [{ matches, target: MARK_FOR_MASQUERADE }];
}

export function shared(table: ServiceTable, chain: SharedChain, rule: Rule): SharedRule {
  return { table, chain, rule };
}
