/** Random clusters of many Services and endpoints: so many that the fast layout has trees for all that it has. */
import fc from 'fast-check';
import { formatAddress } from '../../../src/net/address.ts';
import type { RawCluster, RawService } from './clusters.ts';
import { configuration, host } from './host.ts';
import type { Manifest } from './raw.ts';

/** What each Service draws for itself. */
const shape = fc.record({
  kind: fc.constantFrom('ClusterIP', 'ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalIP'),
  ports: fc.constantFrom(1, 1, 1, 2, 20),
  endpoints: fc.constantFrom(0, 0, 1, 3, 10, 17, 60),
  affinity: fc.nat(4).map((n) => n === 4),
  local: fc.nat(3).map((n) => n === 3),
  guarded: fc.boolean(),
});

interface Shape {
  readonly kind: string;
  readonly ports: number;
  readonly endpoints: number;
  /** Session affinity. */
  readonly affinity: boolean;
  /** Local policies. */
  readonly local: boolean;
  /** Source ranges. */
  readonly guarded: boolean;
}

/** Where addresses and node ports are: next to each other, or all over their range. */
const placement = fc.constantFrom(1, 3, 16, 257);

/** Up to 120 Services, dual-stack. */
export const largeCluster: fc.Arbitrary<RawCluster> = fc
  .record({
    ids: fc.uniqueArray(fc.nat(200), { minLength: 20, maxLength: 120 }),
    shapes: fc.array(shape, { minLength: 120, maxLength: 120 }),
    step: placement,
    configuration,
    host,
  })
  .map(({ ids, shapes, step, configuration, host }) => ({
    services: ids.map((id, i): RawService => largeService(id, step, shapes[i] ?? DEFAULT)),
    others: [],
    configuration,
    own: {},
    host,
  }));

const DEFAULT: Shape = {
  kind: 'ClusterIP',
  ports: 1,
  endpoints: 1,
  affinity: false,
  local: false,
  guarded: false,
};

/** One of them; `id` decides its name and addresses, `step` how far these are from those of the next. */
export function largeService(id: number, step: number, shape: Shape): RawService {
  const { kind, affinity, local, guarded } = shape;
  const at = (base: bigint, family: 'ipv4' | 'ipv6') => formatAddress(family, base + BigInt(id * step));
  const clusterIPs = [at(0x0a600001n, 'ipv4'), at(0xfd000010009600000000000000000001n, 'ipv6')];
  const ports = Array.from({ length: shape.ports }, (_, i) => ({
    name: `p${i}`,
    port: 80 + i * step,
    protocol: i % 5 === 4 ? 'UDP' : 'TCP',
    // All ports of all Services are in a range of their own.
    ...(kind === 'NodePort' || kind === 'LoadBalancer' ? { nodePort: 30000 + ((id * 20 + i) % 30000) } : {}),
  }));
  const outside = [at(0xcb007101n, 'ipv4'), at(0x20010db8000100000000000000000001n, 'ipv6')];
  const service: Manifest = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: `s${id}`, namespace: 'large' },
    spec: {
      type: kind === 'ExternalIP' ? 'ClusterIP' : kind,
      clusterIP: clusterIPs[0],
      clusterIPs,
      ipFamilies: ['IPv4', 'IPv6'],
      ipFamilyPolicy: 'RequireDualStack',
      ports,
      ...(kind === 'ExternalIP' ? { externalIPs: outside } : {}),
      ...(affinity ? { sessionAffinity: 'ClientIP' } : {}),
      ...(local && kind !== 'ClusterIP' ? { externalTrafficPolicy: 'Local' } : {}),
      ...(local ? { internalTrafficPolicy: 'Local' } : {}),
      ...(local && kind === 'LoadBalancer' ? { healthCheckNodePort: 61000 + id } : {}),
      ...(guarded && kind === 'LoadBalancer'
        ? { loadBalancerSourceRanges: ['203.0.113.0/24', '2001:db8::/48'] }
        : {}),
    },
    ...(kind === 'LoadBalancer'
      ? { status: { loadBalancer: { ingress: outside.map((ip) => ({ ip })) } } }
      : {}),
  };
  return { id, service, endpoints: endpointSlices(id, shape, ports) };
}

function endpointSlices(
  id: number,
  { endpoints }: Shape,
  ports: readonly { readonly name: string; readonly protocol: string }[],
): Manifest[] {
  if (endpoints === 0) return [];
  return (['ipv4', 'ipv6'] as const).map((family) => ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: `s${id}-${family}`,
      namespace: 'large',
      labels: { 'kubernetes.io/service-name': `s${id}` },
    },
    addressType: family === 'ipv4' ? 'IPv4' : 'IPv6',
    ports: ports.map(({ name, protocol }, i) => ({ name, protocol, port: 8080 + i })),
    endpoints: Array.from({ length: endpoints }, (_, i) => {
      // Some endpoints are those of other Services, too.
      const value = BigInt(((id % 7) * 40 + i * 5) % 1000);
      const base = family === 'ipv4' ? 0x0af40101n : 0xfd000010024400010000000000000001n;
      return {
        addresses: [formatAddress(family, base + value)],
        nodeName: i % 3 === 0 ? 'node-a' : 'node-b',
      };
    }),
  }));
}
