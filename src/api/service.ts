/** `v1` Service, reduced to what decides its rules, with the API server's defaults filled in. */
import { z } from 'zod';
import {
  cidr,
  dnsLabel,
  integer,
  ipAddressOrNone,
  isDNSLabel,
  isPortNumberOrZero,
  type KnownPart,
  labels,
  list,
  meetsRules,
  namespacedMetadata,
  oneOfEachFamily,
  optional,
  ownName,
  parseUnicast,
  portName,
  portNumber,
  portNumberOrZero,
  protocol,
  type Rules,
  unicastAddress,
  withRules,
} from './fields.ts';
import { isMapping, show, withShortcut } from './problem.ts';
import { isFlagOrAbsent, isWordOrAbsent, usualLabels, usualList, usualMetadata, usualPort } from './usual.ts';

export type Service = Readonly<z.output<typeof serviceSchema>>;
export type ServicePortSpec = Service['ports'][number];
export type TrafficPolicy = 'Cluster' | 'Local';

/** The label that hands a Service or an EndpointSlice to another proxy. */
export const SERVICE_PROXY_NAME_LABEL = 'service.kubernetes.io/service-proxy-name';

/** The API server's default for `sessionAffinityConfig.clientIP.timeoutSeconds`, in seconds: three hours. */
const DEFAULT_AFFINITY_TIMEOUT = 10800;

/** A number, or a name as IANA has them; 0 and '' stand for "as the port". */
const targetPort = z.custom<number | string>(isTargetPort, {
  error: '1 to 65535 or the name of a container port (1 to 15 of a-z, 0-9 and "-", at least one letter)',
  abort: false,
});

function isTargetPort(value: unknown): value is number | string {
  return typeof value === 'string' ? value === '' || isPortName(value) : isPortNumberOrZero(value);
}

