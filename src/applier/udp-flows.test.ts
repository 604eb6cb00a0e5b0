import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type CompilerInput, load, rawCluster } from '../../test/support/arbitrary/clusters.ts';
import { FakeKernel } from '../../test/support/fake-kernel.ts';
import { PROJECT } from '../../test/support/project.ts';
import { inputOf, service } from '../../test/support/rules.ts';
import { LAYOUT_NAMES } from '../api/layout-names.ts';
import { IncrementalCompiler } from '../compiler/incremental.ts';
import type { CompileOptions } from '../compiler/options.ts';
import { findFixtures } from '../golden/fixtures.ts';
import { FAMILIES } from '../net/address.ts';
import type { UdpAddress, UdpDestination } from '../net/flows.ts';
import { Applier } from './applier.ts';
import { type Destinations, keyOf, staleFlows, type UdpFlow } from './conntrack.ts';
import { parseSaved } from './kernel.ts';
import { iptablesPrograms } from './programs.ts';
import { UdpFlows, udpAddressesIn } from './udp-flows.ts';

const keys = (addresses: readonly UdpAddress[]) => [...new Set(addresses.map(keyOf))].sort();

function compilerOf({ cluster, node }: CompilerInput, options: CompileOptions): IncrementalCompiler {
  const compiler = new IncrementalCompiler(node, options);
  compiler.update(cluster);
  return compiler;
}

describe('udpAddressesIn', () => {
  test('whatever a cluster: what the rules in a kernel serve is what they were compiled for', async () => {
    await fc.assert(
      fc.asyncProperty(rawCluster, fc.constantFrom(...FAMILIES), async (raw, family) => {
        const input = load(raw);
        const compiler = compilerOf(input, input.options(family));
        const kernel = new FakeKernel(family);
        await new Applier(iptablesPrograms(family, 'nft'), kernel).apply(compiler.ruleset());
        expect(keys(udpAddressesIn(kernel.saved(), family))).toEqual(keys(compiler.udpDestinations()));
      }),
    );
  });

  test.each(LAYOUT_NAMES)('of many Services in the %s layout, whose chains are split', async (layout) => {
    const objects = Array.from({ length: 200 }, (_, i) =>
      service(
        {
          type: 'NodePort',
          clusterIP: `10.96.${i >> 4}.${i & 15}`,
          ports: [{ name: 'dns', protocol: i % 3 === 0 ? 'TCP' : 'UDP', port: 53, nodePort: 30000 + 7 * i }],
        },
        { metadata: { name: `s${i}` } },
      ),
    );
    const input = inputOf({ objects });
    const compiler = compilerOf(input, { ...input.options('ipv4'), layout });
    const kernel = new FakeKernel('ipv4');
    await new Applier(iptablesPrograms('ipv4', 'nft'), kernel).apply(compiler.ruleset());
    const found = keys(udpAddressesIn(kernel.saved(), 'ipv4'));
    expect(found).toHaveLength(2 * 133);
    expect(found).toEqual(keys(compiler.udpDestinations()));
  });

  test('of all that kube-proxy wrote for the conformance clusters: the addresses that ours are for', async () => {
    const fixtures = await findFixtures(join(PROJECT, 'fixtures/conformance'));
    let addresses = 0;
    for (const { folder, name } of fixtures) {
      for (const family of FAMILIES) {
        const kubeProxys = await readFile(join(folder, `kube-proxy.${family}.rules`), 'utf8');
        const found = keys(udpAddressesIn(parseSaved(kubeProxys), family));
        // Where packets to a destination are sent on or refused, by the text alone.
        const rules = [...kubeProxys.matchAll(/^-A KUBE-(?:SERVICES|NODEPORTS|EXTERNAL-SERVICES) (.*)$/gm)];
        const named = rules.flatMap(([, rule = '']) => {
          const port = / -p udp .*--dport (\d+)/.exec(rule)?.[1];
          const address = / -d ([^/ ]+)(?:\/32|\/128)?(?: |$)/.exec(rule)?.[1];
          return port === undefined ? [] : [{ address, port: Number(port) }];
        });
        expect(found, `${name}, ${family}`).toEqual(keys(named));
        addresses += found.length;
      }
    }
    expect(addresses).toBeGreaterThan(100);
  });

  test.each<[string, string, string[]]>([
    [
      'a rule in our chains that says nothing of a Service',
      '*nat\n:KUBE-SERVICES - [0:0]\n-A KUBE-SERVICES -d 10.96.0.10/32 -p udp -m udp --dport 53 -j RETURN\nCOMMIT\n',
      [],
    ],
    [
      'rules of others that say so, elsewhere',
      '*nat\n:DOCKER - [0:0]\n-A DOCKER -d 10.96.0.10/32 -p udp -m comment --comment "a/b cluster IP" -m udp --dport 53 -j RETURN\nCOMMIT\n',
      [],
    ],
    ['no table at all', '', []],
    [
      'a Service without endpoints, which is refused',
      '*filter\n:KUBE-SERVICES - [0:0]\n-A KUBE-SERVICES -d 10.96.0.10/32 -p udp -m comment --comment "a/b has no endpoints" -m udp --dport 53 -j REJECT --reject-with icmp-port-unreachable\nCOMMIT\n',
      ['10.96.0.10 53'],
    ],
    [
      "kube-proxy's node port of a former version",
      '*nat\n:KUBE-NODEPORTS - [0:0]\n-A KUBE-NODEPORTS -p udp -m comment --comment "a/b:dns" -m udp --dport 30053 -j KUBE-MARK-MASQ\n-A KUBE-NODEPORTS -p udp -m comment --comment "a/b:dns" -m udp --dport 30053 -j KUBE-SVC-AAAAAAAAAAAAAAAA\nCOMMIT\n',
      [' 30053'],
    ],
  ])('%s', (_, text, expected) => {
    expect(keys(udpAddressesIn(parseSaved(text), 'ipv4'))).toEqual(expected);
  });
});

