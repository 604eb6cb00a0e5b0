/** 127.0.0.0/8 is opened to node ports only where the rules close it to the network, whoever writes them. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Manifest } from './support/arbitrary/raw.ts';
import { labCluster, nodePortOf } from './support/kernel/cluster.ts';
import { svc2ipt } from './support/kernel/command-line.ts';
import { ADDRESSES, CONFIGURATION, configurationText, Lab } from './support/kernel/lab.ts';
import { BACKENDS, type Backend, MAY_USE_NAMESPACES } from './support/kernel/namespace.ts';
import { RunningAgent } from './support/kernel/running-agent.ts';
import { MAIN } from './support/project.ts';

const CLUSTER = labCluster([{ name: 'near', index: 1, endpoints: ['pod-1'] }]);
const NODE_PORT = nodePortOf(1);

/** Of a server on the node that no Service knows. */
const OWN_PORT = 8081;
const ROUTE_LOCALNET = '/proc/sys/net/ipv4/conf/all/route_localnet';

/** The network of the nodes and no other address: node ports are not on localhost, whatever else is configured. */
const WITHOUT_LOOPBACK = { nodePortAddresses: ['192.168.50.0/24', 'fd00:192:168:50::/64'] };

/** Sets up the node for whoever runs for good. */
async function initOnly(lab: Lab, backend: Backend, fields: Manifest, ...flags: string[]): Promise<void> {
  const config = join(lab.folder, 'init.yaml');
  const configuration = { ...CONFIGURATION, conntrack: { maxPerCore: 0 }, ...fields };
  await writeFile(config, configurationText(configuration));
  const words = [MAIN, 'agent', '--init-only', '--config', config, '--backend', backend, ...flags];
  const { exitCode, stdout } = await lab.run('node', [process.execPath, ...words]);
  expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: '' });
}

/** What sets up the node, in each of the ways that there are. Takes fields of the configuration. */
const WAYS = {
  async apply(lab, backend, fields) {
    const { exitCode, stderr } = await svc2ipt(lab, backend, 'apply', CLUSTER, { configuration: fields });
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  },
  async 'agent --init-only'(lab, backend, fields) {
    await initOnly(lab, backend, fields);
  },
  async agent(lab, backend, fields) {
    const manifests = join(lab.folder, 'cluster.json');
    await writeFile(manifests, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: CLUSTER }));
    const args = ['--manifests', manifests, '-v', '2'];
    await using agent = await RunningAgent.start(lab, { backend, args, fields });
    await agent.tells(/Rules are in the kernel.*ipv4/);
    await agent.tells(/Rules are in the kernel.*ipv6/);
    // What follows the rules has been done when another sync is.
    agent.signal('SIGHUP');
    await agent.tells(/SIGHUP/);
    expect(await agent.end('SIGTERM')).toMatchObject({ exitCode: 0 });
  },
} as const satisfies Readonly<
  Record<string, (lab: Lab, backend: Backend, fields: Manifest) => Promise<void>>
>;

const ROWS = BACKENDS.flatMap((backend) =>
  (Object.keys(WAYS) as (keyof typeof WAYS)[]).map((way) => ({ backend, way })),
);

describe.skipIf(!MAY_USE_NAMESPACES).each(ROWS)('$way, iptables-$backend', ({ backend, way }) => {
  let lab: Lab;
  beforeEach(async () => {
    lab = await Lab.create();
    await lab.peers.serve('node', OWN_PORT);
    // The neighbour's own 127.0.0.1 gives way, and packets from there may come over the network.
    await run('other-node', 'sh', '-euc', `echo 1 >${ROUTE_LOCALNET}`);
    await run('other-node', 'ip', 'address', 'delete', '127.0.0.1/8', 'dev', 'lo');
    await run('other-node', 'ip', 'route', 'add', '127.0.0.1/32', 'via', ADDRESSES.ipv4.node);
  });
  afterEach(async () => await lab[Symbol.asyncDispose]());

  async function run(place: 'node' | 'other-node', ...command: string[]): Promise<string> {
    const { exitCode, stderr, stdout } = await lab.run(place, command);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    return stdout;
  }

  const routeLocalnet = async () => (await run('node', 'cat', ROUTE_LOCALNET)).trim();

  /** What comes of it when the neighbour tries a port of 127.0.0.1. */
  async function neighbourAt(port: number): Promise<string[]> {
    const call = { from: 'other-node', to: ADDRESSES.ipv4.localhost, port, protocol: 'tcp' } as const;
    const { outcomes } = await lab.peers.ask(call, { times: 2, timeout: 0.5 });
    return Object.keys(outcomes);
  }

  test('node ports not on loopback: 127.0.0.0/8 stays closed', async () => {
    await WAYS[way](lab, backend, WITHOUT_LOOPBACK);
    expect(await routeLocalnet()).toBe('0');
    expect(await neighbourAt(OWN_PORT)).toEqual(['dropped']);
  });

  test('node ports on loopback: open to them, and to nothing else', async () => {
    const fields = { nodePortAddresses: ['primary', 'localhost'] };
    await WAYS[way](lab, backend, fields);
    expect(await routeLocalnet()).toBe('1');
    // The rules come later, from whoever runs for good.
    if (way === 'agent --init-only') await WAYS.apply(lab, backend, fields);
    expect(await neighbourAt(OWN_PORT)).toEqual(['dropped']);
    expect(await neighbourAt(NODE_PORT)).toEqual(['pod-1 sees gateway']);
  });
});

test.skipIf(!MAY_USE_NAMESPACES)('agent --init-only --dry-run opens nothing', async () => {
  await using lab = await Lab.create();
  await initOnly(lab, 'nft', { nodePortAddresses: ['primary', 'localhost'] }, '--dry-run');
  const { stdout } = await lab.run('node', ['cat', ROUTE_LOCALNET]);
  expect(stdout.trim()).toBe('0');
});
