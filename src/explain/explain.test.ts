import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { load, rawCluster } from '../../test/support/arbitrary/clusters.ts';
import type { Manifest } from '../../test/support/arbitrary/raw.ts';
import { FakeKernel } from '../../test/support/fake-kernel.ts';
import {
  endpoint,
  type Given,
  inputOf,
  loadBalancer,
  NOT_READY,
  ON_NODE_A,
  ON_NODE_B,
  service,
  slice,
  TERMINATING,
} from '../../test/support/rules.ts';
import { LAYOUT_NAMES, type LayoutName } from '../api/layout-names.ts';
import { type Pod, podSchema } from '../api/pod.ts';
import { withJumps } from '../chains/jumps.ts';
import { describeAddress } from '../chains/service-addresses.ts';
import { compile } from '../compiler/compile.ts';
import { planService } from '../compiler/compile-service.ts';
import { printAppend, printRuleset } from '../iptables/print.ts';
import { prepare, prepareSaved } from '../iptables/simulator/prepare.ts';
import type { Ruleset } from '../iptables/types.ts';
import { FAMILIES } from '../net/address.ts';
import { printShare } from '../text/share.ts';
import type { ExplainedPort } from './explain.ts';
import type { Explanation } from './explanation.ts';
import { formatExplanation, formatExplanationJSON, type TextLayout } from './report.ts';
import { explainByRules, explainService } from './services.ts';
import { summaryOf } from './summary.ts';

function explained(given: Given, layout: LayoutName = 'kube-proxy', name = 'shop/web'): Explanation {
  const { cluster, node, options } = inputOf(given);
  const chosen = { ...options(given.family ?? 'ipv4'), layout };
  const ruleset = withJumps(compile(cluster, node, chosen));
  return explainService(name, cluster, node, chosen, prepare(ruleset));
}

/** `TO from FROM: WHAT`, without the names of chains. */
function ways({ ports }: Explanation): string[] {
  return ports.flatMap(({ ways }) =>
    ways.map(({ to, from, becomes }) => {
      const { verdict, shares, masqueraded } = becomes;
      const targets = [...shares].map(([target, share]) => `${printShare(share)} ${target}`).sort();
      const source = masqueraded > 0 ? ', masqueraded' : '';
      return `${describeAddress(to)} from ${from.join(', ')}: ${verdict === 'endpoints' ? targets.join(', ') : verdict}${source}`;
    }),
  );
}

const TWO = slice([endpoint('10.244.1.5', ON_NODE_A), endpoint('10.244.2.5', ON_NODE_B)]);
const BOTH = '1/2 10.244.1.5:8080, 1/2 10.244.2.5:8080';

