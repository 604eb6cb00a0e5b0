/** Where packets get to by what the node itself is: its addresses, its zone, its own servers, and its firewall. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FAMILIES, type Family } from '../src/net/address.ts';
import type { Manifest } from './arbitrary/raw.ts';
import { addressOf, type LabService, labCluster, labService, nodePortOf, PORT } from './kernel/cluster.ts';
import { type Circumstances, svc2ipt } from './kernel/command-line.ts';
import { ADDRESSES, type Host, Lab, NODE_NAME, OTHER_NODE_NAME, type Place } from './kernel/lab.ts';
import { BACKENDS, MAY_USE_NAMESPACES } from './kernel/namespace.ts';

const INDEX = 1;
const WEB: LabService = { name: 'web', index: INDEX, endpoints: ['pod-1'] };

/** A server of the node's own. */
const OWN_PORT = 9999;
const HEALTH_CHECK_PORT = 32123;

/** Nobody's answer takes so long; a refusal in IPv6 may be the second packet's. Seconds. */
const PATIENCE = { answer: 0.5, refusal: 3 };

describe.skipIf(!MAY_USE_NAMESPACES).each(BACKENDS)('iptables-%s', (backend) => {
  let lab: Lab;

  beforeAll(async () => {
    lab = await Lab.create();
    await lab.peers.serve('node', OWN_PORT);
    await lab.peers.serve('node', HEALTH_CHECK_PORT);
  });
  afterAll(async () => await lab?.[Symbol.asyncDispose]());

  async function apply(objects: readonly Manifest[], circumstances?: Circumstances): Promise<void> {
    const { exitCode, stderr } = await svc2ipt(lab, backend, 'apply', objects, circumstances);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  }

  /** Runs a command on the node, or elsewhere, that must succeed. */
  async function run(command: string, place: Place = 'node'): Promise<string> {
    const { exitCode, stdout, stderr } = await lab.run(place, ['sh', '-euc', command]);
    expect({ command, exitCode, stderr }).toEqual({ command, exitCode: 0, stderr: '' });
    return stdout;
  }

  const iptables = (family: Family) => `${family === 'ipv4' ? 'iptables' : 'ip6tables'}-${backend} -w`;

  /** What comes of connections over TCP, all of them. */
  async function ask(from: Place, to: string, port: number, source?: string): Promise<string> {
    const call = { from, source, protocol: 'tcp' as const, to, port };
    const { outcomes } = await lab.peers.ask(call, { times: 2, timeout: PATIENCE.answer });
    if (!('dropped' in outcomes)) return Object.keys(outcomes).join(' or ');
    const patient = await lab.peers.ask(call, { times: 1, timeout: PATIENCE.refusal });
    return Object.keys(patient.outcomes).join(' or ');
  }

  const client = (family: Family, to: Host, port = nodePortOf(INDEX)) =>
    ask('outside', ADDRESSES[family][to], port, ADDRESSES[family].client);
  const node = (family: Family, to: Host) => ask('node', ADDRESSES[family][to], nodePortOf(INDEX));

  describe.each(FAMILIES)('%s', (family) => {
    test("a load balancer's address on the node's own interface: what the node sends there has it as its source", async () => {
      const address = addressOf(family, 'load-balancer IP', INDEX);
      const bits = family === 'ipv4' ? 32 : 128;
      const range = `${ADDRESSES[family].node}/${bits}`;
      await run(`ip address add ${address}/${bits} dev lo`);
      await apply(labCluster([{ ...WEB, spec: { loadBalancerSourceRanges: [range] } }]));
      expect(await ask('node', address, PORT)).toBe('pod-1 sees gateway');

      // Without the rule for that source it would not get there.
      const rules = await run(`${iptables(family)} -t nat -S | grep -- '-A KUBE-FW-.*-s ${address}/'`);
      for (const rule of rules.trim().split('\n')) {
        await run(`${iptables(family)} -t nat ${rule.replace('-A', '-D')}`);
      }
      expect(await ask('node', address, PORT)).toBe('dropped');
      await run(`ip address del ${address}/${bits} dev lo`);
    });

    test('nodePortAddresses primary: the node port is served on the IP of the node alone', async () => {
      await apply(labCluster([WEB]), {
        configuration: { nodePortAddresses: ['primary'] },
        host: { interfaceAddresses: [ADDRESSES[family].node, ADDRESSES[family].uplink] },
      });
      expect(await client(family, 'node')).toBe('pod-1 sees gateway');
      expect(await client(family, 'uplink')).toBe('refused');
    });

    test('nodePortAddresses with a range: on the addresses in it alone', async () => {
      const range = family === 'ipv4' ? '203.0.113.0/24' : '2001:db8:cafe::/64';
      await apply(labCluster([WEB]), {
        configuration: { nodePortAddresses: [range] },
        host: { interfaceAddresses: [ADDRESSES[family].node, ADDRESSES[family].uplink] },
      });
      expect(await client(family, 'uplink')).toBe('pod-1 sees gateway');
      expect(await client(family, 'node')).toBe('refused');
    });

    test.each<[string, string, Manifest, Manifest, string]>([
      ['zone', 'zone-1', { forZones: [{ name: 'zone-1' }] }, { forZones: [{ name: 'zone-2' }] }, 'pod-1'],
      ['zone', 'zone-2', { forZones: [{ name: 'zone-1' }] }, { forZones: [{ name: 'zone-2' }] }, 'pod-3'],
      [
        'node',
        NODE_NAME,
        { forNodes: [{ name: NODE_NAME }] },
        { forNodes: [{ name: OTHER_NODE_NAME }] },
        'pod-1',
      ],
      [
        'node',
        OTHER_NODE_NAME,
        { forNodes: [{ name: NODE_NAME }] },
        { forNodes: [{ name: OTHER_NODE_NAME }] },
        'pod-3',
      ],
    ])(
      'hints for this %s, %s: only the endpoints that are meant for it answer',
      async (fact, value, first, second, pod) => {
        const objects = labService({ ...WEB, endpoints: ['pod-1', 'pod-3'] }).map((object) => {
          const endpoints = (object.endpoints ?? []) as readonly Manifest[];
          if (object.kind !== 'EndpointSlice') return object;
          return {
            ...object,
            endpoints: endpoints.map((one, i) => ({ ...one, hints: i === 0 ? first : second })),
          };
        });
        await apply(objects, { host: fact === 'zone' ? { zone: value } : { name: value } });
        const call = {
          from: 'pod-2' as const,
          protocol: 'tcp' as const,
          to: addressOf(family, 'cluster IP', INDEX),
          port: PORT,
        };
        // With both, only one of them would answer once in a thousand million times.
        const { outcomes } = await lab.peers.ask(call, { times: 31 });
        expect(Object.keys(outcomes)).toEqual([`${pod} sees pod-2`]);
      },
    );

    test('a health check gets in, whatever the rules of others after ours do', async () => {
      const spec = { externalTrafficPolicy: 'Local', healthCheckNodePort: HEALTH_CHECK_PORT };
      await apply(labCluster([{ ...WEB, spec }]));
      const others = `INPUT -i out0 -p tcp -j DROP`;
      await run(`${iptables(family)} -A ${others}`);
      expect(await client(family, 'uplink', HEALTH_CHECK_PORT)).toBe('node sees client');
      expect(await client(family, 'uplink', OWN_PORT)).toBe('dropped');
      await run(`${iptables(family)} -D ${others}`);
      expect(await client(family, 'uplink', OWN_PORT)).toBe('node sees client');
    });
  });

  describe('localhost, IPv4', () => {
    test('localhostNodePorts false: the node port is served on all addresses but that', async () => {
      await apply(labCluster([WEB]));
      expect(await node('ipv4', 'localhost')).toBe('pod-1 sees gateway');
      await apply(labCluster([WEB]), { configuration: { iptables: { localhostNodePorts: false } } });
      expect(await node('ipv4', 'localhost')).toBe('refused');
      expect(await node('ipv4', 'node')).toBe('pod-1 sees gateway');
      expect(await client('ipv4', 'uplink')).toBe('pod-1 sees gateway');
    });

    test('what listens on 127.0.0.1 is not reached by a neighbour, though packets to there are routed', async () => {
      await apply(labCluster([WEB]));
      expect((await run('cat /proc/sys/net/ipv4/conf/all/route_localnet')).trim()).toBe('1');
      // A neighbour that means ill: its own 127.0.0.1 is gone, and the node is the way there.
      await run(
        [
          'ip address del 127.0.0.1/8 dev lo',
          'echo 1 >/proc/sys/net/ipv4/conf/all/route_localnet',
          `ip route add 127.0.0.1/32 via ${ADDRESSES.ipv4.node} src ${ADDRESSES.ipv4['other-node']}`,
        ].join('; '),
        'other-node',
      );
      const neighbour = async () => await ask('other-node', '127.0.0.1', OWN_PORT);
      expect(await neighbour()).toBe('dropped');
      await run(`${iptables('ipv4')} -F KUBE-FIREWALL`);
      expect(await neighbour()).toBe('node sees other-node');
    });
  });
});
