/** The node, as far as its facts tell what the simulator asks. */
import { addressesOfNode, type NodeFacts } from '../api/node.ts';
import type { SimulatedNode } from '../iptables/simulator/packet.ts';
import { isLoopback } from '../net/address.ts';

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
