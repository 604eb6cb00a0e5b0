import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { load } from '../../test/support/arbitrary/clusters.ts';
import { largeCluster } from '../../test/support/arbitrary/large-cluster.ts';
import { withCounters } from '../../test/support/counters.ts';
import { PROJECT } from '../../test/support/project.ts';
import { LAYOUT_NAMES } from '../api/layout-names.ts';
import { withJumps } from '../chains/jumps.ts';
import { compile } from '../compiler/compile.ts';
import { printSaved } from '../iptables/saved.ts';
import { dnatTargets } from '../iptables/simulator/fate.ts';
import { prepare } from '../iptables/simulator/prepare.ts';
import { simulate } from '../iptables/simulator/simulate.ts';
import { FAMILIES, type Family } from '../net/address.ts';
import { readCountedRules } from './counted-rules.ts';
import { endpointsOf } from './endpoint-rules.ts';
import { trafficRules } from './service-rules.ts';
import { type ServicePortTraffic, Traffic } from './traffic.ts';

const ofProject = (path: string) => readFileSync(join(PROJECT, path), 'utf8');

/** What is reported of rules after a first reading of nothing and a second one, ten seconds later. */
function reported(text: string, packets: (line: string) => number, family: Family = 'ipv4') {
  const traffic = new Traffic();
  const take = (at: number, count: (line: string) => number) => {
    const rules = [readCountedRules(withCounters(text, count), family)];
    traffic.take({ at, rules }, () => 'all');
  };
  take(0, () => 0);
  take(10_000, packets);
  return traffic.report();
}

/** The ways of a service port, in short: connections, refused, dropped. */
const waysOf = ({ ways }: ServicePortTraffic) =>
  Object.fromEntries(
    ways.map(({ way, connections, refused, dropped }) => [
      way,
      [connections.total, refused.total, dropped.total],
    ]),
  );

const SMALL = ofProject('golden/fast-layout/small/ipv4.rules');
const FEATURES = 'fixtures/conformance/features';

/** Of each rule that has one of some texts in it, what it has counted. */
const counting =
  (counts: readonly (readonly [text: string, packets: number])[]) =>
  (line: string): number =>
    counts.find(([text]) => line.includes(text))?.[1] ?? 0;