describe.each(LAYOUT_NAMES)('who comes where, in the %s layout', (layout) => {
  test.each<[string, Given, string[]]>([
    [
      'a cluster IP',
      { objects: [service(), TWO] },
      [
        `cluster IP 10.96.0.10:80 from pods (10.244.0.0/16): ${BOTH}`,
        `cluster IP 10.96.0.10:80 from this node, everybody else: ${BOTH}, masqueraded`,
      ],
    ],
    [
      'nobody is masqueraded where pods are not known',
      { objects: [service(), TWO], config: { clusterCIDR: '' } },
      [`cluster IP 10.96.0.10:80 from anybody: ${BOTH}`],
    ],
    [
      'pods known by their interface',
      {
        objects: [service(), TWO],
        config: { detectLocalMode: 'InterfaceNamePrefix', detectLocal: { interfaceNamePrefix: 'cali' } },
      },
      [
        `cluster IP 10.96.0.10:80 from pods (by cali+): ${BOTH}`,
        `cluster IP 10.96.0.10:80 from this node, everybody else: ${BOTH}, masqueraded`,
      ],
    ],
    ['no endpoints', { objects: [service()] }, ['cluster IP 10.96.0.10:80 from anybody: REJECT']],
    [
      'internal policy Local without local endpoints',
      { objects: [service({ internalTrafficPolicy: 'Local' }), slice([endpoint('10.244.2.5', ON_NODE_B)])] },
      ['cluster IP 10.96.0.10:80 from anybody: DROP'],
    ],
    [
      'external policy Cluster',
      { objects: [service({ type: 'NodePort', ports: [{ name: 'http', port: 80, nodePort: 30080 }] }), TWO] },
      [
        `cluster IP 10.96.0.10:80 from pods (10.244.0.0/16): ${BOTH}`,
        `cluster IP 10.96.0.10:80 from this node, everybody else: ${BOTH}, masqueraded`,
        `node port 30080 from anybody: ${BOTH}, masqueraded`,
      ],
    ],
    [
      'external policy Local',
      {
        objects: [
          loadBalancer({
            externalTrafficPolicy: 'Local',
            allocateLoadBalancerNodePorts: false,
            healthCheckNodePort: 32000,
          }),
          TWO,
        ],
      },
      [
        `cluster IP 10.96.0.10:80 from pods (10.244.0.0/16): ${BOTH}`,
        `cluster IP 10.96.0.10:80 from this node, everybody else: ${BOTH}, masqueraded`,
        `load-balancer IP 203.0.113.10:80 from pods (10.244.0.0/16): ${BOTH}`,
        `load-balancer IP 203.0.113.10:80 from this node: ${BOTH}, masqueraded`,
        'load-balancer IP 203.0.113.10:80 from everybody else: all 10.244.1.5:8080',
      ],
    ],
    [
      'external policy Local without local endpoints',
      {
        objects: [
          loadBalancer({
            externalTrafficPolicy: 'Local',
            allocateLoadBalancerNodePorts: false,
            healthCheckNodePort: 32000,
          }),
          slice([endpoint('10.244.2.5', ON_NODE_B)]),
        ],
      },
      [
        'cluster IP 10.96.0.10:80 from pods (10.244.0.0/16): all 10.244.2.5:8080',
        'cluster IP 10.96.0.10:80 from this node, everybody else: all 10.244.2.5:8080, masqueraded',
        'load-balancer IP 203.0.113.10:80 from pods (10.244.0.0/16): all 10.244.2.5:8080',
        'load-balancer IP 203.0.113.10:80 from this node: all 10.244.2.5:8080, masqueraded',
        'load-balancer IP 203.0.113.10:80 from everybody else: DROP',
      ],
    ],
    [
      'source ranges, one within the pods, one a single address',
      {
        objects: [
          loadBalancer({
            loadBalancerSourceRanges: ['198.51.100.0/24', '10.244.8.0/24', '192.0.2.7/32'],
            allocateLoadBalancerNodePorts: false,
          }),
          TWO,
        ],
      },
      [
        `cluster IP 10.96.0.10:80 from pods (10.244.0.0/16), 10.244.8.0/24: ${BOTH}`,
        `cluster IP 10.96.0.10:80 from 198.51.100.0/24, 192.0.2.7/32, this node, everybody else: ${BOTH}, masqueraded`,
        'load-balancer IP 203.0.113.10:80 from pods (10.244.0.0/16), this node, everybody else: DROP',
        `load-balancer IP 203.0.113.10:80 from 198.51.100.0/24, 10.244.8.0/24, 192.0.2.7/32: ${BOTH}, masqueraded`,
      ],
    ],
    [
      'a node whose address is not known',
      {
        objects: [service({ type: 'NodePort', ports: [{ name: 'http', port: 80, nodePort: 30080 }] })],
        host: { ips: undefined },
      },
      ['cluster IP 10.96.0.10:80 from anybody: REJECT', 'node port 30080 from anybody: REJECT'],
    ],
    [
      'IPv6',
      {
        family: 'ipv6',
        objects: [
          service({ clusterIP: 'fd00:10:96::a' }),
          slice(['fd00:10:244:1::5'], { addressType: 'IPv6' }),
        ],
      },
      [
        'cluster IP [fd00:10:96::a]:80 from pods (fd00:10:244::/56): all [fd00:10:244:1::5]:8080',
        'cluster IP [fd00:10:96::a]:80 from this node, everybody else: all [fd00:10:244:1::5]:8080, masqueraded',
      ],
    ],
  ])('%s', (_, given, expected) => {
    expect(ways(explained(given, layout)).map(withoutOrder)).toEqual(expected.map(withoutOrder));
  });
});

