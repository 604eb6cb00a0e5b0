/** Clusters of benchmarks as a user has them: the manifests that they are loaded from. */
import type { ClusterState } from '../src/api/cluster.ts';
import { SERVICE_NAME_LABEL } from '../src/api/endpoint-slice.ts';

/** A List in JSON, as `kubectl get -o json` prints it. */
export function manifestsOf({ services }: ClusterState): string {
  const items = [...services.values()].flatMap(({ service, endpointSlices }) => [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { namespace: service.namespace, name: service.name },
      spec: { clusterIP: service.clusterIPs[0], ports: service.ports },
    },
    ...endpointSlices.map(({ namespace, name, serviceName, endpoints, ports }) => ({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { namespace, name, labels: { [SERVICE_NAME_LABEL]: serviceName } },
      addressType: 'IPv4',
      endpoints: endpoints.map(({ address, nodeName }) => ({ addresses: [address], nodeName })),
      ports,
    })),
  ]);
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
}
