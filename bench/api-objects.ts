/** Clusters of benchmarks as an API server holds them, with all that it and the controllers add. */
import { formatAddress } from '../src/net/address.ts';
import type { ApiObject } from '../test/support/api-server/fake-api-server.ts';

/** The node that the agent of a benchmark runs on. */
export const NODE = 'node-0';
export const CLUSTER_CIDR = '10.128.0.0/9';

const POD_NETWORK = (10n << 24n) + (128n << 16n);
const SERVICE_NETWORK = (10n << 24n) + (64n << 16n);
/** Pods that replace others have addresses from here on. */
export const NEW_PODS = POD_NETWORK + (1n << 22n);

const nameOf = (i: number) => `service-${String(i).padStart(5, '0')}`;

export function serviceObject(i: number): ApiObject {
  const clusterIP = formatAddress('ipv4', SERVICE_NETWORK + BigInt(i));
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: nameOf(i), namespace: 'default' },
    spec: {
      type: 'ClusterIP',
      clusterIP,
      clusterIPs: [clusterIP],
      ipFamilies: ['IPv4'],
      ipFamilyPolicy: 'SingleStack',
      selector: { app: nameOf(i) },
      ports: [{ name: 'http', port: 80, protocol: 'TCP', targetPort: 8080 }],
    },
  };
}

/** The addresses of the Pods of a Service. */
export function podsOf(i: number, endpoints: number): readonly bigint[] {
  return Array.from({ length: endpoints }, (_, j) => POD_NETWORK + BigInt(i * endpoints + j));
}

export function sliceObject(i: number, pods: readonly bigint[]): ApiObject {
  const name = nameOf(i);
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: `${name}-abcde`,
      namespace: 'default',
      labels: {
        'kubernetes.io/service-name': name,
        'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
      },
    },
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    endpoints: pods.map((pod, j) => ({
      addresses: [formatAddress('ipv4', pod)],
      conditions: { ready: true, serving: true, terminating: false },
      nodeName: `node-${(i + j) % 100}`,
      zone: 'zone-0',
      targetRef: { kind: 'Pod', namespace: 'default', name: `${name}-${j}`, uid: `${i}-${j}` },
    })),
  };
}

export const nodeObject: ApiObject = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: NODE, labels: { 'kubernetes.io/hostname': NODE } },
  spec: { podCIDR: '10.128.0.0/24', podCIDRs: ['10.128.0.0/24'] },
  status: { addresses: [{ type: 'InternalIP', address: '192.168.0.2' }] },
};
