/** What is known of a node, for classes of packets. */
import { addressesOfNode, type NodeFacts } from '../../src/api/node.ts';
import { type ClassNode, classNode } from '../../src/iptables/classes/questions.ts';
import { type Family, familyOf } from '../../src/net/address.ts';

/** All of the node's own addresses are known. */
export function classNodeOf(facts: NodeFacts, family: Family): ClassNode {
  const own = [...addressesOfNode(facts)].filter((address) => familyOf(address) === family);
  return classNode(own, family, true);
}
