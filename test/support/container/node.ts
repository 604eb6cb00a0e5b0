/**
 * A node and two pods made of containers: three network namespaces, with a link from the node to each pod. As in a
 * DaemonSet's pod, the containers of the node share its namespace.
 *
 *     client ── node ── server
 */
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import type { GenericContainer, StartedTestContainer } from 'testcontainers';
import type { Family } from '../../../src/net/address.ts';
import { DEBUG_IMAGE, IMAGE } from './engine.ts';

export const NODE_NAME = 'node-a';
const PORT = 8080;

const PODS = {
  client: { ipv4: '10.244.1.2', ipv6: 'fd00:10:244:1::2' },
  server: { ipv4: '10.244.1.3', ipv6: 'fd00:10:244:1::3' },
} as const;
type Pod = keyof typeof PODS;
const GATEWAY = { ipv4: '10.244.1.1', ipv6: 'fd00:10:244:1::1' } as const;
export const CLUSTER_IP = { ipv4: '10.96.0.10', ipv6: 'fd00:10:96::10' } as const;

const SERVER = `require('node:http').createServer((_, answer) => answer.end('hello')).listen(${PORT}, '::')`;
const PAUSE = 'process.on("SIGTERM", () => process.exit()); setInterval(() => {}, 1e9)';
const ASK = `
  fetch(process.argv[1], { signal: AbortSignal.timeout(3000) })
    .then(async (answer) => console.log(await answer.text()), (error) => console.log(String(error)));
`;

/** Without what a network namespace of its own may not set: the number of connections is the machine's. */
const CONFIGURATION = {
  apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
  kind: 'KubeProxyConfiguration',
  hostnameOverride: NODE_NAME,
  detectLocalMode: 'ClusterCIDR',
  clusterCIDR: '10.244.0.0/16,fd00:10:244::/48',
  conntrack: { maxPerCore: 0 },
  iptables: { syncPeriod: '1s', minSyncPeriod: '50ms' },
  oomScoreAdj: 0,
};

/** How `deploy/base/manifests/daemonset.yaml` runs a container, or how a test runs it otherwise. */
export interface RunOptions {
  readonly args: readonly string[];
  readonly capabilities?: readonly string[];
  /** What the agent needs of a privileged container: `/proc/sys` can be written to. */
  readonly writesSysctls?: boolean;
}

export class ContainerNode implements AsyncDisposable {
  /** With `config` and `manifests` in it, which containers of the node see under the same names in `/in`. */
  readonly folder: string;
  readonly #library: typeof import('testcontainers');
  readonly #running = new Map<Pod | 'node', StartedTestContainer>();

  private constructor(library: typeof import('testcontainers'), folder: string) {
    this.#library = library;
    this.folder = folder;
  }

