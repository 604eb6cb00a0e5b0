/**
 * Random clusters for property tests: as manifests, with a configuration and facts about the host, all of them valid.
 * They go through the project's own loaders on their way to the compiler.
 */
import fc from 'fast-check';
import type { ClusterState } from '../../../src/api/cluster.ts';
import { DEFAULT_LAYOUT, LAYOUT_NAMES } from '../../../src/api/layout-names.ts';
import type { Node, NodeFacts } from '../../../src/api/node.ts';
import { type CompileOptions, compileOptions } from '../../../src/compiler/options.ts';
import type { Family } from '../../../src/net/address.ts';
import { DEFAULT_SERVICE_RANGES, loadCluster } from '../../../src/sources/cluster.ts';
import { parseConfiguration, parseHost } from '../../../src/sources/configuration.ts';
import { resolveNode } from '../../../src/sources/node.ts';
import { endpointsManifests, endpointsShape } from './endpoints.ts';
import { configuration, host, nodes } from './host.ts';
import { type Manifest, seldom } from './raw.ts';
import { SERVICE_IDS, type ServiceId, serviceManifest, serviceShape } from './service.ts';

export type { Manifest } from './raw.ts';

/** A Service and the objects that say where its endpoints are. */
export interface RawService {
  readonly id: ServiceId;
  readonly service: Manifest;
  readonly endpoints: readonly Manifest[];
}

/** A cluster, and the node that it is compiled for, as somebody would write them down. */
export interface RawCluster {
  readonly services: readonly RawService[];
  /** Node objects, and objects of kinds that have no rules. */
  readonly others: readonly Manifest[];
  readonly configuration: Manifest;
  /** The second document of the configuration file. */
  readonly own: Manifest;
  readonly host: Manifest;
}

/** What the compiler takes. */
export interface CompilerInput {
  readonly cluster: ClusterState;
  readonly node: NodeFacts;
  options(family: Family): CompileOptions;
}

/** A Service and its endpoints. */
export const rawService: fc.Arbitrary<RawService> = fc
  .record({ id: fc.nat(SERVICE_IDS - 1), service: serviceShape, endpoints: endpointsShape })
  .map(({ id, service, endpoints }) => ({
    id,
    service: serviceManifest(id, service),
    endpoints: endpointsManifests(id, service, endpoints),
  }));

const STRAYS: readonly Manifest[] = [
  {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'ServiceCIDR',
    metadata: { name: 'kubernetes' },
    spec: { cidrs: ['10.96.0.0/12', 'fd00:10:96::/108'] },
  },
  { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings' }, data: { key: 'value' } },
  {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'of-nobody', namespace: 'default' },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['10.244.9.9'] }],
    ports: [{ name: '', port: 80 }],
  },
];

const surroundings = fc.record({
  others: fc.tuple(nodes, fc.boolean()).map(([nodes, strays]) => (strays ? [...nodes, ...STRAYS] : nodes)),
  configuration,
  own: fc.record({
    legacyPortNames: seldom(8),
    layout: fc.constantFrom(DEFAULT_LAYOUT, ...LAYOUT_NAMES),
    rejectUnassigned: seldom(3),
  }),
  host,
});

/** A cluster of up to twelve Services. */
export const rawCluster: fc.Arbitrary<RawCluster> = fc
  .record({
    services: fc.uniqueArray(rawService, { selector: ({ id }) => id, maxLength: 12 }),
    surroundings,
  })
  .map(({ services, surroundings }) => ({ services, ...surroundings }));

/** Everything of a cluster that is a Kubernetes object. */
export function objectsOf({
  services,
  others,
}: Pick<RawCluster, 'services' | 'others'>): readonly Manifest[] {
  return [...services.flatMap(({ service, endpoints }) => [service, ...endpoints]), ...others];
}

/**
 * Loads a cluster from the texts of its manifests.
 * @param objects the cluster's objects in an order of the caller's choice
 */
export function load(raw: RawCluster, objects: readonly Manifest[] = objectsOf(raw)): CompilerInput {
  const { cluster, nodes, serviceCIDRs } = loadCluster([{ name: 'cluster.json', text: list(objects) }], {
    serviceRanges: DEFAULT_SERVICE_RANGES,
    strict: false,
  });
  return { cluster, ...loadSurroundings(raw, nodes, serviceCIDRs) };
}

function list(objects: readonly Manifest[]): string {
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', metadata: {}, items: objects });
}

function loadSurroundings(
  { configuration, own: section, host }: RawCluster,
  nodes: ReadonlyMap<string, Node>,
  serviceRanges: readonly string[],
): Omit<CompilerInput, 'cluster'> {
  const documents = [JSON.stringify(configuration), JSON.stringify({ svc2ipt: section })];
  const { kubeProxy, own } = parseConfiguration({ name: 'config.yaml', text: documents.join('\n---\n') });
  const facts = parseHost({ name: 'host.yaml', text: JSON.stringify(host) });
  const node = resolveNode({
    flags: {},
    host: facts,
    hostnameOverride: kubeProxy.hostnameOverride,
    nodes,
  });
  const all = { ...own, serviceRanges };
  return { node, options: (family) => compileOptions(family, kubeProxy, node, all) };
}
