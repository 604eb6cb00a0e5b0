/** What the agent does to the node and itself once, at the start. */
import { writeFile } from 'node:fs/promises';
import type { KubeProxyConfiguration } from '../api/kube-proxy-configuration.ts';
import { createNfacct } from '../applier/nfacct.ts';
import { setUpConntrack } from '../applier/sysctl.ts';
import type { Log } from './log.ts';

/**
 * Sets the kernel up for services, as kube-proxy v1.36 does, and tells it how readily to kill this process.
 * @throws HostError where a setting is refused that services depend on
 */
export async function prepareNode(
  { conntrack, oomScoreAdj }: Pick<KubeProxyConfiguration, 'conntrack' | 'oomScoreAdj'>,
  log: Log,
): Promise<void> {
  await writeFile('/proc/self/oom_score_adj', String(oomScoreAdj)).catch((error: unknown) => {
    log.warning('oom_score_adj cannot be set; it needs CAP_SYS_RESOURCE', {
      value: oomScoreAdj,
      error: String(error),
    });
  });
  for (const warning of await setUpConntrack(conntrack)) log.warning(warning);
  await createNfacct();
}