const to = (address: string | undefined, port: number, ...endpoints: string[]): UdpDestination => ({
  address,
  port,
  endpoints: new Set(endpoints),
});

const LOCAL = new Set(['192.168.0.2', '127.0.0.1']);

/** A node: the destinations that its rules have, the flows that began under them, and whether conntrack works. */
class Node {
  rules: readonly UdpDestination[] = [];
  readonly flows = new Map<string, UdpFlow>();
  conntrackFails = false;
  /** What connection tracking was looked at for. */
  readonly looks: Destinations[] = [];

  /** Where a packet that is no flow's yet may be sent: nowhere where it is refused. */
  lookUp(destination: string, port: number): ReadonlySet<string> {
    const at = (address: string | undefined) =>
      this.rules.find((rule) => rule.address === address && rule.port === port)?.endpoints;
    const itself = new Set([`${destination}:${port}`]);
    return at(destination) ?? (LOCAL.has(destination) ? at(undefined) : undefined) ?? itself;
  }

  send(destination: string, port: number, choice: number): void {
    const key = `${destination}:${port}`;
    const ways = [...this.lookUp(destination, port)];
    const answers = ways[choice % ways.length];
    if (!this.flows.has(key) && answers !== undefined) this.flows.set(key, { destination, port, answers });
  }

  /** A flow that goes elsewhere than a new one would. */
  isWrong({ destination, port, answers }: UdpFlow): boolean {
    return !this.lookUp(destination, port).has(answers);
  }

  agent(): UdpFlows {
    const kernel = new FakeKernel('ipv4');
    const chains = (chain: string, lines: readonly string[]) =>
      `:${chain} - [0:0]\n${lines.map((line) => `-A ${chain} ${line}\n`).join('')}`;
    kernel.read = async () => {
      const lines = this.rules.map(
        ({ address, port }) =>
          `${address === undefined ? '' : `-d ${address}/32 `}-p udp -m comment --comment "a/b${address === undefined ? '' : ' cluster IP'}" -m udp --dport ${port} -j KUBE-SVC-AAAAAAAAAAAAAAAA`,
      );
      const [ports, addresses] = [
        lines.filter((l) => !l.startsWith('-d')),
        lines.filter((l) => l.startsWith('-d')),
      ];
      return parseSaved(
        `*nat\n${chains('KUBE-SERVICES', addresses)}${chains('KUBE-NODEPORTS', ports)}COMMIT\n`,
      );
    };
    return new UdpFlows('ipv4', {
      tables: kernel,
      deleteStaleFlows: async (destinations) => {
        this.looks.push(destinations);
        if (this.conntrackFails) throw new Error('conntrack failed');
        const stale = staleFlows([...this.flows.values()], destinations, LOCAL);
        for (const { destination, port } of stale) this.flows.delete(`${destination}:${port}`);
        return stale.length;
      },
    });
  }
}

