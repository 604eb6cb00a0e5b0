/** Synthetic clusters for benchmarks: every Service with one TCP port, its endpoints spread over 100 nodes. */
import { type ClusterState, clusterState, type ServiceEntry } from '../src/api/cluster.ts';
import { endpointSliceSchema } from '../src/api/endpoint-slice.ts';
import { DEFAULT_CONFIGURATION } from '../src/api/kube-proxy-configuration.ts';
import type { NodeFacts } from '../src/api/node.ts';
import { serviceSchema } from '../src/api/service.ts';
import { type CompileOptions, compileOptions } from '../src/compiler/options.ts';
import { formatAddress } from '../src/net/address.ts';
import { completeFacts } from '../src/sources/node.ts';

export interface Size {
  readonly services: number;
  /** Of each Service. */
  readonly endpoints: number;
}

export const node: NodeFacts = completeFacts([{ name: 'node-0', zone: 'zone-0', ips: ['192.168.0.2'] }]);

export const options: CompileOptions = compileOptions(
  'ipv4',
  { ...DEFAULT_CONFIGURATION, clusterCIDR: ['10.128.0.0/9'] },
  node,
);

/** `5000 x 10` */
export function sizeName({ services, endpoints }: Size): string {
  return `${services.toLocaleString('en')} x ${endpoints}`;
}

const POD_NETWORK = (10n << 24n) + (128n << 16n);
const SERVICE_NETWORK = (10n << 24n) + (64n << 16n);

export function makeCluster({ services, endpoints }: Size): ClusterState {
  const names = Array.from({ length: services }, (_, i) => `service-${String(i).padStart(5, '0')}`);
  return clusterState(
    names.map((name, i) =>
      serviceSchema.parse({
        metadata: { name },
        spec: {
          clusterIP: formatAddress('ipv4', SERVICE_NETWORK + BigInt(i)),
          ports: [{ name: 'http', port: 80 }],
        },
      }),
    ),
    names.map((name, i) =>
      endpointSliceSchema.parse({
        metadata: { name: `${name}-a`, labels: { 'kubernetes.io/service-name': name } },
        addressType: 'IPv4',
        ports: [{ name: 'http', port: 8080 }],
        endpoints: Array.from({ length: endpoints }, (_, j) => ({
          addresses: [formatAddress('ipv4', POD_NETWORK + BigInt(i * endpoints + j))],
          nodeName: `node-${(i + j) % 100}`,
        })),
      }),
    ),
  );
}

/** The entry with one of its endpoints moved to another address, the `round`th time. */
export function changeEndpoint(entry: ServiceEntry, round: number): ServiceEntry {
  const [slice, ...others] = entry.endpointSlices;
  if (!slice) throw new Error('a Service of a benchmark has one EndpointSlice');
  const changed = round % slice.endpoints.length;
  const address = formatAddress('ipv4', (10n << 24n) + BigInt(round));
  const endpoints = slice.endpoints.map((endpoint, i) =>
    i === changed ? { ...endpoint, address } : endpoint,
  );
  return { ...entry, endpointSlices: [{ ...slice, endpoints }, ...others] };
}
