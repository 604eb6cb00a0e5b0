/**
 * Packets to Services that rules of others keep from where the rules of Services send them: each is sent through the
 * node's rules, and through those of Services alone. Where that is not the same, the rule that did it is looked for.
 */
import { serviceOf } from '../chains/comments.ts';
import { BUILT_IN_CHAINS, withJumps } from '../chains/jumps.ts';
import { isOwnChain } from '../chains/names.ts';
import { addressesInRules, describeAddress, type ServiceAddress } from '../chains/service-addresses.ts';
import { printSavedRule } from '../iptables/saved.ts';
import { targetOf } from '../iptables/saved-text.ts';
import { effectOf } from '../iptables/simulator/effects.ts';
import { dnatTargets, type Fate } from '../iptables/simulator/fate.ts';
import type { Packet, SimulatedNode } from '../iptables/simulator/packet.ts';
import type { Stage } from '../iptables/simulator/path.ts';
import { type PlacedRule, type PreparedRuleset, prepare } from '../iptables/simulator/prepare.ts';
import { simulate } from '../iptables/simulator/simulate.ts';
import type { Rule, TableName } from '../iptables/types.ts';
import { type Family, familyOf, isLoopback, splitPort } from '../net/address.ts';
import type { CheckedNode } from './checked-node.ts';
import type { CheckedCluster } from './cluster.ts';
import { hasServiceRules } from './node-families.ts';
import { endpointsInRules, localPods } from './pods.ts';

/** What stands between packets and a Service. */
export interface Obstacle {
  /**
   * `taken`: a rule decides before the jump to the rules of Services; `dropped`: a rule drops or refuses them; `policy`: no
   * rule accepts them, and the policy of the chain is DROP.
   */
  readonly kind: 'taken' | 'dropped' | 'policy';
  readonly family: Family;
  readonly table: TableName;
  readonly chain: string;
  /** As iptables-save prints it; of a policy, as iptables sets it. */
  readonly line: string;
  /** The packets that meet it: who sends them, and to what. */
  readonly packets: readonly ObstructedPacket[];
}

export interface ObstructedPacket {
  readonly from: 'Pods' | 'this node' | 'outside' | 'replies';
  readonly to: ServiceAddress;
}

const known = new WeakMap<CheckedNode, Map<CheckedCluster | undefined, readonly Obstacle[]>>();

/** All obstacles on a node, each once. */
export function obstaclesOn(node: CheckedNode, cluster: CheckedCluster | undefined): readonly Obstacle[] {
  const ofNode = known.get(node) ?? new Map<CheckedCluster | undefined, readonly Obstacle[]>();
  known.set(node, ofNode);
  const found = ofNode.get(cluster) ?? findObstacles(node, cluster);
  ofNode.set(cluster, found);
  return found;
}

/** Such as `cluster IP 10.96.0.1:80 (shop/web) from Pods`. */
export function packetsInWords({ packets }: Obstacle): string {
  const [first] = packets;
  if (first === undefined) return 'no packets';
  const { from, to } = first;
  const services = new Set(packets.map((packet) => serviceOf(packet.to.servicePort)));
  const sender = from === 'replies' ? 'replies to clients of' : `packets from ${from} to`;
  const more = services.size === 1 ? '' : ` and of ${services.size - 1} more Services`;
  return `${sender} ${describeAddress(to)} (${to.servicePort})${more}`;
}

function findObstacles(node: CheckedNode, cluster: CheckedCluster | undefined): Obstacle[] {
  const obstacles = new Map<string, Obstacle & { readonly packets: ObstructedPacket[] }>();
  for (const family of node.families) {
    if (!hasServiceRules(family, node)) continue;
    const rules = node.rules(family);
    if (!hasOthers(rules)) continue;
    const endpoints = new Set(endpointsInRules(node, family));
    const way: Way = { family, rules, alone: withoutOthers(rules), node: simulated(node), endpoints };
    for (const { packet, ...obstructed } of packetsTo(way, node, cluster)) {
      const obstacle = obstacleFor(packet, simulate(rules, packet, way.node), way);
      if (obstacle === undefined) continue;
      const key = [family, obstacle.kind, obstacle.table, obstacle.chain, obstacle.line].join(' ');
      const one = obstacles.get(key) ?? { ...obstacle, packets: [] };
      one.packets.push(obstructed);
      obstacles.set(key, one);
    }
  }
  return [...obstacles.values()];
}

