/** From what a user asks about to the packet that is simulated. */

import { addressesOfNode, type NodeFacts, nodeAddress } from '../api/node.ts';
import { InputError, show } from '../api/problem.ts';
import type { OtherIngress } from '../api/service.ts';
import { portNameOf } from '../chains/comments.ts';
import { describeAddress, type ServiceAddress } from '../chains/service-addresses.ts';
import type { Packet } from '../iptables/simulator/packet.ts';
import type { ConntrackState } from '../iptables/types.ts';
import { contains, type Family, familyOf, isLoopback } from '../net/address.ts';
import { hasPorts, type Place } from './place.ts';

/** A packet as it is asked for. */
export interface Question {
  readonly from: Place;
  readonly to: Place;
  readonly inInterface?: string | undefined;
  readonly mark?: number | undefined;
  readonly states?: readonly ConntrackState[] | undefined;
}

/** What names can stand for. All addresses are of one family. */
export interface Known {
  readonly family: Family;
  readonly node: NodeFacts;
  /** The addresses of a Service's ports, by `namespace/name`. Throws an InputError where there is no such Service. */
  addressesOf(service: string): readonly ServiceAddress[];
  /** The load balancers of a Service that no rules are made for, and why; none where they are not known. */
  otherIngress(service: string): readonly OtherIngress[];
  /** A Pod by `namespace/name`; undefined where it is not known. */
  pod(name: string): KnownPod | undefined;
  /** The ranges that addresses outside of the cluster are not in. */
  readonly podRanges: readonly string[];
  /**
   * The interfaces by which packets of this node's pods come in, with `+` at the end of a prefix; undefined where pods
   * are not known by those.
   */
  readonly podInterface: string | undefined;
}

export interface KnownPod {
  readonly addresses: readonly string[];
  readonly nodeName: string | undefined;
}

export interface Asked {
  readonly packet: Packet;
  /** What the user's names stand for: `shop/api:grpc cluster IP`. */
  readonly notes: readonly string[];
}

/**
 * The packet of a question.
 * @throws InputError where a name stands for nothing, for more than one thing, or for another family's address
 */
export function packetOf(question: Question, known: Known): Asked {
  const to = destinationOf(question.to, known);
  const from = sourceOf(question, to.address, known);
  if (question.from.protocol !== undefined && question.from.protocol !== to.protocol) {
    throw problem('--from', `expected the protocol of --to, ${to.protocol}, got ${question.from.protocol}`);
  }
  const arrival = arrivalOf(question, from, known);
  return {
    packet: {
      source: from.address,
      destination: to.address,
      protocol: to.protocol,
      ...(question.from.port !== undefined && { sourcePort: question.from.port }),
      ...(to.port !== undefined && { destinationPort: to.port }),
      ...(question.mark !== undefined && { mark: question.mark }),
      ...(question.states && { states: question.states }),
      ...arrival,
    },
    notes: [...from.notes, ...to.notes],
  };
}

/** The family of the addresses in a question, where it has any; throws an InputError where it has both. */
export function familyOfQuestion({ from, to }: Pick<Question, 'from' | 'to'>): Family | undefined {
  const families = [from, to].flatMap((place) => (place.kind === 'address' ? [familyOf(place.address)] : []));
  const [family, other] = families;
  if (other !== undefined && other !== family) {
    throw problem('--to', `expected an address of the family of --from, ${family}, got one of ${other}`);
  }
  return family;
}

interface Destination {
  readonly address: string;
  readonly port: number | undefined;
  readonly protocol: string;
  readonly notes: readonly string[];
}

function destinationOf(place: Place, known: Known): Destination {
  if (place.kind === 'service') return serviceDestination(place, known);
  if (place.kind === 'outside') throw problem('--to', 'expected an address or a name, got outside');
  const { port, protocol = 'tcp' } = place;
  if (hasPorts(protocol) && port === undefined) {
    throw problem('--to', `expected a port behind the address, as in 10.96.0.10:80/${protocol}, got none`);
  }
  const { address, notes } = addressOf(place, known, '--to');
  return { address, port: hasPorts(protocol) ? port : undefined, protocol, notes };
}

function serviceDestination(place: Place & { readonly kind: 'service' }, known: Known): Destination {
  const { service, way, portName, port, protocol } = place;
  const all = known.addressesOf(service);
  const ofPort = all.filter(
    (address) =>
      (portName === undefined || portNameOf(address.servicePort) === portName) &&
      (protocol === undefined || address.protocol === protocol) &&
      (port === undefined || all.some((other) => other.port === port && isSamePort(other, address))),
  );
  const found = ofPort.filter((address) => isWay(address, way));
  const wanted = portName ?? port ?? protocol;
  if (ofPort.length === 0) {
    throw problem('--to', `Service ${service} has no port ${show(wanted)}, expected one of ${listOf(all)}`);
  }
  const [first] = found;
  const [other] = way === 'load-balancer-ip' ? known.otherIngress(service) : [];
  if (!first && other) throw problem('--to', withoutRules(service, other));
  if (!first)
    throw problem('--to', `Service ${service} has no such address, expected one of ${listOf(ofPort)}`);
  if (new Set(found.map((address) => `${address.servicePort} ${address.protocol}`)).size > 1) {
    const ports = found.map(
      (address) => `${service}:${portNameOf(address.servicePort) || address.port}/${address.protocol}`,
    );
    throw problem('--to', `Service ${service} has several ports, expected ${ports.join(' or ')}`);
  }
  const address = first.address ?? ownAddress(known, '--to');
  return {
    address,
    port: first.port,
    protocol: first.protocol,
    notes: [`${first.servicePort}, ${describeAddress(first)}`],
  };
}

