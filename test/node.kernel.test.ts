/** Where packets get to by what the node is: its configuration, its addresses, its zone, its own servers and firewall. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FAMILIES } from '../src/net/address.ts';
import { addressOf, type LabService, labCluster, nodePortOf, PORT } from './support/kernel/cluster.ts';
import { type Circumstances, svc2ipt } from './support/kernel/command-line.ts';
import { ADDRESSES, Lab, NODE_NAME, OTHER_NODE_NAME, type Place } from './support/kernel/lab.ts';
import { LAYOUT_BACKENDS } from './support/kernel/layout.ts';
import { MAY_USE_NAMESPACES, programOf } from './support/kernel/namespace.ts';
import type { Call } from './support/kernel/peers.ts';
import { expectTraffic, type TrafficRow } from './support/kernel/traffic.ts';

const HERE = [{ name: 'zone-here' }];
const ELSEWHERE = [{ name: 'zone-elsewhere' }];
const THIS_NODE = [{ name: NODE_NAME }];
const OTHER_NODE = [{ name: OTHER_NODE_NAME }];

/** By hints, the node's own pod is never the one: that shows that it was not chosen for being near. */
const HINTED = {
  'hint-zone': [
    { at: 'pod-1', hints: { forZones: ELSEWHERE } },
    { at: 'pod-3', hints: { forZones: HERE } },
  ],
  'hint-node': [
    { at: 'pod-1', hints: { forZones: HERE, forNodes: OTHER_NODE } },
    { at: 'pod-3', hints: { forZones: ELSEWHERE, forNodes: THIS_NODE } },
  ],
  'hint-elsewhere': [
    { at: 'pod-1', hints: { forZones: ELSEWHERE } },
    { at: 'pod-3', hints: { forZones: ELSEWHERE } },
  ],
  'hint-incomplete': ['pod-1', { at: 'pod-3', hints: { forZones: HERE } }],
} as const satisfies Readonly<Record<string, LabService['endpoints']>>;

const FOR_NODE = [`${ADDRESSES.ipv4.node}/32`, `${ADDRESSES.ipv6.node}/128`];
const FOR_CLIENT = [`${ADDRESSES.ipv4.client}/32`, `${ADDRESSES.ipv6.client}/128`];
const HEALTH_CHECK_NODE_PORT = 32_001;

/** pod-1 and pod-2 are on the node, pod-3 is on another one. */
const SERVICES = {
  near: { index: 1, endpoints: ['pod-1'] },
  far: { index: 2, endpoints: ['pod-3'] },
  'for-node': { index: 3, endpoints: ['pod-1'], spec: { loadBalancerSourceRanges: FOR_NODE } },
  'for-client': { index: 4, endpoints: ['pod-1'], spec: { loadBalancerSourceRanges: FOR_CLIENT } },
  'hint-zone': { index: 5, endpoints: HINTED['hint-zone'] },
  'hint-node': { index: 6, endpoints: HINTED['hint-node'] },
  'hint-elsewhere': { index: 7, endpoints: HINTED['hint-elsewhere'] },
  'hint-incomplete': { index: 8, endpoints: HINTED['hint-incomplete'] },
  'health-check': {
    index: 9,
    endpoints: ['pod-1'],
    spec: { externalTrafficPolicy: 'Local', healthCheckNodePort: HEALTH_CHECK_NODE_PORT },
  },
} as const satisfies Readonly<Record<string, Omit<LabService, 'name'>>>;

const CLUSTER = labCluster(Object.entries(SERVICES).map(([name, service]) => ({ name, ...service })));

type Row = TrafficRow<keyof typeof SERVICES>;

const IPV4 = { families: ['ipv4'] } as const;
const IPV6 = { families: ['ipv6'] } as const;
/** Of SCTP, a node without it says that it does not know it, and not that nobody listens. */
const REFUSING = { protocols: ['tcp', 'udp'] } as const;

const TABLES: Readonly<
  Record<string, { readonly circumstances: Circumstances; readonly rows: readonly Row[] }>