const ADDRESSES = ['10.96.0.1', '10.96.0.2', '192.168.0.2'] as const;
const PORTS = [53, 54] as const;

const destinations = fc
  .uniqueArray(
    fc.record({
      address: fc.constantFrom(...ADDRESSES, undefined),
      port: fc.constantFrom(...PORTS),
      endpoints: fc.subarray(['10.0.0.1:53', '10.0.0.2:53', '10.0.0.3:5353']).map((list) => new Set(list)),
    }),
    { selector: keyOf, maxLength: 5 },
  )
  .map((list): readonly UdpDestination[] => list);

const packets = fc.array(
  fc.tuple(fc.constantFrom(...ADDRESSES, '10.7.7.7'), fc.constantFrom(...PORTS), fc.nat(2)),
  { maxLength: 8 },
);

const step = fc.record({
  destinations,
  /** How many of the old rules stay where writing the new ones fails; undefined where it does not. */
  kept: fc.option(fc.nat(4), { nil: undefined, freq: 4 }),
  conntrackFails: fc.boolean(),
  packets,
  restart: fc.boolean(),
});

describe('UdpFlows', () => {
  test('whatever happens: afterwards every flow goes where a new one would, and no other was deleted', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const node = new Node();
        let flows = node.agent();
        let clean = true;
        for (const { destinations, kept, conntrackFails, packets, restart } of steps) {
          if (restart && clean) {
            // It was away while the cluster changed, or kube-proxy was here before.
            flows = node.agent();
            await flows.tables.read();
          }
          clean = false;
          flows.expect(destinations);
          if (kept !== undefined) {
            const mixed = [...destinations.slice(kept), ...node.rules.slice(0, kept)];
            node.rules = [...new Map(mixed.map((one) => [keyOf(one), one])).values()];
            for (const packet of packets) node.send(...packet);
            continue;
          }
          node.rules = destinations;
          node.conntrackFails = conntrackFails;
          const before = [...node.flows.values()];
          const followed = await flows.follow(destinations).catch(() => undefined);
          if (followed !== undefined) {
            expect([...node.flows.values()]).toEqual(before.filter((flow) => !node.isWrong(flow)));
            clean = true;
          }
          for (const packet of packets) node.send(...packet);
        }
      }),
      { numRuns: 1000 },
    );
  });

  const [first, second] = [[to('10.96.0.1', 53, '10.0.0.1:53')], [to('10.96.0.2', 53, '10.0.0.1:53')]];

  test('looks at connection tracking only where destinations have changed', async () => {
    const node = new Node();
    const flows = node.agent();
    for (const list of [[], first, first, second, second, []]) await flows.follow(list);
    expect(node.looks.map(({ current, former }) => [current, former])).toEqual([
      [[], []],
      [first, []],
      [second, [{ address: '10.96.0.1', port: 53 }]],
      [[], [{ address: '10.96.0.2', port: 53 }]],
    ]);
  });

  test('a reading that shows what is known is no reason to look', async () => {
    const node = new Node();
    node.rules = first;
    const flows = node.agent();
    await flows.tables.read();
    await flows.follow(first);
    await flows.tables.read();
    await flows.follow(first);
    expect(node.looks).toHaveLength(1);
    // But one that shows what somebody else has written there.
    node.rules = second;
    await flows.tables.read();
    await flows.follow(first);
    expect(node.looks[1]).toEqual({ current: first, former: [{ address: '10.96.0.2', port: 53 }] });
  });

  test('what could not be cleaned is due at each call, until it can', async () => {
    const node = new Node();
    const flows = node.agent();
    await flows.follow(first);
    node.conntrackFails = true;
    await expect(flows.follow([])).rejects.toThrow('conntrack failed');
    await expect(flows.follow(second)).rejects.toThrow('conntrack failed');
    node.conntrackFails = false;
    await flows.follow(second);
    expect(node.looks.at(-1)).toEqual({ current: second, former: [{ address: '10.96.0.1', port: 53 }] });
    await flows.follow(second);
    expect(node.looks).toHaveLength(4);
  });

  test('what was expected and refused was served, perhaps', async () => {
    const node = new Node();
    const flows = node.agent();
    flows.expect(first);
    await flows.follow(second);
    expect(node.looks).toEqual([{ current: second, former: [{ address: '10.96.0.1', port: 53 }] }]);
  });
});
