/** This machine as the node of a command. */
import { machineFacts } from '../agent/machine.ts';
import type { HostFacts } from '../api/node.ts';
import { detectHost, findIptables, type Host, type IptablesHost, leftoverWarnings } from '../applier/host.ts';
import type { Backend } from '../applier/programs.ts';
import { FAMILIES } from '../net/address.ts';
import { warn } from './run.ts';

export interface ThisNode {
  readonly host: Host;
  /** What counts where no option, file or Node object says otherwise. */
  readonly facts: HostFacts;
  /** iptables for each family that there is. */
  readonly iptables: readonly IptablesHost[];
}

/**
 * Finds out what this machine can do; tells of what is missing on standard error. Throws a HostError.
 * @param backend the iptables to use; the one that the node uses already unless given
 */
export async function thisNode(backend: Backend | undefined): Promise<ThisNode> {
  const host = await detectHost(await findIptables(backend));
  const iptables = FAMILIES.flatMap((family) => host.iptables[family] ?? []);
  for (const warning of [...host.warnings, ...(await leftoverWarnings(iptables))]) warn(warning);
  return { host, iptables, facts: machineFacts(host) };
}
