/** What the scheduler (v1.36) does, as far as labels and taints go: which Nodes may run the Pods of a workload. */
import type { Node } from '../../api/node.ts';
import type {
  NodeSelectorRequirement,
  NodeSelectorTerm,
  PodTemplate,
  Toleration,
  Workload,
} from '../../api/workload.ts';

/** Whether a Node takes the Pods of a workload. What other Pods are on it, and how full it is, is not looked at. */
export function takes(node: Node, { kind, template }: Pick<Workload, 'kind' | 'template'>): boolean {
  const tolerations =
    kind === 'DaemonSet' ? [...template.tolerations, ...daemonTolerations(template)] : template.tolerations;
  return fits(node, template) && taintsOf(node).every((taint) => tolerations.some(tolerates(taint)));
}

interface Taint {
  readonly key: string;
  readonly value: string;
  readonly effect: string | undefined;
}

/** The taints that keep Pods away. A Node that is cordoned by hand has yet to get its own. */
function taintsOf({ taints, unschedulable }: Node): Taint[] {
  return [...taints, ...(unschedulable ? [UNSCHEDULABLE] : [])]
    .filter(({ effect }) => effect !== 'PreferNoSchedule')
    .map(({ key, value, effect }) => ({ key, value: value ?? '', effect }));
}

const UNSCHEDULABLE = { key: 'node.kubernetes.io/unschedulable', value: undefined, effect: 'NoSchedule' };

function tolerates(taint: Taint) {
  return ({ key, operator, value, effect }: Toleration): boolean =>
    (!effect || effect === taint.effect) &&
    (!key || key === taint.key) &&
    (operator === 'Exists' || (Boolean(key) && (value ?? '') === taint.value));
}

/** The taints that the DaemonSet controller has every one of its Pods tolerate. */
const TOLERATED_BY_DAEMONS = ['disk-pressure', 'memory-pressure', 'pid-pressure', 'unschedulable'].map(
  (name): Toleration => exists(name, 'NoSchedule'),
);

function daemonTolerations({ hostNetwork }: PodTemplate): Toleration[] {
  return [
    exists('not-ready', 'NoExecute'),
    exists('unreachable', 'NoExecute'),
    ...TOLERATED_BY_DAEMONS,
    ...(hostNetwork ? [exists('network-unavailable', 'NoSchedule')] : []),
  ];
}

function exists(name: string, effect: string): Toleration {
  return { key: `node.kubernetes.io/${name}`, operator: 'Exists', value: undefined, effect };
}

function fits(node: Node, { nodeName, nodeSelector, nodeSelectorTerms }: PodTemplate): boolean {
  const labels = labelsOf(node);
  return (
    (nodeName === undefined || nodeName === node.name) &&
    Object.entries(nodeSelector).every(([key, value]) => labels.get(key) === value) &&
    (nodeSelectorTerms === undefined || nodeSelectorTerms.some((term) => matches(term, labels, node)))
  );
}

/** The labels of a Node, with those that every kubelet adds and a Node written by hand lacks. */
function labelsOf({ name, labels }: Node): ReadonlyMap<string, string> {
  return new Map([
    ['kubernetes.io/hostname', name],
    ['kubernetes.io/os', 'linux'],
    ...Object.entries(labels),
  ]);
}

/** A term of nothing fits no Node. */
function matches(
  { matchExpressions, matchFields }: NodeSelectorTerm,
  labels: ReadonlyMap<string, string>,
  { name }: Node,
): boolean {
  const fields = new Map([['metadata.name', name]]);
  return (
    matchExpressions.length + matchFields.length > 0 &&
    matchExpressions.every((requirement) => holds(requirement, labels)) &&
    matchFields.every((requirement) => holds(requirement, fields))
  );
}

function holds({ key, operator, values }: NodeSelectorRequirement, of: ReadonlyMap<string, string>): boolean {
  const value = of.get(key);
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
      return value !== undefined && Number(value) > Number(values[0]);
    case 'Lt':
      return value !== undefined && Number(value) < Number(values[0]);
  }
}
