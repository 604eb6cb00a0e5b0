/** The node, as far as its facts tell what the simulator asks. */
import type { NodeFacts } from '../api/node.ts';
import type { SimulatedNode } from '../iptables/simulator/packet.ts';
import { contains, type Family, familyOf } from '../net/address.ts';

/** The node's own addresses, those of its interfaces and its IPs, each once; those of loopback need not be among them. */
export function addressesOfNode({ ips, interfaceAddresses }: NodeFacts): ReadonlySet<string> {
  return new Set([...ips, ...interfaceAddresses.map((address) => address.split('/')[0] ?? '')]);
}

/** The address that packets from the node itself have, and that others know it by; undefined where none is known. */
export function nodeAddress(node: NodeFacts, family: Family): string | undefined {
  return [...addressesOfNode(node)].find((address) => familyOf(address) === family && !isLoopback(address));
}

export function isLoopback(address: string): boolean {
  return address === '::1' || contains('127.0.0.0/8', address);
}

/**
 * What a simulated packet's fate depends on. Where no address of the node is known, nobody can tell of any but those of
 * loopback whether it is one.
 * @param outInterface the interface by which packets leave the node, if they do; not known unless given
 */
export function simulatedNode(node: NodeFacts, outInterface?: string | undefined): SimulatedNode {
  const own = addressesOfNode(node);
  return {
    isLocal: (address) =>
      own.has(address) || isLoopback(address) ? true : own.size === 0 ? undefined : false,
    ...(outInterface !== undefined && { outInterface: () => outInterface }),
  };
}
