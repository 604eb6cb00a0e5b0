/** What the agent does to the node and itself once, at the start. */
import { writeFile } from 'node:fs/promises';
import { createNfacct } from '../applier/nfacct.ts';
import { allowLocalnetRouting, setUpConntrack } from '../applier/sysctl.ts';
import { planNode } from '../compiler/node-plan.ts';
import type { Log } from './log.ts';
import type { AgentSettings } from './settings/settings.ts';

/**
 * Sets the kernel up for services, as kube-proxy v1.36 does, and tells it how readily to kill this process.
 * @returns whether rules can count with nfacct objects
 * @throws HostError where a setting is refused that services depend on
 */
export async function prepareNode(
  { configuration, initOnly }: AgentSettings,
  log: Log,
): Promise<{ readonly nfacct: boolean }> {
  const { conntrack, oomScoreAdj, nodePortAddresses, iptables } = configuration;
  await writeFile('/proc/self/oom_score_adj', String(oomScoreAdj)).catch((error: unknown) => {
    log.warning('Cannot set oom_score_adj; it needs CAP_SYS_RESOURCE', {
      value: oomScoreAdj,
      error: String(error),
    });
  });
  for (const warning of await setUpConntrack(conntrack)) log.warning(warning);
  const nfacct = await createNfacct();
  for (const warning of nfacct.warnings) log.warning(warning);
  // Whoever runs for good may not be able to, so it cannot wait for the rules here, as it does else (kube-proxy v1.36).
  const plan = planNode(undefined, { family: 'ipv4', nodePortAddresses, ...iptables });
  if (initOnly && plan.localhostNodePorts) await allowLocalnetRouting();
  return { nfacct: nfacct.exist };
}
