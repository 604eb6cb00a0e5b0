/** Packets that may find a difference between two rulesets of one cluster. */
import { hash } from 'node:crypto';
import type { ClusterState } from '../../src/api/cluster.ts';
import type { NodeFacts } from '../../src/api/node.ts';
import { endpointChain } from '../../src/chains/names.ts';
import { planService } from '../../src/compiler/compile-service.ts';
import type { CompileOptions } from '../../src/compiler/options.ts';
import type { ServicePortPlan } from '../../src/compiler/plan.ts';
import type { Packet, SimulatedNode } from '../../src/iptables/simulator/packet.ts';
import { addressBits, addressValue, contains, familyOf, formatAddress } from '../../src/net/address.ts';

export interface Input {
  readonly cluster: ClusterState;
  readonly node: NodeFacts;
  readonly options: CompileOptions;
}

/** Packets, and the node in the state that they find it in. */
export interface FlowGroup {
  readonly from: SimulatedNode;
  readonly packets: readonly Packet[];
}

/**
 * Every address, port and protocol of every service port and a neighbour of each, from a pod of the node, the node
 * itself, outside, another node's pod, and its endpoints themselves; also clients that xt_recent remembers.
 */
export function interestingFlows(input: Input): FlowGroup[] {
  const plans = [...input.cluster.services.values()].flatMap(
    (entry) => planService(entry, input.node, input.options).plans,
  );
  return plans.map((plan) => ({
    from: nodeOf(input.node, plan),
    packets: destinationsOf(plan, input).flatMap((destination, i) =>
      sourcesOf(plan, input, i === 0).map(
        (source): Packet => ({ ...destination, ...source, sourcePort: 40000 }),
      ),
    ),
  }));
}

/** The node's own addresses, and what its lists of clients hold: for each client another endpoint. */
function nodeOf(node: NodeFacts, plan: ServicePortPlan): SimulatedNode {
  const endpoints = [...plan.cluster, ...plan.local];
  const remembered = endpoints.filter((_, i) => i % 4 === 1);
  return {
    isLocal: ownAddress(node),
    recent: new Map(
      remembered.map((endpoint) => [
        endpointChain(plan.servicePort, endpoint),
        new Map(CLIENTS.map((client, i) => [client, 100 * i])),
      ]),
    ),
  };
}

function ownAddress({ ips, interfaceAddresses }: NodeFacts): (address: string) => boolean {
  const own = new Set([...ips, ...interfaceAddresses.map((address) => address.split('/')[0] ?? ''), '::1']);
  return (address) => own.has(address) || contains('127.0.0.0/8', address);
}

const CLIENTS = ['203.0.113.77', '2001:db8:99::77', '10.244.1.250', 'fd00:10:244:1::250'];

type Destination = Pick<Packet, 'destination' | 'destinationPort' | 'protocol'>;

function destinationsOf({ servicePort, cluster, local }: ServicePortPlan, { node, options }: Input) {
  const { clusterIP, externalIPs, loadBalancerIPs, port, nodePort, healthCheckNodePort } = servicePort;
  const destinations = new Map<string, Destination>();
  const add = (destination: string, destinationPort: number, protocol: string = servicePort.protocol) => {
    if (familyOf(destination) !== options.family || destinationPort < 1 || destinationPort > 65535) return;
    destinations.set(`${destination} ${destinationPort} ${protocol}`, {
      destination,
      destinationPort,
      protocol,
    });
  };
  const around = (address: string, port: number) => {
    add(address, port);
    // One neighbour of each kind; which one is left to chance that is always the same.
    const kind = hash('sha256', `${address} ${port}`, 'hex').charCodeAt(0) % 4;
    if (kind === 0) add(neighbour(address), port);
    if (kind === 1) add(address, port + 1);
    if (kind === 2) add(address, port - 1);
    if (kind === 3) add(address, port, servicePort.protocol === 'tcp' ? 'udp' : 'tcp');
  };
  for (const address of [clusterIP, ...externalIPs, ...loadBalancerIPs]) around(address, port);
  const nodeAddresses = [
    ...node.ips,
    ...node.interfaceAddresses.map((address) => address.split('/')[0] ?? ''),
  ];
  const [ofNode, ...others] = [...new Set([...nodeAddresses, '127.0.0.1', '::1', ...externalIPs])].filter(
    (address) => familyOf(address) === options.family,
  );
  if (nodePort !== 0 && ofNode !== undefined) {
    around(ofNode, nodePort);
    for (const address of others) add(address, nodePort);
  }
  if (healthCheckNodePort !== 0 && ofNode !== undefined) around(ofNode, healthCheckNodePort);
  const [endpoint] = [...cluster, ...local];
  if (endpoint) add(endpoint.object.address, 8080);
  return [...destinations.values()];
}

function neighbour(address: string): string {
  const family = familyOf(address);
  return formatAddress(family, (addressValue(address) + 1n) & (2n ** BigInt(addressBits(family)) - 1n));
}

type Source = Pick<Packet, 'source' | 'inInterface' | 'mark'>;

/** Of more endpoints than this, some stand for all. */
const MOST_ENDPOINTS = 20;

/** @param all every endpoint, not only some of them */
function sourcesOf({ cluster, local }: ServicePortPlan, { node, options }: Input, all: boolean): Source[] {
  const { family, detectLocal } = options;
  const podInterface = detectLocal?.by === 'interface' ? detectLocal.name.replace('+', '0') : 'veth0';
  const loopback = family === 'ipv4' ? '127.0.0.1' : '::1';
  const isOwn = ownAddress(node);
  const pod = family === 'ipv4' ? '10.244.1.250' : 'fd00:10:244:1::250';
  const own = node.ips.find((ip) => familyOf(ip) === family) ?? loopback;
  const endpoints = [...cluster, ...local];
  const few = [endpoints[0], endpoints[1], endpoints.at(-1), local[0]].filter((one) => one !== undefined);
  const some = all && endpoints.length <= MOST_ENDPOINTS ? endpoints : few;
  const outside = family === 'ipv4' ? ['203.0.113.77', '10.9.9.9'] : ['2001:db8:99::77', 'fd99::9'];
  return [
    { source: pod, inInterface: podInterface },
    { source: own },
    { source: loopback },
    ...outside.map((source) => ({ source, inInterface: 'eth0' })),
    { source: outside[0] ?? '', inInterface: 'eth0', mark: 2 ** options.masqueradeBit },
    // The kernel drops what comes in with an address of the node's own.
    ...[...new Set(some)].map(({ object: { address }, local }) =>
      isOwn(address) ? { source: address } : { source: address, inInterface: local ? podInterface : 'eth0' },
    ),
  ];
}