/** The order of those who fare alike is that of the rules, which is a layout's own. */
const withoutOrder = (text: string) => {
  const [, to = '', from = '', rest = ''] =
    /^(.*) from (.*?)(: .*)$/.exec(text.replace('192.0.2.7/32', '192.0.2.7')) ?? [];
  return `${to} from ${from.split(', ').sort().join(', ')}${rest}`;
};

describe('endpoints', () => {
  const inZone = (address: string, zone: string): Manifest =>
    endpoint(address, { ...ON_NODE_B, hints: { forZones: [{ name: zone }] } });
  const forNode = (address: string, node: string): Manifest =>
    endpoint(address, { ...ON_NODE_B, hints: { forNodes: [{ name: node }] } });
  test.each<[string, Manifest, readonly (string | Manifest)[], Record<string, string>]>([
    [
      'one that is not ready',
      {},
      ['10.244.1.1', endpoint('10.244.1.2', NOT_READY)],
      { '10.244.1.2:8080': 'not ready' },
    ],
    [
      'one that is terminating',
      {},
      ['10.244.1.1', endpoint('10.244.1.2', TERMINATING)],
      { '10.244.1.2:8080': 'terminating, and others are ready' },
    ],
    ['terminating ones, where no other is', {}, [endpoint('10.244.1.2', TERMINATING)], {}],
    [
      'one for another zone',
      {},
      [inZone('10.244.2.1', 'zone-1'), inZone('10.244.2.2', 'zone-2')],
      { '10.244.2.2:8080': 'meant for zone zone-2 by its topology hints' },
    ],
    [
      'one for another node',
      {},
      [forNode('10.244.2.1', 'node-a'), forNode('10.244.2.2', 'node-c')],
      { '10.244.2.2:8080': 'meant for node node-c by its topology hints' },
    ],
    [
      'one on another node under the Local policy',
      { internalTrafficPolicy: 'Local' },
      [endpoint('10.244.1.1', ON_NODE_A), endpoint('10.244.2.1', ON_NODE_B)],
      { '10.244.2.1:8080': 'not on this node' },
    ],
    [
      'one where topologyKeys do not lead',
      { topologyKeys: ['kubernetes.io/hostname'] },
      [endpoint('10.244.1.1', ON_NODE_A), endpoint('10.244.2.1', ON_NODE_B)],
      { '10.244.2.1:8080': 'not where spec.topologyKeys lead (kubernetes.io/hostname)' },
    ],
  ])('%s', (_, spec, endpoints, expected) => {
    const [port] = explained({ objects: [service(spec), slice(endpoints)] }).ports;
    expect(port?.endpoints).toHaveLength(endpoints.length);
    const unused = (port?.endpoints ?? []).flatMap(({ endpoint, unused }) =>
      unused === undefined ? [] : [[endpoint, unused]],
    );
    expect(Object.fromEntries(unused)).toEqual(expected);
    // Who is not used has no chain, and the other way round.
    expect(port?.endpoints.filter(({ chains }) => chains.length === 0)).toHaveLength(unused.length);
  });
});

test.each<[string, Manifest, RegExp]>([
  ['headless', { clusterIP: 'None' }, /^It is headless: /],
  [
    'an alias',
    { type: 'ExternalName', externalName: 'x', clusterIP: undefined, ports: undefined },
    /^It has type ExternalName: /,
  ],
  ['of the other family', { clusterIP: 'fd00:10:96::a' }, /^It has no cluster IP of ipv4, /],
])('a Service without rules: %s', (_, spec, expected) => {
  const explanation = explained({ objects: [service(spec)] });
  expect(explanation).toMatchObject({ ports: [], none: expect.stringMatching(expected) });
  expect(formatExplanation(explanation, plain, { width: 200, wide: false })).toContain(explanation.none);
});

