/** Whether the configuration knows this node's Pods. */
import { clusterCIDRWarnings } from '../../agent/node-warnings.ts';
import { DEFAULT_CONFIGURATION } from '../../api/kube-proxy-configuration.ts';
import type { Check } from '../check.ts';

export const clusterCIDR: Check = {
  code: 'cluster-cidr',
  title: 'The configuration knows the Pods of this node.',
  severity: 'warning',
  remedy: 'Set clusterCIDR to the ranges of all Pods (--cluster-cidr), or choose another detectLocalMode.',
  needs: 'cluster',
  find({ families }, { configuration = DEFAULT_CONFIGURATION, node }) {
    const { clusterCIDR: ranges, detectLocalMode } = configuration;
    // Where nobody has set one, and none was given here, the proxy may well have another configuration.
    if (configuration === DEFAULT_CONFIGURATION) return [];
    return clusterCIDRWarnings({ configuration, families, facts: node }).map((cause) => ({
      cause,
      evidence: [
        `detectLocalMode: ${detectLocalMode}, clusterCIDR: ${ranges.join(',') || 'none'}`,
        `Pod ranges of the node: ${node.podCIDRs.join(', ') || 'none'}`,
      ],
    }));
  },
};
