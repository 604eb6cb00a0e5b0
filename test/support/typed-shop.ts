/** A cluster in which names are easily confused: for command lines as people type them. */
import type { Manifest } from './arbitrary/raw.ts';

const node = (name: string, ip: string, podCIDR: string): Manifest => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name },
  spec: { podCIDR, podCIDRs: [podCIDR] },
  status: { addresses: [{ type: 'InternalIP', address: ip }] },
});

const service = (namespace: string, name: string, spec: Manifest, labels: Manifest = {}): Manifest => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace, labels },
  spec: { type: 'ClusterIP', selector: { app: name }, ...spec },
});

const slice = (
  namespace: string,
  name: string,
  ports: Manifest[],
  ...endpoints: [string, string][]
): Manifest => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name: `${name}-1`, namespace, labels: { 'kubernetes.io/service-name': name } },
  addressType: endpoints.some(([address]) => address.includes(':')) ? 'IPv6' : 'IPv4',
  ports,
  endpoints: endpoints.map(([address, nodeName]) => ({
    addresses: [address],
    nodeName,
    conditions: { ready: true },
  })),
});

const pod = (namespace: string, name: string, nodeName: string, podIP: string): Manifest => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace, labels: { app: name.replace(/-\d$/, '') } },
  spec: { nodeName, containers: [{ name: 'c', image: 'c' }] },
  status: {
    phase: 'Running',
    podIP,
    podIPs: [{ ip: podIP }],
    conditions: [{ type: 'Ready', status: 'True' }],
  },
});

const HTTP = [{ name: 'http', port: 8080 }];

export const SHOP: readonly Manifest[] = [
  node('node-a', '192.168.0.2', '10.244.1.0/24'),
  node('node-b', '192.168.0.3', '10.244.2.0/24'),
  service(
    'shop',
    'web',
    { type: 'NodePort', clusterIP: '10.96.0.10', ports: [{ name: 'http', port: 80, nodePort: 30080 }] },
    { app: 'web', tier: 'front' },
  ),
  slice('shop', 'web', HTTP, ['10.244.1.5', 'node-a'], ['10.244.2.5', 'node-b']),
  service('shop', 'api', { clusterIP: '10.96.0.20', ports: [{ name: 'grpc', port: 9000 }] }, { app: 'api' }),
  slice('shop', 'api', [{ name: 'grpc', port: 9000 }], ['10.244.1.7', 'node-a']),
  service('kube-system', 'kube-dns', {
    clusterIP: '10.96.0.53',
    ports: [
      { name: 'dns', port: 53, protocol: 'UDP' },
      { name: 'dns-tcp', port: 53 },
      { name: 'metrics', port: 9153 },
    ],
  }),
  slice(
    'kube-system',
    'kube-dns',
    [
      { name: 'dns', port: 53, protocol: 'UDP' },
      { name: 'dns-tcp', port: 53 },
      { name: 'metrics', port: 9153 },
    ],
    ['10.244.2.53', 'node-b'],
  ),
  service('test', 'api', { clusterIP: '10.96.0.21', ports: [{ name: 'http', port: 80 }] }, { app: 'api' }),
  slice('test', 'api', HTTP, ['10.244.2.9', 'node-b']),
  service('test', 'six', { clusterIP: 'fd00:10:96::6', ipFamilies: ['IPv6'], ports: [{ port: 80 }] }),
  slice('test', 'six', [{ name: '', port: 8080 }], ['fd00:10:244:1::6', 'node-a']),
  pod('shop', 'web-1', 'node-a', '10.244.1.5'),
  pod('shop', 'web-2', 'node-b', '10.244.2.5'),
  pod('shop', 'idle-1', 'node-b', '10.244.2.77'),
];
