/** Services of every kind, valid ones, written as users and API servers write them. */
import fc from 'fast-check';
import { type Family, formatAddress } from '../../../src/net/address.ts';
import { families, type Manifest, maybe, seldom } from './raw.ts';

/**
 * Which Service it is: its name, cluster IPs and node ports follow from this number, so that Services with different
 * numbers never clash.
 */
export type ServiceId = number;

/** Four node ports for each number fit into the API server's range. */
export const SERVICE_IDS = 690;

/** A port of a Service, which endpoints refer to. */
export type ServicePortShape = ReturnType<typeof toPort>;

/** Everything about a Service but which one it is. */
export type ServiceShape = typeof serviceShape extends fc.Arbitrary<infer Shape> ? Shape : never;

const LONG_LABEL = 'n'.repeat(63);

const PORT_NAMES = ['', 'http', 'https', 'http-alt', 'dns', 'p'.repeat(63)] as const;
const PORT_NUMBERS = [80, 443, 53, 8080, 1, 65535] as const;

function toPort([name, port, protocol, targetPort, hasNodePort]: [
  string,
  number,
  'TCP' | 'UDP' | 'SCTP',
  number | string | null | undefined,
  boolean,
]) {
  return { name, port, protocol, targetPort, hasNodePort };
}

const ports = fc
  .tuple(
    fc.uniqueArray(fc.constantFrom(...PORT_NAMES), { minLength: 1, maxLength: 3 }),
    fc.uniqueArray(
      fc.tuple(
        fc.constantFrom(...PORT_NUMBERS),
        fc.constantFrom('TCP' as const, 'UDP' as const, 'SCTP' as const),
      ),
      { minLength: 3, maxLength: 3, selector: String },
    ),
    fc.array(
      fc.tuple(maybe(fc.oneof(fc.integer({ min: 1, max: 65535 }), fc.constant('web'))), fc.boolean()),
      { minLength: 3, maxLength: 3 },
    ),
  )
  .map(([names, numbers, others]) =>
    // A Service with several ports must name them all.
    (names.length > 1 ? names.filter((name) => name !== '') : names).map((name, i) =>
      toPort([name, ...(numbers[i] ?? [80, 'TCP']), ...(others[i] ?? [undefined, false])]),
    ),
  );

const externalIPs = fc.uniqueArray(
  fc.constantFrom('203.0.113.1', '203.0.113.2', '203.0.113.003', '2001:db8:1::1', '2001:DB8:1:0::2'),
  { maxLength: 3 },
);

const ingress = fc.oneof(
  fc.record({
    ip: fc.constantFrom('198.51.100.1', '198.51.100.2', '2001:db8:2::1', '2001:db8:2::2'),
    ipMode: maybe(fc.constantFrom('VIP', 'VIP', 'Proxy')),
  }),
  fc.record({ hostname: fc.constant('lb.example.com') }),
);

const sourceRanges = fc.uniqueArray(
  fc.constantFrom(
    '10.0.0.0/8',
    '192.168.0.0/16',
    ' 203.0.113.0/24 ',
    '203.0.113.77/28',
    '127.0.0.0/8',
    '2001:db8::/32',
    '2001:DB8:9::/48\t',
    '0.0.0.0/0',
    '::/0',
  ),
  { maxLength: 3 },
);

/** An ordered list in which `*` may only stand last. */
const topologyKeys = fc
  .tuple(
    fc.uniqueArray(
      fc.constantFrom(
        'kubernetes.io/hostname',
        'topology.kubernetes.io/zone',
        'kubernetes.io/zone',
        'topology.kubernetes.io/region',
        'kubernetes.io/region',
        'example.com/rack',
      ),
      { maxLength: 3 },
    ),
    fc.boolean(),
  )
  .map(([keys, any]) => (any ? [...keys, '*'] : keys));

const sessionAffinity = fc.oneof(
  { arbitrary: fc.constant({}), weight: 4 },
  { arbitrary: fc.constant({ sessionAffinity: 'None' }), weight: 1 },
  {
    arbitrary: fc.record({
      sessionAffinity: fc.constant('ClientIP'),
      sessionAffinityConfig: maybe(
        fc.record({
          clientIP: maybe(fc.record({ timeoutSeconds: maybe(fc.integer({ min: 1, max: 86400 })) })),
        }),
      ),
    }),
    weight: 2,
  },
);

const policy = maybe(fc.constantFrom('Cluster', 'Local', 'Local'));

