/** EndpointSlices and Endpoints of a Service, in any state that a rollout may leave them in. */
import fc from 'fast-check';
import type { Family } from '../../../src/net/address.ts';
import { type Manifest, maybe, NODE_NAMES, REGIONS, seldom, ZONES } from './raw.ts';
import { type ServiceId, type ServicePortShape, type ServiceShape, serviceName } from './service.ts';

/** Where the endpoints of a Service stand in the manifests. */
export type EndpointsShape = typeof endpointsShape extends fc.Arbitrary<infer Shape> ? Shape : never;
export type SliceShape = typeof slice extends fc.Arbitrary<infer Shape> ? Shape : never;
export type EndpointShape = typeof endpoint extends fc.Arbitrary<infer Shape> ? Shape : never;

/** Few addresses, so that slices overlap and Services share pods. */
const ADDRESSES: Readonly<Record<Family, readonly string[]>> = {
  ipv4: [
    '10.244.1.1',
    '10.244.1.2',
    '10.244.1.10',
    '10.244.2.1',
    '10.244.2.2',
    '10.244.3.1',
    '172.30.0.041',
    '192.168.0.2',
  ],
  ipv6: [
    'fd00:10:244:1::1',
    'fd00:10:244:1::2',
    'FD00:10:244:1:0:0:0:A',
    'fd00:10:244:2::1',
    'fd00:10:244:2::2',
    'fd00:10:244:3::1',
    '2001:db8::ffff',
    '2001:db8::2',
  ],
};

const names = (values: readonly string[]) =>
  maybe(
    fc
      .uniqueArray(fc.constantFrom(...values), { maxLength: 2 })
      .map((list) => list.map((name) => ({ name }))),
  );

const endpoint = fc.record({
  address: fc.nat(7),
  conditions: fc.oneof(
    { arbitrary: fc.constant(undefined), weight: 2 },
    { arbitrary: fc.constant({ ready: true, serving: true, terminating: false }), weight: 4 },
    { arbitrary: fc.constant({ ready: false, serving: true, terminating: true }), weight: 2 },
    {
      arbitrary: fc.record({
        ready: maybe(fc.boolean()),
        serving: maybe(fc.boolean()),
        terminating: maybe(fc.boolean()),
      }),
      weight: 2,
    },
  ),
  nodeName: maybe(fc.constantFrom(...NODE_NAMES)),
  zone: maybe(fc.constantFrom(...ZONES)),
  deprecatedTopology: maybe(
    fc.record({
      'topology.kubernetes.io/zone': fc.constantFrom(undefined, ...ZONES),
      'topology.kubernetes.io/region': fc.constantFrom(undefined, ...REGIONS),
    }),
  ),
  hints: maybe(fc.record({ forZones: names(ZONES), forNodes: names(NODE_NAMES) })),
});

/** Of a slice: mostly a port of the Service, sometimes one that the Service does not have. */
const slicePort = fc.record({
  of: fc.nat(2),
  port: fc.oneof(
    { arbitrary: fc.constantFrom(80, 8080, 53, 65535), weight: 9 },
    { arbitrary: fc.constant(undefined), weight: 1 },
  ),
  stray: fc.oneof(
    { arbitrary: fc.constant('none'), weight: 12 },
    { arbitrary: fc.constantFrom('name', 'protocol', 'unnamed'), weight: 1 },
  ),
});

const slice = fc.record({
  family: fc.constantFrom<Family>('ipv4', 'ipv4', 'ipv6'),
  endpoints: fc.array(endpoint, { maxLength: 6 }),
  /** Undefined for a slice with the very ports of the Service. */
  ports: fc.oneof(
    { arbitrary: fc.constant(undefined), weight: 3 },
    { arbitrary: fc.uniqueArray(slicePort, { maxLength: 3, selector: ({ of }) => of }), weight: 1 },
  ),
  label: fc.oneof(
    { arbitrary: fc.constant(undefined), weight: 12 },
    { arbitrary: fc.constantFrom('headless', 'service-proxy-name'), weight: 1 },
  ),
});