function isPortName(name: string): boolean {
  return /^[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?$/.test(name) && /[a-z]/.test(name) && !name.includes('--');
}

const servicePort = z.object({
  name: optional(portName).transform((name) => name ?? ''),
  protocol,
  port: portNumber,
  targetPort: optional(targetPort),
  nodePort: optional(portNumberOrZero).transform((port) => port ?? 0),
});

/** '' stands for "not assigned" in the API; 'None' for headless. */
const clusterIP = z.string({ error: 'an IP address or None' }).transform((text, context) => {
  if (text === '' || text === 'None') return text;
  const { address, expected } = parseUnicast(text);
  if (expected) context.addIssue({ code: 'custom', message: `${expected}, or None`, input: text });
  return address;
});

const specSchema = z.object({
  type: optional(z.enum(['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName', ''])).transform(
    (type) => type || ('ClusterIP' as const),
  ),
  clusterIP: optional(clusterIP),
  clusterIPs: list(clusterIP),
  ipFamilies: list(z.enum(['IPv4', 'IPv6'])),
  ipFamilyPolicy: optional(z.enum(['SingleStack', 'PreferDualStack', 'RequireDualStack'])),
  ports: list(servicePort),
  selector: labels,
  externalIPs: list(unicastAddress),
  loadBalancerSourceRanges: list(cidr),
  externalTrafficPolicy: optional(z.enum(['Cluster', 'Local', ''])),
  internalTrafficPolicy: optional(z.enum(['Cluster', 'Local'])),
  trafficDistribution: optional(z.enum(['PreferSameZone', 'PreferSameNode', 'PreferClose'])),
  healthCheckNodePort: optional(portNumberOrZero),
  allocateLoadBalancerNodePorts: optional(z.boolean()),
  publishNotReadyAddresses: optional(z.boolean()),
  sessionAffinity: optional(z.enum(['None', 'ClientIP', ''])),
  sessionAffinityConfig: optional(
    z.object({ clientIP: optional(z.object({ timeoutSeconds: optional(integer(1, 86400)) })) }),
  ),
  topologyKeys: list(z.string()),
});

const ingressSchema = z.object({
  ip: optional(ipAddressOrNone),
  hostname: optional(z.string()),
  ipMode: optional(z.enum(['VIP', 'Proxy'])),
});

const readSchema = z.object({
  metadata: namespacedMetadata.extend({ name: dnsLabel }),
  spec: withRules(specSchema, checkSpec),
  status: optional(z.object({ loadBalancer: optional(z.object({ ingress: list(ingressSchema) })) })),
});

function toService({ metadata, spec, status }: z.output<typeof readSchema>) {
  return {
    kind: 'Service' as const,
    namespace: metadata.namespace,
    name: metadata.name,
    /** Another proxy's business (the label {@link SERVICE_PROXY_NAME_LABEL}). */
    otherProxy: SERVICE_PROXY_NAME_LABEL in metadata.labels,
    type: spec.type,
    /** Empty where none is assigned yet; `['None']` for a headless Service. */
    clusterIPs: (spec.clusterIPs.length > 0 ? spec.clusterIPs : [spec.clusterIP ?? '']).filter(
      (ip) => ip !== '',
    ),
    ipFamilies: spec.ipFamilies,
    ipFamilyPolicy: spec.ipFamilyPolicy,
    ports: spec.ports.map(({ targetPort, ...port }) => ({ ...port, targetPort: targetPort || port.port })),
    selector: spec.selector,
    externalIPs: spec.externalIPs,
    /** The addresses of load balancers that deliver packets with their own address as destination. */
    loadBalancerIPs: (status?.loadBalancer?.ingress ?? []).flatMap(({ ip, ipMode }) =>
      ip && ipMode !== 'Proxy' ? [ip] : [],
    ),
    /** Where load balancers are that deliver packets otherwise, so that no rules are made for them. */
    otherIngress: otherIngress(status?.loadBalancer?.ingress ?? []),
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
}

export const serviceSchema = withShortcut(readSchema.transform(toService), usualService);

/** What few Services have. */
const RARE_FIELDS = [
  'externalIPs',
  'loadBalancerSourceRanges',
  'trafficDistribution',
  'healthCheckNodePort',
  'publishNotReadyAddresses',
  'sessionAffinityConfig',
  'topologyKeys',
] as const;

const POLICIES = ['Cluster', 'Local'] as const;

/** A Service as most are that come from an API server; undefined for any other, and where anything is wrong with it. */
function usualService(value: unknown): ReturnType<typeof toService> | undefined {
  if (!isMapping(value) || !isMapping(value.spec)) return undefined;
  const { status = {} } = value;
  if (!isMapping(status)) return undefined;
  const { loadBalancer = {} } = status;
  if (!isMapping(loadBalancer) || loadBalancer.ingress !== undefined) return undefined;
  const metadata = usualMetadata(value.metadata);
  const spec = usualSpec(value.spec);
  if (!metadata || !isDNSLabel(metadata.name) || !spec || !meetsRules(spec, checkSpec)) return undefined;
  return toService({ metadata, spec });
}

function usualSpec(value: Readonly<Record<string, unknown>>): z.output<typeof specSchema> | undefined {
  const { type, ipFamilyPolicy, externalTrafficPolicy, internalTrafficPolicy, sessionAffinity } = value;
  const { allocateLoadBalancerNodePorts } = value;
  if (
    RARE_FIELDS.some((field) => value[field] !== undefined) ||
    !isWordOrAbsent(type, ['ClusterIP', 'NodePort', 'LoadBalancer']) ||
    !isWordOrAbsent(ipFamilyPolicy, ['SingleStack', 'PreferDualStack', 'RequireDualStack']) ||
    !isWordOrAbsent(externalTrafficPolicy, POLICIES) ||
    !isWordOrAbsent(internalTrafficPolicy, POLICIES) ||
    !isWordOrAbsent(sessionAffinity, ['None']) ||
    !isFlagOrAbsent(allocateLoadBalancerNodePorts)
  ) {
    return undefined;
  }
  const clusterIP = usualClusterIP(value.clusterIP);
  const clusterIPs = usualList(value.clusterIPs, usualClusterIP);
  const ipFamilies = usualList(value.ipFamilies ?? [], (one) =>
    one === 'IPv4' || one === 'IPv6' ? one : undefined,
  );
  const ports = usualList(value.ports, usualServicePort);
  const selector = usualLabels(value.selector);
  if (clusterIP === undefined || !clusterIPs || !ipFamilies || !ports || !selector) return undefined;
  return {
    type: type ?? 'ClusterIP',
    clusterIP,
    clusterIPs,
    ipFamilies,
    ipFamilyPolicy,
    ports,
    selector,
    externalIPs: [],
    loadBalancerSourceRanges: [],
    externalTrafficPolicy,
    internalTrafficPolicy,
    allocateLoadBalancerNodePorts,
    sessionAffinity,
    topologyKeys: [],
  };
}

function usualClusterIP(value: unknown): string | undefined {
  if (value === 'None') return value;
  if (typeof value !== 'string') return undefined;
  const { address, expected } = parseUnicast(value);
  return expected === undefined ? address : undefined;
}

function usualServicePort(value: unknown): z.output<typeof servicePort> | undefined {
  const port = usualPort(value);
  if (!port || !isMapping(value)) return undefined;
  const { targetPort, nodePort = 0 } = value;
  if (targetPort !== undefined && !isTargetPort(targetPort)) return undefined;
  if (!isPortNumberOrZero(nodePort)) return undefined;
  return { ...port, targetPort, nodePort };
}

/** Whether kube-proxy has anything to do for it: it is not headless, not an alias, and not another proxy's. */
export function hasClusterIP({ type, clusterIPs, otherProxy }: Service): boolean {
  return type !== 'ExternalName' && !otherProxy && clusterIPs.length > 0 && clusterIPs[0] !== 'None';
}

/** A load balancer that kube-proxy makes no rules for. */
export interface OtherIngress {
  /** An IP address, or a hostname. */
  readonly address: string;
  readonly because: 'ipMode Proxy' | 'hostname';
}

function otherIngress(ingress: readonly z.output<typeof ingressSchema>[]): OtherIngress[] {
  return ingress.flatMap(({ ip, hostname, ipMode }): OtherIngress[] => {
    if (ip) return ipMode === 'Proxy' ? [{ address: ip, because: 'ipMode Proxy' }] : [];
    return hostname ? [{ address: hostname, because: 'hostname' }] : [];
  });
}

type KnownSpec = NonNullable<KnownPart<z.output<typeof specSchema>>>;

/** The rules between fields that the API server holds a Service to, as far as rules depend on them. */
function checkSpec(spec: KnownPart<z.output<typeof specSchema>>, rules: Rules): void {
  if (spec === undefined) return;
  checkClusterIPs(spec, rules);
  checkPorts(spec, rules);
  if (spec.topologyKeys && spec.topologyKeys.length > 0 && spec.externalTrafficPolicy === 'Local') {
    rules.complain(['topologyKeys'], 'may not be set together with externalTrafficPolicy Local');
  }
}

function checkClusterIPs(spec: KnownSpec, { complain, isWrong }: Rules): void {
  const { type, clusterIP, clusterIPs = [], ipFamilies = [], ipFamilyPolicy } = spec;
  const [first] = clusterIPs;
  if (clusterIP !== undefined && first !== undefined && first !== clusterIP) {
    complain(['clusterIPs'], `expected to begin with spec.clusterIP ${show(clusterIP)}, got ${show(first)}`);
  }
  if (clusterIPs.length > 1 && clusterIPs.some((ip) => ip === '' || ip === 'None')) {
    complain(['clusterIPs'], 'expected IP addresses only, or None alone');
  } else if (!oneOfEachFamily(known(clusterIPs))) {
    complain(['clusterIPs'], 'expected at most one address of each family');
  }
  if (isHeadless(spec) && (type === 'NodePort' || type === 'LoadBalancer')) {
    complain(['clusterIP'], `expected an IP address or nothing, as type is ${type}, got "None"`);
  }
  if (new Set(known(ipFamilies)).size !== known(ipFamilies).length) {
    complain(['ipFamilies'], 'expected each family at most once');
  }
  // Without a policy, a Service that comes from an API server is taken as it is; one still to be completed is not.
  const given = clusterIP || clusterIPs.length > 0 || isWrong(['clusterIP']) || isWrong(['clusterIPs']);
  const policy = ipFamilyPolicy ?? (given ? undefined : 'SingleStack');
  if (policy === 'SingleStack' && (ipFamilies.length > 1 || clusterIPs.length > 1)) {
    const got = show(ipFamilyPolicy);
    complain(
      ['ipFamilyPolicy'],
      `expected PreferDualStack or RequireDualStack, as there are two families, got ${got}`,
    );
  }
}

function checkPorts(spec: KnownSpec, { complain, isWrong }: Rules): void {
  const { ports = [] } = spec;
  const mayHaveNone =
    spec.type === 'ExternalName' || isHeadless(spec) || isWrong(['type']) || isWrong(['clusterIP']);
  if (ports.length === 0 && !mayHaveNone) complain(['ports'], 'expected at least one port, got none');
  const names = new Set<string>();
  const numbers = new Set<string>();
  const nodePorts = new Set<string>();
  for (const [i, one] of ports.entries()) {
    if (one === undefined) continue;
    const { name, port, protocol, nodePort } = one;
    if (ports.length > 1 && name === '') {
      complain(['ports', i, 'name'], 'expected a name, as the Service has several ports, got nothing');
    } else if (name !== undefined && names.has(name)) {
      complain(['ports', i, 'name'], ownName(name));
    }
    const own = (numbers: Set<string>, port: number | undefined, path: readonly string[]) => {
      if (port === undefined || protocol === undefined) return;
      const number = `${port}/${protocol}`;
      if (numbers.has(number)) complain(['ports', i, ...path], `expected a unique port, got ${number} again`);
      numbers.add(number);
    };
    own(numbers, port, []);
    if (nodePort !== 0) own(nodePorts, nodePort, ['nodePort']);
    if (name !== undefined) names.add(name);
  }
}

function isHeadless({ clusterIP, clusterIPs }: KnownSpec): boolean {
  return (clusterIPs?.[0] ?? clusterIP) === 'None';
}

function known<T>(values: readonly (T | undefined)[]): T[] {
  return values.filter((value) => value !== undefined);
}