const plain = (_: string, text: string) => text;
function pod(name: string, ip: string | undefined): Pod {
  const status = ip === undefined ? {} : { podIP: ip };
  const spec = { nodeName: 'node-b', containers: [{ ports: [{ name: 'http', containerPort: 80 }] }] };
  return podSchema.parse({ kind: 'Pod', metadata: { name, namespace: 'shop' }, spec, status });
}

const NARROW: TextLayout = { width: 80, wide: false };
const WIDE: TextLayout = { width: 1000, wide: true };

const SHOP: Given = {
  objects: [
    loadBalancer({
      externalTrafficPolicy: 'Local',
      loadBalancerSourceRanges: ['198.51.100.0/24'],
      healthCheckNodePort: 32000,
      sessionAffinity: 'ClientIP',
      ports: [{ name: 'http', port: 80, nodePort: 30080 }],
    }),
    slice([
      endpoint('10.244.1.5', ON_NODE_A),
      endpoint('10.244.2.5', ON_NODE_B),
      endpoint('10.244.2.6', NOT_READY),
    ]),
  ],
};

test('the text', () => {
  const text = formatExplanation(explained(SHOP), plain, WIDE)
    .replaceAll(/-[A-Z2-7]{16}/g, '')
    .replaceAll(/(?<=\S) {2,}| {3,}/g, '  ');
  expect(text).toBe(
    `\
Service shop/web, LoadBalancer, as node-a serves it
Pods reach shop/web at 10.96.0.10:80; load-balancer IP 203.0.113.10:80 answers, and drops clients outside 198.51.100.0/24; node port 30080 answers on every address of this node.

  internalTrafficPolicy Cluster, externalTrafficPolicy Local
  loadBalancerSourceRanges 198.51.100.0/24
  healthCheckNodePort 32000: tells load balancers whether this node has endpoints

shop/web:http, tcp
  to                                from                                             goes to                source                    by
  cluster IP 10.96.0.10:80          pods (10.244.0.0/16)                             2 endpoints (cluster)  kept                      KUBE-SVC
                                    198.51.100.0/24, this node, everybody else       2 endpoints (cluster)  masqueraded (KUBE-SVC 1)  KUBE-SVC
  load-balancer IP 203.0.113.10:80  pods (10.244.0.0/16), this node, everybody else  dropped                                          KUBE-PROXY-FIREWALL 1 (filter)
                                    198.51.100.0/24                                  10.244.1.5:8080        kept                      KUBE-FW > KUBE-EXT > KUBE-SVL > KUBE-SEP
  node port 30080                   pods (10.244.0.0/16)                             2 endpoints (cluster)  kept                      KUBE-NODEPORTS > KUBE-EXT > KUBE-SVC
                                    198.51.100.0/24, everybody else                  10.244.1.5:8080        kept                      KUBE-NODEPORTS > KUBE-EXT > KUBE-SVL > KUBE-SEP
                                    this node                                        2 endpoints (cluster)  masqueraded (KUBE-EXT 2)  KUBE-NODEPORTS > KUBE-EXT > KUBE-SVC

2 of 3 endpoints get traffic from this node:
  endpoint         on node            share (cluster)  share (local)  by
  10.244.1.5:8080  node-a (this one)  1/2              all            KUBE-SEP
  10.244.2.5:8080  node-b             1/2              -              KUBE-SEP
  10.244.2.6:8080  ?                  -                -              not ready

Dropped: the sender is in no source range (198.51.100.0/24). This is for load-balancer IP 203.0.113.10:80 from pods (10.244.0.0/16), this node, everybody else.
Masqueraded: endpoints see this node's address instead of the client's, and answer through this node. This is for tcp 10.96.0.10:80, not from 10.244.0.0/16 (KUBE-SVC 1); from this node (KUBE-EXT 2).
Session affinity: a client that was there in the last 10800 s goes to the endpoint that it had; the shares are those of new clients.
An endpoint that the Service sends to itself is masqueraded, or it would answer itself directly.
`.replaceAll(/ {2,}/g, '  '),
  );
});

