/** This machine as a node. */
import { hostname } from 'node:os';
import type { HostFacts } from '../api/node.ts';
import type { Host } from '../applier/host.ts';
import { FAMILIES } from '../net/address.ts';

/** The name of this machine's node, as kube-proxy v1.36 makes it of the machine's, unless it is told another one. */
export function machineName(): string {
  return hostname().trim().toLowerCase();
}

/** What a machine tells of the node that it is. */
export function machineFacts({
  iptables,
  nfacct,
  conntrackTCPBeLiberal,
  interfaceAddresses,
}: Host): HostFacts {
  return {
    name: machineName(),
    interfaceAddresses,
    randomFully: iptables.ipv4?.randomFully,
    bpf: FAMILIES.every((family) => iptables[family]?.bpf !== false),
    recent: FAMILIES.every((family) => iptables[family]?.recent !== false),
    nfacct,
    conntrackTCPBeLiberal,
  };
}
