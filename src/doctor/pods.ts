/** Pods of a node, as far as its rules, its routes and its cluster tell. */
import { FAMILIES, type Family, familyOf, splitPort } from '../net/address.ts';
import { saveOutput } from '../snapshot/snapshot.ts';
import type { CheckedNode } from './checked-node.ts';
import type { CheckedCluster } from './cluster.ts';

/** A Pod on this node. */
export interface LocalPod {
  readonly address: string;
  /** By which the node reaches it. */
  readonly device: string;
}

/** The Pods on this node that are endpoints, where the node has a route to them that is no way to other machines. */
export function localPods(node: CheckedNode, cluster: CheckedCluster | undefined): LocalPod[] {
  const known = new Set(cluster === undefined ? undefined : localAddresses(cluster));
  const addresses = FAMILIES.flatMap((family) => endpointsInRules(node, family));
  const candidates = cluster === undefined ? addresses : [...known];
  const towardsMachines = deviceOfMachines(node, cluster);
  return [...new Set(candidates)].flatMap((address): LocalPod[] => {
    if (!('text' in node.snapshot.outputs[`ip-route-${familyOf(address)}`])) return [];
    const route = node.routeTo(address);
    const [device] = route?.devices ?? [];
    const isDirect = route?.type === 'unicast' && !route.isDefault && route.gateway === undefined;
    if (!isDirect || device === undefined || towardsMachines.has(device)) return [];
    return [{ address, device }];
  });
}

/** By which the node reaches its Pods. */
export function podDevices(node: CheckedNode, cluster: CheckedCluster | undefined): ReadonlySet<string> {
  return new Set(localPods(node, cluster).map(({ device }) => device));
}

/** By which the node reaches the endpoints on other nodes, as a tunnel of a CNI plugin. */
export function devicesOfOtherPods(
  node: CheckedNode,
  cluster: CheckedCluster | undefined,
): ReadonlySet<string> {
  const own = podDevices(node, cluster);
  const addresses = new Set(FAMILIES.flatMap((family) => endpointsInRules(node, family)));
  const devices = [...addresses].flatMap((address) => {
    const route = node.routeTo(address);
    return route?.type === 'unicast' ? route.devices : [];
  });
  return new Set(devices.filter((device) => !own.has(device)));
}

/** The interfaces by which other machines are reached: those with a default route, or an IP of the node. */
function deviceOfMachines(node: CheckedNode, cluster: CheckedCluster | undefined): ReadonlySet<string> {
  const ips = cluster?.node.ips ?? [];
  const withIP = node.links.filter(({ addresses }) =>
    addresses.some((address) => ips.includes(address.split('/')[0] ?? '')),
  );
  return new Set([...node.uplinks, ...withIP.map(({ name }) => name)]);
}

/** The addresses that rules of Services send packets to. */
export function endpointsInRules({ snapshot, backend }: CheckedNode, family: Family): string[] {
  const reading = snapshot.outputs[saveOutput(backend, family)];
  if (!('text' in reading)) return [];
  const targets = reading.text.matchAll(/^\S* ?-A KUBE-.* -j DNAT --to-destination (\S+)$/gm);
  return Array.from(targets, ([, target = '']) => splitPort(target)?.address ?? target);
}

/** The addresses of endpoints on this node, but for those in the network of the node itself. */
function localAddresses({ cluster, node }: CheckedCluster): string[] {
  return [...cluster.services.values()].flatMap(({ endpointSlices }) =>
    endpointSlices.flatMap(({ endpoints }) =>
      endpoints.flatMap(({ nodeName, address }) =>
        nodeName === node.name && node.name !== '' && !node.ips.includes(address) ? [address] : [],
      ),
    ),
  );
}
