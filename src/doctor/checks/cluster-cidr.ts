/** Whether the configuration knows this node's Pods. */
import { clusterCIDRWarnings } from '../../agent/node-warnings.ts';
import type { Check } from '../check.ts';
import { NotChecked } from '../not-checked.ts';

export const clusterCIDR: Check = {
  code: 'cluster-cidr',
  title: 'The configuration knows the Pods of this node.',
  severity: 'warning',
  remedy: 'Set clusterCIDR to the ranges of all Pods (--cluster-cidr), or choose another detectLocalMode.',
  needs: 'cluster',
  find({ families }, { configuration, node }) {
    if (configuration === undefined) throw new NotChecked('no configuration: name it with --config');
    const { clusterCIDR: ranges, detectLocalMode } = configuration;
    return clusterCIDRWarnings({ configuration, families, facts: node }).map((cause) => ({
      cause,
      evidence: [
        `detectLocalMode: ${detectLocalMode}, clusterCIDR: ${ranges.join(',') || 'none'}`,
        `Pod ranges of the node: ${node.podCIDRs.join(', ') || 'none'}`,
      ],
    }));
  },
};
