/**
 * A small network for packets to go through, in namespaces of its own: a node with two pods, another node with a
 * third, and clients outside of the cluster whose way in leads through the node.
 *
 *     pod-1, pod-2 ── node ──(network of the nodes)── other-node ── pod-3
 *                      └────(network outside)── outside: client, stranger
 *
 * Everything has an address of each family. The node's default route leads outside, where nobody sends anything on,
 * so that a packet that no rule takes care of gets no answer.
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import type { Family } from '../../../src/net/address.ts';
import { LAYOUT } from './layout.ts';
import { runIn } from './namespace.ts';
import { Peers } from './peers.ts';

export const PODS = ['pod-1', 'pod-2', 'pod-3'] as const;
export type Pod = (typeof PODS)[number];

/** Where sockets can be made. */
export const PLACES = ['node', 'other-node', 'outside', ...PODS] as const;
export type Place = (typeof PLACES)[number];

export const NODE_NAME = 'node-a';
export const OTHER_NODE_NAME = 'node-b';

/** The node that a pod is on. */
export const nodeOf = (pod: Pod): string => (pod === 'pod-3' ? OTHER_NODE_NAME : NODE_NAME);

/**
 * By what each address is called. `gateway` is the node's own address towards its pods, which they see where traffic
 * is masqueraded; `node` its address among the nodes, `uplink` towards the outside.
 */
export const ADDRESSES = {
  ipv4: {
    'pod-1': '10.244.1.2',
    'pod-2': '10.244.1.3',
    'pod-3': '10.244.2.2',
    gateway: '10.244.1.1',
    node: '192.168.50.10',
    'other-node': '192.168.50.20',
    uplink: '203.0.113.1',
    client: '203.0.113.10',
    stranger: '203.0.113.66',
    localhost: '127.0.0.1',
  },
  ipv6: {
    'pod-1': 'fd00:10:244:1::2',
    'pod-2': 'fd00:10:244:1::3',
    'pod-3': 'fd00:10:244:2::2',
    gateway: 'fd00:10:244:1::1',
    node: 'fd00:192:168:50::10',
    'other-node': 'fd00:192:168:50::20',
    uplink: '2001:db8:cafe::1',
    client: '2001:db8:cafe::10',
    stranger: '2001:db8:cafe::66',
    localhost: '::1',
  },
} as const satisfies Record<Family, Record<string, string>>;

export type Host = keyof (typeof ADDRESSES)['ipv4'];

/** More clients outside, for tests that need many: `crowd(ipv4)[0]` and so on. */
export const crowd = (family: Family): string[] =>
  Array.from({ length: 20 }, (_, i) =>
    family === 'ipv4' ? `203.0.113.${100 + i}` : `2001:db8:cafe::1:${i.toString(16)}`,
  );

/** What counts as a pod, and the node as the compiler is told of it. */
export const CONFIGURATION = {
  apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
  kind: 'KubeProxyConfiguration',
  detectLocalMode: 'ClusterCIDR',
  clusterCIDR: '10.244.0.0/16,fd00:10:244::/48',
} as const;

/** The text of a configuration, with the layout that the tests run on. */
export function configurationText(configuration: object = CONFIGURATION, own: object = {}): string {
  return [configuration, { svc2ipt: { layout: LAYOUT, ...own } }]
    .map((part) => JSON.stringify(part))
    .join('\n---\n');
}

export const HOST = {
  name: NODE_NAME,
  ips: [ADDRESSES.ipv4.node, ADDRESSES.ipv6.node],
} as const;

/** The name of an address, or the address itself where it has none. */
export function nameOf(address: string): string {
  for (const names of Object.values(ADDRESSES)) {
    const found = Object.entries(names).find(([, known]) => known === address);
    if (found) return found[0];
  }
  return address;
}

/** The port that servers in pods listen on, in all protocols. */
export const SERVER_PORT = 8080;

export class Lab implements AsyncDisposable {
  readonly peers: Peers;
  /** A folder for the test's files, gone with the lab. */
  readonly folder: string;
  readonly #names: Readonly<Record<Place, string>>;

  private constructor(names: Readonly<Record<Place, string>>, folder: string, peers: Peers) {
    this.#names = names;
    this.folder = folder;
    this.peers = peers;
  }

