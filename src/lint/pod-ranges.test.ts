import { expect, test } from 'vitest';
import type { Manifest } from '../../test/support/arbitrary/clusters.ts';
import { findingsOf, node } from '../../test/support/lint.ts';
import {
  DUAL_STACK,
  endpoint,
  loadBalancer,
  ON_NODE_A,
  ON_NODE_B,
  service,
  slice,
} from '../../test/support/rules.ts';
import { kubeProxyConfigurationSchema } from '../api/kube-proxy-configuration.ts';

const configured = (fields: Manifest) =>
  kubeProxyConfigurationSchema.parse({
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    ...fields,
  });

const BOTH = [endpoint('10.244.1.5', ON_NODE_A), endpoint('10.244.2.5', ON_NODE_B)];
const SIX = slice([endpoint('fd00:10:244:1::5', ON_NODE_A)], { name: 'web-6', addressType: 'IPv6' });
const NODES = [
  { ...node('node-a', '192.168.0.2'), spec: { podCIDRs: ['10.244.1.0/24'] } },
  { ...node('node-b', '192.168.0.3'), spec: { podCIDRs: ['10.244.2.0/24'] } },
];
const LOCAL = loadBalancer({ externalTrafficPolicy: 'Local', healthCheckNodePort: 32000, allocateLoadBalancerNodePorts: false }); // biome-ignore format: one line
const INTERFACES = { detectLocalMode: 'InterfaceNamePrefix', detectLocal: { interfaceNamePrefix: 'veth' } };

/** What is said of Pods by their ranges. */
const told = (objects: readonly Manifest[], config: Manifest | undefined, host: Manifest = {}) =>
  findingsOf({ objects, host }, { configuration: config && configured(config) })
    .filter(({ object }) => object.kind === 'KubeProxyConfiguration')
    .map(({ code, field, cause }) => `${code} ${field}: ${cause}`);

test.each<[string, readonly Manifest[], Manifest | undefined, string[]]>([
  ['a range that holds the endpoints', [service(), slice(BOTH)], { clusterCIDR: '10.244.0.0/16' }, []],
  ['no configuration', [service(), slice(BOTH)], undefined, []],
  ['Pods known by their interfaces', [service(), slice(BOTH)], INTERFACES, []],
  [
    'no range',
    [service(), slice(BOTH)],
    {},
    [
      "cluster-cidr-missing clusterCIDR: It has no clusterCIDR, so Pods count as clients outside: nobody's traffic to cluster IPs is masqueraded.",
    ],
  ],
  [
    'no range, under the Local policy',
    [LOCAL, slice(BOTH)],
    { clusterCIDR: '' },
    [
      "cluster-cidr-missing clusterCIDR: It has no clusterCIDR, so Pods count as clients outside: nobody's traffic to cluster IPs is masqueraded, and without an endpoint on their node they are dropped at the external addresses of shop/web.",
    ],
  ],
  [
    'a range of one family, for a Service of both',
    [service(DUAL_STACK), slice(BOTH), SIX],
    { clusterCIDR: '10.244.0.0/16' },
    [
      'cluster-cidr-one-family clusterCIDR: 10.244.0.0/16 is not of IPv6, which Services have, too: over IPv6, Pods count as clients outside.',
    ],
  ],
  ['ranges of both', [service(DUAL_STACK), slice(BOTH), SIX], { clusterCIDR: '10.244.0.0/16,fd00:10:244::/56' }, []], // biome-ignore format: a row
  [
    'a range of others',
    [service(), slice(BOTH)],
    { clusterCIDR: '172.16.0.0/16' },
    [
      'cluster-cidr-foreign clusterCIDR: 172.16.0.0/16 holds neither a Pod range of a Node nor an endpoint, such as 10.244.1.0/24, so Pods count as clients outside.',
    ],
  ],
  ['a range that holds some endpoints', [service(), slice([...BOTH, '172.16.0.1'])], { clusterCIDR: '10.244.2.0/24' }, []], // biome-ignore format: a row
  ['a range within that of a Node', [service(), slice(BOTH)], { clusterCIDR: '10.244.1.128/25' }, []],
  ["a Node's own ranges", [service(), slice(BOTH)], { detectLocalMode: 'NodeCIDR' }, []],
])('%s', (_, objects, config, expected) => {
  expect(told([...objects, ...NODES], config)).toEqual(expected);
});

test("a Node's own ranges, where it has none", () => {
  const nodes = [node('node-a', '192.168.0.2')];
  const host = { podCIDRs: undefined };
  expect(told([service(), slice(BOTH), ...nodes], { detectLocalMode: 'NodeCIDR' }, host)).toEqual([
    "cluster-cidr-missing detectLocalMode: Node node-a has no podCIDRs, so Pods count as clients outside: nobody's traffic to cluster IPs is masqueraded.",
  ]);
});