describe('ways in', () => {
  test('in the fast layout', () => {
    const report = reported(
      SMALL,
      counting([
        ['web:http cluster IP', 10],
        ['KUBE-SERVICES -m comment --comment "shop/web:http loadbalancer IP"', 9],
        ['not accepted', 4],
        ['-A KUBE-NODEPORTS -m comment --comment shop/web:http', 3],
        ['nobody has no endpoints" -m tcp', 2],
        ['nobody has no endpoints" -m addrtype', 1],
        ['--ctstate INVALID', 8],
        ['-j MASQUERADE', 7],
        ['localnet', 6],
      ]),
    );
    const ways = report.servicePorts.map((port) => [port.servicePort, waysOf(port)]);
    expect(Object.fromEntries(ways)).toEqual({
      'shop/web:http': { 'cluster-ip': [10, 0, 0], 'load-balancer-ip': [5, 0, 4], 'node-port': [3, 0, 0] },
      'shop/sessions': { 'cluster-ip': [0, 0, 0], 'external-ip': [0, 0, 0] },
      'shop/nobody': { 'cluster-ip': [0, 2, 0], 'node-port': [0, 1, 0] },
    });
    expect(report).toMatchObject({
      seconds: 10,
      compared: true,
      all: { connections: { total: 18, recent: 18 }, refused: { total: 3 }, dropped: { total: 4 } },
      node: { masqueraded: { total: 7 }, invalid: { total: 8 }, localnet: { total: 6 } },
    });
  });

  test('without an endpoint on this node: what falls out of the chains is dropped, and no connection', () => {
    const text = ofProject(
      `${FEATURES}/external-traffic-policy-local-no-local-endpoint/kube-proxy.ipv4.rules`,
    );
    const [port] = reported(
      text,
      counting([
        ['loadbalancer IP', 12],
        ['-A KUBE-NODEPORTS -m comment --comment default/web:http -m', 5],
        ['-d 203.0.113.80 --dport 80 -j DROP', 8],
        ['--dport 30073 -j DROP', 5],
      ]),
    ).servicePorts;
    expect(port && waysOf(port)).toEqual({
      'cluster-ip': [0, 0, 0],
      'load-balancer-ip': [4, 0, 8],
      'node-port': [0, 0, 5],
    });
  });

  test('trees of chains have the rules of all', () => {
    const text = ofProject('golden/fast-layout/trees/ipv4.rules');
    const entries = text.match(/^-A .* cluster IP" .*-j KUBE-SVC-\w+$/gm) ?? [];
    const report = reported(text, (line) => (entries.some((entry) => entry === line) ? 1 : 0));
    expect(entries.length).toBeGreaterThan(30);
    expect(report.all.connections.total).toBe(entries.length);
    expect(report.servicePorts.filter(({ connections }) => connections.total === 1)).toHaveLength(
      entries.length,
    );
  });
});

describe('endpoints', () => {
  const text = ofProject(`${FEATURES}/session-affinity/kube-proxy.ipv4.rules`);

  test("of kube-proxy's rules, with session affinity", () => {
    const [port] = reported(
      text,
      counting([
        ['--rcheck --seconds 10 --reap -j KUBE-SEP-AFG', 30],
        ['0.3333333333', 10],
        ['0.5000000000', 12],
        ['--to-destination 10.244.1.5:8080', 40],
        ['--to-destination 10.244.2.6:8080', 12],
        ['--to-destination 10.244.3.7:8080', 8],
        ['-s 10.244.1.5 -j KUBE-MARK-MASQ', 2],
        ['! -s 10.244.0.0/16 -j KUBE-MARK-MASQ', 5],
      ]),
    ).servicePorts;
    expect(port?.returned).toEqual({ total: 30, recent: 30 });
    expect(port?.masqueraded).toEqual({ total: 7, recent: 7 });
    const told = port?.endpoints?.map(({ endpoint, connections, share, expected }) => [
      endpoint,
      connections.total,
      share.total?.toFixed(3),
      expected.total.toFixed(3),
    ]);
    expect(told).toEqual([
      ['10.244.1.5:8080', 40, '0.667', '0.333'],
      ['10.244.2.6:8080', 12, '0.200', '0.333'],
      ['10.244.3.7:8080', 8, '0.133', '0.333'],
    ]);
  });

  test('what they should get follows how often rules chose among all, and among those on this node', () => {
    const [port] = reported(
      SMALL,
      counting([
        ['-A KUBE-SVC-67NZLRHBNDSAWJRO -p tcp', 10],
        ['-A KUBE-SVL-67NZLRHBNDSAWJRO -p tcp', 30],
      ]),
    ).servicePorts;
    // Three in ten each of KUBE-SVC, and all of KUBE-SVL to the one here.
    expect(port?.endpoints?.map(({ expected }) => expected.recent.toFixed(4))).toEqual([
      '0.6667',
      '0.1667',
      '0.1667',
    ]);
    expect(port?.endpoints?.map(({ share }) => share.recent?.toFixed(4))).toEqual([
      '0.6667',
      '0.1667',
      '0.1667',
    ]);
  });

  test('before anything has come, there are no shares, and those that are expected', () => {
    const [port] = reported(SMALL, () => 0).servicePorts;
    expect(port?.endpoints?.map(({ share }) => share.total)).toEqual([undefined, undefined, undefined]);
    for (const { expected } of port?.endpoints ?? []) expect(expected.total).toBeCloseTo(1 / 3, 8);
  });

  test('are looked at where they are asked for', () => {
    const traffic = new Traffic();
    const rules = [
      readCountedRules(
        withCounters(SMALL, () => 1),
        'ipv4',
      ),
    ];
    traffic.take({ at: 0, rules }, () => new Set(['shop/web:http/tcp']));
    const looked = traffic
      .report()
      .servicePorts.map(({ endpoints, masqueraded }) => [endpoints?.length, masqueraded?.total]);
    expect(looked).toEqual([
      [3, 2],
      [undefined, undefined],
      [undefined, undefined],
    ]);
  });
});

const rounded = (shares: ReadonlyMap<string, number>) =>
  [...shares].map(([endpoint, share]) => `${endpoint} ${share.toFixed(6)}`).sort();

test('whatever the cluster and the layout: the shares are those that packets have', () => {
  let compared = 0;
  fc.assert(
    fc.property(
      largeCluster,
      fc.constantFrom(...FAMILIES),
      fc.constantFrom(...LAYOUT_NAMES),
      (raw, family, layout) => {
        const { cluster, node, options } = load(raw);
        const ruleset = withJumps(compile(cluster, node, { ...options(family), layout }));
        const prepared = prepare(ruleset);
        const { rules } = readCountedRules(
          withCounters(printSaved(ruleset), () => 0),
          family,
        );
        const { servicePorts, addresses } = trafficRules(rules);
        const source = family === 'ipv4' ? '11.0.0.1' : '3fff::1';
        for (const counters of [...servicePorts.values()].slice(0, 20)) {
          const { servicePort, protocol } = counters;
          const to = addresses.find(
            (one) => one.way === 'cluster-ip' && one.servicePort === servicePort && one.protocol === protocol,
          );
          if (to?.address === undefined) continue;
          const packet = {
            source,
            arrives: true,
            destination: to.address,
            destinationPort: to.port,
            protocol,
          };
          const shares = rounded(dnatTargets(simulate(prepared, packet, { isLocal: () => false })));
          const sets = endpointsOf(counters, rules).sets.map((set) => rounded(set.shares));
          if (shares.length > 0) expect(sets).toContainEqual(shares);
          compared++;
        }
      },
    ),
    { numRuns: 10 },
  );
  expect(compared).toBeGreaterThan(0);
});