test('the text for a terminal', () => {
  const objects = [...(SHOP.objects ?? [])];
  const { cluster, node, options } = inputOf({ objects });
  const ruleset = prepare(withJumps(compile(cluster, node, options('ipv4'))));
  const selected = [pod('web-1', '10.244.1.5'), pod('web-2', '10.244.2.5'), pod('web-9', undefined)];
  const explanation = explainService('shop/web', cluster, node, options('ipv4'), ruleset, { selected });
  const text = formatExplanation(explanation, plain, NARROW);
  expect(text).toBe(`\
Service shop/web, LoadBalancer, as node-a serves it
Pods reach shop/web at 10.96.0.10:80; load-balancer IP 203.0.113.10:80 answers,
and drops clients outside 198.51.100.0/24; node port 30080 answers on every
address of this node.

  internalTrafficPolicy Cluster, externalTrafficPolicy Local
  loadBalancerSourceRanges 198.51.100.0/24
  healthCheckNodePort 32000: tells load balancers whether this node has
    endpoints

shop/web:http, tcp
  to                from                   goes to                source
  cluster IP        pods (10.244.0.0/16)   2 endpoints (cluster)  kept
  10.96.0.10:80
                    198.51.100.0/24, this  2 endpoints (cluster)  masqueraded
                    node, everybody else
  load-balancer IP  pods (10.244.0.0/16),  dropped
  203.0.113.10:80   this node, everybody
                    else
                    198.51.100.0/24        10.244.1.5:8080        kept
  node port 30080   pods (10.244.0.0/16)   2 endpoints (cluster)  kept
                    198.51.100.0/24,       10.244.1.5:8080        kept
                    everybody else
                    this node              2 endpoints (cluster)  masqueraded

2 of 3 endpoints get traffic from this node, 1 Pod is none:
  endpoint         Pod    on node       share      share (local)
                                        (cluster)
  10.244.1.5:8080  web-1  node-a (this  1/2        all
                          one)
  10.244.2.5:8080  web-2  node-b        1/2        -
  10.244.2.6:8080  ?      ?             -          -              not ready
  -                web-9  node-b        -          -              has no
                                                                  address yet

Dropped: the sender is in no source range (198.51.100.0/24). This is for
  load-balancer IP 203.0.113.10:80 from pods (10.244.0.0/16), this node,
  everybody else.
Masqueraded: endpoints see this node's address instead of the client's, and
  answer through this node.
Session affinity: a client that was there in the last 10800 s goes to the
  endpoint that it had; the shares are those of new clients.
An endpoint that the Service sends to itself is masqueraded, or it would answer
  itself directly.
`);
  for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
});

test('of many source ranges, some are named', () => {
  const loadBalancerSourceRanges = Array.from({ length: 9 }, (_, i) => `198.51.${i}.0/24`);
  const objects = [loadBalancer({ loadBalancerSourceRanges, allocateLoadBalancerNodePorts: false }), TWO];
  const text = formatExplanation(explained({ objects }), plain, WIDE).replaceAll(/ {3,}/g, '  ');
  const ranges = '198.51.0.0/24, 198.51.1.0/24, 198.51.2.0/24, 198.51.3.0/24, 5 more ranges';
  expect(text).toContain(`  ${ranges}  2 endpoints (cluster)  masqueraded (KUBE-EXT`);
  expect(text).toContain(`  ${ranges}, this node, everybody else  2 endpoints (cluster)`);
});

test('an address that two Services have', () => {
  const externalIPs = ['203.0.113.20'];
  const other = service(
    { clusterIP: '10.96.0.20', externalIPs },
    { metadata: { name: 'first', namespace: 'shop' } },
  );
  const objects = [service({ externalIPs }), TWO, other];
  const explanation = explained({ objects }, 'kube-proxy', 'shop/first');
  expect(formatExplanation(explanation, plain, WIDE)).toContain('2 endpoints (cluster), of shop/web:http');
  expect(explanation.ports[0]?.sets).toEqual([]);
});