> = {
  'a load-balancer IP on an interface of the node': {
    circumstances: {},
    rows: [
      // What the node sends to an address of its own comes from that address.
      ['node', 'load-balancer IP', 'for-node', 'pod-1 sees gateway'],
      ['node', 'load-balancer IP', 'for-client', 'dropped'],
      ['client', 'load-balancer IP', 'for-node', 'dropped'],
      ['client', 'load-balancer IP', 'for-client', 'pod-1 sees gateway'],
    ],
  },
  'localhostNodePorts: false': {
    circumstances: { configuration: { iptables: { localhostNodePorts: false } } },
    rows: [
      ['node', 'node port (localhost)', 'near', 'refused', REFUSING],
      ['node', 'node port (node)', 'near', 'pod-1 sees gateway'],
      ['client', 'node port (uplink)', 'near', 'pod-1 sees gateway'],
      ['pod-2', 'node port (gateway)', 'far', 'pod-3 sees node'],
    ],
  },
  'nodePortAddresses: [primary]': {
    circumstances: { configuration: { nodePortAddresses: ['primary'] } },
    rows: [
      ['client', 'node port (node)', 'near', 'pod-1 sees gateway'],
      ['neighbour', 'node port (node)', 'near', 'pod-1 sees gateway'],
      ['pod-2', 'node port (node)', 'far', 'pod-3 sees node'],
      ['node', 'node port (node)', 'near', 'pod-1 sees gateway'],
      ['client', 'node port (uplink)', 'near', 'refused', REFUSING],
      ['pod-2', 'node port (gateway)', 'near', 'refused', REFUSING],
      ['node', 'node port (localhost)', 'near', 'refused', REFUSING],
    ],
  },
  'nodePortAddresses: the network outside': {
    circumstances: { configuration: { nodePortAddresses: ['203.0.113.0/24', '2001:db8:cafe::/64'] } },
    rows: [
      ['client', 'node port (uplink)', 'near', 'pod-1 sees gateway'],
      ['node', 'node port (uplink)', 'near', 'pod-1 sees gateway'],
      ['client', 'node port (node)', 'near', 'refused', REFUSING],
      ['neighbour', 'node port (node)', 'near', 'refused', REFUSING],
      ['node', 'node port (localhost)', 'near', 'refused', REFUSING],
    ],
  },
  'nodePortAddresses: localhost': {
    circumstances: { configuration: { nodePortAddresses: ['127.0.0.0/8', '::1/128'] } },
    rows: [
      ['node', 'node port (localhost)', 'near', 'pod-1 sees gateway', IPV4],
      ['node', 'node port (localhost)', 'near', 'refused', { ...IPV6, ...REFUSING }],
      ['client', 'node port (uplink)', 'near', 'refused', REFUSING],
      ['node', 'node port (node)', 'near', 'refused', REFUSING],
    ],
  },
  'topology hints': {
    circumstances: { host: { zone: 'zone-here' } },
    rows: [
      ['pod-2', 'cluster IP', 'hint-zone', 'pod-3 sees pod-2'],
      ['client', 'node port (uplink)', 'hint-zone', 'pod-3 sees node'],
      // Hints for nodes count before those for zones.
      ['pod-2', 'cluster IP', 'hint-node', 'pod-3 sees pod-2'],
      ['client', 'node port (uplink)', 'hint-node', 'pod-3 sees node'],
      // Hints count if every endpoint has them, and one is for this node.
      ['pod-2', 'cluster IP', 'hint-elsewhere', ['pod-1 sees pod-2', 'pod-3 sees pod-2']],
      ['pod-2', 'cluster IP', 'hint-incomplete', ['pod-1 sees pod-2', 'pod-3 sees pod-2']],
    ],
  },
  'topology hints in another zone': {
    circumstances: { host: { zone: 'zone-elsewhere' } },
    rows: [
      ['pod-2', 'cluster IP', 'hint-zone', 'pod-1 sees pod-2'],
      ['pod-2', 'cluster IP', 'hint-node', 'pod-3 sees pod-2'],
    ],
  },
  'topology hints on another node': {
    circumstances: { host: { zone: 'zone-here', name: OTHER_NODE_NAME } },
    rows: [
      ['pod-2', 'cluster IP', 'hint-zone', 'pod-3 sees pod-2'],
      ['pod-2', 'cluster IP', 'hint-node', 'pod-1 sees pod-2'],
    ],
  },
};

/** Of a server on the node that no Service knows. */
const OWN_PORT = 8081;

