/**
 * A cluster as kubeadm makes it, in a lab: a node with two pods and a control plane with one, kube-proxy on both, the
 * Services `kubernetes` and `kube-dns`, and one of the lab's. Its API server and its DaemonSets' controller are in this
 * process; its kubelets run the agent for real, and a stand-in for kube-proxy.
 */
import { once } from 'node:events';
import { chmod, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { parseAllDocuments } from 'yaml';
import { FAMILIES } from '../../../src/net/address.ts';
import { labCluster } from '../kernel/cluster.ts';
import { ADDRESSES, Lab, NODE_NAME, OTHER_NODE_NAME, type Place } from '../kernel/lab.ts';
import { type Backend, programOf } from '../kernel/namespace.ts';
import { MAIN } from '../project.ts';
import { ClusterApiServer, type Runtime } from './api-server.ts';
import { DaemonSets } from './daemon-sets.ts';
import { Kubelet } from './kubelet.ts';
import { type KubernetesObject, ObjectStore, objectSchema } from './object-store.ts';
import { field } from './selectors.ts';

/** Of the Service `web` of the lab. */
export const WEB = 20;

const SERVICE_IPS = { kubernetes: '10.96.0.1', dns: '10.96.0.10' };
const API_SERVER = { address: ADDRESSES.ipv4['other-node'], port: 6443 };
const DNS_PORT = 53;

export interface KubeadmCluster extends AsyncDisposable {
  readonly lab: Lab;
  readonly server: ClusterApiServer;
  readonly daemonSets: DaemonSets;
  /** Where kubectl runs, with KUBECONFIG as its environment. */
  readonly admin: { readonly place: Place; readonly kubeconfig: string };
}

/** @param image of the agent, as the nodes pull it */
export async function createKubeadmCluster(backend: Backend, image: string): Promise<KubeadmCluster> {
  await using stack = new AsyncDisposableStack();
  const lab = stack.use(await Lab.create());
  const store = new ObjectStore();
  for (const object of await clusterObjects()) store.put(object);

  // The kubelet's own, by which others know the backend that the node uses.
  for (const place of ['node', 'other-node'] as const) {
    for (const family of FAMILIES) {
      await lab.run(place, [
        `${programOf(family)}-${backend}`,
        '-w',
        '-t',
        'mangle',
        '-N',
        'KUBE-IPTABLES-HINT',
      ]);
    }
  }
  await writePrograms(join(lab.folder, 'programs'));
  const kubelet = (nodeName: string, node: Place, pod: Place) =>
    stack.use(
      new Kubelet({ store, lab, backend, nodeName, places: { node, pod }, image, folder: lab.folder }),
    );
  const kubelets = [kubelet(NODE_NAME, 'node', 'pod-2'), kubelet(OTHER_NODE_NAME, 'other-node', 'pod-3')];

  const server = stack.use(new ClusterApiServer(store, runtimeOf(kubelets)));
  const socket = join(lab.folder, 'api-server.sock');
  await server.listen(socket);
  await start(stack, lab, 'other-node', ['--eval', FORWARD, String(API_SERVER.port), socket]);
  const dns = join(import.meta.dirname, 'dns-server.ts');
  await start(stack, lab, 'pod-1', [dns, ADDRESSES.ipv4['pod-1'], String(DNS_PORT), SERVICE_IPS.kubernetes]);
  const daemonSets = stack.use(new DaemonSets(store, kubelets));
  await daemonSets.settled();

  const kubeconfig = join(lab.folder, 'admin.conf');
  await writeFile(kubeconfig, kubeconfigText());
  const resources = stack.move();
  return {
    lab,
    server,
    daemonSets,
    admin: { place: 'other-node', kubeconfig },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

/** From the control plane's address to the API server in this process. */
const FORWARD = `
  const { connect, createServer } = require('node:net');
  const [port, socket] = process.argv.slice(1);
  createServer((client) => {
    const server = connect(socket);
    client.pipe(server).pipe(client);
    for (const end of [client, server]) end.on('error', () => { client.destroy(); server.destroy(); });
  }).listen(Number(port), () => console.log('listening'));
`;

/** Starts a program of Node.js that says so when it listens. */
async function start(
  stack: AsyncDisposableStack,
  lab: Lab,
  place: Place,
  args: readonly string[],
): Promise<void> {
  const [program = '', ...inside] = lab.inside(place);
  const server = execa(program, [...inside, process.execPath, ...args], { reject: false, buffer: false });
  stack.defer(async () => {
    server.kill();
    await server;
  });
  await Promise.race([once(server.stdout, 'data'), server]);
}

function runtimeOf(kubelets: readonly Kubelet[]): Runtime {
  const kubeletOf = (pod: KubernetesObject) => {
    const found = kubelets.find(({ nodeName }) => nodeName === field(pod, ['spec', 'nodeName']));
    if (!found) throw new Error(`${pod.metadata.name} is on no node`);
    return found;
  };
  return {
    logs: (pod) => kubeletOf(pod).container(pod)?.log ?? '',
    exec: async (pod, command, streams) => (await kubeletOf(pod).container(pod)?.exec(command, streams)) ?? 1,
    attach: (pod, streams) => kubeletOf(pod).attach(pod, streams),
  };
}

/** What the image of the agent has on its PATH. */
async function writePrograms(folder: string): Promise<void> {
  await mkdir(folder);
  await symlink(process.execPath, join(folder, 'node'));
  const program = join(folder, 'svc2ipt');
  await writeFile(program, `#!/bin/sh\nexec '${process.execPath}' '${MAIN}' "$@"\n`);
  await chmod(program, 0o755);
}

async function clusterObjects(): Promise<KubernetesObject[]> {
  const kubeadm = await readFile(
    join(import.meta.dirname, '../..', 'data', 'kubeadm', 'kube-proxy.yaml'),
    'utf8',
  );
  const objects: unknown[] = [
    ...parseAllDocuments(kubeadm).map((document): unknown => document.toJS()),
    nodeObject(NODE_NAME, 'node', '1'),
    nodeObject(OTHER_NODE_NAME, 'other-node', '2'),
    ...labCluster([{ name: 'web', index: WEB, endpoints: ['pod-1', 'pod-3'] }]),
    ...serviceObjects('default', 'kubernetes', SERVICE_IPS.kubernetes, API_SERVER.address, [
      { name: 'https', protocol: 'TCP', port: 443, targetPort: API_SERVER.port },
    ]),
    ...serviceObjects('kube-system', 'kube-dns', SERVICE_IPS.dns, ADDRESSES.ipv4['pod-1'], [
      { name: 'dns', protocol: 'UDP', port: 53, targetPort: DNS_PORT },
    ]),
  ];
  return objects.map((object) => objectSchema.parse(object));
}

function nodeObject(name: string, host: 'node' | 'other-node', subnet: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux' } },
    spec: {
      podCIDR: `10.244.${subnet}.0/24`,
      podCIDRs: [`10.244.${subnet}.0/24`, `fd00:10:244:${subnet}::/64`],
    },
    status: {
      addresses: [
        ...FAMILIES.map((family) => ({ type: 'InternalIP', address: ADDRESSES[family][host] })),
        { type: 'Hostname', address: name },
      ],
      conditions: [{ type: 'Ready', status: 'True', reason: 'KubeletReady', message: '' }],
    },
  };
}

interface ServicePort {
  readonly name: string;
  readonly protocol: string;
  readonly port: number;
  readonly targetPort: number;
}

/** A Service and its EndpointSlice, with one endpoint, in IPv4. */
function serviceObjects(
  namespace: string,
  name: string,
  clusterIP: string,
  endpoint: string,
  ports: readonly ServicePort[],
): object[] {
  return [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace },
      spec: { type: 'ClusterIP', clusterIP, clusterIPs: [clusterIP], ipFamilies: ['IPv4'], ports },
    },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: `${name}-1`, namespace, labels: { 'kubernetes.io/service-name': name } },
      addressType: 'IPv4',
      endpoints: [{ addresses: [endpoint], conditions: { ready: true } }],
      ports: ports.map(({ name, protocol, targetPort: port }) => ({ name, protocol, port })),
    },
  ];
}

function kubeconfigText(): string {
  const name = 'kubernetes';
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { server: `http://${API_SERVER.address}:${API_SERVER.port}` } }],
    users: [{ name, user: {} }],
    contexts: [{ name, context: { cluster: name, user: name } }],
    'current-context': name,
  });
}
