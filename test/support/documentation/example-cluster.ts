/** What stands behind the examples of the commands: the files and the cluster that they name. */
import { stringify } from 'yaml';
import type { ApiObject } from '../api-server/fake-api-server.ts';
import { API_SERVER } from './world.ts';

const node = (name: string, address: string, podCIDR: string): ApiObject => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name },
  spec: { podCIDR },
  status: { addresses: [{ type: 'InternalIP', address }] },
});

const service = (name: string, spec: object): ApiObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'default' },
  spec: { selector: { app: name }, ...spec },
});

/** The endpoints of a Service, each with the node that it is on. */
const slice = (name: string, port: object, endpoints: Readonly<Record<string, string>>): ApiObject => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name: `${name}-1`, namespace: 'default', labels: { 'kubernetes.io/service-name': name } },
  addressType: 'IPv4',
  ports: [port],
  endpoints: Object.entries(endpoints).map(([address, nodeName]) => ({
    addresses: [address],
    nodeName,
    conditions: { ready: true },
  })),
});

const NODES = [node('node1', '192.168.0.1', '10.244.1.0/24'), node('node2', '192.168.0.2', '10.244.2.0/24')];
const PORTS = [{ name: 'http', port: 80, targetPort: 8080, nodePort: 30080 }];
const web = (spec: object = {}) => [
  service('web', { type: 'NodePort', clusterIP: '10.96.0.10', ports: PORTS, ...spec }),
  slice('web', { name: 'http', port: 8080 }, { '10.244.1.10': 'node1', '10.244.2.10': 'node2' }),
];
/** The Service whose chains stand in many texts about kube-proxy, this one's among them. */
const SIMPLE = [
  service('simpleservice', { clusterIP: '10.96.0.20', ports: [{ port: 80, targetPort: 9876 }] }),
  slice('simpleservice', { name: '', port: 9876 }, { '172.17.0.3': 'node1' }),
];
const CLIENT: ApiObject = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'a', namespace: 'default' },
  spec: { nodeName: 'node1', containers: [{ name: 'a', image: 'a' }] },
  status: { podIP: '10.244.1.5' },
};

/** What the API server has: a node for the name that pages have for theirs, too. */
export const OBJECTS: readonly ApiObject[] = [
  ...web(),
  ...SIMPLE,
  ...NODES,
  node('node-a', '192.168.0.3', '10.244.3.0/24'),
];

const manifests = (objects: readonly object[]) => objects.map((object) => stringify(object)).join('---\n');

const CONFIGURATION = {
  apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
  kind: 'KubeProxyConfiguration',
  clusterCIDR: '10.244.0.0/16',
};

const KUBECONFIG = stringify({
  apiVersion: 'v1',
  kind: 'Config',
  'current-context': 'here',
  contexts: [{ name: 'here', context: { cluster: 'here', user: 'node1' } }],
  clusters: [{ name: 'here', cluster: { server: API_SERVER } }],
  users: [{ name: 'node1', user: {} }],
});

/** In the folder of a page. */
export const FILES = {
  'web.yaml': manifests([...web(), ...NODES]),
  'manifests/web.yaml': manifests(web()),
  'manifests/cluster.yaml': manifests([...SIMPLE, ...NODES, CLIENT]),
  'old/web.yaml': manifests([...web(), ...NODES]),
  'new/web.yaml': manifests([...web({ sessionAffinity: 'ClientIP' }), ...NODES]),
  'before.txt': saved('[0:0]'),
  'after.txt': saved('[12:720]'),
  'clusters/shop/web.yaml': manifests(web()),
  'clusters/shop/host.yaml': stringify({ name: 'node1', ips: ['192.168.0.1'] }),
  'kube-proxy.yaml': stringify(CONFIGURATION),
  'node.conf': KUBECONFIG,
};

/** On a node that kubeadm made. */
export const NODE_FILES = {
  '/var/lib/kube-proxy/kubeconfig.conf': KUBECONFIG,
  '/var/lib/kube-proxy/config.conf': stringify({
    ...CONFIGURATION,
    clientConnection: { kubeconfig: '/var/lib/kube-proxy/kubeconfig.conf' },
  }),
  '/etc/svc2ipt/manifests/web.yaml': FILES['web.yaml'],
};

/** What iptables-save prints of a node that nothing happens on, after so many packets. */
function saved(counters: string): string {
  return [
    '*nat',
    `:PREROUTING ACCEPT ${counters}`,
    ':KUBE-SERVICES - [0:0]',
    '-A PREROUTING -j KUBE-SERVICES',
    'COMMIT',
    '',
  ].join('\n');
}