export const serviceShape = fc.record({
  namespace: fc.constantFrom(undefined, 'default', 'a', 'a-b', LONG_LABEL),
  nameStyle: fc.constantFrom<'short' | 'dashed' | 'long'>('short', 'short', 'dashed', 'long'),
  kind: fc.oneof(
    {
      arbitrary: fc.constantFrom('ClusterIP', 'NodePort', 'LoadBalancer', 'LoadBalancer'),
      weight: 14,
    },
    { arbitrary: fc.constantFrom('headless', 'ExternalName'), weight: 1 },
  ),
  otherProxy: seldom(20),
  /** Where the cluster IPs stand; `nowhere` in a manifest that never went through an API server. */
  clusterIPIn: fc.constantFrom('both', 'clusterIP', 'clusterIPs', 'nowhere'),
  families,
  ports,
  externalIPs: fc.oneof({ arbitrary: fc.constant([]), weight: 2 }, { arbitrary: externalIPs, weight: 1 }),
  ingress: fc.array(ingress, { maxLength: 3 }),
  sourceRanges: fc.oneof(
    { arbitrary: fc.constant(undefined), weight: 1 },
    { arbitrary: sourceRanges, weight: 2 },
  ),
  internalTrafficPolicy: policy,
  externalTrafficPolicy: policy,
  hasHealthCheckNodePort: fc.boolean(),
  sessionAffinity,
  topologyKeys: fc.oneof(
    { arbitrary: fc.constant(undefined), weight: 4 },
    { arbitrary: topologyKeys, weight: 1 },
  ),
  asPrinted: fc.boolean(),
});

export function serviceNamespace({ namespace }: ServiceShape): string {
  return namespace ?? 'default';
}

export function serviceName(id: ServiceId, { nameStyle }: ServiceShape): string {
  // Names that are each other's beginning, and a dash that sorts before the colon of a port.
  if (nameStyle === 'dashed') return `s${id}-x`;
  return nameStyle === 'long' ? `s${id}-`.padEnd(63, 'x') : `s${id}`;
}

/** The Service as a manifest. */
export function serviceManifest(id: ServiceId, shape: ServiceShape): Manifest {
  const { kind, asPrinted } = shape;
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: serviceName(id, shape),
      namespace: shape.namespace,
      labels: shape.otherProxy ? { 'service.kubernetes.io/service-proxy-name': 'another' } : undefined,
      ...(asPrinted
        ? { uid: `0b0e${id}`, creationTimestamp: '2024-01-01T00:00:00Z', resourceVersion: '1' }
        : {}),
    },
    spec: {
      type: kind === 'headless' ? 'ClusterIP' : kind === 'ClusterIP' && !asPrinted ? undefined : kind,
      ...addresses(id, shape),
      ports: shape.ports.map((port, i) => portManifest(id, shape, port, i)),
      internalTrafficPolicy: shape.internalTrafficPolicy,
      ...shape.sessionAffinity,
      ...external(id, shape),
    },
    status:
      kind === 'LoadBalancer'
        ? { loadBalancer: { ingress: shape.ingress } }
        : asPrinted
          ? { loadBalancer: {} }
          : undefined,
  };
}

function addresses(id: ServiceId, { kind, clusterIPIn, families }: ServiceShape): Manifest {
  if (kind === 'ExternalName') return { externalName: 'elsewhere.example.com' };
  if (kind === 'headless') return { clusterIP: 'None' };
  const clusterIPs = families.map((family) => clusterIP(id, family));
  const ipFamilies = families.map((family) => (family === 'ipv4' ? 'IPv4' : 'IPv6'));
  const all = clusterIPIn === 'clusterIP' && clusterIPs.length > 1 ? 'both' : clusterIPIn;
  return {
    clusterIP: all === 'clusterIPs' || all === 'nowhere' ? undefined : clusterIPs[0],
    clusterIPs: all === 'clusterIP' || all === 'nowhere' ? undefined : clusterIPs,
    ipFamilies: all === 'nowhere' || all === 'both' ? ipFamilies : undefined,
    // The API server wants to be told if there are to be two.
    ipFamilyPolicy: clusterIPs.length > 1 ? 'PreferDualStack' : all === 'both' ? 'SingleStack' : undefined,
  };
}

function clusterIP(id: ServiceId, family: Family): string {
  const base = family === 'ipv4' ? 0x0a600100n : 0xfd000010009600000000000000000100n;
  return formatAddress(family, base + BigInt(id));
}

function portManifest(
  id: ServiceId,
  { kind, asPrinted }: ServiceShape,
  { name, port, protocol, targetPort, hasNodePort }: ServicePortShape,
  i: number,
): Manifest {
  const nodePorts = kind === 'NodePort' || kind === 'LoadBalancer';
  return {
    name: name === '' && !asPrinted ? undefined : name,
    port,
    protocol: protocol === 'TCP' && !asPrinted ? undefined : protocol,
    targetPort,
    nodePort: nodePorts && hasNodePort ? 30000 + 4 * id + i : undefined,
  };
}

/** What the API server lets only Services have that can be reached from outside. */
function external(id: ServiceId, shape: ServiceShape): Manifest {
  const { kind, externalIPs, sourceRanges, topologyKeys, hasHealthCheckNodePort } = shape;
  if (kind === 'headless' || kind === 'ExternalName') return {};
  const reachable = kind !== 'ClusterIP' || externalIPs.length > 0;
  const externalTrafficPolicy = reachable ? shape.externalTrafficPolicy : undefined;
  const checked = kind === 'LoadBalancer' && externalTrafficPolicy === 'Local' && hasHealthCheckNodePort;
  return {
    externalIPs,
    externalTrafficPolicy,
    loadBalancerSourceRanges: kind === 'LoadBalancer' ? sourceRanges : undefined,
    healthCheckNodePort: checked ? 30003 + 4 * id : undefined,
    topologyKeys: externalTrafficPolicy === 'Local' ? undefined : topologyKeys,
  };
}
