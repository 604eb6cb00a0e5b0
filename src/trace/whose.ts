/** Whose addresses a packet has, and what that says of what becomes of it. */
import type { ClusterState } from '../api/cluster.ts';
import { addressesOfNode, type NodeFacts } from '../api/node.ts';
import type { Pod } from '../api/pod.ts';
import { serviceOf } from '../chains/comments.ts';
import { addressesInRules, describeAddress, type ServiceAddress } from '../chains/service-addresses.ts';
import type { CompileOptions } from '../compiler/options.ts';
import { addressesOfServices } from '../compiler/service-ports.ts';
import { dnatTargets, type Outcome } from '../iptables/simulator/fate.ts';
import type { Packet, SimulatedNode } from '../iptables/simulator/packet.ts';
import type { PreparedRuleset } from '../iptables/simulator/prepare.ts';
import { simulate } from '../iptables/simulator/simulate.ts';
import { contains, type Family, familyOf, splitPort } from '../net/address.ts';

/** Who has which addresses, of one family. */
export interface Owners {
  readonly services: readonly ServiceAddress[];
  /** Load balancers that no rules are made for, by address. */
  readonly otherIngress: ReadonlyMap<string, { readonly service: string; readonly because: string }>;
  /** The Pod of an address; undefined where none is known. */
  pod(address: string): Pod | undefined;
  /** The node that an endpoint is on; undefined where that is not known. */
  nodeOf(address: string): string | undefined;
}

/** What manifests say, as far as addresses go. */
interface Objects {
  readonly cluster: ClusterState;
  readonly pods: ReadonlyMap<string, Pod>;
  options(family: Family): Pick<CompileOptions, 'legacyPortNames'>;
}

/** @param objects undefined where only rules are known */
export function ownersOf(ruleset: PreparedRuleset, objects: Objects | undefined): Owners {
  const { family } = ruleset;
  if (!objects) {
    const nobody = () => undefined;
    return { services: addressesInRules(ruleset), otherIngress: new Map(), pod: nobody, nodeOf: nobody };
  }
  const { legacyPortNames } = objects.options(family);
  const entries = [...objects.cluster.services];
  const pods = new Map(
    [...objects.pods.values()].flatMap((pod) => pod.ips.map((ip): [string, Pod] => [ip, pod])),
  );
  const nodes = new Map(
    entries.flatMap(([, { endpointSlices }]) =>
      endpointSlices.flatMap(({ endpoints }) =>
        endpoints.map(({ address, nodeName }): [string, string | undefined] => [address, nodeName]),
      ),
    ),
  );
  return {
    services: addressesOfServices(objects.cluster, family, legacyPortNames),
    otherIngress: new Map(
      entries.flatMap(([name, { service }]) =>
        service.otherIngress.map(({ address, because }): [string, { service: string; because: string }] => [
          address,
          { service: name, because },
        ]),
      ),
    ),
    pod: (address) => pods.get(address),
    nodeOf: (address) => nodes.get(address) ?? pods.get(address)?.nodeName,
  };
}

/**
 * What a user may not know of the destination of a packet: whose it is, and which ports there are.
 * @returns sentences; none where the packet is for a port of a Service, or for what nobody is known to have
 */
export function remarksOnDestination(
  packet: Packet,
  owners: Owners,
  ruleset: PreparedRuleset,
  node: SimulatedNode,
): string[] {
  const { destination, destinationPort, protocol } = packet;
  const ingress = owners.otherIngress.get(destination);
  if (ingress) {
    return [
      `${destination} is a load balancer of ${ingress.service} with ${ingress.because}: kube-proxy makes no rules for it.`,
    ];
  }
  const there = owners.services.filter(({ address }) => address === destination);
  if (there.some((one) => one.port === destinationPort && one.protocol === protocol)) return [];
  const byService = Map.groupBy(there, ({ servicePort }) => serviceOf(servicePort));
  const remarks = [...byService].map(([service, addresses]) => {
    const ports = [...new Set(addresses.map(({ port, protocol }) => `${port}/${protocol}`))];
    const [first] = addresses;
    const what = first ? describeAddress(first).replace(/ \S+$/, '') : 'address';
    const role = roleOf(packet, addresses, owners.services, ruleset, node);
    return `${destination} is the ${what} of ${service}, which has only ${ports.length === 1 ? 'port' : 'ports'} ${ports.join(', ')}${role === undefined ? '' : ` (${destinationPort} is its ${role})`}.`;
  });
  if (remarks.length > 0) return remarks;
  const pod = owners.pod(destination);
  return pod ? [`${destination} is Pod ${pod.namespace}/${pod.name}, and no address of a Service.`] : [];
}

/** What a port is to a Service that does not have it. */
function roleOf(
  { destinationPort, ...packet }: Packet,
  addresses: readonly ServiceAddress[],
  all: readonly ServiceAddress[],
  ruleset: PreparedRuleset,
  node: SimulatedNode,
): string | undefined {
  if (destinationPort === undefined) return undefined;
  const isTarget = addresses.some(({ port, protocol }) => {
    const fate = simulate(ruleset, { ...packet, protocol, destinationPort: port }, node);
    return [...dnatTargets(fate).keys()].some((target) => target.endsWith(`:${destinationPort}`));
  });
  if (isTarget) return 'target port';
  const services = new Set(addresses.map(({ servicePort }) => serviceOf(servicePort)));
  const isNodePort = all.some(
    ({ way, port, servicePort }) =>
      way === 'node-port' && port === destinationPort && services.has(serviceOf(servicePort)),
  );
  return isNodePort ? 'node port' : undefined;
}

/**
 * That an endpoint on another node answers a sender on another node past this one: it sees the sender's own address, and
 * the sender hears from somebody whom it has not called.
 */
export function remarksOnAnswers(
  packet: Packet,
  outcomes: readonly Outcome[],
  owners: Owners,
  node: NodeFacts,
): string[] {
  if (packet.arrives !== true && packet.inInterface === undefined) return [];
  if (isHere(packet.source, owners, node) !== false) return [];
  const elsewhere = outcomes.flatMap(({ verdict, dnat, masqueraded, snat }) => {
    if (verdict !== 'ACCEPT' || dnat === undefined || masqueraded || snat !== undefined) return [];
    const address = addressIn(dnat, packet.destinationPort !== undefined);
    return isHere(address, owners, node) === false ? [{ dnat, nodeName: owners.nodeOf(address) }] : [];
  });
  const here = node.name === '' ? 'this node' : node.name;
  return elsewhere.map(
    ({ dnat, nodeName }) =>
      `${dnat} on ${nodeName ?? 'another node'} answers ${packet.source} directly, not through ${here}, as it sees the sender's own address: the sender does not know that connection and gets no answer.`,
  );
}

function addressIn(place: string, hasPort: boolean): string {
  return hasPort ? (splitPort(place)?.address ?? place) : place;
}

/** Whether an address is on this node; undefined where nothing tells. */
function isHere(address: string, owners: Owners, node: NodeFacts): boolean | undefined {
  if (addressesOfNode(node).has(address)) return true;
  const nodeName = owners.nodeOf(address);
  if (nodeName !== undefined && node.name !== '') return nodeName === node.name;
  const ranges = node.podCIDRs.filter((range) => familyOf(range) === familyOf(address));
  return ranges.length === 0 ? undefined : ranges.some((range) => contains(range, address));
}
