/**
 * The `kube-proxy` layout: chain for chain and byte for byte what kube-proxy v1.36.2 writes in iptables mode. Words
 * of comments and the order of matches are its, too.
 */
import { commentFor } from '../chains/comments.ts';
import { endpointChain, servicePortChains } from '../chains/names.ts';
import { present } from '../errors/invariant.ts';
import type { Chain, Match, Rule } from '../iptables/types.ts';
import type { Endpoint } from './endpoints.ts';
import type { Layout, LoweringContext } from './layout.ts';
import { behind, jump, oneOf, PROTOCOL_MATCHES, source, toServicePort } from './matches.ts';
import type { ServicePortPlan } from './plan.ts';
import { OneAfterAnother } from './rule-order.ts';
import type { ServicePort } from './service-ports.ts';
import {
  type ChainNames,
  internalMasquerade,
  MARK_FOR_MASQUERADE,
  outsideChains,
  sharedRules,
} from './ways-in.ts';

export const kubeProxyLayout: Layout = {
  lowerServicePort(plan, context) {
    const names = servicePortChains(plan.servicePort);
    return {
      shared: sharedRules(plan, names, context),
      chains: [...outsideChains(plan, names, context), ...endpointSetChains(plan, names, context)],
    };
  },
  arrange: (_, node) => new OneAfterAnother(node),
  nodeRules: () => [],
};

/** KUBE-SVC, KUBE-SVL and the KUBE-SEP chains that they choose from. */
function endpointSetChains(plan: ServicePortPlan, names: ChainNames, context: LoweringContext): Chain[] {
  const { servicePort } = plan;
  const { name, clusterIP } = servicePort;
  const toClusterIP = behind([commentFor(name, 'cluster IP')], toServicePort(servicePort, clusterIP));
  const chainOf = new Map<Endpoint, string>();
  for (const endpoint of [...plan.cluster, ...plan.local]) {
    if (!chainOf.has(endpoint)) chainOf.set(endpoint, endpointChain(servicePort, endpoint));
  }
  const chains: Chain[] = [];
  for (const set of ['cluster', 'local'] as const) {
    if (plan[set].length === 0) continue;
    const rules = choice(servicePort, plan[set], chainOf, context);
    if (plan.internal.fate === set) rules.unshift(...internalMasquerade(plan, context, toClusterIP));
    chains.push({ name: names[set], rules });
  }
  const about = context.largeCluster ? undefined : commentFor(name, 'itself');
  for (const [endpoint, name] of chainOf) {
    chains.push({ name, rules: endpointRules(servicePort, endpoint, name, about) });
  }
  return chains;
}

/** One rule per endpoint, each taken with the same probability; before them, the endpoint that a client had before. */
function choice(
  { name, affinitySeconds }: ServicePort,
  endpoints: readonly Endpoint[],
  chainOf: ReadonlyMap<Endpoint, string>,
  { largeCluster }: LoweringContext,
): Rule[] {
  const rules: Rule[] = [];
  const chain = (endpoint: Endpoint) => present(chainOf.get(endpoint), 'chain of an endpoint');
  const add = (endpoint: Endpoint, chain: string, matches: readonly Match[]) => {
    const about = largeCluster ? NO_MATCHES : [commentFor(name, 'endpoint', endpoint.text)];
    rules.push({ matches: behind(about, matches), target: jump(chain) });
  };
  if (affinitySeconds !== undefined) {
    for (const endpoint of endpoints) {
      const name = chain(endpoint);
      add(endpoint, name, [{ match: 'recent', operation: 'rcheck', name, seconds: affinitySeconds }]);
    }
  }
  let left = endpoints.length;
  for (const endpoint of endpoints) add(endpoint, chain(endpoint), oneOf(left--));
  return rules;
}

/** One list for all rules without: they are made by the hundred thousand. */
const NO_MATCHES: readonly Match[] = [];

/** KUBE-SEP: a pod that reaches itself is masqueraded, or it would answer itself directly; then the DNAT. */
function endpointRules(
  { protocol, affinitySeconds }: ServicePort,
  { object, text }: Endpoint,
  chain: string,
  about: Match | undefined,
): Rule[] {
  const from = source(object.address);
  const set: readonly Match[] =
    affinitySeconds === undefined ? NO_MATCHES : [{ match: 'recent', operation: 'set', name: chain }];
  return [
    { matches: about ? [about, from] : [from], target: MARK_FOR_MASQUERADE },
    {
      matches: behind(about ? [about, ...set] : set, OF_PROTOCOL[protocol]),
      target: { target: 'DNAT', to: text },
    },
  ];
}

const OF_PROTOCOL = {
  tcp: [PROTOCOL_MATCHES.tcp],
  udp: [PROTOCOL_MATCHES.udp],
  sctp: [PROTOCOL_MATCHES.sctp],
} as const;
