/** `svc2ipt doctor` on a node that is broken in one way at a time: it names just that, and nothing on a sound node. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkedNode } from '../src/doctor/checked-node.ts';
import { examine } from '../src/doctor/doctor.ts';
import { snapshotSchema } from '../src/snapshot/snapshot.ts';
import type { Manifest } from './support/arbitrary/raw.ts';
import { checkedCluster } from './support/checked-cluster.ts';
import { type LabService, labCluster, nodePortOf } from './support/kernel/cluster.ts';
import { clusterCommand, svc2ipt } from './support/kernel/command-line.ts';
import { Conversation } from './support/kernel/conversation.ts';
import { ADDRESSES, Lab, NODE_NAME, OTHER_NODE_NAME } from './support/kernel/lab.ts';
import { BACKENDS, type Backend, MAY_USE_NAMESPACES } from './support/kernel/namespace.ts';
import { PROJECT } from './support/project.ts';

const HEALTH_CHECK_PORT = 30_500;

const SERVICES: readonly LabService[] = [
  { name: 'web', index: 1, endpoints: ['pod-1', 'pod-2', 'pod-3'] },
  { name: 'far', index: 2, endpoints: ['pod-3'] },
  {
    name: 'local',
    index: 3,
    endpoints: ['pod-2', 'pod-3'],
    spec: { externalTrafficPolicy: 'Local', healthCheckNodePort: HEALTH_CHECK_PORT },
  },
];

const node = (name: string, number: number): Manifest => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, labels: { 'topology.kubernetes.io/zone': `zone-${number}` } },
  spec: { podCIDRs: [`10.244.${number}.0/24`, `fd00:10:244:${number}::/64`] },
});

const NODES = [node(NODE_NAME, 1), node(OTHER_NODE_NAME, 2), node('node-c', 3)];
const CLUSTER: readonly Manifest[] = [...labCluster(SERVICES), ...NODES];

/**
 * The Pods of the node on a bridge, as the CNI plugin of this name has them; routes to the ranges of other nodes; and what
 * an agent has ports for.
 */
const SOUND = `
ip link add cni0 type bridge
ip link set cni0 up
for pod in pod-1 pod-2; do
  ip address flush dev $pod
  ip -6 route flush dev $pod
  ip link set $pod master cni0
  ip link set dev $pod type bridge_slave hairpin on
done
ip address add ${ADDRESSES.ipv4.gateway}/24 dev cni0
ip address add ${ADDRESSES.ipv6.gateway}/64 dev cni0 nodad
for number in 2 3; do
  ip route add 10.244.$number.0/24 via ${ADDRESSES.ipv4['other-node']}
  ip route add fd00:10:244:$number::/64 via ${ADDRESSES.ipv6['other-node']}
done
echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables
echo 1 >/proc/sys/net/bridge/bridge-nf-call-ip6tables
echo 0 >/proc/sys/net/netfilter/nf_conntrack_tcp_be_liberal
echo '32768 60999' >/proc/sys/net/ipv4/ip_local_port_range
`;

/** Stands for an agent, whose command it has: it answers for its health, as a file says that it is. */
const STAND_IN = `
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
for (const port of [10256, ${HEALTH_CHECK_PORT}]) {
  const unhealthy = new URL('../unhealthy', import.meta.url);
  createServer((_, answer) => answer.writeHead(existsSync(unhealthy) ? 503 : 200).end('{}')).listen(port);
}
`;

/** Takes a snapshot for each line that it reads, in the network that it runs in. */
const TAKE = `
import { createInterface } from 'node:readline';
import { takeSnapshot } from ${JSON.stringify(join(PROJECT, 'src/snapshot/take.ts'))};
for await (const line of createInterface({ input: process.stdin })) {
  const { id } = JSON.parse(line);
  console.log(JSON.stringify({ id, result: await takeSnapshot('test') }));
}
`;

/** The clock is that of the machine: no namespace has one of its own, so its check has only tests without a kernel. */
const OF_MACHINE = ['clock-unsynchronized'];

