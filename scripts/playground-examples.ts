/** What the playground has to choose from: the documents' own cases, each with the cluster around it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PlaygroundExample } from '../src/playground/state.ts';

const PROJECT = join(import.meta.dirname, '..');
const DOCS = 'docs/examples/';
const OWN = 'src/playground/examples/';

interface Row extends Pick<PlaygroundExample, 'name' | 'title' | 'about' | 'from' | 'to'> {
  /** Its manifests, one behind the other. */
  readonly files: readonly string[];
  readonly node?: string;
  /** Those that it is compared with. */
  readonly before?: readonly string[];
}

/** The cluster of the documents: two nodes, a Pod of `web` on each. */
const CLUSTER = `${DOCS}cluster.yaml`;
const CONFIGURATION = `${DOCS}config.yaml`;

/** In the order in which one learns of them. The first is what the page begins with. */
const ROWS: readonly Row[] = [
  {
    name: 'node-port',
    title: 'NodePort',
    about: 'One port on every node. How does a packet to it get to a Pod?',
    files: [`${DOCS}node-port.yaml`, CLUSTER],
    before: [`${DOCS}cluster-ip.yaml`, CLUSTER],
    from: 'outside',
    to: 'node-port/shop/web:30080',
  },
  {
    name: 'cluster-ip',
    title: 'ClusterIP',
    about: 'A virtual IP: no machine has it. It exists in rules alone.',
    files: [`${DOCS}cluster-ip.yaml`, CLUSTER],
    from: 'pod/shop/web-1',
    to: '10.96.0.10:80',
  },
  {
    name: 'load-balancer',
    title: 'LoadBalancer, with source ranges',
    about: 'The IP of a load balancer outside, and who may use it.',
    files: [`${DOCS}load-balancer.yaml`, CLUSTER],
    before: [`${DOCS}node-port.yaml`, CLUSTER],
    from: '198.51.100.7',
    to: '203.0.113.10:80',
  },
  {
    name: 'external-ips',
    title: 'External IPs',
    about: 'Addresses that reach a node by other means, and lead to the Service.',
    files: [`${DOCS}external-ips.yaml`, CLUSTER],
    from: 'outside',
    to: '203.0.113.20:80',
  },
  {
    name: 'external-local',
    title: 'externalTrafficPolicy: Local',
    about: "Only endpoints on the node that a packet comes to, which see the client's address.",
    files: [`${DOCS}external-local.yaml`, CLUSTER],
    before: [`${DOCS}node-port.yaml`, CLUSTER],
    from: 'outside',
    to: 'node-port/shop/web:30080',
  },
  {
    name: 'internal-local',
    title: 'internalTrafficPolicy: Local',
    about: 'Only endpoints on the node of the client: choose the other node, and see.',
    files: [`${DOCS}internal-local.yaml`, CLUSTER],
    before: [`${DOCS}cluster-ip.yaml`, CLUSTER],
  },
  {
    name: 'session-affinity',
    title: 'Session affinity',
    about: 'A client keeps its endpoint for ten minutes.',
    files: [`${DOCS}session-affinity.yaml`, CLUSTER],
    before: [`${DOCS}cluster-ip.yaml`, CLUSTER],
  },
  {
    name: 'topology',
    title: 'Topology: hints by zone',
    about: 'EndpointSlices with hints: each zone has its own endpoints. Choose a node of the other zone.',
    files: [`${OWN}topology.yaml`],
  },
  {
    name: 'headless',
    title: 'Headless, and ExternalName',
    about: 'DNS alone: no rules are made.',
    files: [`${DOCS}headless.yaml`, CLUSTER],
  },
  {
    name: 'no-endpoints',
    title: 'No endpoints',
    about: 'Nobody is there to answer: who is refused, and by which rule?',
    files: [`${DOCS}no-endpoints.yaml`, CLUSTER],
    from: 'outside',
    to: 'node-port/shop/gone:30081',
  },
  {
    name: 'dual-stack',
    title: 'Dual stack',
    about: 'IPv4 and IPv6, each with rules of its own: choose the family above.',
    files: [`${OWN}dual-stack.yaml`],
  },
  {
    name: 'deployment',
    title: 'A chart: Deployments and Services',
    about:
      'What a chart renders: Pods are made from Deployments, and cluster IPs assigned, as a cluster would.',
    files: [`${OWN}chart.yaml`],
  },
  {
    name: 'shop',
    title: 'A shop: three Services, two nodes',
    about: 'A web front end reached from outside, an API kept inside, a database still starting.',
    files: ['fixtures/sample/objects.yaml', `${OWN}nodes.yaml`],
    node: 'node-a',
  },
];

/** The examples, as the page holds them. */
export async function playgroundExamples(): Promise<PlaygroundExample[]> {
  const read = (path: string) => readFile(join(PROJECT, path), 'utf8');
  const joined = async (paths: readonly string[]) => (await Promise.all(paths.map(read))).join('---\n');
  const config = await read(CONFIGURATION);
  return await Promise.all(
    ROWS.map(async ({ files, before, node = '', ...row }) => ({
      ...row,
      manifests: await joined(files),
      config,
      node,
      ...(before && { before: await joined(before) }),
    })),
  );
}
