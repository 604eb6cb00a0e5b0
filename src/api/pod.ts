/** `v1` Pod, reduced to what an endpoint needs of it. */
import { z } from 'zod';
import {
  ipAddress,
  ipAddressOrNone,
  list,
  namespacedMetadata,
  optional,
  portNumber,
  portNumberOrZero,
  protocol,
} from './fields.ts';
import { controllerOf, ownerReferences } from './owner.ts';

export type Pod = Readonly<z.output<typeof podSchema>>;

const container = z.object({
  ports: list(
    z
      .object({
        name: optional(z.string()),
        containerPort: portNumber,
        hostPort: optional(portNumberOrZero),
        protocol,
      })
      .transform((port) => ({
        name: port.name,
        port: port.containerPort,
        protocol: port.protocol,
        /** The port of the node that leads there too, where one does. */
        ...(port.hostPort ? { hostPort: port.hostPort } : {}),
      })),
  ),
  restartPolicy: optional(z.string()),
});

/** The containers of a Pod, and of the template of one. */
export const podContainers = {
  containers: list(container),
  initContainers: list(container),
  hostNetwork: optional(z.boolean()),
} as const;

type ContainerPort = z.output<typeof container>['ports'][number];

/**
 * The ports of the containers that keep running: the ordinary ones, then the restartable init containers (sidecars). In
 * the host network, each is a port of the node as well (`SetDefaults_PodSpec`).
 */
export function containerPortsOf(spec: {
  readonly containers: readonly z.output<typeof container>[];
  readonly initContainers: readonly z.output<typeof container>[];
  readonly hostNetwork?: boolean | undefined;
}): ContainerPort[] {
  return [
    ...spec.containers,
    ...spec.initContainers.filter(({ restartPolicy }) => restartPolicy === 'Always'),
  ].flatMap(({ ports }) =>
    spec.hostNetwork ? ports.map((port) => ({ hostPort: port.port, ...port })) : ports,
  );
}

export const podSchema = z
  .object({
    metadata: namespacedMetadata.extend({ deletionTimestamp: optional(z.string()), ownerReferences }),
    spec: z.object({ nodeName: optional(z.string()), ...podContainers }),
    status: optional(
      z.object({
        phase: optional(z.string()),
        podIP: optional(ipAddressOrNone),
        podIPs: list(z.object({ ip: ipAddress })),
        conditions: list(z.object({ type: z.string(), status: z.string() })),
      }),
    ),
  })
  .transform(({ metadata, spec, status }) => ({
    kind: 'Pod' as const,
    namespace: metadata.namespace,
    name: metadata.name,
    labels: metadata.labels,
    nodeName: spec.nodeName || undefined,
    /** The workload that made it. */
    owner: controllerOf(metadata.ownerReferences),
    containerPorts: containerPortsOf(spec),
    ips: podIPs(status?.podIPs ?? [], status?.podIP),
    /** Succeeded or Failed: it will never serve again. */
    finished: status?.phase === 'Succeeded' || status?.phase === 'Failed',
    ready: (status?.conditions ?? []).some(({ type, status }) => type === 'Ready' && status === 'True'),
    terminating: metadata.deletionTimestamp !== undefined,
  }));

function podIPs(podIPs: readonly { ip: string }[], podIP: string | undefined): string[] {
  if (podIPs.length > 0) return podIPs.map(({ ip }) => ip);
  return podIP ? [podIP] : [];
}
