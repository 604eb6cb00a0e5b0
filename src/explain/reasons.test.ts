/** Each reason that is told is one: without it, the packet fares otherwise, and without the others alone it does not. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { load, rawCluster } from '../../test/support/arbitrary/clusters.ts';
import {
  endpoint,
  type Given,
  inputOf,
  loadBalancer,
  ON_NODE_B,
  service,
  slice,
} from '../../test/support/rules.ts';
import type { ClusterState, ServiceEntry } from '../api/cluster.ts';
import type { EndpointSlice } from '../api/endpoint-slice.ts';
import { LAYOUT_NAMES, type LayoutName } from '../api/layout-names.ts';
import { addressesOfNode, type NodeFacts } from '../api/node.ts';
import { portNameOf } from '../chains/comments.ts';
import { withJumps } from '../chains/jumps.ts';
import { compile } from '../compiler/compile.ts';
import type { CompileOptions } from '../compiler/options.ts';
import type { Packet } from '../iptables/simulator/packet.ts';
import { prepare, prepareSaved } from '../iptables/simulator/prepare.ts';
import { simulate } from '../iptables/simulator/simulate.ts';
import { FAMILIES } from '../net/address.ts';
import { nodeOf } from './origins.ts';
import type { Reason } from './reasons.ts';
import { nodePortAddresses } from './rules.ts';
import { explainService } from './services.ts';
import type { WayIn } from './ways.ts';

/** What a Service is without a reason. */
function without(
  reason: Reason['reason'],
  { service, endpointSlices }: ServiceEntry,
  { plan: { portName, protocol }, node, family }: { plan: { portName: string; protocol: string }; node: NodeFacts; family: 'ipv4' | 'ipv6' }, // biome-ignore format: one line
): ServiceEntry {
  switch (reason) {
    case 'source-ranges':
      return { service: { ...service, loadBalancerSourceRanges: [] }, endpointSlices };
    case 'no-endpoints':
    case 'no-local-endpoints': {
      const more: EndpointSlice = {
        kind: 'EndpointSlice',
        namespace: service.namespace,
        name: `zz-${portName}`,
        serviceName: service.name,
        family,
        endpoints: [
          {
            address: family === 'ipv4' ? '172.31.99.99' : 'fd99::99',
            ready: true,
            serving: true,
            terminating: false,
            nodeName: node.name,
            zone: node.zone,
            region: node.region,
            forZones: [],
            forNodes: [],
          },
        ],
        ports: [
          {
            name: portName,
            port: 9999,
            protocol: protocol === 'tcp' ? 'TCP' : protocol === 'udp' ? 'UDP' : 'SCTP',
          },
        ],
      };
      return { service: { ...service, topologyKeys: [] }, endpointSlices: [...endpointSlices, more] };
    }
    case 'policy':
    case 'rule':
    case 'unassigned':
    case 'untracked':
    case 'ended-early':
      throw new Error(`${reason} is no doing of a Service`);
  }
}

/** What becomes of a packet: `endpoints` where it gets to one in any case. */
function fateOf(cluster: ClusterState, node: NodeFacts, options: CompileOptions, packet: Packet): string {
  const ruleset = prepare(withJumps(compile(cluster, node, options)));
  const place = { family: options.family, addresses: addressesOfNode(node), podRange: undefined, podInterface: undefined }; // biome-ignore format: one line
  const fate = simulate(ruleset, packet, nodeOf(place, nodePortAddresses(ruleset) ?? []));
  const lost = fate.outcomes.find(({ verdict, dnat }) => verdict !== 'ACCEPT' || dnat === undefined);
  return lost?.verdict ?? 'endpoints';
}

test.each(LAYOUT_NAMES)(
  'each reason decides, in the %s layout',
  (layout) => {
    const seen = new Map<string, number>();
    fc.assert(
      fc.property(rawCluster, fc.constantFrom(...FAMILIES), (raw, family) => {
        const { cluster, node, options } = load(raw);
        const chosen = { ...options(family), layout };
        const ruleset = prepare(withJumps(compile(cluster, node, chosen)));
        const addresses = [...cluster.services.values()].flatMap(({ service }) => [
          ...service.clusterIPs,
          ...service.externalIPs,
          ...service.loadBalancerIPs,
          ...service.ports.map(({ nodePort }) => String(nodePort)),
        ]);
        for (const [name, entry] of cluster.services) {
          for (const port of explainService(name, cluster, node, chosen, ruleset).ports) {
            for (const { to, packet, becomes } of port.ways) {
              const own = to.address ?? String(to.port);
              // What several Services have, more than one of them decides; node ports may be at no address at all.
              if (addresses.filter((address) => address === own).length > 1 || node.name === '') continue;
              if (to.way === 'node-port' && chosen.nodePortAddresses.length > 0) continue;
              const reasons = becomes.reasons.map(({ reason }) => reason);
              const key = [...reasons].join(' and ');
              seen.set(key, (seen.get(key) ?? 0) + 1);
              const plan = { portName: portNameOf(to.servicePort), protocol: to.protocol };
              const given = { plan, node, family };
              const fate = (left: readonly Reason['reason'][]) => {
                const changed = left.reduce((entry, reason) => without(reason, entry, given), entry);
                return fateOf({ services: new Map([[name, changed]]) }, node, chosen, packet);
              };
              const told = { name, to, reasons };
              const now = fate([]);
              expect({ ...told, now: now === 'endpoints' }).toEqual({ ...told, now: reasons.length === 0 });
              if (reasons.length === 0) continue;
              // What is refused for want of endpoints has met no source range yet.
              const freed = fate(reasons);
              expect(`${told.name} ${reasons}: ${freed}`).not.toBe(`${told.name} ${reasons}: ${now}`);
              if (!reasons.includes('no-endpoints')) expect({ ...told, freed }).toEqual({ ...told, freed: 'endpoints' }); // biome-ignore format: one line
              for (const kept of reasons) {
                const others = reasons.filter((reason) => reason !== kept);
                expect({ ...told, kept, arrives: fate(others) === 'endpoints' }).toEqual({ ...told, kept, arrives: false }); // biome-ignore format: one line
              }
            }
          }
        }
      }),
      { numRuns: 40 },
    );
    expect([...seen.keys()].length).toBeGreaterThan(1);
  },
  120_000,
);