/** A kernel that holds nothing else, as iptables-save prints it. */
function saved(ruleset: Ruleset): string {
  const kernel = new FakeKernel(ruleset.family);
  const jumps = withJumps(ruleset).tables.flatMap((table) => [
    `*${table.name}`,
    ...table.chains
      .filter(({ policy }) => policy)
      .flatMap((chain) => chain.rules.map((rule) => printAppend(chain, rule))),
    'COMMIT\n',
  ]);
  expect(kernel.tryRestore(printRuleset(ruleset) + jumps.join('\n'))).toBeUndefined();
  return kernel.save();
}

/** What both know. */
const ofRules = ({ ports }: Explanation) =>
  ports.map(({ ways, sets, hairpin, affinitySeconds }) => ({
    ways: ways.map(({ from, becomes }) => ({
      from: from.map((name) => name.replace(/^pods \((.*)\)$/, '$1')),
      shares: becomes.shares,
      masqueraded: becomes.masqueraded,
      verdict: becomes.verdict,
    })),
    sets,
    hairpin: hairpin?.masqueraded,
    affinitySeconds,
  }));

test.each(LAYOUT_NAMES)('by the rules alone, the same in the %s layout', (layout) => {
  const { cluster, node, options } = inputOf(SHOP);
  const chosen = { ...options('ipv4'), layout };
  const ruleset = prepareSaved(saved(compile(cluster, node, chosen)), 'ipv4');
  const byRules = explainByRules('shop/web', node, ruleset);
  const byManifests = explainService('shop/web', cluster, node, chosen, ruleset);
  expect(ofRules(byRules)).toEqual(ofRules(byManifests));
  expect(byRules.ports[0]?.endpoints.map(({ endpoint }) => endpoint)).toEqual([
    '10.244.1.5:8080',
    '10.244.2.5:8080',
  ]);
  expect(() => explainByRules('shop/wbe', node, ruleset)).toThrow('no Service "shop/wbe" in the rules');
  expect(() => explainByRules('web/web', node, ruleset)).toThrow(
    'no Service "web/web" in the rules (shop/web?)',
  );
});

test('as JSON', () => {
  const { services } = JSON.parse(formatExplanationJSON([explained(SHOP)]));
  expect(services).toMatchObject([
    {
      name: 'shop/web',
      type: 'LoadBalancer',
      ports: [
        {
          servicePort: 'shop/web:http',
          sets: [
            { name: 'cluster', shares: { '10.244.1.5:8080': 0.5, '10.244.2.5:8080': 0.5 } },
            { name: 'local', shares: { '10.244.1.5:8080': 1 } },
          ],
        },
      ],
    },
  ]);
});

describe('random clusters', () => {
  test.each(LAYOUT_NAMES)(
    'what is explained is what was planned, in the %s layout',
    (layout) => {
      let ports = 0;
      fc.assert(
        fc.property(rawCluster, fc.constantFrom(...FAMILIES), (raw, family) => {
          const { cluster, node, options } = load(raw);
          const chosen = { ...options(family), layout };
          const ruleset = prepare(withJumps(compile(cluster, node, chosen)));
          for (const [name, entry] of cluster.services) {
            const explanation = explainService(name, cluster, node, chosen, ruleset);
            for (const [i, plan] of planService(entry, node, chosen).plans.entries()) {
              const port = explanation.ports[i];
              if (!port) throw new Error(`${plan.servicePort.name} is not explained`);
              checkPort(port, plan);
              ports++;
            }
            expect(formatExplanation(explanation, plain, WIDE)).not.toContain('undefined');
          }
        }),
        { numRuns: 20 },
      );
      expect(ports).toBeGreaterThan(0);
    },
    300_000,
  );
});

type Plan = ReturnType<typeof planService>['plans'][number];