export const endpointsShape = fc.record({
  from: fc.oneof(
    { arbitrary: fc.constant('slices'), weight: 6 },
    { arbitrary: fc.constantFrom('endpoints', 'both'), weight: 1 },
  ),
  slices: fc.array(slice, { maxLength: 4 }),
  notReady: fc.array(fc.boolean(), { maxLength: 6 }),
  fqdn: seldom(20),
});

/** A Service's EndpointSlices or Endpoints, as manifests. */
export function endpointsManifests(id: ServiceId, service: ServiceShape, shape: EndpointsShape): Manifest[] {
  const slices = shape.slices.map((slice, i) => sliceManifest(id, service, slice, i));
  const endpoints = legacyManifest(id, service, shape);
  const fqdn = shape.fqdn ? [fqdnManifest(id, service)] : [];
  switch (shape.from) {
    case 'endpoints':
      return [endpoints];
    case 'both':
      return [...slices, endpoints, ...fqdn];
    default:
      return [...slices, ...fqdn];
  }
}

/** @param i tells the slices of one Service apart */
export function sliceManifest(id: ServiceId, service: ServiceShape, slice: SliceShape, i: number): Manifest {
  const labels = {
    'kubernetes.io/service-name': serviceName(id, service),
    ...(slice.label === undefined ? {} : { [`service.kubernetes.io/${slice.label}`]: 'yes' }),
  };
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: sliceName(id, i), namespace: service.namespace, labels },
    addressType: slice.family === 'ipv4' ? 'IPv4' : 'IPv6',
    endpoints: slice.endpoints.map((endpoint) => endpointManifest(slice.family, endpoint)),
    ports: slicePorts(service.ports, slice),
  };
}

/** The order of these names is not the order of their numbers. */
function sliceName(id: ServiceId, i: number): string {
  return `slice-${(7 * i + 3) % 10}.s${id}.${i}`;
}

function endpointManifest(family: Family, { address, ...rest }: EndpointShape): Manifest {
  return { addresses: [ADDRESSES[family][address]], ...rest };
}

function slicePorts(ports: readonly ServicePortShape[], slice: SliceShape): Manifest[] {
  const asInService = ports.map((_, of) => ({ of, port: 8080 + of, stray: 'none' }));
  const all = (slice.ports ?? asInService).map(({ of, port, stray }) => {
    const { name, protocol } = ports[of % ports.length] ?? { name: '', protocol: 'TCP' };
    return {
      name: stray === 'unnamed' ? undefined : stray === 'name' ? 'another' : name,
      port,
      protocol: stray === 'protocol' ? (protocol === 'TCP' ? 'UDP' : 'TCP') : protocol,
    };
  });
  // No name may be there twice, and none is as good as ''.
  return [...new Map(all.map((port) => [port.name ?? '', port])).values()];
}

function legacyManifest(
  id: ServiceId,
  service: ServiceShape,
  { slices, notReady }: EndpointsShape,
): Manifest {
  const all = slices.flatMap(({ family, endpoints }) =>
    endpoints.map(({ address, nodeName }) => ({ ip: ADDRESSES[family][address], nodeName })),
  );
  return {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: { name: serviceName(id, service), namespace: service.namespace },
    subsets: [
      {
        addresses: all.filter((_, i) => !notReady[i]),
        notReadyAddresses: all.filter((_, i) => notReady[i]),
        ports: service.ports.map(({ name, protocol }, of) => ({
          name: name === '' ? undefined : name,
          port: 8080 + of,
          protocol,
        })),
      },
    ],
  };
}

function fqdnManifest(id: ServiceId, service: ServiceShape): Manifest {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: `fqdn.s${id}`,
      namespace: service.namespace,
      labels: { 'kubernetes.io/service-name': serviceName(id, service) },
    },
    addressType: 'FQDN',
    endpoints: [{ addresses: ['pod.example.com'] }],
    ports: service.ports.map(({ name, protocol }) => ({ name, port: 80, protocol })),
  };
}
