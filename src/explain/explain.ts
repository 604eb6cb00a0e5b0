/** What a Service comes to on a node: found out by sending packets through the rules. */
import type { NodeFacts } from '../api/node.ts';
import { chainKind } from '../chains/names.ts';
import type { ServiceAddress } from '../chains/service-addresses.ts';
import type { ServicePortPlan } from '../compiler/plan.ts';
import type { SimulatedNode } from '../iptables/simulator/packet.ts';
import type { PreparedRuleset } from '../iptables/simulator/prepare.ts';
import { simulate } from '../iptables/simulator/simulate.ts';
import { splitPort } from '../net/address.ts';
import { nodeOf, originsOf, ownAddress, type Surroundings } from './origins.ts';
import type { PodsOfPort, PodWithoutEndpoint } from './pods.ts';
import { nodePortAddresses, type RulesOfServicePort, rulesOfServicePort } from './rules.ts';
import { whyUnused } from './unused.ts';
import { type WayIn, waysTo } from './ways.ts';

/** A service port as its manifests have it. */
export interface PortOnNode {
  readonly plan: ServicePortPlan;
  readonly node: NodeFacts;
  readonly pods: PodsOfPort;
}

export interface ExplainedPort {
  /** As rules print it. */
  readonly servicePort: string;
  readonly protocol: string;
  readonly ways: readonly WayIn[];
  /** The addresses of the node that its node port is at; undefined where it is at all of them. */
  readonly nodePortAddresses: readonly string[] | undefined;
  /** The sets of endpoints that packets are sent to, each with the chain that chooses. */
  readonly sets: readonly EndpointSet[];
  readonly endpoints: readonly ExplainedEndpoint[];
  /** The Pods that the selector fits, and that are no endpoint; none where only rules are known. */
  readonly podsWithoutEndpoint: readonly PodWithoutEndpoint[];
  /** What becomes of an endpoint that the Service sends to itself; undefined where that cannot be. */
  readonly hairpin: { readonly endpoint: string; readonly masqueraded: boolean } | undefined;
  /** Where clients are sent to the endpoint that they had before: the longest time since then, in seconds. */
  readonly affinitySeconds: number | undefined;
}

export interface EndpointSet {
  /** `cluster` and `local` are those of the traffic policies; else the name of the chain. */
  readonly name: string;
  readonly chain: string;
  /** By `address:port`. */
  readonly shares: ReadonlyMap<string, number>;
}

export interface ExplainedEndpoint {
  /** `address:port` */
  readonly endpoint: string;
  /** Where it is; undefined where only rules are known. */
  readonly nodeName: string | undefined;
  readonly local: boolean | undefined;
  /** The chains that rewrite the destination to it. */
  readonly chains: readonly string[];
  /** The name of its Pod, where that is known. */
  readonly pod: string | undefined;
  /** Why no set has it. */
  readonly unused: string | undefined;
  /** Why a set has it that would not in better times. */
  readonly note: string | undefined;
}

/**
 * Explains one service port.
 * @param addresses of the service port
 * @param planned what manifests say of it; undefined where only rules are known
 */
export function explainPort(
  addresses: readonly ServiceAddress[],
  ruleset: PreparedRuleset,
  place: Surroundings,
  planned: PortOnNode | undefined,
): ExplainedPort {
  const [{ servicePort, protocol } = { servicePort: '', protocol: '' }] = addresses;
  const rules = rulesOfServicePort(ruleset, servicePort, protocol);
  const origins = originsOf(rules, place);
  const nodePorts = nodePortAddresses(ruleset);
  const nodePort =
    nodePorts?.find((address) => !address.startsWith('127.')) ?? nodePorts?.[0] ?? ownAddress(place);
  const node = nodeOf(place, nodePorts ?? []);
  const ways = addresses.flatMap((to) => waysTo(to, to.address ?? nodePort, origins, ruleset, node));
  const endpoints = explainEndpoints(rules, planned);
  return {
    servicePort,
    protocol,
    ways,
    nodePortAddresses: nodePorts,
    sets: setsOf(ways, servicePort),
    endpoints,
    podsWithoutEndpoint: planned?.pods.withoutEndpoint ?? [],
    hairpin: hairpinOf(addresses[0], endpoints, ruleset, node),
    affinitySeconds: rules.affinitySeconds,
  };
}