const AGENT_COMMAND = `${process.execPath} "$folder/cli/main.js" agent`;

interface Row {
  readonly name: string;
  /** Shell scripts, with `$iptables`, `$ip6tables`, those of the other backend (`$other`, `$other6`), and `$folder`. */
  readonly broken: string;
  readonly mended: string;
  /** What is said of each finding, in its cause and its evidence. */
  readonly finds: Readonly<Record<string, readonly RegExp[]>>;
  /** Another cluster, or another configuration, than the rules were made from. */
  readonly cluster?: readonly Manifest[];
  readonly configuration?: Manifest;
  /** It depends on the rules, and is tried on each backend. */
  readonly onEach?: true;
}

const sysctl = (path: string, broken: string, sound: string) => ({
  broken: `echo '${broken}' >/proc/sys/${path}`,
  mended: `echo '${sound}' >/proc/sys/${path}`,
});

/** The same rules in both families. */
const inBoth = (...commands: readonly string[]) =>
  ['iptables', 'ip6tables'].flatMap((program) => commands.map((words) => `$${program} ${words}`)).join('\n');

const CHAINS = ['KUBE-SERVICES', 'KUBE-MARK-MASQ'];
const addChains = (program: string) => CHAINS.map((chain) => `${program} -t nat -N ${chain}`);
const removeChains = (program: string) => CHAINS.map((chain) => `${program} -t nat -X ${chain}`);

/** A process of its own, ended by its number. It is there once a shell command says so. */
const background = (name: string, command: string, isThere: string) => ({
  broken: [
    `${command} >/dev/null 2>&1 </dev/null &`,
    `echo $! >"$folder/${name}.pid"`,
    `until ${isThere}; do sleep 0.05; done`,
  ].join('\n'),
  mended: [
    `pid="$(cat "$folder/${name}.pid")"`,
    'kill "$pid"',
    // One that is dead may be a zombie, which has no command line.
    'while grep -q . "/proc/$pid/cmdline" 2>/dev/null; do sleep 0.05; done',
  ].join('\n'),
});

/** Whether somebody waits at a port, as the kernel prints it. */
const waitsAt = (protocol: 'tcp' | 'udp', port: number) =>
  `cat /proc/net/${protocol} /proc/net/${protocol}6 | grep -q ':${port.toString(16).toUpperCase()} .* ${protocol === 'tcp' ? '0A' : '07'} '`;

/** A program that waits at a port. */
const listener = (protocol: 'tcp' | 'udp', port: number) =>
  background(
    'listener',
    `python3 -c '${[
      'import socket, time',
      `s = socket.socket(type=socket.SOCK_${protocol === 'tcp' ? 'STREAM' : 'DGRAM'})`,
      's.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)',
      `s.bind(("0.0.0.0", ${port}))`,
      ...(protocol === 'tcp' ? ['s.listen()'] : []),
      'time.sleep(600)',
    ].join('; ')}'`,
    waitsAt(protocol, port),
  );

/** Chains as programs make them that have a firewall. */
const FIREWALLS = [
  ['Docker', 'DOCKER-USER'],
  ['firewalld', 'FWDI_public'],
  ['ufw', 'ufw-user-forward'],
  ['Calico', 'cali-FORWARD'],
  ['Istio', 'ISTIO_FORWARD'],
] as const;

