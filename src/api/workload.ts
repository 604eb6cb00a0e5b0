/** Workloads: the objects whose controllers make Pods, each reduced to how many there are and what they are like. */
import { z } from 'zod';
import { integer, labels, list, namespacedMetadata, optional } from './fields.ts';
import { controllerOf, type Owner, ownerReferences } from './owner.ts';
import { containerPortsOf, podContainers } from './pod.ts';

export const WORKLOAD_KINDS = [
  'Deployment',
  'StatefulSet',
  'DaemonSet',
  'ReplicaSet',
  'ReplicationController',
  'Job',
  'CronJob',
] as const;

export type WorkloadKind = (typeof WORKLOAD_KINDS)[number];

export type Workload = { readonly [Kind in WorkloadKind]: WorkloadOf<Kind> }[WorkloadKind];

interface WorkloadOf<Kind extends WorkloadKind> {
  readonly kind: Kind;
  readonly namespace: string;
  readonly name: string;
  /** The workload that made this one. */
  readonly owner: Owner | undefined;
  /** How many Pods run at once; undefined where each Node has one. */
  readonly replicas: number | undefined;
  /** The number that the first Pod's name ends in; undefined where the Pods are not numbered. */
  readonly firstOrdinal: number | undefined;
  readonly template: PodTemplate;
}

export type PodTemplate = Readonly<z.output<typeof podTemplate>>;
export type Toleration = PodTemplate['tolerations'][number];
export type NodeSelectorTerm = NonNullable<PodTemplate['nodeSelectorTerms']>[number];
export type NodeSelectorRequirement = NodeSelectorTerm['matchExpressions'][number];

const requirements = list(
  z.object({
    key: z.string(),
    operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt']),
    values: list(z.string()),
  }),
);

const nodeAffinity = z.object({
  requiredDuringSchedulingIgnoredDuringExecution: optional(
    z.object({
      nodeSelectorTerms: list(z.object({ matchExpressions: requirements, matchFields: requirements })),
    }),
  ),
});

const podTemplate = z
  .object({
    metadata: optional(z.object({ labels })),
    spec: z.object({
      ...podContainers,
      nodeName: optional(z.string()),
      nodeSelector: labels,
      affinity: optional(z.object({ nodeAffinity: optional(nodeAffinity) })),
      tolerations: list(
        z.object({
          key: optional(z.string()),
          operator: optional(z.string()),
          value: optional(z.string()),
          effect: optional(z.string()),
        }),
      ),
    }),
  })
  .transform(({ metadata, spec }) => ({
    labels: metadata?.labels ?? {},
    containerPorts: containerPortsOf(spec),
    hostNetwork: spec.hostNetwork ?? false,
    nodeName: spec.nodeName || undefined,
    nodeSelector: spec.nodeSelector,
    /** Of which a Node must fit one; undefined where any Node will do. */
    nodeSelectorTerms:
      spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms,
    tolerations: spec.tolerations,
  }));

const count = optional(integer(0, 2 ** 31 - 1));

/** How many Pods a workload has while none of them has done its work, and of what kind. */
type WorkloadSpec = Pick<Workload, 'replicas' | 'firstOrdinal' | 'template'>;

const replicated = z.object({ replicas: count, template: podTemplate });

function replicatedPods({ replicas, template }: z.output<typeof replicated>): WorkloadSpec {
  return { replicas: replicas ?? 1, firstOrdinal: undefined, template };
}

const jobSpec = z.object({
  parallelism: count,
  completions: count,
  completionMode: optional(z.string()),
  suspend: optional(z.boolean()),
  template: podTemplate,
});

const jobStatus = z.object({
  succeeded: count,
  conditions: list(z.object({ type: z.string(), status: z.string() })),
});

/** The Pods of a Job that runs: as many as it may have side by side, and no more than are still to succeed. */
function jobPods(spec: z.output<typeof jobSpec>, status?: z.output<typeof jobStatus>): WorkloadSpec {
  const { parallelism, completions, completionMode, suspend, template } = spec;
  const over = (status?.conditions ?? []).some(
    ({ type, status }) => status === 'True' && (type === 'Complete' || type === 'Failed'),
  );
  const wanted = parallelism ?? 1;
  // With neither given, a Job is of one Pod; a work queue, with parallelism alone, has no number of completions: its Pods
  // know themselves when they are done (`SetDefaults_Job`).
  const needed = completions ?? (parallelism === undefined ? 1 : undefined);
  const open = needed === undefined ? wanted : Math.max(0, needed - (status?.succeeded ?? 0));
  return {
    replicas: over || suspend ? 0 : Math.min(wanted, open),
    firstOrdinal: completionMode === 'Indexed' ? 0 : undefined,
    template,
  };
}

const metadata = namespacedMetadata.extend({ ownerReferences });

/** A workload of which only its spec matters. */
function workload<Kind extends WorkloadKind>(kind: Kind, spec: z.ZodType<WorkloadSpec>) {
  return z
    .object({ metadata, spec })
    .transform(({ metadata, spec }) => ({ kind, ...identity(metadata), ...spec }));
}

function identity({ namespace, name, ownerReferences }: z.output<typeof metadata>) {
  return { namespace, name, owner: controllerOf(ownerReferences) };
}

const numbered = replicated.extend({ ordinals: optional(z.object({ start: count })) });
const onEachNode = z.object({ template: podTemplate });

export const workloadSchemas = {
  Deployment: { apiVersion: 'apps/v1', schema: workload('Deployment', replicated.transform(replicatedPods)) },
  StatefulSet: {
    apiVersion: 'apps/v1',
    schema: workload(
      'StatefulSet',
      numbered.transform((spec) => ({ ...replicatedPods(spec), firstOrdinal: spec.ordinals?.start ?? 0 })),
    ),
  },
  DaemonSet: {
    apiVersion: 'apps/v1',
    schema: workload(
      'DaemonSet',
      onEachNode.transform(({ template }) => ({ replicas: undefined, firstOrdinal: undefined, template })),
    ),
  },
  ReplicaSet: { apiVersion: 'apps/v1', schema: workload('ReplicaSet', replicated.transform(replicatedPods)) },
  ReplicationController: {
    apiVersion: 'v1',
    schema: workload('ReplicationController', replicated.transform(replicatedPods)),
  },
  Job: {
    apiVersion: 'batch/v1',
    schema: z
      .object({ metadata, spec: jobSpec, status: optional(jobStatus) })
      .transform(({ metadata, spec, status }) => ({
        kind: 'Job' as const,
        ...identity(metadata),
        ...jobPods(spec, status),
      })),
  },
  CronJob: {
    apiVersion: 'batch/v1',
    schema: workload(
      'CronJob',
      // Between two of its times it has no Pod, and what time it is nobody says.
      z
        .object({ jobTemplate: z.object({ spec: jobSpec }) })
        .transform(({ jobTemplate }) => ({ ...jobPods(jobTemplate.spec), replicas: 0 })),
    ),
  },
} as const satisfies Readonly<Record<WorkloadKind, unknown>>;

export function isWorkloadKind(kind: string): kind is WorkloadKind {
  return Object.hasOwn(workloadSchemas, kind);
}

export function isWorkload<Other extends { readonly kind: string }>(
  object: Other | Workload,
): object is Workload {
  return isWorkloadKind(object.kind);
}
