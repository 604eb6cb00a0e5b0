/** Configurations, facts about the host and Node objects. */
import fc from 'fast-check';
import { type Manifest, maybe, NODE_NAMES, REGIONS, ZONES } from './raw.ts';

const CIDR_PAIRS = {
  clusterCIDR: ['10.244.0.0/16', 'fd00:10:244::/56'],
  podCIDRs: ['10.244.1.0/24', 'fd00:10:244:1::/64'],
} as const;

/** None, one or both, in either order. */
const ofFamilies = <T>([ipv4, ipv6]: readonly [T, T]) =>
  fc.constantFrom<readonly T[]>([], [ipv4], [ipv4], [ipv6], [ipv4, ipv6], [ipv6, ipv4]);

const interfaceName = fc.constantFrom('cbr0', 'docker0', 'veth', 'br-lan.100', 'a', 'abcdefghijklmno');

const detectLocal = fc.oneof(
  fc.record({ detectLocalMode: fc.constantFrom(undefined, '', 'ClusterCIDR', 'NodeCIDR') }),
  fc.record({
    detectLocalMode: fc.constant('BridgeInterface'),
    detectLocal: fc.record({ bridgeInterface: interfaceName }),
  }),
  fc.record({
    detectLocalMode: fc.constant('InterfaceNamePrefix'),
    detectLocal: fc.record({ interfaceNamePrefix: interfaceName }),
  }),
);

const nodePortAddresses = fc.oneof(
  { arbitrary: fc.constant(undefined), weight: 2 },
  { arbitrary: fc.constant(['primary']), weight: 1 },
  {
    arbitrary: fc.uniqueArray(
      fc.constantFrom(
        '0.0.0.0/0',
        '::/0',
        '127.0.0.0/8',
        '127.0.0.1/32',
        '192.168.0.0/24',
        '192.168.7.9/32',
        '10.0.0.0/8',
        '::1/128',
        '2001:db8::/64',
        'primary',
        'localhost',
        'all',
      ),
      { maxLength: 3 },
    ),
    weight: 2,
  },
);

/** A KubeProxyConfiguration. */
export const configuration: fc.Arbitrary<Manifest> = fc
  .record({
    detectLocal,
    fields: fc.record({
      mode: maybe(fc.constantFrom('', 'iptables')),
      hostnameOverride: fc.constantFrom(undefined, undefined, '', ...NODE_NAMES),
      clusterCIDR: ofFamilies(CIDR_PAIRS.clusterCIDR).map((ranges) => ranges.join(',')),
      nodePortAddresses,
      iptables: maybe(
        fc.record({
          masqueradeAll: maybe(fc.boolean()),
          masqueradeBit: maybe(fc.integer({ min: 0, max: 31 })),
          localhostNodePorts: maybe(fc.boolean()),
          syncPeriod: fc.constant('30s'),
        }),
      ),
    }),
  })
  .map(({ detectLocal, fields }) => ({
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    ...fields,
    ...detectLocal,
  }));

const ips = ofFamilies(['192.168.0.2', '2001:db8::2'] as const);

/** The facts of `--host`, any of which may be left to the Node object or to chance. */
export const host: fc.Arbitrary<Manifest> = fc.record({
  name: fc.constantFrom(undefined, '', 'node-a', 'node-a', 'node-a', 'node-b'),
  zone: maybe(fc.constantFrom('', ...ZONES)),
  region: maybe(fc.constantFrom(...REGIONS)),
  ips: maybe(ips),
  interfaceAddresses: maybe(
    fc.uniqueArray(
      fc.constantFrom(
        '192.168.0.2/24',
        '192.168.7.9/24',
        '10.0.0.5/8',
        '127.0.0.1/8',
        '2001:db8::2/64',
        '2001:db8:1::2/64',
        '::1/128',
      ),
    ),
  ),
  podCIDRs: maybe(ofFamilies(CIDR_PAIRS.podCIDRs)),
  randomFully: maybe(fc.boolean()),
  bpf: maybe(fc.boolean()),
  nfacct: maybe(fc.boolean()),
  conntrackTCPBeLiberal: maybe(fc.boolean()),
});

const node = fc
  .record({
    name: fc.constantFrom(...NODE_NAMES),
    zone: fc.constantFrom(undefined, ...ZONES),
    region: fc.constantFrom(undefined, ...REGIONS),
    ips,
    podCIDRs: ofFamilies(CIDR_PAIRS.podCIDRs),
  })
  .map(({ name, zone, region, ips, podCIDRs }) => ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      labels: {
        'kubernetes.io/hostname': name,
        'topology.kubernetes.io/zone': zone,
        'topology.kubernetes.io/region': region,
      },
    },
    spec: { podCIDR: podCIDRs[0], podCIDRs },
    status: {
      addresses: [
        { type: 'Hostname', address: name },
        ...ips.map((address) => ({ type: 'InternalIP', address })),
      ],
    },
  }));

/** The cluster's Node objects, where the manifests have them. */
export const nodes: fc.Arbitrary<readonly Manifest[]> = fc.uniqueArray(node, {
  selector: ({ metadata }) => metadata.name,
});