  /** Builds the network, with a server in each pod. */
  static async create(): Promise<Lab> {
    const id = randomBytes(6).toString('hex');
    const name = (place: Place) => `svc2ipt-test-${id}-${place}`;
    const names = Object.fromEntries(PLACES.map((place) => [place, name(place)])) as Record<Place, string>;
    const folder = await mkdtemp(join(tmpdir(), 'svc2ipt-lab-'));
    const lab = new Lab(names, folder, new Peers(names));
    try {
      await execa('sh', ['-eu'], { input: script(names) });
      for (const pod of PODS) await lab.peers.serve(pod, SERVER_PORT);
      return lab;
    } catch (error) {
      await lab[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The words that run a command in a place, to be followed by it, with a /sys of its own. */
  inside(place: Place): string[] {
    return ['ip', 'netns', 'exec', this.#names[place]];
  }

  /**
   * What commands in this lab shall find in their environment. iptables-legacy has one lock for a whole machine, which
   * others use, too; each lab has its own.
   */
  get environment(): Record<string, string> {
    return { XTABLES_LOCKFILE: join(this.folder, 'xtables.lock') };
  }

  /** Runs a command in a place to its end, whatever that is. */
  async run(place: Place, command: readonly string[], input?: string) {
    const { exitCode, stdout, stderr } = await runIn(this.#names[place], command, {
      input,
      env: this.environment,
    });
    return { exitCode, stdout: stdout.replace(/\n$/, ''), stderr: stderr.replace(/\n$/, '') };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.peers[Symbol.asyncDispose]();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Everything at once, and in each namespace as much as can be: a process for each of 200 commands would take seconds. */
function script(names: Readonly<Record<Place, string>>): string {
  const lines: string[] = [];
  const batches = new Map<Place, string[]>();
  const ip = (place: Place, words: string) => {
    const batch = batches.get(place) ?? [];
    batches.set(place, [...batch, words]);
  };
  const flush = () => {
    for (const [place, batch] of batches) {
      lines.push(`ip -n ${names[place]} -batch - <<END`, ...batch, 'END');
    }
    batches.clear();
  };
  const both = (address: (family: Family) => string, words: (address: string, prefix: number) => void) => {
    words(address('ipv4'), 32);
    words(address('ipv6'), 128);
  };
  const of = (host: Host) => (family: Family) => ADDRESSES[family][host];
  const set = (place: Place, settings: Readonly<Record<string, number>>) => {
    const writes = Object.entries(settings).map(([key, value]) => `echo ${value} >/proc/sys/net/${key}`);
    lines.push(`nsenter --net=/run/netns/${names[place]} sh -euc '${writes.join('; ')}'`);
  };

  lines.push('ip -batch - <<END', ...PLACES.map((place) => `netns add ${names[place]}`), 'END');
  for (const place of PLACES) {
    const forwards = place.endsWith('node') ? 1 : 0;
    set(place, {
      // An IPv6 address is of use at once, and not when the kernel is sure that nobody else has it.
      'ipv6/conf/default/accept_dad': 0,
      'ipv6/conf/default/dad_transmits': 0,
      // A new namespace takes these from the machine, where a container engine or kube-proxy may have set them.
      'ipv4/ip_forward': forwards,
      'ipv4/conf/all/route_localnet': 0,
      'ipv6/conf/all/forwarding': forwards,
      'ipv4/conf/all/rp_filter': 0,
      'ipv4/conf/default/rp_filter': 0,
      // Every refusal is to be heard of, however many there are.
      'ipv4/icmp_ratemask': 0,
      'ipv6/icmp/ratemask': 2,
    });
    ip(place, 'link set lo up');
  }
  const connect = (a: Place, aLink: string, b: Place, bLink: string) => {
    ip(a, `link add ${aLink} type veth peer name ${bLink} netns ${names[b]}`);
    ip(a, `link set ${aLink} up`);
    ip(b, `link set ${bLink} up`);
  };
  const network = (place: Place, link: string, hosts: readonly Host[]) => {
    for (const host of hosts) {
      ip(place, `address add ${ADDRESSES.ipv4[host]}/24 dev ${link}`);
      ip(place, `address add ${ADDRESSES.ipv6[host]}/64 dev ${link} nodad`);
    }
  };
  connect('node', 'net0', 'other-node', 'net0');
  connect('node', 'out0', 'outside', 'out0');
  for (const pod of PODS) connect(pod === 'pod-3' ? 'other-node' : 'node', pod, pod, 'eth0');
  // All links are there, in both of their namespaces.
  flush();
  network('node', 'net0', ['node']);
  network('other-node', 'net0', ['other-node']);
  network('node', 'out0', ['uplink']);
  network('outside', 'out0', ['client', 'stranger']);
  for (const address of crowd('ipv4')) ip('outside', `address add ${address}/24 dev out0`);
  for (const address of crowd('ipv6')) ip('outside', `address add ${address}/64 dev out0 nodad`);
  // Further addresses must not be taken for what the kernel would rather use than the client's.
  both(of('uplink'), (uplink) => {
    const client = uplink.includes(':') ? ADDRESSES.ipv6.client : ADDRESSES.ipv4.client;
    ip('outside', `route add default via ${uplink} src ${client}`);
  });

  for (const pod of PODS) {
    const node = pod === 'pod-3' ? 'other-node' : 'node';
    const gateway = (family: Family) =>
      pod === 'pod-3' ? (family === 'ipv4' ? '10.244.2.1' : 'fd00:10:244:2::1') : ADDRESSES[family].gateway;
    both(gateway, (address, prefix) => ip(node, `address add ${address}/${prefix} dev ${pod} nodad`));
    both(of(pod), (address, prefix) => {
      ip(node, `route add ${address}/${prefix} dev ${pod}`);
      ip(pod, `address add ${address}/${prefix} dev eth0 nodad`);
    });
    both(gateway, (address, prefix) => {
      ip(pod, `route add ${address}/${prefix} dev eth0`);
      ip(pod, `route add default via ${address} dev eth0`);
    });
  }

  ip('node', `route add ${ADDRESSES.ipv4['pod-3']}/32 via ${ADDRESSES.ipv4['other-node']}`);
  ip('node', `route add ${ADDRESSES.ipv6['pod-3']}/128 via ${ADDRESSES.ipv6['other-node']}`);
  ip('node', `route add default via ${ADDRESSES.ipv4.client} src ${ADDRESSES.ipv4.node}`);
  ip('node', `route add default via ${ADDRESSES.ipv6.client} src ${ADDRESSES.ipv6.node}`);
  ip('other-node', `route add default via ${ADDRESSES.ipv4.node}`);
  ip('other-node', `route add default via ${ADDRESSES.ipv6.node}`);
  flush();
  return `${lines.join('\n')}\n`;
}
