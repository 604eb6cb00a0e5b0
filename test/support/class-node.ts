/** What is known of a node, for classes of packets. */
import type { NodeFacts } from '../../src/api/node.ts';
import { type ClassNode, classNode } from '../../src/iptables/classes/questions.ts';
import { type Family, familyOf } from '../../src/net/address.ts';

/** All of the node's own addresses are known. */
export function classNodeOf({ ips, interfaceAddresses }: NodeFacts, family: Family): ClassNode {
  const own = [...ips, ...interfaceAddresses.map((address) => address.replace(/\/.*/, ''))];
  return classNode(
    own.filter((address) => familyOf(address) === family),
    family,
    true,
  );
}
