/** What classes of packets need to know of a node, by its facts. */
import { addressesOfNode, type NodeFacts } from '../api/node.ts';
import { type ClassNode, classNode } from '../iptables/classes/questions.ts';
import { type Family, familyOf } from '../net/address.ts';

/** Where no address of the node is known, any may be one of its own. */
export function knownClassNode(facts: NodeFacts, family: Family): ClassNode {
  const own = [...addressesOfNode(facts)].filter((address) => familyOf(address) === family);
  return classNode(own, family, own.length > 0);
}
