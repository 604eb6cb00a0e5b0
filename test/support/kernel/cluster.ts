/** Manifests of Services for a lab: each reachable in every way that its spec leaves open, in all protocols. */
import { compile } from '../../../src/compiler/compile.ts';
import { compileOptions } from '../../../src/compiler/options.ts';
import type { Ruleset } from '../../../src/iptables/types.ts';
import { FAMILIES, type Family } from '../../../src/net/address.ts';
import { DEFAULT_SERVICE_RANGES, loadCluster } from '../../../src/sources/cluster.ts';
import { parseConfiguration, parseHost } from '../../../src/sources/configuration.ts';
import { resolveNode } from '../../../src/sources/node.ts';
import type { Manifest } from '../arbitrary/raw.ts';
import { ADDRESSES, configurationText, HOST, nodeOf, type Pod, SERVER_PORT } from './lab.ts';
import { LAYOUT } from './layout.ts';
import { PROTOCOLS } from './peers.ts';

export interface LabService {
  readonly name: string;
  /** 1 to 99, and nobody else's: its addresses and node port come from it. */
  readonly index: number;
  readonly endpoints: readonly (Pod | LabEndpoint)[];
  readonly spec?: Manifest;
}

export interface LabEndpoint {
  /** A pod of the lab, or an address of each family where nobody is. */
  readonly at: Pod | Readonly<Record<Family, string>>;
  readonly terminating?: boolean;
  /** Topology hints, as in an EndpointSlice. */
  readonly hints?: Manifest;
}

/** Where a Service can be reached. */
export const WAYS = ['cluster IP', 'external IP', 'load-balancer IP'] as const;
export type Way = (typeof WAYS)[number];

export const PORT = 80;

export function addressOf(family: Family, way: Way, index: number): string {
  const prefixes = {
    ipv4: { 'cluster IP': '10.96.0.', 'external IP': '198.51.100.', 'load-balancer IP': '198.51.101.' },
    ipv6: {
      'cluster IP': 'fd00:10:96::',
      'external IP': '2001:db8:e::',
      'load-balancer IP': '2001:db8:1b::',
    },
  };
  return `${prefixes[family][way]}${index}`;
}

export const nodePortOf = (index: number): number => 30000 + index;

/** A Service of type LoadBalancer, with an EndpointSlice for each family. */
export function labService({ name, index, endpoints, spec = {} }: LabService): Manifest[] {
  const addresses = (way: Way) => FAMILIES.map((family) => addressOf(family, way, index));
  const metadata = { name, namespace: 'lab' };
  return [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: {
        type: 'LoadBalancer',
        ipFamilyPolicy: 'RequireDualStack',
        clusterIPs: addresses('cluster IP'),
        externalIPs: addresses('external IP'),
        ports: PROTOCOLS.map((protocol) => ({
          name: protocol,
          protocol: protocol.toUpperCase(),
          port: PORT,
          nodePort: nodePortOf(index),
        })),
        ...spec,
      },
      status: { loadBalancer: { ingress: addresses('load-balancer IP').map((ip) => ({ ip })) } },
    },
    ...FAMILIES.map((family) => ({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {
        name: `${name}-${family}`,
        namespace: 'lab',
        labels: { 'kubernetes.io/service-name': name },
      },
      addressType: family === 'ipv4' ? 'IPv4' : 'IPv6',
      endpoints: endpoints
        .map((endpoint): LabEndpoint => (typeof endpoint === 'string' ? { at: endpoint } : endpoint))
        .map(({ at, terminating = false, hints }) => ({
          addresses: [typeof at === 'string' ? ADDRESSES[family][at] : at[family]],
          nodeName: typeof at === 'string' ? nodeOf(at) : 'node-of-nobody',
          conditions: { ready: !terminating, serving: true, terminating },
          ...(hints && { hints }),
        })),
      ports: PROTOCOLS.map((protocol) => ({
        name: protocol,
        protocol: protocol.toUpperCase(),
        port: SERVER_PORT,
      })),
    })),
  ];
}

export function labCluster(services: readonly LabService[]): Manifest[] {
  return services.flatMap(labService);
}

/** What a cluster comes to on the node of a lab. */
export function labRules(services: readonly LabService[], family: Family, layout = LAYOUT): Ruleset {
  const text = (name: string, value: unknown) => ({ name, text: JSON.stringify(value) });
  const objects = { apiVersion: 'v1', kind: 'List', items: labCluster(services) };
  const { cluster } = loadCluster([text('cluster.json', objects)], {
    serviceRanges: DEFAULT_SERVICE_RANGES,
    strict: true,
  });
  const { kubeProxy, own } = parseConfiguration({ name: 'config.yaml', text: configurationText() });
  const host = parseHost(text('host.json', HOST));
  const node = resolveNode({ flags: {}, host, hostnameOverride: undefined, nodes: new Map() });
  return compile(cluster, node, { ...compileOptions(family, kubeProxy, node, own), layout });
}