interface Way {
  readonly family: Family;
  readonly rules: PreparedRuleset;
  /** The chains of Services with the jumps to them, and nothing else. */
  readonly alone: PreparedRuleset;
  readonly node: SimulatedNode;
  /** The addresses of all endpoints. */
  readonly endpoints: ReadonlySet<string>;
}

/** Whether built-in chains have anything but ways to the chains of Services. */
function hasOthers(rules: PreparedRuleset): boolean {
  return (['raw', 'mangle', 'nat', 'filter'] as const).some((table) =>
    BUILT_IN_CHAINS.some((name) => {
      const chain = rules.given(table, name);
      const isOwn = (rule: Rule | string) => {
        const target = typeof rule === 'string' ? targetOf(rule) : undefined;
        return target !== undefined && isOwnChain(table, target);
      };
      return chain?.policy === 'DROP' || chain?.rules.every(isOwn) === false;
    }),
  );
}

function withoutOthers(rules: PreparedRuleset): PreparedRuleset {
  const own = (['nat', 'filter', 'mangle'] as const).map((table) => ({
    name: table,
    chains: [...rules.names(table)]
      .filter((name) => isOwnChain(table, name))
      .map((name) => ({ name, rules: [] })),
  }));
  const built = prepare(withJumps({ family: rules.family, tables: own }));
  return {
    family: rules.family,
    chain: (table, name) => (isOwnChain(table, name) ? rules : built).chain(table, name),
    given: (table, name) => (isOwnChain(table, name) ? rules : built).given(table, name),
    names: (table) => built.names(table),
  };
}

function simulated(node: CheckedNode): SimulatedNode {
  const own = new Set(node.links.flatMap(({ addresses }) => addresses.map((one) => one.split('/')[0] ?? '')));
  return {
    isLocal: (address) => own.has(address) || isLoopback(address),
    outInterface: (address) => node.routeTo(address)?.devices[0],
  };
}

/** Far away, where no address of a cluster is (RFC 5737, RFC 3849). */
const FAR = { ipv4: '192.0.2.77', ipv6: '2001:db8:ffff::77' } as const satisfies Record<Family, string>;

/** A port as clients have it. */
const SOURCE_PORT = 45_678;

interface SentPacket extends ObstructedPacket {
  readonly packet: Packet;
}

function* packetsTo(way: Way, node: CheckedNode, cluster: CheckedCluster | undefined): Generator<SentPacket> {
  const { family, rules } = way;
  const own = ownAddress(node, family);
  const pod = localPods(node, cluster).find(({ address }) => familyOf(address) === family);
  const inFrom = node.routeTo(FAR[family])?.devices[0];
  for (const to of addressesInRules(rules)) {
    if (cluster && !cluster.isShown(serviceOf(to.servicePort))) continue;
    const destination = to.address ?? own;
    if (destination === undefined) continue;
    const packet = {
      destination,
      destinationPort: to.port,
      protocol: to.protocol,
      sourcePort: SOURCE_PORT,
    };
    if (own !== undefined) yield { from: 'this node', to, packet: { ...packet, source: own } };
    if (pod !== undefined) {
      yield { from: 'Pods', to, packet: { ...packet, source: pod.address, inInterface: pod.device } };
    }
    const arriving = { ...packet, source: FAR[family], arrives: true, inInterface: inFrom };
    if (to.way !== 'cluster-ip') yield { from: 'outside', to, packet: arriving };
    // Every node sends what is for a cluster IP to its endpoints, also packets that come from elsewhere.
    const reply = replyTo(arriving, way, node);
    if (reply !== undefined) yield { from: 'replies', to, packet: reply };
  }
}