function withoutRules(service: string, { address, because }: OtherIngress): string {
  const what =
    because === 'hostname'
      ? `only a hostname is known of load balancer ${address}`
      : `load balancer ${address} has ${because}`;
  return `${what}, so no rules are made for it: trace what it sends, as --to node-port/${service}`;
}

function isSamePort(a: ServiceAddress, b: ServiceAddress): boolean {
  return a.servicePort === b.servicePort && a.protocol === b.protocol;
}

function isWay(address: ServiceAddress, way: ServiceAddress['way']): boolean {
  return (
    address.way === way ||
    (address.way === 'outside-ip' && (way === 'external-ip' || way === 'load-balancer-ip'))
  );
}

function listOf(addresses: readonly ServiceAddress[]): string {
  const told = addresses.map(
    (address) =>
      `${portNameOf(address.servicePort) || address.port}/${address.protocol} (${describeAddress(address)})`,
  );
  return told.join(', ');
}

interface Source {
  readonly address: string;
  readonly notes: readonly string[];
  readonly pod: KnownPod | undefined;
}

function sourceOf({ from }: Question, destination: string, known: Known): Source {
  switch (from.kind) {
    case 'service':
      throw problem(
        '--from',
        `expected pod/${from.service} for a Pod, or an address, got the name of a Service`,
      );
    case 'outside':
      return { address: outsideAddress(destination, known), notes: [], pod: undefined };
    case 'node':
      // The kernel talks to itself from the address that it talks to.
      return isOwn(destination, known)
        ? { address: destination, notes: [], pod: undefined }
        : { address: ownAddress(known, '--from'), notes: [], pod: undefined };
    default:
      return addressOf(from, known, '--from');
  }
}

type Flag = '--from' | '--to';

function addressOf(place: Exclude<Place, { kind: 'service' | 'outside' }>, known: Known, flag: Flag): Source {
  switch (place.kind) {
    case 'address':
      return { address: place.address, notes: [], pod: undefined };
    case 'node':
      return { address: ownAddress(known, flag), notes: [], pod: undefined };
    case 'pod': {
      const pod = known.pod(place.pod);
      if (!pod)
        throw problem(flag, `no Pod ${show(place.pod)} is known: pass manifests that have it with -f`);
      const address = pod.addresses.find((address) => familyOf(address) === known.family);
      if (address === undefined) throw problem(flag, `Pod ${place.pod} has no address of ${known.family}`);
      return { address, notes: [`Pod ${place.pod}, ${address}`], pod };
    }
  }
}

function ownAddress({ node, family }: Known, flag: Flag): string {
  const address = nodeAddress(node, family);
  if (address === undefined) {
    throw problem(flag, `unknown ${family} address of the node: give it with --node-ip`);
  }
  return address;
}

function isOwn(address: string, { node }: Known): boolean {
  return isLoopback(address) || addressesOfNode(node).has(address);
}

/** Ranges for documentation (RFC 5737, RFC 3849): nobody in a cluster has such an address. */
const OUTSIDE: Readonly<Record<Family, readonly string[]>> = {
  ipv4: ['192.0.2.1', '203.0.113.1', '198.51.100.1'],
  ipv6: ['2001:db8:ffff::1', '2001:db8:fffe::1', '3fff::1'],
};

function outsideAddress(destination: string, { family, node, podRanges }: Known): string {
  const [first = ''] = OUTSIDE[family];
  const isFree = (address: string) =>
    address !== destination &&
    !addressesOfNode(node).has(address) &&
    !podRanges.some((range) => contains(range, address));
  return OUTSIDE[family].find(isFree) ?? first;
}

/** How a packet comes to the node: by which interface, or from the node itself. */
function arrivalOf(
  { from, inInterface }: Question,
  { address, pod }: Source,
  known: Known,
): Pick<Packet, 'inInterface' | 'arrives'> {
  if (inInterface !== undefined) {
    if (from.kind === 'node')
      throw problem('--in-interface', 'packets of --from node have no incoming interface');
    return { inInterface };
  }
  if (from.kind === 'node' || isOwn(address, known)) return {};
  const { podInterface, node } = known;
  if (podInterface === undefined) return { arrives: true };
  if (from.kind === 'outside') return { inInterface: notLike(podInterface) };
  const here = pod !== undefined && pod.nodeName !== undefined && pod.nodeName === node.name;
  return here ? { inInterface: podInterface.replace(/\+$/, '0') } : { arrives: true };
}

/** An interface that pods are not behind. */
function notLike(pattern: string): string {
  const isLike = (name: string) =>
    pattern.endsWith('+') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
  return ['eth0', 'uplink0'].find((name) => !isLike(name)) ?? 'eth0';
}

function problem(flag: string, message: string): InputError {
  return new InputError([{ at: [flag], message }]);
}
