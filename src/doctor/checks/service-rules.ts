/** Whether there are rules of Services at all. */
import { FAMILY_NAMES } from '../../net/address.ts';
import { saveOutput } from '../../snapshot/snapshot.ts';
import type { Check, Trouble } from '../check.ts';
import { hasFamily, hasServiceRules } from '../node-families.ts';

export const serviceRules: Check = {
  code: 'no-service-rules',
  title: 'The node has rules of Services.',
  severity: 'error',
  remedy: 'Start svc2ipt agent or kube-proxy on the node, and read its log; svc2ipt apply writes them once.',
  needs: 'node',
  find(node, cluster) {
    const { backend, families } = node;
    const wanted = cluster ? families.filter((family) => hasFamily(family, node, cluster)) : families;
    const without = wanted.filter((family) => !hasServiceRules(family, node));
    // Without a cluster, a node of one family is as good as one of both.
    if (without.length === 0 || (cluster === undefined && without.length < families.length)) return [];
    return without.map(
      (family): Trouble => ({
        cause: `The node has no ${FAMILY_NAMES[family]} rules of Services, so no packet to one gets anywhere.`,
        evidence: [`${saveOutput(backend, family)}: no chain KUBE-SERVICES in the nat table`],
      }),
    );
  },
};
