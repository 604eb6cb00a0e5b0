/** What the proxy says of itself. */
import { SNAPSHOT_PAGES } from '../../snapshot/snapshot.ts';
import type { Check } from '../check.ts';
import { NotChecked } from '../not-checked.ts';

export const agentHealth: Check = {
  code: 'proxy-unhealthy',
  title: 'The proxy says that it is healthy.',
  severity: 'error',
  remedy: 'Read the log of the agent or of kube-proxy: it says what it cannot do.',
  needs: 'node',
  find({ snapshot: { pages } }) {
    const page = pages.healthz;
    if ('missing' in page) throw new NotChecked(page.missing);
    if (page.status < 400) return [];
    const cause = 'The agent or kube-proxy on this node does not keep up with the cluster.';
    return [{ cause, evidence: [`${SNAPSHOT_PAGES.healthz}: ${page.status} ${page.text.trim()}`] }];
  },
};