  static async create(library: typeof import('testcontainers')): Promise<ContainerNode> {
    const node = new ContainerNode(library, await mkdtemp(join(tmpdir(), 'svc2ipt-node-')));
    try {
      await node.#start();
      return node;
    } catch (error) {
      await node[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #start(): Promise<void> {
    // Whoever a container runs as.
    await chmod(this.folder, 0o755);
    await mkdir(join(this.folder, 'manifests'));
    await writeFile(join(this.folder, 'config'), JSON.stringify(CONFIGURATION));
    await writeFile(join(this.folder, 'xtables.lock'), '');
    for (const [name, script] of [
      ['node', PAUSE],
      ['client', PAUSE],
      ['server', SERVER],
    ] as const) {
      const container = readOnly(this.#library, IMAGE)
        .withNetworkMode('none')
        .withEntrypoint(['node', '--eval'])
        .withCommand([script]);
      this.#running.set(name, await container.start());
    }
    await execa('sh', ['-eu'], { input: await this.#wiring() });
  }

  /** Written from outside: containers may not change their own network. */
  async #wiring(): Promise<string> {
    const [node, client, server] = await Promise.all(
      (['node', 'client', 'server'] as const).map((name) => this.#pid(name)),
    );
    const inside = (pid: number | undefined, command: string) => `nsenter -t ${pid} -n ${command}`;
    const lines = [
      inside(node, `sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'`),
      ...[node, client, server].map((pid) =>
        inside(pid, `sh -c 'echo 0 >/proc/sys/net/ipv6/conf/all/disable_ipv6'`),
      ),
      ...[node, client, server].map((pid) =>
        inside(pid, `sh -c 'echo 0 >/proc/sys/net/ipv6/conf/default/disable_ipv6'`),
      ),
      inside(node, `sh -c 'echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'`),
    ];
    for (const [name, pid] of [
      ['client', client],
      ['server', server],
    ] as const) {
      lines.push(
        inside(node, `ip link add ${name} type veth peer name eth0 netns ${pid}`),
        inside(node, `ip link set ${name} up`),
        inside(pid, 'ip link set eth0 up'),
      );
      for (const [family, prefix] of [
        ['ipv4', 32],
        ['ipv6', 128],
      ] as const) {
        lines.push(
          inside(node, `ip address add ${GATEWAY[family]}/${prefix} dev ${name} nodad`),
          inside(node, `ip route add ${PODS[name][family]}/${prefix} dev ${name}`),
          inside(pid, `ip address add ${PODS[name][family]}/${prefix} dev eth0 nodad`),
          inside(pid, `ip route add ${GATEWAY[family]}/${prefix} dev eth0`),
          inside(pid, `ip route add default via ${GATEWAY[family]} dev eth0`),
        );
      }
    }
    return `${lines.join('\n')}\n`;
  }

  async #pid(name: Pod | 'node'): Promise<number> {
    const client = await this.#library.getContainerRuntimeClient();
    const { State } = await client.container.inspect(client.container.getById(this.#get(name).getId()));
    return State.Pid;
  }

  #get(name: Pod | 'node'): StartedTestContainer {
    const container = this.#running.get(name);
    if (container === undefined) throw new Error(`${name} does not run`);
    return container;
  }

  /** A program of this machine, in the network of the node, as the kubelet would run it. Rejects where it fails. */
  async asHost(...command: readonly string[]): Promise<string> {
    const { stdout } = await execa('nsenter', ['-t', String(await this.#pid('node')), '-n', ...command], {
      env: { XTABLES_LOCKFILE: join(this.folder, 'xtables.lock') },
    });
    return stdout;
  }

  /** A container of the node's pod, not started yet: root without capabilities, on a file system that is read-only. */
  container({ args, capabilities = [], writesSysctls = false }: RunOptions): GenericContainer {
    return readOnly(this.#library, IMAGE, writesSysctls ? { ReadonlyPaths: [] } : {})
      .withNetworkMode(`container:${this.#get('node').getId()}`)
      .withUser('0')
      .withBindMounts([
        { source: this.folder, target: '/in', mode: 'ro' },
        { source: join(this.folder, 'xtables.lock'), target: '/run/xtables.lock' },
      ])
      .withCommand([...args])
      .withDroppedCapabilities('ALL')
      .withAddedCapabilities(...capabilities);
  }

  /**
   * As `kubectl debug node --profile=sysadmin` runs an image: in the node's namespaces, with its file system in /host, and
   * privileged, as far as the doctor can tell: a machine of tests need not have all capabilities itself. The processes are
   * those of this machine, which is the node of the container.
   */
  debugger(command: readonly string[]): GenericContainer {
    const settings = {
      ...{ PidMode: 'host', IpcMode: 'host', ReadonlyRootfs: false },
      ...{ ReadonlyPaths: [], MaskedPaths: [], SecurityOpt: ['seccomp=unconfined', 'apparmor=unconfined'] },
    };
    const [program = '', ...args] = command;
    return readOnly(this.#library, DEBUG_IMAGE, settings)
      .withNetworkMode(`container:${this.#get('node').getId()}`)
      .withBindMounts([
        { source: '/', target: '/host', mode: 'ro' },
        { source: this.folder, target: '/in', mode: 'ro' },
      ])
      .withAddedCapabilities('NET_ADMIN', 'NET_RAW', 'SYS_ADMIN', 'SYS_PTRACE')
      .withEntrypoint([program])
      .withCommand(args);
  }

  /** What the client gets from the Service, or why it gets nothing. */
  async ask(family: Family): Promise<string> {
    const address = family === 'ipv4' ? CLUSTER_IP.ipv4 : `[${CLUSTER_IP.ipv6}]`;
    const { output } = await this.#get('client').exec(['node', '--eval', ASK, `http://${address}/`]);
    return output.trim();
  }

  /** Puts the Service into the watched folder, with the server as its endpoint. */
  async writeManifest(): Promise<void> {
    const metadata = { name: 'web', namespace: 'shop' };
    const slice = (addressType: 'IPv4' | 'IPv6', address: string) => ({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {
        name: `web-${addressType.toLowerCase()}`,
        namespace: 'shop',
        labels: { 'kubernetes.io/service-name': 'web' },
      },
      addressType,
      ports: [{ name: '', port: PORT, protocol: 'TCP' }],
      endpoints: [{ addresses: [address], conditions: { ready: true }, nodeName: NODE_NAME }],
    });
    const items = [
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata,
        spec: {
          clusterIP: CLUSTER_IP.ipv4,
          clusterIPs: Object.values(CLUSTER_IP),
          ipFamilies: ['IPv4', 'IPv6'],
          ipFamilyPolicy: 'RequireDualStack',
          ports: [{ port: 80, targetPort: PORT, protocol: 'TCP' }],
        },
      },
      slice('IPv4', PODS.server.ipv4),
      slice('IPv6', PODS.server.ipv6),
    ];
    const list = { apiVersion: 'v1', kind: 'List', items };
    await writeFile(join(this.folder, 'manifests', 'web.json'), JSON.stringify(list));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#running.values()].map((container) => container.stop()));
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Settings of a container, as Docker's API has them. */
interface DockerSettings {
  readonly ReadonlyPaths?: string[];
  readonly ReadonlyRootfs?: boolean;
  readonly MaskedPaths?: string[];
  readonly SecurityOpt?: string[];
  readonly PidMode?: string;
  readonly IpcMode?: string;
}

/**
 * A container that cannot write to its own file system. Starting it waits for nothing, not even for its health.
 * @param settings further ones, as Docker's API has them
 */
export function readOnly(
  library: typeof import('testcontainers'),
  image: string,
  settings: DockerSettings = {},
): GenericContainer {
  class Started extends library.StartupCheckStrategy {
    override async checkStartupState() {
      return 'SUCCESS' as const;
    }
  }
  class ReadOnlyContainer extends library.GenericContainer {
    constructor() {
      super(image);
      Object.assign(this.hostConfig, { ReadonlyRootfs: true, ...settings });
      this.waitStrategy = new Started();
    }
  }
  return new ReadOnlyContainer();
}