/** Each set once, with the shares that packets have shown. */
function setsOf(ways: readonly WayIn[], servicePort: string): EndpointSet[] {
  const sets = new Map<string, EndpointSet>();
  for (const { becomes } of ways) {
    if (becomes.takenBy !== servicePort || becomes.verdict !== 'endpoints') continue;
    const set = setOf(becomes.chains);
    if (becomes.shares.size > 0 && set && !sets.has(set.chain))
      sets.set(set.chain, { ...set, shares: becomes.shares });
  }
  return [...sets.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The set that is chosen from on a way through chains. */
export function setOf(
  chains: readonly string[],
): { readonly name: string; readonly chain: string } | undefined {
  for (const chain of chains.toReversed()) {
    const kind = chainKind(chain);
    if (kind === 'cluster' || kind === 'local') return { name: kind, chain };
  }
  const chain = chains.at(-1);
  return chain === undefined ? undefined : { name: chain, chain };
}

function explainEndpoints(
  { endpoints }: RulesOfServicePort,
  planned: PortOnNode | undefined,
): ExplainedEndpoint[] {
  const inRules = (endpoint: string) => endpoints.get(endpoint) ?? [];
  if (!planned) {
    return [...endpoints.keys()].map((endpoint) => ({
      endpoint,
      nodeName: undefined,
      local: undefined,
      chains: inRules(endpoint),
      ...NOTHING_KNOWN,
    }));
  }
  const { plan, node, pods } = planned;
  const known = plan.endpoints.map((endpoint) => {
    const chains = inRules(endpoint.text);
    const unused = whyUnused(endpoint, plan, node) ?? (chains.length === 0 ? NO_RULE : undefined);
    return {
      endpoint: endpoint.text,
      nodeName: endpoint.object.nodeName,
      local: endpoint.local,
      chains,
      pod: pods.nameAt(endpoint.object.address, endpoint.port),
      unused,
      note: unused === undefined && !endpoint.object.ready ? 'terminating, and no other is ready' : undefined,
    };
  });
  // Rules of a kernel or a file may be older than what tells of the endpoints.
  const stale = [...endpoints.keys()].filter(
    (text) => !plan.endpoints.some((endpoint) => endpoint.text === text),
  );
  return [
    ...known,
    ...stale.map((endpoint) => ({
      endpoint,
      nodeName: undefined,
      local: undefined,
      chains: inRules(endpoint),
      ...NOTHING_KNOWN,
      note: 'only the rules have it',
    })),
  ];
}

/** Of an endpoint that a node which follows the cluster would use. */
const NO_RULE = 'no rule leads to it';

/** Of what only rules tell of. */
const NOTHING_KNOWN = { pod: undefined, unused: undefined, note: undefined };

/**
 * Sends a packet from an endpoint, one of this node if there is any, and looks at the case that it comes back. One with
 * the node's own address is the node to itself, which hears answers in any case.
 */
function hairpinOf(
  to: ServiceAddress | undefined,
  endpoints: readonly ExplainedEndpoint[],
  ruleset: PreparedRuleset,
  node: SimulatedNode,
): ExplainedPort['hairpin'] {
  if (to?.address === undefined) return undefined;
  const addressOf = (endpoint: string) => splitPort(endpoint)?.address ?? '';
  const used = endpoints.filter(
    ({ chains, endpoint }) => chains.length > 0 && !node.isLocal(addressOf(endpoint)),
  );
  const { endpoint } = used.find(({ local }) => local) ?? used[0] ?? {};
  if (endpoint === undefined) return undefined;
  const source = addressOf(endpoint);
  const { protocol, port, address } = to;
  const packet = { source, destination: address, protocol, destinationPort: port, arrives: true };
  const fate = simulate(ruleset, packet, node);
  const back = fate.outcomes.filter(({ dnat, verdict }) => dnat === endpoint && verdict === 'ACCEPT');
  if (back.length === 0) return undefined;
  return { endpoint, masqueraded: back.every(({ masqueraded }) => masqueraded) };
}