describe.skipIf(!MAY_USE_NAMESPACES).each(LAYOUT_BACKENDS)('iptables-%s', (backend) => {
  let lab: Lab;

  beforeAll(async () => {
    lab = await Lab.create();
    for (const { index } of [SERVICES['for-node'], SERVICES['for-client']]) {
      for (const family of FAMILIES) {
        await run('node', 'ip', 'address', 'add', addressOf(family, 'load-balancer IP', index), 'dev', 'lo');
      }
    }
    for (const port of [OWN_PORT, HEALTH_CHECK_NODE_PORT]) await lab.peers.serve('node', port);
  });
  afterAll(async () => await lab?.[Symbol.asyncDispose]());

  async function run(place: Place, ...command: string[]): Promise<void> {
    const { exitCode, stderr } = await lab.run(place, command);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  }

  async function apply(circumstances?: Circumstances): Promise<void> {
    const { exitCode, stderr } = await svc2ipt(lab, backend, 'apply', CLUSTER, circumstances);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  }

  /** What comes of it, whether there is an answer or not. */
  async function ask(call: Omit<Call, 'protocol'>): Promise<string[]> {
    const { outcomes } = await lab.peers.ask({ ...call, protocol: 'tcp' }, { times: 2, timeout: 0.5 });
    return Object.keys(outcomes);
  }

  for (const [name, { circumstances, rows }] of Object.entries(TABLES)) {
    describe(name, () => {
      beforeAll(async () => await apply(circumstances));

      describe.each(FAMILIES)('%s', { concurrent: true }, (family) => {
        const here = rows.filter((row) => row[4]?.families?.includes(family) ?? true);
        test.each(here)('%s to the %s of %s: %s', async (...row) => {
          await expectTraffic(lab, family, row, SERVICES[row[2]].index);
        });
      });
    });
  }

  test.each(FAMILIES)('the node itself needs the rule for its load-balancer IP: %s', async (family) => {
    await apply();
    const to = addressOf(family, 'load-balancer IP', SERVICES['for-node'].index);
    const iptables = `${programOf(family)}-${backend}`;
    expect(await ask({ from: 'node', to, port: PORT })).toEqual(['pod-1 sees gateway']);
    const deletions = `${iptables} -t nat -S | sed -n '/^-A KUBE-FW-.* -s ${to}\\//s/^-A/${iptables} -t nat -D/p'`;
    await run('node', 'sh', '-euc', `${deletions} | sh -eu`);
    expect(await ask({ from: 'node', to, port: PORT })).toEqual(['dropped']);
  });

  test("a neighbour gets nowhere by the node's 127.0.0.1 but to node ports", async () => {
    await apply();
    // Since then packets to 127.0.0.0/8 are routed, and only the rule stands in their way.
    await run('node', 'grep', '-qx', '1', '/proc/sys/net/ipv4/conf/all/route_localnet');
    // The neighbour's own 127.0.0.1 gives way, and packets from there may come over the network.
    await run('other-node', 'sh', '-euc', 'echo 1 >/proc/sys/net/ipv4/conf/all/route_localnet');
    await run('other-node', 'ip', 'address', 'delete', '127.0.0.1/8', 'dev', 'lo');
    await run('other-node', 'ip', 'route', 'add', '127.0.0.1/32', 'via', ADDRESSES.ipv4.node);
    const call = { from: 'other-node', to: ADDRESSES.ipv4.localhost } as const;
    expect(await ask({ ...call, port: OWN_PORT })).toEqual(['dropped']);
    expect(await ask({ ...call, port: nodePortOf(SERVICES.near.index) })).toEqual(['pod-1 sees gateway']);
    await run('node', `iptables-${backend}`, '-F', 'KUBE-FIREWALL');
    expect(await ask({ ...call, port: OWN_PORT })).toEqual(['node sees other-node']);
  });

  test.each(FAMILIES)('a health check node port is open where INPUT ends with DROP: %s', async (family) => {
    await apply();
    const call = { from: 'outside', source: ADDRESSES[family].client, to: ADDRESSES[family].uplink } as const;
    const drop = ['INPUT', '-p', 'tcp', '-j', 'DROP'];
    await run('node', `${programOf(family)}-${backend}`, '-A', ...drop);
    expect(await ask({ ...call, port: HEALTH_CHECK_NODE_PORT })).toEqual(['node sees client']);
    expect(await ask({ ...call, port: OWN_PORT })).toEqual(['dropped']);
    await run('node', `${programOf(family)}-${backend}`, '-D', ...drop);
    expect(await ask({ ...call, port: OWN_PORT })).toEqual(['node sees client']);
  });
});