const ROWS: readonly Row[] = [
  // The rules, and who writes them.
  {
    name: 'no rules of Services',
    broken: '$iptables-save -t nat >"$folder/nat"\nprintf \'*nat\\nCOMMIT\\n\' | $iptables-restore',
    mended: '$iptables-restore <"$folder/nat"',
    finds: { 'no-service-rules': [/no IPv4 rules of Services/] },
    onEach: true,
  },
  {
    name: 'a rule that iptables cannot read',
    broken: 'nft add rule ip filter INPUT ct state vmap { related : accept }',
    mended:
      'nft delete rule ip filter INPUT handle "$(nft -a list chain ip filter INPUT 2>/dev/null | sed -n \'s/.* vmap .*# handle //p\')"',
    finds: { 'rules-unreadable': [/iptables-nft-save does not print all rules.*`filter' is incompatible/s] },
  },
  {
    name: 'a chain that iptables does not show',
    broken: "nft add chain ip filter hidden '{ type filter hook forward priority 5 ; policy drop ; }'",
    mended: 'nft delete chain ip filter hidden',
    finds: { 'rules-unreadable': [/`filter' contains incompatible base-chains/] },
  },
  {
    name: 'jumps are gone',
    broken:
      '$iptables-save >"$folder/save"\n$iptables -t nat -F PREROUTING\n$ip6tables-save >"$folder/save6"\n$ip6tables -F FORWARD',
    mended: '$iptables-restore <"$folder/save"\n$ip6tables-restore <"$folder/save6"',
    finds: {
      'jump-missing': [
        /-t nat -A PREROUTING .*-j KUBE-SERVICES/,
        /IPv6 packets in FORWARD do not come to KUBE-FORWARD/,
      ],
    },
    onEach: true,
  },
  {
    name: 'rules are others than those of the cluster',
    broken:
      '$iptables-save >"$folder/save"\n$iptables -t nat -D KUBE-SERVICES 1\n$ip6tables-save >"$folder/save6"\n$ip6tables -t nat -D KUBE-SERVICES 1',
    mended: '$iptables-restore <"$folder/save"\n$ip6tables-restore <"$folder/save6"',
    finds: {
      'rules-differ': [
        /IPv4 rules of lab\/\S+ do not do what the cluster asks for.*opened/s,
        /IPv6 rules of lab\/\S+ do not do what the cluster asks for/,
      ],
    },
    onEach: true,
  },
  {
    name: 'rules of Services in the other backend',
    broken: ['$other', '$other6'].flatMap(addChains).join('\n'),
    mended: ['$other', '$other6'].flatMap(removeChains).join('\n'),
    finds: { 'other-backend-rules': [/: 2 chains of Services.*: 2 chains of Services/s] },
    onEach: true,
  },
  {
    name: 'a kubelet that uses the other backend',
    broken: '$other -t mangle -N KUBE-KUBELET-CANARY',
    mended: '$other -t mangle -X KUBE-KUBELET-CANARY',
    finds: { 'kubelet-other-backend': [/mangle KUBE-KUBELET-CANARY/] },
    onEach: true,
  },
  {
    name: 'leftovers of the ipvs mode',
    broken: 'ip link add kube-ipvs0 type veth peer name ipvs-peer',
    mended: 'ip link delete kube-ipvs0',
    finds: { 'other-mode-leftovers': [/kube-ipvs0: no addresses/] },
  },
  {
    name: 'leftovers of the nftables mode',
    broken: 'nft add table ip kube-proxy',
    mended: 'nft delete table ip kube-proxy',
    finds: { 'other-mode-leftovers': [/table ip kube-proxy/] },
  },
  {
    name: 'kube-proxy beside an agent',
    ...(({ broken, mended }) => ({
      broken: `cp "$(command -v sleep)" "$folder/kube-proxy"\n${broken}`,
      mended: `${mended}\nrm "$folder/kube-proxy"`,
    }))(background('kube-proxy', '"$folder/kube-proxy" 600', 'grep -q kube-proxy /proc/$!/cmdline')),
    finds: { 'two-writers': [/kube-proxy \(process \d+\)/, /main\.js agent/] },
  },
  {
    name: 'an agent that cannot do its work',
    broken: 'touch "$folder/unhealthy"',
    mended: 'rm "$folder/unhealthy"',
    finds: { 'proxy-unhealthy': [/healthz: 503/] },
  },

  // Rules of others.
  {
    name: 'a rule in front of the jumps',
    broken: inBoth('-t nat -I PREROUTING -j ACCEPT'),
    mended: inBoth('-t nat -D PREROUTING -j ACCEPT'),
    finds: { 'rule-before-jump': [/IPv4 .*-t nat -A PREROUTING -j ACCEPT/s, /IPv6/] },
    onEach: true,
  },
  {
    name: 'a published port of Docker that is the port of an external IP',
    broken: [
      '$iptables -t nat -N DOCKER',
      '$iptables -t nat -A DOCKER -p tcp --dport 80 -j DNAT --to-destination 172.17.0.2:80',
      '$iptables -t nat -I PREROUTING -m addrtype ! --dst-type LOCAL -j DOCKER',
    ].join('\n'),
    mended: '$iptables -t nat -D PREROUTING 1\n$iptables -t nat -F DOCKER\n$iptables -t nat -X DOCKER',
    finds: { 'rule-before-jump': [/A rule of Docker takes .*--to-destination 172.17.0.2:80/s] },
    onEach: true,
  },
  ...FIREWALLS.map(
    ([owner, chain]): Row => ({
      name: `a rule of ${owner}`,
      broken: [
        inBoth(`-N ${chain}`, `-I FORWARD -j ${chain}`),
        `$iptables -A ${chain} -d 10.244.0.0/16 -j DROP`,
        `$ip6tables -A ${chain} -d fd00:10:244::/48 -j REJECT`,
      ].join('\n'),
      mended: inBoth(`-D FORWARD -j ${chain}`, `-F ${chain}`, `-X ${chain}`),
      finds: {
        'foreign-drop': [
          new RegExp(
            `A rule of ${owner} stops IPv4 packets .*-A ${chain} -d 10\\.244\\.0\\.0/16 -j DROP`,
            's',
          ),
          new RegExp(`A rule of ${owner} stops IPv6 packets`),
        ],
      },
      ...(owner === 'Docker' && { onEach: true }),
    }),
  ),
  {
    name: 'a rule that drops replies',
    broken: '$iptables -I FORWARD -s 10.244.0.0/16 -m conntrack --ctstate ESTABLISHED -j DROP',
    mended: '$iptables -D FORWARD 1',
    finds: { 'foreign-drop': [/IPv4 replies to clients of/] },
    onEach: true,
  },
  {
    name: 'the policy of FORWARD',
    broken: inBoth('-P FORWARD DROP'),
    mended: inBoth('-P FORWARD ACCEPT'),
    finds: {
      'policy-drop': [
        /policy of FORWARD is DROP, and no rule accepts IPv4 packets from Pods/,
        /no rule accepts IPv6/,
      ],
    },
    onEach: true,
  },
  {
    name: 'a mark on the same bit',
    broken: '$iptables -t mangle -A PREROUTING -s 198.18.0.0/15 -j MARK --set-xmark 0x4000/0x4000',
    mended: '$iptables -t mangle -D PREROUTING 1',
    finds: { 'mark-used-by-others': [/uses the bit 0x4000.*--set-xmark 0x4000\/0x4000/s] },
    onEach: true,
  },
  {
    name: 'a routing rule on the same bit',
    broken: 'ip rule add fwmark 0x4000/0x4000 table 100\nip -6 rule add fwmark 0x4000/0x4000 table 100',
    mended: 'ip rule del fwmark 0x4000/0x4000 table 100\nip -6 rule del fwmark 0x4000/0x4000 table 100',
    finds: { 'mark-used-by-others': [/ipv4 ip rule: .*0x4000/, /ipv6 ip rule/] },
  },

  // The kernel.
  {
    name: 'ip_forward',
    ...sysctl('net/ipv4/ip_forward', '0', '1'),
    finds: { 'ip-forward-off': [/no IPv4 packets.*net\.ipv4\.ip_forward = 0/s] },
  },
  {
    name: 'forwarding of IPv6',
    ...sysctl('net/ipv6/conf/all/forwarding', '0', '1'),
    finds: { 'ip-forward-off': [/no IPv6 packets.*net\.ipv6\.conf\.all\.forwarding = 0/s] },
  },
  {
    name: 'bridge-nf-call-iptables',
    ...sysctl('net/bridge/bridge-nf-call-iptables', '0', '1'),
    finds: { 'bridge-netfilter-off': [/cni0 .*net\.bridge\.bridge-nf-call-iptables = 0/s] },
  },
  {
    name: 'bridge-nf-call-ip6tables',
    ...sysctl('net/bridge/bridge-nf-call-ip6tables', '0', '1'),
    finds: { 'bridge-netfilter-off': [/bridge-nf-call-ip6tables = 0/] },
  },
  {
    name: 'hairpin mode',
    broken: 'ip link set dev pod-2 type bridge_slave hairpin off',
    mended: 'ip link set dev pod-2 type bridge_slave hairpin on',
    finds: { 'hairpin-off': [/pod-2: port of cni0, hairpin off/] },
  },
  {
    name: 'rp_filter',
    ...sysctl('net/ipv4/conf/net0/rp_filter', '1', '0'),
    finds: { 'rp-filter-strict': [/comes in by net0.*net\.ipv4\.conf\.net0\.rp_filter = 1/s] },
  },
  {
    name: 'accept_local',
    ...sysctl('net/ipv4/conf/out0/accept_local', '1', '0'),
    finds: { 'accept-local': [/net\.ipv4\.conf\.out0\.accept_local = 1/] },
  },
  {
    name: 'accept_local, where a load balancer sends back what is sent to it',
    broken: '',
    mended: '',
    cluster: [
      ...CLUSTER,
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'proxied', namespace: 'other' },
        spec: { type: 'ExternalName', externalName: 'proxied.example.com' },
        status: { loadBalancer: { ingress: [{ ip: '198.51.100.200', ipMode: 'Proxy' }] } },
      },
    ],
    finds: { 'accept-local': [/other\/proxied: 198\.51\.100\.200 has ipMode Proxy/] },
  },
  {
    name: 'route_localnet',
    ...sysctl('net/ipv4/conf/all/route_localnet', '0', '1'),
    finds: { 'route-localnet-off': [/net\.ipv4\.conf\.all\.route_localnet = 0/] },
  },
  {
    name: 'KUBE-FIREWALL',
    broken: '$iptables -D INPUT -j KUBE-FIREWALL',
    mended: '$iptables -I INPUT -j KUBE-FIREWALL',
    finds: { 'localhost-open': [/CVE-2020-8558.*route_localnet = 1/s] },
    onEach: true,
  },

  // Connection tracking.
  {
    name: 'nf_conntrack_tcp_be_liberal, which the configuration asks for',
    broken: '',
    mended: '',
    configuration: { conntrack: { tcpBeLiberal: true } },
    finds: { 'invalid-packets-pass': [/conntrack\.tcpBeLiberal: true/] },
  },
  {
    name: 'no rule that drops INVALID packets',
    broken: '$iptables -D KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP',
    mended: '$iptables -I KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP',
    finds: { 'invalid-packets-pass': [/ipv4: no rule of KUBE-FORWARD/], 'rules-differ': [/.*/] },
    onEach: true,
  },
  {
    name: 'a UDP flow that is stale',
    broken:
      'conntrack -I -p udp -s 10.244.1.2 -d 10.96.0.1 --sport 4000 --dport 80 -r 10.244.9.9 -q 10.244.1.2 --reply-port-src 8080 --reply-port-dst 4000 -t 600 2>/dev/null',
    mended: 'conntrack -D -p udp -d 10.96.0.1 >/dev/null 2>&1',
    finds: { 'stale-udp-flows': [/10\.96\.0\.1:80 goes on to 10\.244\.9\.9:8080/] },
  },
  {
    name: 'a UDP flow of IPv6 that is stale',
    broken:
      'conntrack -I -p udp -s fd00:10:244:1::2 -d fd00:10:96::1 --sport 4000 --dport 80 -r fd00:10:244:9::9 -q fd00:10:244:1::2 --reply-port-src 8080 --reply-port-dst 4000 -t 600 2>/dev/null',
    mended: 'conntrack -D -f ipv6 -p udp -d fd00:10:96::1 >/dev/null 2>&1',
    finds: { 'stale-udp-flows': [/\[fd00:10:96::1\]:80 goes on to \[fd00:10:244:9::9\]:8080/] },
  },

  // Ports.
  {
    name: 'a process at a node port',
    ...listener('tcp', nodePortOf(1)),
    finds: { 'node-port-taken': [/port 30001 \(tcp\), which is the node port of lab\/web:tcp.*python3/s] },
  },
  {
    name: 'a process at a node port of UDP',
    ...listener('udp', nodePortOf(1)),
    finds: { 'node-port-taken': [/port 30001 \(udp\)/] },
  },
  {
    name: 'node ports in the range of local ports',
    ...sysctl('net/ipv4/ip_local_port_range', '30002 60999', '32768 60999'),
    finds: { 'node-port-in-local-range': [/port 30002.*ip_local_port_range = 30002 60999/s] },
  },
  {
    name: 'node ports in the range of local ports, which are reserved',
    broken:
      "echo '30002 60999' >/proc/sys/net/ipv4/ip_local_port_range\necho 30000-32767 >/proc/sys/net/ipv4/ip_local_reserved_ports",
    mended:
      "echo '32768 60999' >/proc/sys/net/ipv4/ip_local_port_range\necho >/proc/sys/net/ipv4/ip_local_reserved_ports",
    finds: {},
  },

  // The network.
  {
    name: 'no route to the Pods of a node',
    broken: 'ip route del 10.244.3.0/24\nip route del fd00:10:244:3::/64',
    mended: [
      `ip route add 10.244.3.0/24 via ${ADDRESSES.ipv4['other-node']}`,
      `ip route add fd00:10:244:3::/64 via ${ADDRESSES.ipv6['other-node']}`,
    ].join('\n'),
    finds: { 'pod-route-missing': [/10\.244\.3\.0\/24, the Pods of node node-c.*only default/s, /fd00:/] },
  },
  {
    name: 'no route to a Pod on this node',
    broken: 'ip route add blackhole 10.244.1.2/32',
    mended: 'ip route del blackhole 10.244.1.2/32',
    finds: { 'pod-route-missing': [/10\.244\.1\.2, an endpoint of lab\/web.*blackhole/s] },
  },
  {
    name: 'an MTU that is too large',
    broken: 'ip link set pod-1 mtu 9000',
    mended: 'ip link set pod-1 mtu 1500',
    finds: { 'pod-mtu-too-large': [/pod-1: mtu 9000\n(?:net0|out0): mtu 1500/] },
  },
  {
    name: 'IPv6 disabled for new interfaces',
    ...sysctl('net/ipv6/conf/default/disable_ipv6', '1', '0'),
    finds: { 'ipv6-half-set-up': [/the kernel has IPv6 disabled.*default\.disable_ipv6 = 1/s] },
  },
  {
    name: 'no default route of IPv6',
    broken: 'ip -6 route save default >"$folder/default"\nip -6 route del default',
    mended: 'ip -6 route restore <"$folder/default"',
    finds: { 'ipv6-half-set-up': [/no IPv6 default route/] },
  },

  // The cluster.
  {
    name: 'hints for other zones',
    broken: '',
    mended: '',
    cluster: [
      ...labCluster(
        SERVICES.map((service) =>
          service.name === 'far'
            ? { ...service, endpoints: [{ at: 'pod-3', hints: { forZones: [{ name: 'zone-2' }] } }] }
            : service,
        ),
      ),
      ...NODES,
    ],
    finds: { 'hints-exclude-node': [/Service lab\/far: .*zone of the node: zone-1/s] },
  },
  {
    name: 'a clusterCIDR of other Pods',
    broken: '',
    mended: '',
    configuration: { clusterCIDR: '10.99.0.0/16,fd00:99::/48' },
    finds: { 'cluster-cidr': [/10\.99\.0\.0\/16/, /fd00:99::\/48/], 'rules-differ': [/.*/] },
  },
];