function checkPort(port: ExplainedPort, { internal, cluster, local }: Plan): void {
  const planned = { cluster, local };
  for (const { name, shares } of port.sets) {
    if (name !== 'cluster' && name !== 'local') continue;
    const endpoints = planned[name].map(({ text }) => text);
    expect([...shares.keys()].sort()).toEqual([...endpoints].sort());
    for (const share of shares.values()) expect(share).toBeCloseTo(1 / endpoints.length, 6);
  }
  const verdict = { cluster: 'endpoints', local: 'endpoints', reject: 'REJECT', drop: 'DROP' }[internal.fate];
  const toClusterIP = port.ways.filter(({ to }) => to.way === 'cluster-ip');
  expect(new Set(toClusterIP.map(({ becomes }) => becomes.verdict))).toEqual(new Set([verdict]));
  expect(port.ways.flatMap(({ unknown }) => unknown)).toEqual([]);
}

describe('Pods that the selector fits', () => {
  const named = service({ ports: [{ name: 'http', port: 80, targetPort: 'http' }] });
  const made = (name: string, fields: Manifest, port = 'http'): Pod =>
    podSchema.parse({
      kind: 'Pod',
      metadata: { name, namespace: 'shop' },
      spec: { nodeName: 'node-b', containers: [{ ports: [{ name: port, containerPort: 8080 }] }] },
      status: fields,
    });
  test.each<[string, Pod, string | undefined]>([
    ['an endpoint', made('web-1', { podIP: '10.244.1.5' }), undefined],
    [
      'without the named port',
      made('web-2', { podIP: '10.244.2.7' }, 'web'),
      'has no container port named "http" for TCP',
    ],
    ['without an address', made('web-2', {}), 'has no address yet'],
    ['of another family', made('web-2', { podIP: 'fd00::7' }), 'has no IPv4 address'],
    ['that has ended', made('web-2', { podIP: '10.244.2.7', phase: 'Succeeded' }), 'has ended'],
    ['that no slice names', made('web-2', { podIP: '10.244.2.7' }), 'is in no EndpointSlice'],
  ])('%s', (_, pod, because) => {
    const { cluster, node, options } = inputOf({ objects: [named, slice(['10.244.1.5'])] });
    const ruleset = prepare(withJumps(compile(cluster, node, options('ipv4'))));
    const { ports } = explainService('shop/web', cluster, node, options('ipv4'), ruleset, {
      selected: [pod],
    });
    expect(ports[0]?.podsWithoutEndpoint.map((one) => one.because)).toEqual(
      because === undefined ? [] : [because],
    );
  });

  test('two in the host network of one node are told apart by their ports', () => {
    const objects = [named, slice(['192.168.0.2']), slice(['192.168.0.2'], { name: 'b', ports: [{ name: 'http', port: 8081 }] })]; // biome-ignore format: one line
    const { cluster, node, options } = inputOf({ objects });
    const ruleset = prepare(withJumps(compile(cluster, node, options('ipv4'))));
    const on = (name: string, containerPort: number): Pod => ({
      ...made(name, { podIP: '192.168.0.2' }),
      containerPorts: [{ name: 'http', port: containerPort, protocol: 'TCP' }],
    });
    const selected = [on('h1', 8080), on('h2', 8081), on('h3', 9090)];
    const [port] = explainService('shop/web', cluster, node, options('ipv4'), ruleset, { selected }).ports;
    expect(port?.endpoints.map(({ endpoint, pod }) => [endpoint, pod])).toEqual([
      ['192.168.0.2:8080', 'h1'],
      ['192.168.0.2:8081', 'h2'],
    ]);
    expect(port?.podsWithoutEndpoint.map(({ pod }) => pod)).toEqual(['shop/h3']);
    // The node to itself: answers come back whether masqueraded or not.
    expect(port?.hairpin).toBeUndefined();
  });
});

