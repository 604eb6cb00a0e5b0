/** This machine as a node. */
import { hostname } from 'node:os';
import type { HostFacts } from '../api/node.ts';
import type { Host } from '../applier/host.ts';
import { FAMILIES } from '../net/address.ts';

/** What a machine tells of the node that it is; its name as kube-proxy v1.36 makes it of the machine's. */
export function machineFacts({
  iptables,
  nfacct,
  conntrackTCPBeLiberal,
  interfaceAddresses,
}: Host): HostFacts {
  return {
    name: hostname().trim().toLowerCase(),
    interfaceAddresses,
    randomFully: iptables.ipv4?.randomFully,
    bpf: FAMILIES.every((family) => iptables[family]?.bpf !== false),
    nfacct,
    conntrackTCPBeLiberal,
  };
}