const AGENT = background('agent', AGENT_COMMAND, waitsAt('tcp', HEALTH_CHECK_PORT));

describe.skipIf(!MAY_USE_NAMESPACES).each(BACKENDS)('iptables-%s', (backend) => {
  let node: DoctorsNode;
  beforeAll(async () => {
    node = await DoctorsNode.create(backend);
  });
  afterAll(async () => await node?.[Symbol.asyncDispose]());

  test('nothing on a sound node', async () => {
    expect(await node.found()).toEqual({});
  });

  test.each(ROWS.filter(({ onEach }) => onEach || backend === 'nft'))('$name', async (row) => {
    await node.shell(row.broken);
    try {
      expectFound(await node.found(row), row.finds);
    } finally {
      await node.shell(row.mended);
    }
  });

  test('nothing once all is mended', async () => {
    expect(await node.found()).toEqual({});
  });
});

describe.skipIf(!MAY_USE_NAMESPACES)('what takes more than a line, or cannot be mended', () => {
  let node: DoctorsNode;
  beforeAll(async () => {
    node = await DoctorsNode.create('nft');
  });
  afterAll(async () => await node?.[Symbol.asyncDispose]());

  test('the command, and an endpoint that does not answer', async () => {
    const sound = await node.command('--probe');
    expect(sound).toMatchObject({ exitCode: 0, stderr: '' });
    expect(sound.stdout).toMatch(/^(?:nothing wrong|1 warning), \d+ checks sound\n/);
    await node.shell('ip link set pod-1 down');
    const { exitCode, stdout } = await node.command('--probe');
    expect(stdout).toMatch(/^2 errors, /);
    expect(stdout).toContain(`TCP connection to ${ADDRESSES.ipv4['pod-1']}:8080: `);
    expect(exitCode).toBe(1);
    expect(await node.command('--probe', '--service', 'lab/far')).toMatchObject({ exitCode: 0 });
    await node.shell('ip link set pod-1 up');
  });

  test('the proxy is gone, and another program takes its port', async () => {
    await node.shell(AGENT.mended);
    expectFound(await node.found(), {
      'health-check-port': [/Nobody answers at the health check node port 30500 of lab\/local/],
    });
    const other = listener('tcp', HEALTH_CHECK_PORT);
    await node.shell(other.broken);
    expectFound(await node.found(), {
      'health-check-port': [/30500 of lab\/local is taken by another program.*python3/s],
    });
    await node.shell(other.mended);
    await node.shell(AGENT.broken);
  });

  test('what connection tracking counts, and its table nearly full', async () => {
    const to = ADDRESSES.ipv4['other-node'];
    await node.shell(`
      $iptables -t nat -A POSTROUTING -p udp -d ${to} --dport 9 -j MASQUERADE --to-ports 2000
      python3 -c '${CLASHES}' ${to}
      $iptables -t nat -D POSTROUTING -p udp -d ${to} --dport 9 -j MASQUERADE --to-ports 2000`);
    const counted = {
      'conntrack-drops': [/conntrack -S: drop=\d+/],
      'conntrack-insert-failed': [/conntrack -S: insert_failed=\d+/],
    };
    expectFound(await node.found(), counted);
    await node.shell(`ip neigh add 192.168.50.99 lladdr 02:00:00:00:00:99 dev net0
      python3 -c '${FILL}' 192.168.50.99 "$(cat /proc/sys/net/netfilter/nf_conntrack_max)"`);
    expectFound(await node.found(), {
      ...counted,
      'conntrack-nearly-full': [/net\.netfilter\.nf_conntrack_count = \d+/],
    });
    await node.shell('conntrack -F 2>/dev/null');
  });
});

