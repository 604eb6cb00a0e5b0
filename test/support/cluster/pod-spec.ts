/** What the tests' kubelets understand of a Pod, and the rules by which a DaemonSet finds its nodes. */
import { z } from 'zod';
import type { KubernetesObject } from './object-store.ts';

const environment = z.array(
  z.union([
    z.strictObject({ name: z.string(), value: z.string() }),
    z.strictObject({
      name: z.string(),
      valueFrom: z.strictObject({ fieldRef: z.looseObject({ fieldPath: z.literal('spec.nodeName') }) }),
    }),
  ]),
);

const probe = z.looseObject({
  httpGet: z.looseObject({ path: z.string(), port: z.union([z.string(), z.number()]) }),
});

const container = z.looseObject({
  name: z.string(),
  image: z.string(),
  command: z.array(z.string()).default([]),
  args: z.array(z.string()).default([]),
  env: environment.default([]),
  ports: z.array(z.looseObject({ name: z.string().optional(), containerPort: z.number() })).default([]),
  readinessProbe: probe.optional(),
  securityContext: z
    .looseObject({
      privileged: z.boolean().default(false),
      capabilities: z.looseObject({ add: z.array(z.string()).default([]) }).default({ add: [] }),
    })
    .default({ privileged: false, capabilities: { add: [] } }),
  volumeMounts: z
    .array(z.looseObject({ name: z.string(), mountPath: z.string(), readOnly: z.boolean().default(false) }))
    .default([]),
});
export type Container = z.output<typeof container>;

const volume = z.looseObject({
  name: z.string(),
  configMap: z.looseObject({ name: z.string() }).optional(),
  hostPath: z.looseObject({ path: z.string() }).optional(),
});
export type Volume = z.output<typeof volume>;

const expression = z.strictObject({
  key: z.string(),
  operator: z.enum(['In', 'NotIn']),
  values: z.array(z.string()),
});
const term = z.strictObject({ matchExpressions: z.array(expression) });

export const podSpecSchema = z.looseObject({
  nodeName: z.string().optional(),
  serviceAccountName: z.string().default('default'),
  hostNetwork: z.boolean().default(false),
  initContainers: z.array(container).default([]),
  containers: z.tuple([container]),
  volumes: z.array(volume).default([]),
  nodeSelector: z.record(z.string(), z.string()).default({}),
  affinity: z
    .strictObject({
      nodeAffinity: z.strictObject({
        requiredDuringSchedulingIgnoredDuringExecution: z.strictObject({ nodeSelectorTerms: z.array(term) }),
      }),
    })
    .optional(),
});
export type PodSpec = z.output<typeof podSpecSchema>;

/** Whether pods may be on a node: by its labels. */
export function mayBeOn(node: KubernetesObject, { nodeSelector, affinity }: PodSpec): boolean {
  const labels = node.metadata.labels ?? {};
  const terms = affinity?.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms;
  return (
    Object.entries(nodeSelector).every(([key, value]) => labels[key] === value) &&
    (terms?.some(({ matchExpressions }) =>
      matchExpressions.every(({ key, operator, values }) => {
        const label = labels[key];
        return (label !== undefined && values.includes(label)) === (operator === 'In');
      }),
    ) ??
      true)
  );
}