const GUARDED: Given = {
  objects: [
    loadBalancer({
      externalTrafficPolicy: 'Local',
      loadBalancerSourceRanges: ['198.51.100.0/24'],
      healthCheckNodePort: 32000,
      ports: [{ name: 'http', port: 80, nodePort: 30080 }],
    }),
    slice([endpoint('10.244.2.5', ON_NODE_B)]),
  ],
};

function explained({ ...given }: Given, layout: LayoutName) {
  const { cluster, node, options } = inputOf(given);
  const chosen = { ...options('ipv4'), layout };
  const ruleset = prepare(withJumps(compile(cluster, node, chosen)));
  return explainService('shop/web', cluster, node, chosen, ruleset);
}

/** `FROM: REASON, REASON` of those that do not get to an endpoint of an address. */
const lost = (ways: readonly WayIn[], way: string) =>
  ways
    .filter(({ to, becomes }) => to.way === way && becomes.reasons.length > 0)
    .map(
      ({ from, becomes }) => `${from.join(', ')}: ${becomes.reasons.map(({ reason }) => reason).join(', ')}`,
    );

describe.each(LAYOUT_NAMES)('in the %s layout', (layout) => {
  test('senders in the source ranges and others, on a node without endpoints', () => {
    const [port] = explained(GUARDED, layout).ports;
    expect(lost(port?.ways ?? [], 'load-balancer-ip')).toEqual([
      'pods (10.244.0.0/16), this node: source-ranges',
      '198.51.100.0/24: no-local-endpoints',
      'everybody else: no-local-endpoints, source-ranges',
    ]);
  });
});

describe('what others do', () => {
  const { cluster, node, options } = inputOf({ objects: [service(), slice(['10.244.2.5'])] });
  const svc = (filter: string, raw = '') =>
    prepareSaved(
      [
        ...(raw === '' ? [] : ['*raw', ':PREROUTING ACCEPT [0:0]', ':OUTPUT ACCEPT [0:0]', raw, 'COMMIT']),
        '*nat',
        ':PREROUTING ACCEPT [0:0]',
        ':OUTPUT ACCEPT [0:0]',
        ':KUBE-SERVICES - [0:0]',
        ':KUBE-SVC-AAAAAAAAAAAAAAAA - [0:0]',
        ':KUBE-MARK-DROP - [0:0]',
        '-A PREROUTING -j KUBE-SERVICES',
        '-A OUTPUT -j KUBE-SERVICES',
        '-A KUBE-MARK-DROP -j MARK --set-xmark 0x8000/0x8000',
        '-A KUBE-SERVICES -d 10.96.0.10/32 -p tcp -m comment --comment "shop/web:http cluster IP" -m tcp --dport 80 -j KUBE-SVC-AAAAAAAAAAAAAAAA',
        filter.includes('MARK-DROP')
          ? '-A KUBE-SVC-AAAAAAAAAAAAAAAA -m comment --comment "shop/web:http has no local endpoints" -j KUBE-MARK-DROP'
          : '-A KUBE-SVC-AAAAAAAAAAAAAAAA -p tcp -m tcp -j DNAT --to-destination 10.244.2.5:8080',
        'COMMIT',
        '*filter',
        ...(filter.startsWith(':') ? [filter] : [':FORWARD ACCEPT [0:0]', filter]),
        'COMMIT\n',
      ].join('\n'),
      'ipv4',
    );
  test.each<[string, string, string, object]>([
    ['a policy', ':FORWARD DROP [0:0]', '', { reason: 'policy', table: 'filter', chain: 'FORWARD' }],
    ['a rule', '-A FORWARD -d 10.244.2.5/32 -j DROP', '', { reason: 'rule', rule: { chain: 'FORWARD' } }],
    [
      'a mark for dropping, set by a rule of the Service',
      '-A FORWARD -m mark --mark 0x8000/0x8000 -m comment --comment MARK-DROP -j DROP',
      '',
      { reason: 'no-local-endpoints', rule: { chain: 'KUBE-SVC-AAAAAAAAAAAAAAAA' } },
    ],
    [
      'no tracking',
      ':FORWARD ACCEPT [0:0]',
      '-A PREROUTING -d 10.96.0.10/32 -j CT --notrack',
      { reason: 'untracked', rule: { table: 'raw', chain: 'PREROUTING', number: 1 } },
    ],
  ])('%s', (_, filter, raw, expected) => {
    const { ports } = explainService('shop/web', cluster, node, options('ipv4'), svc(filter, raw));
    const pods = ports[0]?.ways.find(({ from }) => from.some((name) => name.startsWith('pods')));
    expect(pods?.becomes.reasons).toMatchObject([expected]);
  });
});
