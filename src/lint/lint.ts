/** The entry of lint: what a cluster's objects will do on a node that their authors may not expect. */

import type { ClusterState } from '../api/cluster.ts';
import type { NodeFacts } from '../api/node.ts';
import { present } from '../errors/invariant.ts';
import { checkAddresses } from './addresses.ts';
import { checkAffinity } from './affinity.ts';
import { type Context, type LintOptions, type PlannedEntry, prepareContext } from './context.ts';
import { checkDuplicateEndpoints, checkSlices, checkStraySlices } from './endpoint-slices.ts';
import { checkEndpoints } from './endpoints.ts';
import { type Found, type ObjectFinding, objectName } from './finding.ts';
import { checkHostPorts } from './host-ports.ts';
import { checkIgnoredFields } from './ignored-fields.ts';
import { checkLocalPolicy } from './local-policy.ts';
import { checkNode } from './node.ts';
import { checkPodRanges } from './pod-ranges.ts';
import { RULES } from './rules.ts';
import { SEVERITIES } from './severity.ts';
import { checkSourceRanges } from './source-ranges.ts';
import { checkTopology } from './topology.ts';
import { checkUnassigned } from './unassigned.ts';
import { checkWorkloads } from './workloads.ts';

/** What is found in a Service and its EndpointSlices. */
const SERVICE_CHECKS: readonly ((planned: PlannedEntry, context: Context) => Found[])[] = [
  checkEndpoints,
  checkWorkloads,
  checkLocalPolicy,
  checkTopology,
  checkSourceRanges,
  checkAffinity,
  checkSlices,
  checkDuplicateEndpoints,
  checkHostPorts,
  checkIgnoredFields,
];

/** What is found only in all of the cluster. */
const CLUSTER_CHECKS: readonly ((context: Context) => Found[])[] = [
  checkAddresses,
  checkStraySlices,
  checkNode,
  checkPodRanges,
  checkUnassigned,
];

/**
 * Finds what is legal in a cluster and will surprise, on this node and on others. Rules about this node find nothing
 * where its name is not known.
 * @returns object by object, Services first; of each object, the worst first
 */
export function lintCluster(
  cluster: ClusterState,
  node: NodeFacts,
  options: LintOptions = {},
): ObjectFinding[] {
  const context = prepareContext(cluster, node, options);
  const found = [
    ...context.entries.flatMap((planned) => SERVICE_CHECKS.flatMap((check) => check(planned, context))),
    ...CLUSTER_CHECKS.flatMap((check) => check(context)),
  ];
  return inOrder(unique(found).map(toFinding));
}

function toFinding({ code, object, field, cause }: Found): ObjectFinding {
  const { severity, remedy } = RULES[code];
  return { code, severity, object, field, cause, remedy };
}

/** One Endpoints object makes several EndpointSlices, all with the same faults. */
function unique(found: readonly Found[]): Found[] {
  const key = ({ code, object, field, cause }: Found) => [code, objectName(object), field, cause].join('\n');
  return [...new Map(found.map((one) => [key(one), one])).values()];
}

function inOrder(findings: readonly ObjectFinding[]): ObjectFinding[] {
  const keys = new Map(findings.map((one) => [one, sortingKey(one)]));
  const keyOf = (one: ObjectFinding) => present(keys.get(one), 'key of a finding');
  return findings.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : keyOf(a) > keyOf(b) ? 1 : 0));
}

function sortingKey({ object, severity, field }: ObjectFinding): string {
  const kind = object.kind === 'Service' ? 0 : object.namespace !== undefined ? 1 : 2;
  return [kind, `${object.namespace}/${object.name}`, SEVERITIES.indexOf(severity), field].join('\n');
}