test('an endpoint that is used though it is terminating is marked', () => {
  const [port] = explained({ objects: [service(), slice([endpoint('10.244.1.2', TERMINATING)])] }).ports;
  expect(port?.endpoints.map(({ note }) => note)).toEqual(['terminating, and no other is ready']);
});

test.each<[string, Manifest, string]>([
  ['ipMode Proxy', { ip: '198.51.100.7', ipMode: 'Proxy' }, '  load balancer 198.51.100.7: no rules, as it has ipMode Proxy and sends to node ports or endpoints itself\n'], // biome-ignore format: a row
  [
    'a hostname',
    { hostname: 'lb.example' },
    '  load balancer lb.example: no rules, as only its hostname is known\n',
  ],
])('a load balancer without rules: %s', (_, ingress, expected) => {
  const web = service({ type: 'LoadBalancer', allocateLoadBalancerNodePorts: false }, { status: { loadBalancer: { ingress: [ingress] } } }); // biome-ignore format: one line
  expect(formatExplanation(explained({ objects: [web, TWO] }), plain, WIDE)).toContain(expected);
});

describe('the first sentence', () => {
  const guarded = { loadBalancerSourceRanges: ['198.51.100.0/24'], allocateLoadBalancerNodePorts: false };
  const local = { externalTrafficPolicy: 'Local', healthCheckNodePort: 32000, allocateLoadBalancerNodePorts: false }; // biome-ignore format: one line
  const nodePort = { type: 'NodePort', ports: [{ name: 'http', port: 80, nodePort: 30080 }] };
  test.each<[string, Given, string]>([
    ['a cluster IP', { objects: [service(), TWO] }, 'Pods reach shop/web at 10.96.0.10:80.'],
    [
      'two ports',
      { objects: [service({ ports: [{ name: 'http', port: 80 }, { name: 'admin', port: 81 }] }), slice(['10.244.1.5'], { ports: [{ name: 'http', port: 8080 }, { name: 'admin', port: 8081 }] })] }, // biome-ignore format: a row
      'Pods reach shop/web at 10.96.0.10:80 and 10.96.0.10:81.',
    ],
    [
      'no endpoints',
      { objects: [service()] },
      'Cluster IP 10.96.0.10:80 refuses everybody (no endpoint can be used).',
    ],
    [
      'a node port',
      { objects: [service(nodePort), TWO] },
      'Pods reach shop/web at 10.96.0.10:80; node port 30080 answers on every address of this node.',
    ],
    [
      'a node port on one address',
      { objects: [service(nodePort), TWO], config: { nodePortAddresses: ['192.168.0.0/16'] } },
      'Pods reach shop/web at 10.96.0.10:80; node port 30080 answers on 192.168.0.2.',
    ],
    [
      'source ranges',
      { objects: [loadBalancer(guarded), TWO] },
      'Pods reach shop/web at 10.96.0.10:80; load-balancer IP 203.0.113.10:80 answers, and drops clients outside 198.51.100.0/24.',
    ],
    [
      'the Local policy, without a local endpoint',
      { objects: [loadBalancer(local), slice([endpoint('10.244.2.5', ON_NODE_B)])] },
      'Pods reach shop/web at 10.96.0.10:80; load-balancer IP 203.0.113.10:80 answers Pods and this node, and drops everybody else (no endpoint on node-a can be used).',
    ],
    [
      'both',
      { objects: [loadBalancer({ ...local, ...guarded }), slice([endpoint('10.244.2.5', ON_NODE_B)])] },
      'Pods reach shop/web at 10.96.0.10:80; load-balancer IP 203.0.113.10:80 answers nobody: not Pods and this node (the sender is in no source range), not 198.51.100.0/24 (no endpoint on node-a can be used), not everybody else (no endpoint on node-a can be used, and the sender is in no source range).',
    ],
    ['a headless Service', { objects: [service({ clusterIP: 'None' })] }, 'It is headless: DNS answers with its endpoints, and no rules are made for it.'], // biome-ignore format: a row
  ])('%s', (_, given, expected) => {
    expect(summaryOf(explained(given))).toBe(expected);
  });
});
