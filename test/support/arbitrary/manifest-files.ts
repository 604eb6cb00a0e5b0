/** Random texts of manifest files that get in each other's way, and what happens to such files. */
import fc from 'fast-check';

/** Small choices, so that files often hold the same objects, and objects that belong together. */
const name = fc.constantFrom('a', 'b', 'c');
const nodeName = fc.constantFrom('node-1', 'node-2');
const port = fc.constantFrom(80, 81);

const SERVICE_SPECS = [
  (port: number) => `{clusterIP: 10.96.0.1, ports: [{port: ${port}}]}`,
  (port: number) => `{clusterIP: 10.96.0.2, selector: {app: a}, ports: [{port: ${port}}]}`,
  (port: number) => `{selector: {app: a, tier: web}, ports: [{port: ${port}}]}`,
  (port: number) => `{type: NodePort, ports: [{port: ${port}}]}`,
  (port: number) => `{type: NodePort, clusterIP: 10.96.0.3, ports: [{port: ${port}, nodePort: 30000}]}`,
  (port: number) => `{ipFamilyPolicy: PreferDualStack, selector: {app: b}, ports: [{port: ${port}}]}`,
  () => '{type: ExternalName, externalName: example.com}',
];

const service = fc
  .tuple(name, fc.constantFrom(...SERVICE_SPECS), port)
  .map(
    ([name, spec, port]) => `{apiVersion: v1, kind: Service, metadata: {name: ${name}}, spec: ${spec(port)}}`,
  );

/** Names are those that derived EndpointSlices have, too. */
const slice = fc
  .tuple(fc.constantFrom('x', 'a-ipv4-0', 'a-0-ipv4'), name, nodeName, fc.nat(2), fc.boolean())
  .map(
    ([own, service, node, host, named]) =>
      `{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, addressType: IPv4, ` +
      `metadata: {name: ${own}, labels: {kubernetes.io/service-name: ${service}}}, ` +
      `ports: [{${named ? "name: '', " : ''}port: 80}], ` +
      `endpoints: [{addresses: [10.0.0.${host + 1}], nodeName: ${node}}]}`,
  );

const endpoints = fc
  .tuple(name, nodeName, fc.nat(2))
  .map(
    ([name, node, host]) =>
      `{apiVersion: v1, kind: Endpoints, metadata: {name: ${name}}, ` +
      `subsets: [{addresses: [{ip: 10.0.1.${host + 1}, nodeName: ${node}}], ports: [{port: 80}]}]}`,
  );

const pod = fc
  .tuple(name, fc.constantFrom('{app: a}', '{app: a, tier: web}', '{app: b}', '{}'), nodeName, fc.nat(2))
  .map(
    ([name, labels, node, host]) =>
      `{apiVersion: v1, kind: Pod, metadata: {name: ${name}, labels: ${labels}}, ` +
      `spec: {nodeName: ${node}, containers: []}, ` +
      `status: {podIP: 10.0.2.${host + 1}, conditions: [{type: Ready, status: "True"}]}}`,
  );

const node = fc
  .tuple(nodeName, fc.nat(1), fc.nat(1))
  .map(
    ([name, zone, host]) =>
      `{apiVersion: v1, kind: Node, metadata: {name: ${name}, labels: ` +
      `{topology.kubernetes.io/zone: zone-${zone}, topology.kubernetes.io/region: region-${zone}}}, ` +
      `status: {addresses: [{type: InternalIP, address: 192.168.0.${host + 1}}]}}`,
  );

const other = fc.constant('{apiVersion: v1, kind: ConfigMap, metadata: {name: settings}}');

const goodText = fc
  .array(fc.oneof(service, service, slice, endpoints, pod, node, other), { maxLength: 3 })
  .map((documents) => documents.join('\n---\n'));

const badText = fc.constantFrom(
  'kind: [',
  'hello',
  '{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {ports: [{port: 0}]}}',
);

/** A text of some objects, now and then one that cannot be used. */
export const manifestText: fc.Arbitrary<string> = fc.oneof(
  { arbitrary: goodText, weight: 6 },
  { arbitrary: badText, weight: 1 },
);

/** What happens to a file of a folder. */
export type FileChange =
  | { readonly change: 'write' | 'replace'; readonly path: string; readonly text: string }
  | { readonly change: 'remove'; readonly path: string }
  | { readonly change: 'rename'; readonly path: string; readonly to: string };

/** Changes of files with few names, which are in folders below, too. */
export const fileChange: fc.Arbitrary<FileChange> = fc
  .constantFrom('a.yaml', 'b.yaml', 'b/c.yaml', 'b-d.yaml', 'ignored.txt')
  .chain((path) =>
    fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({
          change: fc.constantFrom('write' as const, 'replace' as const),
          path: fc.constant(path),
          text: manifestText,
        }),
      },
      {
        weight: 1,
        arbitrary: fc.record({ change: fc.constant('remove' as const), path: fc.constant(path) }),
      },
      {
        weight: 1,
        arbitrary: fc.record({
          change: fc.constant('rename' as const),
          path: fc.constant(path),
          to: fc.constantFrom('a.yaml', 'b/c.yaml', 'e.yaml', 'ignored.txt'),
        }),
      },
    ),
  );
