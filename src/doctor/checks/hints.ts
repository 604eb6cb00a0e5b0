/** Hints of endpoints that leave this node out. */
import { namespacedName } from '../../api/cluster.ts';
import { objectName } from '../../lint/finding.ts';
import { lintCluster } from '../../lint/lint.ts';
import type { RuleCode } from '../../lint/rules.ts';
import type { Check } from '../check.ts';

/** What lint calls it. */
const CODES: readonly RuleCode[] = ['hints-for-others', 'node-without-zone', 'topology-keys-exclude-node'];

export const hints: Check = {
  code: 'hints-exclude-node',
  title: 'Hints of endpoints take this node into account.',
  severity: 'warning',
  remedy: 'Run a Pod in the zone of this node, or give the node its label topology.kubernetes.io/zone.',
  needs: 'cluster',
  find(_, { cluster, node, nodes, isShown }) {
    return lintCluster(cluster, node, { nodes })
      .filter(({ code, object: { namespace = '', name = '' } }) => {
        return CODES.includes(code) && isShown(namespacedName({ namespace, name }));
      })
      .map(({ object, cause, field, remedy }) => ({
        cause: `${objectName(object)}: ${cause}`,
        evidence: [`${objectName(object)}, ${field}; zone of the node: ${node.zone ?? 'none'}`],
        remedy,
      }));
  },
};