/** Connections that have to have the same port: all but the first are lost. */
const CLASHES = `
import socket, sys
for port in (3001, 3002, 3003):
    s = socket.socket(type=socket.SOCK_DGRAM)
    s.bind(("", port))
    try:
        s.sendto(b"", (sys.argv[1], 9))
    except PermissionError:
        pass
`;

/** So many UDP flows that 82 of 100 places are taken. */
const FILL = `
import socket, sys
left = int(int(sys.argv[2]) * 0.82)
while left > 0:
    s = socket.socket(type=socket.SOCK_DGRAM)
    for port in range(1, min(left, 65535) + 1):
        try:
            s.sendto(b"", (sys.argv[1], port))
        except OSError:
            pass
    left -= 65535
`;

function expectFound(found: Readonly<Record<string, string>>, finds: Row['finds']): void {
  expect(Object.keys(found).sort()).toEqual(Object.keys(finds).sort());
  for (const [code, patterns] of Object.entries(finds)) {
    for (const pattern of patterns) expect(found[code]).toMatch(pattern);
  }
}

/** A node with rules of Services, and everything as it should be. */
class DoctorsNode implements AsyncDisposable {
  readonly lab: Lab;
  readonly #backend: Backend;
  readonly #snapshots: Conversation;

  private constructor(lab: Lab, backend: Backend) {
    this.lab = lab;
    this.#backend = backend;
    const [program = '', ...args] = lab.inside('node');
    const flags = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', TAKE];
    this.#snapshots = new Conversation(program, [...args, process.execPath, ...flags], {
      env: lab.environment,
    });
  }

  static async create(backend: Backend): Promise<DoctorsNode> {
    const node = new DoctorsNode(await Lab.create(), backend);
    const { lab } = node;
    await node.shell(SOUND);
    expect(await svc2ipt(lab, backend, 'apply', CLUSTER)).toMatchObject({ exitCode: 0 });
    await node.shell('mkdir "$folder/cli"');
    await writeFile(join(lab.folder, 'cli', 'main.js'), STAND_IN);
    await writeFile(join(lab.folder, 'package.json'), '{ "type": "module" }');
    await node.shell(AGENT.broken);
    return node;
  }

  /** Runs a shell script on the node, which has to succeed. */
  async shell(script: string): Promise<void> {
    const other = this.#backend === 'nft' ? 'legacy' : 'nft';
    const names = {
      iptables: `iptables-${this.#backend}`,
      ip6tables: `ip6tables-${this.#backend}`,
      other: `iptables-${other}`,
      other6: `ip6tables-${other}`,
      folder: this.lab.folder,
    };
    const head = Object.entries(names).map(([name, value]) => `${name}='${value}'`);
    const { exitCode, stderr } = await this.lab.run('node', ['sh', '-eu'], [...head, script].join('\n'));
    expect({ script, exitCode, stderr }).toEqual({ script, exitCode: 0, stderr: '' });
  }

  /** What is said of each finding, by the code of its check. */
  async found({
    cluster = CLUSTER,
    configuration = {},
  }: Pick<Row, 'cluster' | 'configuration'> = {}): Promise<Record<string, string>> {
    const checked = checkedNode(await this.#snapshots.ask('take', {}, snapshotSchema));
    expect(checked.backend).toBe(this.#backend);
    const results = examine(checked, checkedCluster(cluster, configuration)).filter(
      ({ check, findings }) => findings.length > 0 && !OF_MACHINE.includes(check.code),
    );
    return Object.fromEntries(
      results.map(({ check, findings }) => [
        check.code,
        findings.map(({ cause, evidence }) => [cause, ...evidence].join('\n')).join('\n\n'),
      ]),
    );
  }

  /** `svc2ipt doctor` itself. */
  async command(...args: readonly string[]) {
    return await this.lab.run('node', [
      ...(await clusterCommand(this.lab, this.#backend, 'doctor', CLUSTER)),
      ...args,
    ]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shell(AGENT.mended);
    await this.#snapshots[Symbol.asyncDispose]();
    await this.lab[Symbol.asyncDispose]();
  }
}