function ownAddress(node: CheckedNode, family: Family): string | undefined {
  const links = node.links.filter(({ isLoopback: loops }) => !loops);
  const inOrder = [
    ...links.filter(({ name }) => node.uplinks.has(name)),
    ...links.filter(({ name }) => !node.uplinks.has(name)),
  ];
  const addresses = inOrder.flatMap((link) => link.addresses.map((one) => one.split('/')[0] ?? ''));
  return addresses.find((address) => familyOf(address) === family);
}

/** What an endpoint sends back to whoever it sees. */
function replyTo(packet: Packet, { alone, node }: Way, checked: CheckedNode): Packet | undefined {
  const [target] = dnatTargets(simulate(alone, packet, node)).keys();
  const endpoint = target === undefined ? undefined : splitPort(target);
  if (endpoint === undefined || node.isLocal(endpoint.address)) return undefined;
  return {
    source: endpoint.address,
    sourcePort: Number(endpoint.port),
    destination: packet.source,
    destinationPort: SOURCE_PORT,
    protocol: packet.protocol,
    arrives: true,
    inInterface: checked.routeTo(endpoint.address)?.devices[0],
    states: ['ESTABLISHED'],
  };
}

type FoundObstacle = Omit<Obstacle, 'packets'>;

function obstacleFor(
  packet: Packet,
  fate: Fate,
  { family, rules, alone, node, endpoints }: Way,
): FoundObstacle | undefined {
  const arrives = fate.outcomes.every(({ verdict, dnat }) => {
    return verdict === 'ACCEPT' && dnat !== undefined && endpoints.has(splitPort(dnat)?.address ?? dnat);
  });
  if (arrives) return undefined;
  const wanted = simulate(alone, packet, node);
  const isLost = ({ outcomes }: Fate) => outcomes.some(({ verdict }) => verdict !== 'ACCEPT');
  if (isLost(wanted)) return undefined;
  const [targets, wantedTargets] = [dnatTargets(fate), dnatTargets(wanted)];
  const isTaken = wantedTargets.size > 0 && targets.size === 0;
  const isRedirected = [...targets.keys()].some((target) => !wantedTargets.has(target));
  if (!(isLost(fate) || isTaken || isRedirected)) return undefined;
  const { path = [] } = simulate(rules, packet, node, { record: true });
  return path.map((stage) => culpritIn(stage, family, isTaken || isRedirected)).find((found) => found);
}

/** The rule of somebody else, or the policy, that ends a packet's way through a table. */
function culpritIn(
  { table, chain, steps, policy, packets }: Stage,
  family: Family,
  taken: boolean,
): FoundObstacle | undefined {
  const mayTake = taken && table === 'nat' && (chain === 'PREROUTING' || chain === 'OUTPUT');
  for (const step of steps) {
    if (step.fits === 0 || step.undecided || isOwnChain(table, step.chain)) continue;
    const { effect, ...rest } = effectOf(step.rule, family);
    const isLost = effect === 'verdict' && 'verdict' in rest && rest.verdict !== 'ACCEPT';
    if (isLost) return { kind: 'dropped', family, table, chain: step.chain, line: lineOf(step, family) };
    if (mayTake && (effect === 'verdict' || effect === 'dnat' || (effect === 'return' && step.depth === 0))) {
      return { kind: 'taken', family, table, chain: step.chain, line: lineOf(step, family) };
    }
  }
  if (policy !== 'DROP' || packets.length === 0) return undefined;
  return { kind: 'policy', family, table, chain, line: `-P ${chain} DROP` };
}

function lineOf({ chain, rule }: PlacedRule, family: Family): string {
  return `-A ${chain}${printSavedRule(rule, family)}`;
}
