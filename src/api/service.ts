/** `v1` Service, reduced to what decides its rules, with the API server's defaults filled in. */
import { z } from 'zod';
import {
  addSentence,
  cidr,
  dnsLabel,
  integer,
  ipAddress,
  list,
  namespacedMetadata,
  oneOfEachFamily,
  optional,
  portName,
  portNumber,
  portNumberOrZero,
  protocol,
  stringMap,
} from './fields.ts';

export type Service = Readonly<z.output<typeof serviceSchema>>;
export type ServicePortSpec = Service['ports'][number];
export type TrafficPolicy = 'Cluster' | 'Local';

/** The label that hands a Service or an EndpointSlice to another proxy. */
export const SERVICE_PROXY_NAME_LABEL = 'service.kubernetes.io/service-proxy-name';

/** The API server's default for `sessionAffinityConfig.clientIP.timeoutSeconds`, in seconds: three hours. */
const DEFAULT_AFFINITY_TIMEOUT = 10800;

const trafficPolicy = z.enum(['Cluster', 'Local']);

const servicePort = z
  .object({
    name: optional(portName),
    protocol: optional(protocol),
    port: portNumber,
    targetPort: optional(
      z.union([portNumberOrZero, z.string().regex(/^(?=.*[a-z])[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?$/)], {
        error: '1 to 65535 or the name of a container port',
      }),
    ),
    nodePort: optional(portNumberOrZero),
  })
  .transform((port) => ({
    name: port.name ?? '',
    protocol: port.protocol ?? ('TCP' as const),
    port: port.port,
    targetPort: port.targetPort || port.port,
    nodePort: port.nodePort ?? 0,
  }));

/** '' stands for "not assigned" in the API; 'None' for headless. */
const clusterIP = z.union([z.literal(['', 'None']), ipAddress], { error: 'an IP address or None' });

const specSchema = z.object({
  type: optional(z.enum(['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'])),
  clusterIP: optional(clusterIP),
  clusterIPs: list(clusterIP),
  ipFamilies: list(z.enum(['IPv4', 'IPv6'])),
  ipFamilyPolicy: optional(z.enum(['SingleStack', 'PreferDualStack', 'RequireDualStack'])),
  ports: list(servicePort),
  selector: optional(stringMap),
  externalIPs: list(ipAddress),
  loadBalancerSourceRanges: list(cidr),
  externalTrafficPolicy: optional(z.union([trafficPolicy, z.literal('')], { error: 'Cluster or Local' })),
  internalTrafficPolicy: optional(trafficPolicy),
  trafficDistribution: optional(z.string()),
  healthCheckNodePort: optional(portNumberOrZero),
  allocateLoadBalancerNodePorts: optional(z.boolean()),
  publishNotReadyAddresses: optional(z.boolean()),
  sessionAffinity: optional(z.enum(['None', 'ClientIP', ''])),
  sessionAffinityConfig: optional(
    z.object({ clientIP: optional(z.object({ timeoutSeconds: optional(integer(1, 86400)) })) }),
  ),
  topologyKeys: list(z.string()),
});

const ingress = z.object({
  ip: optional(z.union([z.literal(''), ipAddress], { error: 'an IP address' })),
  ipMode: optional(z.enum(['VIP', 'Proxy'])),
});

export const serviceSchema = z
  .object({
    metadata: namespacedMetadata.extend({ name: dnsLabel }),
    spec: specSchema,
    status: optional(z.object({ loadBalancer: optional(z.object({ ingress: list(ingress) })) })),
  })
  .superRefine(checkSpec)
  .transform(({ metadata, spec, status }) => {
    const type = spec.type ?? 'ClusterIP';
    return {
      kind: 'Service' as const,
      namespace: metadata.namespace,
      name: metadata.name,
      /** Another proxy's business (the label {@link SERVICE_PROXY_NAME_LABEL}). */
      otherProxy: SERVICE_PROXY_NAME_LABEL in metadata.labels,
      type,
      /** Empty where none is assigned yet; `['None']` for a headless Service. */
      clusterIPs: (spec.clusterIPs.length > 0 ? spec.clusterIPs : [spec.clusterIP ?? '']).filter(
        (ip) => ip !== '',
      ),
      ipFamilies: spec.ipFamilies,
      ipFamilyPolicy: spec.ipFamilyPolicy,
      ports: spec.ports,
      selector: spec.selector ?? {},
      externalIPs: spec.externalIPs,
      /** The addresses of load balancers that deliver packets with their own address as destination. */
      loadBalancerIPs: (status?.loadBalancer?.ingress ?? []).flatMap(({ ip, ipMode }) =>
        ip && ipMode !== 'Proxy' ? [ip] : [],
      ),
      loadBalancerSourceRanges: spec.loadBalancerSourceRanges,
      externalTrafficPolicy: spec.externalTrafficPolicy || ('Cluster' as const),
      internalTrafficPolicy: spec.internalTrafficPolicy ?? ('Cluster' as const),
      trafficDistribution: spec.trafficDistribution,
      /** 0 for none. */
      healthCheckNodePort: spec.healthCheckNodePort ?? 0,
      allocateLoadBalancerNodePorts: spec.allocateLoadBalancerNodePorts ?? true,
      publishNotReadyAddresses: spec.publishNotReadyAddresses ?? false,
      /** Seconds that a client keeps its endpoint, or undefined for no affinity. */
      sessionAffinitySeconds:
        spec.sessionAffinity === 'ClientIP'
          ? (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? DEFAULT_AFFINITY_TIMEOUT)
          : undefined,
      topologyKeys: spec.topologyKeys,
    };
  });

/** The rules between fields that the API server holds a Service to, as far as rules depend on them. */
function checkSpec({ spec }: { spec: z.output<typeof specSchema> }, context: z.core.$RefinementCtx): void {
  const { ports, clusterIPs } = spec;
  const complain = (path: (string | number)[], message: string) =>
    addSentence(context, ['spec', ...path], message);
  const headless = (clusterIPs[0] ?? spec.clusterIP) === 'None';
  if (ports.length === 0 && spec.type !== 'ExternalName' && !headless) {
    complain(['ports'], 'expected at least one port, got none');
  }
  if (spec.clusterIP !== undefined && clusterIPs.length > 0 && clusterIPs[0] !== spec.clusterIP) {
    complain(['clusterIPs'], `expected to begin with spec.clusterIP ${spec.clusterIP}, got ${clusterIPs[0]}`);
  }
  if (clusterIPs.length > 2 || !oneOfEachFamily(clusterIPs)) {
    complain(['clusterIPs'], 'expected at most one address of each family');
  }
  if (new Set(spec.ipFamilies).size !== spec.ipFamilies.length) {
    complain(['ipFamilies'], 'expected each family at most once');
  }
  const names = new Set<string>();
  const numbers = new Set<string>();
  for (const [i, port] of ports.entries()) {
    if (ports.length > 1 && port.name === '') {
      complain(['ports', i, 'name'], 'expected a name, as the Service has several ports, got nothing');
    } else if (names.has(port.name)) {
      complain(['ports', i, 'name'], `expected a name of its own, got "${port.name}" again`);
    }
    const number = `${port.port}/${port.protocol}`;
    if (numbers.has(number)) complain(['ports', i], `expected a port of its own, got ${number} again`);
    names.add(port.name);
    numbers.add(number);
  }
  if (spec.topologyKeys.length > 0 && spec.externalTrafficPolicy === 'Local') {
    complain(['topologyKeys'], 'may not be set together with externalTrafficPolicy Local');
  }
}
