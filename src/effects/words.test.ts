/** What a change of one thing does to packets, in the sentences that people read. */
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, test } from 'vitest';
import type { Manifest } from '../../test/support/arbitrary/raw.ts';
import { classNodeOf } from '../../test/support/class-node.ts';
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
import { DEFAULT_LAYOUT, type LayoutName } from '../api/layout-names.ts';
import { withJumps } from '../chains/jumps.ts';
import { compile } from '../compiler/compile.ts';
import type { CompileOptions } from '../compiler/options.ts';
import { parseRule } from '../iptables/parse.ts';
import { prepare } from '../iptables/simulator/prepare.ts';
import type { Chain, Ruleset } from '../iptables/types.ts';
import { type Effects, effectsOf } from './effects.ts';
import { tellOthers, tellServices } from './words.ts';

/** What others do in the filter table of a node. */
interface Foreign {
  readonly policy?: 'ACCEPT' | 'DROP';
  /** In FORWARD, before ours. */
  readonly first?: string;
  /** In FORWARD, behind ours. */
  readonly last?: string;
}

interface Side extends Given {
  readonly foreign?: Foreign;
  readonly layout?: LayoutName;
}

function optionsOf(side: Side): CompileOptions {
  const { layout = DEFAULT_LAYOUT } = side;
  return { ...inputOf(side).options('ipv4'), layout };
}

function rulesOf(side: Side): Ruleset {
  const { cluster, node } = inputOf(side);
  const { family, tables } = withJumps(compile(cluster, node, optionsOf(side)));
  const { policy, first, last } = side.foreign ?? {};
  const rule = (text: string | undefined) => (text === undefined ? [] : [parseRule(text, family)]);
  const forward = (chain: Chain): Chain => ({
    ...chain,
    ...(policy !== undefined && { policy }),
    rules: [...rule(first), ...chain.rules, ...rule(last)],
  });
  return {
    family,
    tables: tables.map((table) => ({
      ...table,
      chains: table.chains.map((chain) =>
        table.name === 'filter' && chain.name === 'FORWARD' ? forward(chain) : chain,
      ),
    })),
  };
}

function effects(before: Side, after: Side): Effects {
  const { node } = inputOf(after);
  return effectsOf(prepare(rulesOf(before)), prepare(rulesOf(after)), classNodeOf(node, 'ipv4'));
}

/** `Service | sentence`, and ` | sentence` for traffic of no Service. */
function told(before: Side, after: Side): string[] {
  const all = effects(before, after);
  return [
    ...tellServices(all).flatMap(({ service, sentences }) => sentences.map((one) => `${service} | ${one}`)),
    ...tellOthers(all).map((one) => ` | ${one}`),
  ];
}

const PODS = slice([endpoint('10.244.1.5', ON_NODE_A), endpoint('10.244.2.5', ON_NODE_B)]);
const LOCAL_PODS = slice([endpoint('10.244.1.5', ON_NODE_A), endpoint('10.244.1.6', ON_NODE_A)]);
const REMOTE_PODS = slice([endpoint('10.244.2.5', ON_NODE_B)]);
const web = (spec: Manifest = {}, pods = PODS): Side => ({ objects: [service(spec), pods] });
const lb = (spec: Manifest = {}, pods = PODS): Side => ({ objects: [loadBalancer(spec), pods] });
const ports = (...list: Manifest[]): Manifest => ({ ports: list });
const HTTP = { name: 'http', port: 80 };
const NODE_PORT: Manifest = { type: 'NodePort', ...ports({ ...HTTP, nodePort: 30080 }) };
const pods = (...endpoints: Parameters<typeof slice>[0][number][]): Side => ({
  objects: [service(), slice(endpoints)],
});
const affinity = (timeoutSeconds: number): Manifest => ({
  sessionAffinity: 'ClientIP',
  sessionAffinityConfig: { clientIP: { timeoutSeconds } },
});
const ingress = (spec: Manifest, ...list: Manifest[]): Side => ({
  objects: [
    service({ type: 'LoadBalancer', ...spec }, { status: { loadBalancer: { ingress: list } } }),
    PODS,
  ],
});
const configured = (spec: Manifest, config: Manifest): Side => ({ ...web(spec), config });
const with9090 = slice(['10.244.1.5', '10.244.2.5'], { ports: [{ name: 'http', port: 9090 }] });
const host = (fields: Manifest): Manifest => ({
  name: 'node-a',
  zone: 'zone-1',
  ips: ['192.168.0.2'],
  podCIDRs: ['10.244.1.0/24'],
  ...fields,
});
const hints = (key: string, a: string, b: string) => {
  const of = (name: string) => ({ hints: { [key]: [{ name }] } });
  return slice([
    endpoint('10.244.1.5', { ...ON_NODE_A, zone: 'zone-1', ...of(a) }),
    endpoint('10.244.2.5', { ...ON_NODE_B, zone: 'zone-2', ...of(b) }),
  ]);
};
const API = service({ clusterIP: '10.96.0.20' }, { metadata: { name: 'api' } });
const API_PODS = slice(['10.244.1.9'], {
  name: 'api-1',
  metadata: { name: 'api-1', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'api' } },
});

/** A Service, and where all cluster IPs are. */
const WITH_RANGES: Side = {
  objects: [
    service(),
    PODS,
    {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'ServiceCIDR',
      metadata: { name: 'kubernetes' },
      spec: { cidrs: ['10.96.0.0/16', 'fd00:10:96::/112'] },
    },
  ],
};

type Row = readonly [name: string, before: Side, after: Side, sentences: readonly unknown[]];

/** Endpoints in these regions, for a Service that wants those in the node's own. */
const regional = (a: string, b: string): Side => {
  const of = (region: string) => ({ deprecatedTopology: { 'topology.kubernetes.io/region': region } });
  return web(
    { topologyKeys: ['topology.kubernetes.io/region'] },
    slice([endpoint('10.244.1.5', of(a)), endpoint('10.244.2.5', of(b))]),
  );
};

const rows: Row[] = [];

/** As `test.each`, of a table that is held against all fields. */
function each(some: readonly Row[]) {
  rows.push(...some);
  return test.each(some);
}

const labelled = (labels: Manifest): Manifest => ({
  ...PODS,
  metadata: { name: 'web-1', namespace: 'shop', labels },
});

describe('a Service', () => {
  each([
    ['as it was', web(), web(), []],
    [
      'that comes',
      web(),
      { objects: [service(), PODS, API, API_PODS] },
      ['shop/api | http, cluster IP 10.96.0.20:80: opened, and leads to 10.244.1.9:8080'],
    ],
    [
      'that goes',
      { objects: [service(), PODS, API, API_PODS] },
      web(),
      ['shop/api | http, cluster IP 10.96.0.20:80: closed; led to 10.244.1.9:8080'],
    ],
    [
      'that comes without endpoints',
      web(),
      { objects: [service(), PODS, API] },
      ['shop/api | http, cluster IP 10.96.0.20:80: opened; packets are refused'],
    ],
    [
      'that goes and had no endpoints',
      { objects: [service(), PODS, API] },
      web(),
      ['shop/api | http, cluster IP 10.96.0.20:80: closed; packets were refused'],
    ],
    [
      'selects other pods',
      web({}, slice(['10.244.1.5', '10.244.2.5'])),
      web({}, slice(['10.244.1.7', '10.244.2.7'])),
      [
        'shop/web | http, cluster IP 10.96.0.10:80: reaches 10.244.1.7:8080 and 10.244.2.7:8080 instead of 10.244.1.5:8080 and 10.244.2.5:8080',
      ],
    ],
    [
      'from ClusterIP to NodePort',
      web(ports({ ...HTTP })),
      web(NODE_PORT),
      [
        'shop/web | http, node port 30080: opened, and leads to 10.244.1.5:8080 and 10.244.2.5:8080, 1/2 each',
      ],
    ],
    [
      'from NodePort to ClusterIP',
      web(NODE_PORT),
      web(),
      ['shop/web | http, node port 30080: closed; led to 10.244.1.5:8080 and 10.244.2.5:8080, 1/2 each'],
    ],
    [
      'from NodePort to LoadBalancer',
      web(NODE_PORT),
      lb(ports({ ...HTTP, nodePort: 30080 })),
      [
        'shop/web | http, load-balancer IP 203.0.113.10:80: opened, and leads to 10.244.1.5:8080 and 10.244.2.5:8080, 1/2 each',
      ],
    ],
    [
      'that becomes headless',
      web(),
      web({ clusterIP: 'None' }),
      [
        'shop/web | http, cluster IP 10.96.0.10:80: closed; led to 10.244.1.5:8080 and 10.244.2.5:8080, 1/2 each',
      ],
    ],
    [
      'with another cluster IP',
      web(),
      web({ clusterIP: '10.96.0.11' }),
      [
        'shop/web | http, cluster IP 10.96.0.10:80: closed; led to 10.244.1.5:8080 and 10.244.2.5:8080, 1/2 each',
        'shop/web | http, cluster IP 10.96.0.11:80: opened, and leads to 10.244.1.5:8080 and 10.244.2.5:8080, 1/2 each',
      ],
    ],
    [
      'another port',
      web(),
      web(ports({ name: 'http', port: 8000 })),
      [
        'shop/web | http, cluster IP 10.96.0.10:80: closed; led to 10.244.1.5:8080 and 10.244.2.5:8080, 1/2 each',
        'shop/web | http, cluster IP 10.96.0.10:8000: opened, and leads to 10.244.1.5:8080 and 10.244.2.5:8080, 1/2 each',
      ],
    ],
    [
      'port name',
      web(),
      {
        objects: [
          service(ports({ name: 'web', port: 80 })),
          slice(['10.244.1.5', '10.244.2.5'], { ports: [{ name: 'web', port: 8080 }] }),
        ],
      },
      [],
    ],
    [
      'another target port',
      web({}, slice(['10.244.1.5', '10.244.2.5'])),
      web({}, with9090),
      ['shop/web | http, cluster IP 10.96.0.10:80: target port 8080 → 9090'],
    ],
    [
      'another node port',
      web(NODE_PORT),
      web({ type: 'NodePort', ...ports({ ...HTTP, nodePort: 30081 }) }),
      [
        'shop/web | http, node port 30080: closed; led to 10.244.1.5:8080 and 10.244.2.5:8080, 1/2 each',
        'shop/web | http, node port 30081: opened, and leads to 10.244.1.5:8080 and 10.244.2.5:8080, 1/2 each',
      ],
    ],
    [
      'protocol',
      web(),
      {
        objects: [
          service(ports({ ...HTTP, protocol: 'UDP' })),
          slice(['10.244.1.5', '10.244.2.5'], { ports: [{ name: 'http', port: 8080, protocol: 'UDP' }] }),
        ],
      },
      [
        'shop/web | http, cluster IP 10.96.0.10:80: closed; led to 10.244.1.5:8080 and 10.244.2.5:8080, 1/2 each',
        'shop/web | http, cluster IP 10.96.0.10:80/udp: opened, and leads to 10.244.1.5:8080 and 10.244.2.5:8080, 1/2 each',
      ],
    ],
    [
      'port added',
      web(),
      {
        objects: [
          service(ports(HTTP, { name: 'admin', port: 81 })),
          slice(['10.244.1.5', '10.244.2.5'], {
            ports: [
              { name: 'http', port: 8080 },
              { name: 'admin', port: 8081 },
            ],
          }),
        ],
      },
      [
        'shop/web | admin, cluster IP 10.96.0.10:81: opened, and leads to 10.244.1.5:8081 and 10.244.2.5:8081, 1/2 each',
      ],
    ],
    [
      'port removed',
      {
        objects: [
          service(ports(HTTP, { name: 'admin', port: 81 })),
          slice(['10.244.1.5', '10.244.2.5'], {
            ports: [
              { name: 'http', port: 8080 },
              { name: 'admin', port: 8081 },
            ],
          }),
        ],
      },
      { objects: [service(), slice(['10.244.1.5', '10.244.2.5'])] },
      [
        'shop/web | admin, cluster IP 10.96.0.10:81: closed; led to 10.244.1.5:8081 and 10.244.2.5:8081, 1/2 each',
      ],
    ],
    [
      'external IP added',
      web(),
      web({ externalIPs: ['198.51.100.1'] }),
      [
        'shop/web | http, external IP 198.51.100.1:80: opened, and leads to 10.244.1.5:8080 and 10.244.2.5:8080, 1/2 each',
      ],
    ],
    [
      'external IP changed',
      web({ externalIPs: ['198.51.100.1'] }),
      web({ externalIPs: ['198.51.100.2'] }),
      [
        'shop/web | http, external IP 198.51.100.1:80: no longer handled by the node; led to 10.244.1.5:8080 and 10.244.2.5:8080, 1/2 each',
        'shop/web | http, external IP 198.51.100.2:80: opened, and leads to 10.244.1.5:8080 and 10.244.2.5:8080, 1/2 each',
      ],
    ],
    [
      'load-balancer IP',
      lb(),
      ingress({}, { ip: '203.0.113.11' }),
      [
        'shop/web | http, load-balancer IP 203.0.113.10:80: no longer handled by the node; led to 10.244.1.5:8080 and 10.244.2.5:8080, 1/2 each',
        'shop/web | http, load-balancer IP 203.0.113.11:80: opened, and leads to 10.244.1.5:8080 and 10.244.2.5:8080, 1/2 each',
      ],
    ],
    [
      'load-balancer IP gone',
      lb(),
      ingress({}),
      [
        'shop/web | http, load-balancer IP 203.0.113.10:80: no longer handled by the node; led to 10.244.1.5:8080 and 10.244.2.5:8080, 1/2 each',
      ],
    ],
    [
      'ipMode',
      ingress({}, { ip: '203.0.113.10', ipMode: 'VIP' }),
      ingress({}, { ip: '203.0.113.10', ipMode: 'Proxy' }),
      [
        'shop/web | http, load-balancer IP 203.0.113.10:80: no longer handled by the node; led to 10.244.1.5:8080 and 10.244.2.5:8080, 1/2 each',
      ],
    ],
    [
      'source ranges come',
      lb(),
      lb({ loadBalancerSourceRanges: ['192.0.2.0/24'] }),
      [
        'shop/web | http, load-balancer IP 203.0.113.10:80: now dropped; reached 10.244.1.5:8080 and 10.244.2.5:8080, 1/2 each',
      ],
    ],
    [
      'source ranges narrowed',
      lb({ loadBalancerSourceRanges: ['192.0.2.0/24'] }),
      lb({ loadBalancerSourceRanges: ['192.0.2.0/28'] }),
      [
        'shop/web | http, load-balancer IP 203.0.113.10:80 from 192.0.2.0/24 without 192.0.2.0/28: now dropped; reached 10.244.1.5:8080 and 10.244.2.5:8080, 1/2 each',
      ],
    ],
    [
      'source ranges widened',
      lb({ loadBalancerSourceRanges: ['192.0.2.0/28'] }),
      lb({ loadBalancerSourceRanges: ['192.0.2.0/24'] }),
      [
        'shop/web | http, load-balancer IP 203.0.113.10:80 from 192.0.2.0/24 without 192.0.2.0/28: now reaches 10.244.1.5:8080 and 10.244.2.5:8080, 1/2 each; was dropped',
      ],
    ],
    [
      'source ranges removed',
      lb({ loadBalancerSourceRanges: ['192.0.2.0/24'] }),
      lb(),
      [
        'shop/web | http, load-balancer IP 203.0.113.10:80: now reaches 10.244.1.5:8080 and 10.244.2.5:8080, 1/2 each; was dropped',
      ],
    ],
    [
      'external policy to Local',
      web(NODE_PORT),
      web({ ...NODE_PORT, externalTrafficPolicy: 'Local' }),
      [
        'shop/web | http, node port 30080 from anybody outside 10.244.0.0/16: no longer reaches 10.244.2.5:8080; share of 10.244.1.5:8080 1/2 → all',
        "shop/web | http, node port 30080 from anybody but this node: no longer masqueraded, so endpoints see the sender's address",
      ],
    ],
    [
      'external policy to Local lb',
      lb(),
      lb({ externalTrafficPolicy: 'Local' }),
      [
        'shop/web | http, load-balancer IP 203.0.113.10:80 from anybody outside 10.244.0.0/16: no longer reaches 10.244.2.5:8080; share of 10.244.1.5:8080 1/2 → all',
        "shop/web | http, load-balancer IP 203.0.113.10:80 from anybody but this node: no longer masqueraded, so endpoints see the sender's address",
      ],
    ],
    [
      'external policy to Cluster',
      web({ ...NODE_PORT, externalTrafficPolicy: 'Local' }),
      web(NODE_PORT),
      [
        'shop/web | http, node port 30080 from anybody outside 10.244.0.0/16: also reaches 10.244.2.5:8080; share of 10.244.1.5:8080 all → 1/2',
        "shop/web | http, node port 30080 from anybody but this node: masqueraded now, so endpoints see the node's address",
      ],
    ],
    [
      'external policy to Local, none here',
      web(NODE_PORT, REMOTE_PODS),
      web({ ...NODE_PORT, externalTrafficPolicy: 'Local' }, REMOTE_PODS),
      [
        'shop/web | http, node port 30080 from anybody outside 10.244.0.0/16: now dropped; reached 10.244.2.5:8080',
        "shop/web | http, node port 30080 from 10.244.0.0/16: no longer masqueraded, so endpoints see the sender's address",
      ],
    ],
    [
      'external policy to Local, all here',
      web(NODE_PORT, LOCAL_PODS),
      web({ ...NODE_PORT, externalTrafficPolicy: 'Local' }, LOCAL_PODS),
      [
        "shop/web | http, node port 30080 from anybody but this node: no longer masqueraded, so endpoints see the sender's address",
      ],
    ],
    [
      'internal policy to Local',
      web(),
      web({ internalTrafficPolicy: 'Local' }),
      [
        'shop/web | http, cluster IP 10.96.0.10:80: no longer reaches 10.244.2.5:8080; share of 10.244.1.5:8080 1/2 → all',
      ],
    ],
    [
      'internal policy to Cluster',
      web({ internalTrafficPolicy: 'Local' }),
      web(),
      [
        'shop/web | http, cluster IP 10.96.0.10:80: also reaches 10.244.2.5:8080; share of 10.244.1.5:8080 all → 1/2',
      ],
    ],
    [
      'internal policy to Local, none here',
      web({}, REMOTE_PODS),
      web({ internalTrafficPolicy: 'Local' }, REMOTE_PODS),
      ['shop/web | http, cluster IP 10.96.0.10:80: now dropped; reached 10.244.2.5:8080'],
    ],
    [
      'affinity on',
      web(),
      web(affinity(10800)),
      [
        'shop/web | http, cluster IP 10.96.0.10:80: session affinity is on now: for 3 h, a client keeps its endpoint',
      ],
    ],
    [
      'affinity off',
      web(affinity(10800)),
      web(),
      [
        'shop/web | http, cluster IP 10.96.0.10:80: session affinity is off now: each connection may reach a different endpoint',
      ],
    ],
    [
      'xt_recent is gone',
      { ...web(affinity(10800)), host: { recent: true } },
      { ...web(affinity(10800)), host: { recent: false } },
      [
        'shop/web | http, cluster IP 10.96.0.10:80: session affinity is off now: each connection may reach a different endpoint',
      ],
    ],
    [
      'affinity timeout',
      web(affinity(10800)),
      web(affinity(600)),
      ['shop/web | http, cluster IP 10.96.0.10:80: session affinity lasts 3 h → 10 min'],
    ],
    [
      'of another proxy',
      web(),
      {
        objects: [
          service({}, { metadata: { labels: { 'service.kubernetes.io/service-proxy-name': 'other' } } }),
          PODS,
        ],
      },
      [
        'shop/web | http, cluster IP 10.96.0.10:80: closed; led to 10.244.1.5:8080 and 10.244.2.5:8080, 1/2 each',
      ],
    ],
    ['with a family of its own', { objects: [service({ ipFamilies: ['IPv4'] }), PODS] }, web(), []],
    [
      'with a family policy',
      web({ ipFamilyPolicy: 'SingleStack' }),
      web({ ipFamilyPolicy: 'PreferDualStack' }),
      [],
    ],
    [
      'with a selector, and slices of its own',
      web({ selector: { app: 'web' } }),
      web({ selector: { app: 'api' } }),
      [],
    ],
    ['trafficDistribution, without hints', web(), web({ trafficDistribution: 'PreferSameZone' }), []],
    [
      'topologyKeys, which are of older releases',
      web(),
      web({ topologyKeys: ['kubernetes.io/hostname'] }),
      [
        'shop/web | http, cluster IP 10.96.0.10:80: no longer reaches 10.244.2.5:8080; share of 10.244.1.5:8080 1/2 → all',
      ],
    ],
    [
      'health check node port',
      lb({ externalTrafficPolicy: 'Local', healthCheckNodePort: 30300 }),
      lb({ externalTrafficPolicy: 'Local', healthCheckNodePort: 30301 }),
      [],
    ],
    [
      'allocateLoadBalancerNodePorts',
      lb(ports({ ...HTTP, nodePort: 30080 })),
      lb({ allocateLoadBalancerNodePorts: false, ...ports(HTTP) }),
      ['shop/web | http, node port 30080: closed; led to 10.244.1.5:8080 and 10.244.2.5:8080, 1/2 each'],
    ],
    ['publishNotReadyAddresses, with a slice of its own', web(), web({ publishNotReadyAddresses: true }), []],
    [
      'target port, with a slice of its own',
      web(ports({ ...HTTP, targetPort: 8080 })),
      web(ports({ ...HTTP, targetPort: 9090 })),
      [],
    ],
    ['application protocol', web(), web(ports({ ...HTTP, appProtocol: 'http' })), []],
    [
      'publishNotReady',
      pods('10.244.1.5', endpoint('10.244.1.6', NOT_READY)),
      pods('10.244.1.5', '10.244.1.6'),
      [
        'shop/web | http, cluster IP 10.96.0.10:80: also reaches 10.244.1.6:8080; share of 10.244.1.5:8080 all → 1/2',
      ],
    ],
  ])('%s', (_, before, after, expected) => {
    expect(told(before, after)).toEqual(expected);
  });
});

describe('endpoints', () => {
  each([
    [
      'one that comes',
      pods('10.244.1.5'),
      pods('10.244.1.5', '10.244.1.6'),
      [
        'shop/web | http, cluster IP 10.96.0.10:80: also reaches 10.244.1.6:8080; share of 10.244.1.5:8080 all → 1/2',
      ],
    ],
    [
      'one that goes',
      pods('10.244.1.5', '10.244.1.6', '10.244.1.7'),
      pods('10.244.1.5', '10.244.1.6'),
      [
        "shop/web | http, cluster IP 10.96.0.10:80: no longer reaches 10.244.1.7:8080; each other endpoint's share 1/3 → 1/2",
      ],
    ],
    [
      'the first',
      pods(),
      pods('10.244.1.5'),
      ['shop/web | http, cluster IP 10.96.0.10:80: now reaches 10.244.1.5:8080; was refused'],
    ],
    [
      'all go',
      pods('10.244.1.5', '10.244.1.6'),
      pods(),
      [
        'shop/web | http, cluster IP 10.96.0.10:80: now refused; reached 10.244.1.5:8080 and 10.244.1.6:8080, 1/2 each',
      ],
    ],
    [
      'not ready',
      pods('10.244.1.5', '10.244.1.6'),
      pods('10.244.1.5', endpoint('10.244.1.6', NOT_READY)),
      [
        'shop/web | http, cluster IP 10.96.0.10:80: no longer reaches 10.244.1.6:8080; share of 10.244.1.5:8080 1/2 → all',
      ],
    ],
    [
      'terminating',
      pods('10.244.1.5', '10.244.1.6'),
      pods('10.244.1.5', endpoint('10.244.1.6', TERMINATING)),
      [
        'shop/web | http, cluster IP 10.96.0.10:80: no longer reaches 10.244.1.6:8080; share of 10.244.1.5:8080 1/2 → all',
      ],
    ],
    [
      'all terminating',
      pods('10.244.1.5', '10.244.1.6'),
      pods(endpoint('10.244.1.5', TERMINATING), endpoint('10.244.1.6', TERMINATING)),
      [],
    ],
    [
      'another port of one of them',
      { objects: [service(), slice(['10.244.1.5']), slice(['10.244.1.6'], { name: 'web-2' })] },
      {
        objects: [
          service(),
          slice(['10.244.1.5']),
          slice(['10.244.1.6'], { name: 'web-2', ports: [{ name: 'http', port: 9090 }] }),
        ],
      },
      ['shop/web | http, cluster IP 10.96.0.10:80: reaches 10.244.1.6:9090 instead of 10.244.1.6:8080'],
    ],
    [
      'another address',
      pods('10.244.1.5', '10.244.1.6'),
      pods('10.244.1.5', '10.244.1.7'),
      ['shop/web | http, cluster IP 10.96.0.10:80: reaches 10.244.1.7:8080 instead of 10.244.1.6:8080'],
    ],
    [
      'of another Service',
      web(),
      web({}, labelled({ 'kubernetes.io/service-name': 'api' })),
      [
        'shop/web | http, cluster IP 10.96.0.10:80: now refused; reached 10.244.1.5:8080 and 10.244.2.5:8080, 1/2 each',
      ],
    ],
    [
      'of another proxy',
      web(),
      web(
        {},
        labelled({
          'kubernetes.io/service-name': 'web',
          'endpointslice.kubernetes.io/managed-by': 'x',
          'service.kubernetes.io/headless': '',
        }),
      ),
      [
        'shop/web | http, cluster IP 10.96.0.10:80: now refused; reached 10.244.1.5:8080 and 10.244.2.5:8080, 1/2 each',
      ],
    ],
    [
      'of another family',
      web(),
      web({}, slice(['fd00:10:244:1::5'], { addressType: 'IPv6' })),
      [
        'shop/web | http, cluster IP 10.96.0.10:80: now refused; reached 10.244.1.5:8080 and 10.244.2.5:8080, 1/2 each',
      ],
    ],
    [
      'with another port name',
      web(),
      web({}, slice(['10.244.1.5'], { ports: [{ name: 'other', port: 8080 }] })),
      [
        'shop/web | http, cluster IP 10.96.0.10:80: now refused; reached 10.244.1.5:8080 and 10.244.2.5:8080, 1/2 each',
      ],
    ],
    [
      'with another address, of which the first counts',
      pods('10.244.1.5'),
      pods({ addresses: ['10.244.1.5', '10.244.1.6'] }),
      [],
    ],
    [
      'terminating, and no more serving',
      pods(endpoint('10.244.1.5', TERMINATING), endpoint('10.244.1.6', TERMINATING)),
      pods(
        endpoint('10.244.1.5', TERMINATING),
        endpoint('10.244.1.6', { conditions: { ready: false, serving: false, terminating: true } }),
      ),
      [
        'shop/web | http, cluster IP 10.96.0.10:80: no longer reaches 10.244.1.6:8080; share of 10.244.1.5:8080 1/2 → all',
      ],
    ],
    [
      'on another node',
      web({ internalTrafficPolicy: 'Local' }),
      web(
        { internalTrafficPolicy: 'Local' },
        slice([endpoint('10.244.1.5', ON_NODE_B), endpoint('10.244.2.5', ON_NODE_A)]),
      ),
      ['shop/web | http, cluster IP 10.96.0.10:80: reaches 10.244.2.5:8080 instead of 10.244.1.5:8080'],
    ],
    [
      'in another zone, without hints',
      web({}, slice([endpoint('10.244.1.5', { zone: 'zone-1' })])),
      web({}, slice([endpoint('10.244.1.5', { zone: 'zone-2' })])),
      [],
    ],
    [
      'in another region',
      web(
        {},
        slice([
          endpoint('10.244.1.5', { deprecatedTopology: { 'topology.kubernetes.io/region': 'region-1' } }),
        ]),
      ),
      web(
        {},
        slice([
          endpoint('10.244.1.5', { deprecatedTopology: { 'topology.kubernetes.io/region': 'region-2' } }),
        ]),
      ),
      [],
    ],
    [
      'in another region, by topologyKeys',
      regional('region-1', 'region-2'),
      regional('region-1', 'region-1'),
      [
        'shop/web | http, cluster IP 10.96.0.10:80: also reaches 10.244.2.5:8080; share of 10.244.1.5:8080 all → 1/2',
      ],
    ],
    [
      'hints added',
      web(),
      web({}, hints('forZones', 'zone-1', 'zone-2')),
      [
        'shop/web | http, cluster IP 10.96.0.10:80: no longer reaches 10.244.2.5:8080; share of 10.244.1.5:8080 1/2 → all',
      ],
    ],
    [
      'hints removed',
      web({}, hints('forZones', 'zone-1', 'zone-2')),
      web(),
      [
        'shop/web | http, cluster IP 10.96.0.10:80: also reaches 10.244.2.5:8080; share of 10.244.1.5:8080 all → 1/2',
      ],
    ],
    [
      'hints of one alone',
      web(),
      web(
        {},
        slice([
          endpoint('10.244.1.5', { ...ON_NODE_A, hints: { forZones: [{ name: 'zone-1' }] } }),
          endpoint('10.244.2.5', ON_NODE_B),
        ]),
      ),
      [],
    ],
    [
      'hints for a zone where this node is not',
      web({}, hints('forZones', 'zone-1', 'zone-1')),
      web({}, hints('forZones', 'zone-2', 'zone-2')),
      [],
    ],
    [
      'node hints added',
      web(),
      web({}, hints('forNodes', 'node-a', 'node-b')),
      [
        'shop/web | http, cluster IP 10.96.0.10:80: no longer reaches 10.244.2.5:8080; share of 10.244.1.5:8080 1/2 → all',
      ],
    ],
    [
      'node hints removed',
      web({}, hints('forNodes', 'node-a', 'node-b')),
      web(),
      [
        'shop/web | http, cluster IP 10.96.0.10:80: also reaches 10.244.2.5:8080; share of 10.244.1.5:8080 all → 1/2',
      ],
    ],
    [
      'port',
      web({}, slice(['10.244.1.5'])),
      web({}, slice(['10.244.1.5'], { ports: [{ name: 'http', port: 9090 }] })),
      ['shop/web | http, cluster IP 10.96.0.10:80: target port 8080 → 9090'],
    ],
  ])('%s', (_, before, after, expected) => {
    expect(told(before, after)).toEqual(expected);
  });
});

describe('a node', () => {
  each([
    [
      'zone hints',
      web({}, hints('forZones', 'zone-1', 'zone-1')),
      web({}, hints('forZones', 'zone-1', 'zone-2')),
      [
        'shop/web | http, cluster IP 10.96.0.10:80: no longer reaches 10.244.2.5:8080; share of 10.244.1.5:8080 1/2 → all',
      ],
    ],
    [
      'zone',
      { ...web({}, hints('forZones', 'zone-1', 'zone-2')), host: host({}) },
      { ...web({}, hints('forZones', 'zone-1', 'zone-2')), host: host({ zone: 'zone-2' }) },
      ['shop/web | http, cluster IP 10.96.0.10:80: reaches 10.244.2.5:8080 instead of 10.244.1.5:8080'],
    ],
    [
      'node hints',
      web({}, hints('forNodes', 'node-a', 'node-a')),
      web({}, hints('forNodes', 'node-a', 'node-b')),
      [
        'shop/web | http, cluster IP 10.96.0.10:80: no longer reaches 10.244.2.5:8080; share of 10.244.1.5:8080 1/2 → all',
      ],
    ],
    [
      'name',
      { ...web({ internalTrafficPolicy: 'Local' }), host: host({}) },
      { ...web({ internalTrafficPolicy: 'Local' }), host: host({ name: 'node-b' }) },
      ['shop/web | http, cluster IP 10.96.0.10:80: reaches 10.244.2.5:8080 instead of 10.244.1.5:8080'],
    ],
    [
      'zone, of node hints',
      { ...web({}, hints('forNodes', 'node-a', 'node-b')), host: host({}) },
      { ...web({}, hints('forNodes', 'node-a', 'node-b')), host: host({ name: 'node-b', zone: 'zone-2' }) },
      ['shop/web | http, cluster IP 10.96.0.10:80: reaches 10.244.2.5:8080 instead of 10.244.1.5:8080'],
    ],
    [
      'zone that is gone',
      { ...web({}, hints('forZones', 'zone-1', 'zone-2')), host: host({}) },
      { ...web({}, hints('forZones', 'zone-1', 'zone-2')), host: host({ zone: '' }) },
      [
        'shop/web | http, cluster IP 10.96.0.10:80: also reaches 10.244.2.5:8080; share of 10.244.1.5:8080 all → 1/2',
      ],
    ],
    [
      'region',
      { ...web({}, hints('forZones', 'zone-1', 'zone-2')), host: host({ region: 'region-1' }) },
      { ...web({}, hints('forZones', 'zone-1', 'zone-2')), host: host({ region: 'region-2' }) },
      [],
    ],
    [
      'podCIDRs, where the cluster has one range',
      { ...web(), host: host({}) },
      { ...web(), host: host({ podCIDRs: ['10.244.9.0/24'] }) },
      [],
    ],
    [
      'podCIDRs, in mode NodeCIDR',
      { ...configured({}, { detectLocalMode: 'NodeCIDR' }), host: host({}) },
      { ...configured({}, { detectLocalMode: 'NodeCIDR' }), host: host({ podCIDRs: ['10.244.0.0/23'] }) },
      [
        "shop/web | http, cluster IP 10.96.0.10:80 from 10.244.0.0/24: no longer masqueraded, so endpoints see the sender's address",
      ],
    ],
    [
      'random ports of masquerading',
      { ...web(), host: { randomFully: true } },
      { ...web(), host: { randomFully: false } },
      [],
    ],
    [
      'xt_bpf, in the fast layout',
      { ...web(), layout: 'fast', host: { bpf: true } },
      { ...web(), layout: 'fast', host: { bpf: false } },
      [],
    ],
    ['counters of nfacct', { ...web(), host: { nfacct: true } }, { ...web(), host: { nfacct: false } }, []],
    [
      'region, by topologyKeys',
      { ...regional('region-1', 'region-2'), host: host({ region: 'region-1' }) },
      { ...regional('region-1', 'region-2'), host: host({ region: 'region-2' }) },
      ['shop/web | http, cluster IP 10.96.0.10:80: reaches 10.244.2.5:8080 instead of 10.244.1.5:8080'],
    ],
    [
      'ips',
      { ...web(NODE_PORT), host: host({}) },
      { ...web(NODE_PORT), host: host({ ips: ['192.168.0.3'] }) },
      [],
    ],
    [
      'nodePortAddresses',
      configured(NODE_PORT, {}),
      {
        ...configured(NODE_PORT, { nodePortAddresses: ['192.168.0.0/24'] }),
        host: host({ interfaceAddresses: ['192.168.0.2/24', '10.0.0.2/24'] }),
      },
      [
        'shop/web | http, node port 30080 at 10.0.0.2 and 127.0.0.0/8: now taken by no Service; reached 10.244.1.5:8080 and 10.244.2.5:8080, 1/2 each',
        ' | packets to 127.0.0.0/8, such as tcp 203.0.113.9 → 127.0.0.1:80: now let through; was dropped',
      ],
    ],
    [
      'nodePortAddresses, the primary address alone',
      {
        ...configured(NODE_PORT, {}),
        host: host({ interfaceAddresses: ['192.168.0.2/24', '10.0.0.2/24'] }),
      },
      {
        ...configured(NODE_PORT, { nodePortAddresses: ['primary'] }),
        host: host({ interfaceAddresses: ['192.168.0.2/24', '10.0.0.2/24'] }),
      },
      [
        'shop/web | http, node port 30080 at 10.0.0.2 and 127.0.0.0/8: now taken by no Service; reached 10.244.1.5:8080 and 10.244.2.5:8080, 1/2 each',
        ' | packets to 127.0.0.0/8, such as tcp 203.0.113.9 → 127.0.0.1:80: now let through; was dropped',
      ],
    ],
  ])('%s', (_, before, after, expected) => {
    expect(told(before, after)).toEqual(expected);
  });
});

describe('configuration', () => {
  each([
    [
      'clusterCIDR',
      configured({}, {}),
      configured({}, { clusterCIDR: '10.0.0.0/8' }),
      [
        "shop/web | http, cluster IP 10.96.0.10:80 from 10.0.0.0/8 without 10.244.0.0/16: no longer masqueraded, so endpoints see the sender's address",
      ],
    ],
    [
      'clusterCIDR both',
      configured({}, { clusterCIDR: '10.244.0.0/16' }),
      configured({}, { clusterCIDR: '10.0.0.0/8' }),
      [
        "shop/web | http, cluster IP 10.96.0.10:80 from 10.0.0.0/8 without 10.244.0.0/16: no longer masqueraded, so endpoints see the sender's address",
      ],
    ],
    [
      'detectLocal',
      configured({}, { clusterCIDR: '10.244.0.0/16' }),
      configured({}, { detectLocalMode: 'BridgeInterface', detectLocal: { bridgeInterface: 'cni0' } }),
      [
        "shop/web | http, cluster IP 10.96.0.10:80 from anybody outside 10.244.0.0/16, incoming interface cni0: no longer masqueraded, so endpoints see the sender's address",
        "shop/web | http, cluster IP 10.96.0.10:80 from 10.244.0.0/16: masqueraded now, so endpoints see the node's address",
      ],
    ],
    [
      'detectLocalMode NodeCIDR',
      configured({}, {}),
      { ...configured({}, { detectLocalMode: 'NodeCIDR' }), host: host({}) },
      [
        "shop/web | http, cluster IP 10.96.0.10:80 from 10.244.0.0/16 without 10.244.1.0/24 and 10.244.2.5: masqueraded now, so endpoints see the node's address",
      ],
    ],
    [
      'detectLocalMode InterfaceNamePrefix',
      configured({}, {}),
      configured(
        {},
        { detectLocalMode: 'InterfaceNamePrefix', detectLocal: { interfaceNamePrefix: 'veth' } },
      ),
      [
        "shop/web | http, cluster IP 10.96.0.10:80 from anybody outside 10.244.0.0/16, incoming interface veth+: no longer masqueraded, so endpoints see the sender's address",
        "shop/web | http, cluster IP 10.96.0.10:80 from 10.244.0.0/16: masqueraded now, so endpoints see the node's address",
      ],
    ],
    [
      'detectLocalMode BridgeInterface, another one',
      configured({}, { detectLocalMode: 'BridgeInterface', detectLocal: { bridgeInterface: 'cni0' } }),
      configured({}, { detectLocalMode: 'BridgeInterface', detectLocal: { bridgeInterface: 'cni1' } }),
      [
        "shop/web | http, cluster IP 10.96.0.10:80 from anybody but this node, incoming interface cni1: no longer masqueraded, so endpoints see the sender's address",
        "shop/web | http, cluster IP 10.96.0.10:80 from anybody but this node, incoming interface cni0: masqueraded now, so endpoints see the node's address",
      ],
    ],
    [
      'clusterCIDR that is gone',
      configured({}, {}),
      configured({}, { clusterCIDR: '' }),
      [
        "shop/web | http, cluster IP 10.96.0.10:80 from this node and anybody outside 10.244.0.0/16: no longer masqueraded, so endpoints see the sender's address",
      ],
    ],
    [
      'legacyPortNames',
      web(ports({ port: 80 }), slice(['10.244.1.5'], { ports: [{ name: '', port: 8080 }] })),
      {
        ...web(ports({ port: 80 }), slice(['10.244.1.5'], { ports: [{ name: '', port: 8080 }] })),
        legacyPortNames: true,
      },
      [],
    ],
    ['layout', web(), { ...web(), layout: 'fast' }, []],
    [
      'rejectUnassigned',
      WITH_RANGES,
      { ...WITH_RANGES, rejectUnassigned: true },
      [' | packets to 10.96.0.0/16, such as tcp 203.0.113.9 → 10.96.0.1:80: now refused; was let through'],
    ],
    [
      'rejectUnassigned, and a Service that comes',
      { objects: WITH_RANGES.objects?.slice(2) ?? [], rejectUnassigned: true },
      { ...WITH_RANGES, rejectUnassigned: true },
      [
        'shop/web | http, cluster IP 10.96.0.10:80: opened, and leads to 10.244.1.5:8080 and 10.244.2.5:8080, 1/2 each',
      ],
    ],
    [
      'rejectUnassigned, and an address that no Service has any more',
      { ...WITH_RANGES, rejectUnassigned: true },
      {
        objects: [service({ clusterIP: '10.96.0.11' }), ...(WITH_RANGES.objects?.slice(1) ?? [])],
        rejectUnassigned: true,
      },
      [
        'shop/web | http, cluster IP 10.96.0.10:80: closed, and refused; led to 10.244.1.5:8080 and 10.244.2.5:8080, 1/2 each',
        'shop/web | http, cluster IP 10.96.0.11:80: opened, and leads to 10.244.1.5:8080 and 10.244.2.5:8080, 1/2 each',
      ],
    ],
    [
      'masqueradeAll',
      configured({}, { clusterCIDR: '10.244.0.0/16' }),
      configured({}, { clusterCIDR: '10.244.0.0/16', iptables: { masqueradeAll: true } }),
      [
        "shop/web | http, cluster IP 10.96.0.10:80 from 10.244.0.0/16: masqueraded now, so endpoints see the node's address",
      ],
    ],
    [
      'masqueradeBit',
      web(),
      configured({}, { iptables: { masqueradeBit: 5 } }),
      [
        'shop/web | http, cluster IP 10.96.0.10:80 from this node and anybody outside 10.244.0.0/16: same destination, different mark',
        " | packets with mark 0x20, such as tcp 192.168.0.9 → 203.0.113.9:80: masqueraded now, so receivers see the node's address",
        " | packets with mark 0x4000, such as tcp 192.168.0.9 → 203.0.113.9:80: no longer masqueraded, so receivers see the sender's address",
        ' | packets with mark 0x20, with mark 0x4000, such as tcp 192.168.0.9 → 203.0.113.9:80: same destination, different mark',
      ],
    ],
    [
      'localhostNodePorts',
      configured(NODE_PORT, {}),
      configured(NODE_PORT, { iptables: { localhostNodePorts: false } }),
      [
        'shop/web | http, node port 30080 at 127.0.0.0/8: now taken by no Service; reached 10.244.1.5:8080 and 10.244.2.5:8080, 1/2 each',
        ' | packets to 127.0.0.0/8, such as udp 203.0.113.9 → 127.0.0.1:53: now let through; was dropped',
      ],
    ],
    [
      'tcpBeLiberal, as the node has it',
      web(),
      { ...web(), host: { conntrackTCPBeLiberal: true } },
      [
        ' | packets from anybody but this node, in conntrack state INVALID, such as tcp 192.168.0.9 → 203.0.113.9:80: now let through; was dropped',
      ],
    ],
  ])('%s', (_, before, after, expected) => {
    expect(told(before, after)).toEqual(expected);
  });
});

describe('of no Service', () => {
  test.each<Row>([
    [
      'a rule that drops, before ours',
      web(),
      { ...web(), foreign: { first: '-s 192.0.2.0/24 -j DROP' } },
      [
        [
          'shop/web | http, cluster IP 10.96.0.10:80 from 192.0.2.0/24: stopped on the way to its endpoints now',
          ' | packets from 192.0.2.0/24, such as tcp 192.0.2.1 → 203.0.113.9:80: now dropped; was let through',
        ],
        [],
      ],
    ],
    [
      'a rule that drops what is left',
      web(),
      { ...web(), foreign: { last: '-j DROP' } },
      [
        [
          'shop/web | http, cluster IP 10.96.0.10:80 from 10.244.0.0/16: stopped on the way to its endpoints now',
          'shop/web | http, cluster IP 10.96.0.10:80 from 10.244.1.5 and 10.244.2.5: 1/2 stopped on the way to its endpoints now',
          ' | packets from anybody but this node, such as tcp 192.168.0.9 → 203.0.113.9:80: now dropped; was let through',
        ],
        [],
      ],
    ],
    [
      'the policy of FORWARD',
      web(),
      { ...web(), foreign: { policy: 'DROP' } },
      [
        [
          'shop/web | http, cluster IP 10.96.0.10:80 from 10.244.0.0/16: stopped on the way to its endpoints now',
          'shop/web | http, cluster IP 10.96.0.10:80 from 10.244.1.5 and 10.244.2.5: 1/2 stopped on the way to its endpoints now',
          ' | packets from anybody but this node, such as tcp 192.168.0.9 → 203.0.113.9:80: now dropped; was let through',
        ],
        [],
      ],
    ],
    [
      'RETURN',
      { ...web(), foreign: { policy: 'DROP' } },
      { ...web(), foreign: { policy: 'DROP', first: '-s 192.0.2.0/24 -j RETURN' } },
      [
        [
          'shop/web | http, cluster IP 10.96.0.10:80 from 192.0.2.0/24: stopped on the way to its endpoints now',
          ' | packets from 192.0.2.0/24, with mark 0x4000, such as tcp 192.0.2.1 → 203.0.113.9:80: now dropped; was let through',
        ],
        [],
      ],
    ],
    [
      'string',
      web(),
      { ...web(), foreign: { first: '-p tcp -m string --string secret --algo bm -j DROP' } },
      [
        [
          'shop/web | http, cluster IP 10.96.0.10:80 from anybody but this node, that match -m string --string secret --algo bm: stopped on the way to its endpoints now',
          'shop/web | http, cluster IP 10.96.0.10:80 from anybody but this node, that match -m string --string secret --algo bm: 1/2 stopped on the way to its endpoints now',
          ' | tcp packets from anybody but this node, that match -m string --string secret --algo bm, such as tcp 192.168.0.9 → 203.0.113.9:80: now dropped; was let through',
        ],
        ['-m string --string secret --algo bm'],
      ],
    ],
    [
      'string from',
      web(),
      { ...web(), foreign: { first: '-s 192.0.2.0/24 -m string --string secret --algo bm -j DROP' } },
      [
        [
          'shop/web | http, cluster IP 10.96.0.10:80 from 192.0.2.0/24, that match -m string --string secret --algo bm: stopped on the way to its endpoints now',
          'shop/web | http, cluster IP 10.96.0.10:80 from 192.0.2.0/24, that match -m string --string secret --algo bm: 1/2 stopped on the way to its endpoints now',
          ' | packets from 192.0.2.0/24, that match -m string --string secret --algo bm, such as tcp 192.0.2.1 → 203.0.113.9:80: now dropped; was let through',
        ],
        ['-m string --string secret --algo bm'],
      ],
    ],
  ])('%s', (_, before, after, expected) => {
    const all = effects(before, after);
    expect([told(before, after), all.undecided]).toEqual(expected);
  });
});

/** What the compiler is given, of one side: by what it is of, the values of each field. */
function fieldsOf(side: Side): Map<string, unknown> {
  const { cluster, node } = inputOf(side);
  const { service, endpointSlices = [] } = cluster.services.get('shop/web') ?? {};
  const given = {
    Service: service ? [service] : [],
    'port of a Service': service?.ports ?? [],
    EndpointSlice: endpointSlices,
    endpoint: endpointSlices.flatMap(({ endpoints }) => endpoints),
    'port of an EndpointSlice': endpointSlices.flatMap(({ ports }) => ports),
    Node: [node],
    configuration: [optionsOf(side)],
  };
  const fields = new Map<string, unknown[]>();
  for (const [of, objects] of Object.entries(given)) {
    for (const object of objects) {
      for (const [field, value] of Object.entries(object)) {
        const key = `${of}: ${field}`;
        fields.set(key, [...(fields.get(key) ?? []), value]);
      }
    }
  }
  return fields;
}

/** Fields that no row is about, each with the reason. */
const WITHOUT_ROW: Readonly<Record<string, string>> = {
  'Service: kind': 'another kind is another object',
  'Service: namespace': 'in another namespace, it is another Service',
  'Service: name': 'with another name, it is another Service',
  'EndpointSlice: kind': 'another kind is another object',
  'EndpointSlice: namespace': 'of Services in another namespace',
  'EndpointSlice: name': 'only the order of slices goes by it, and which endpoints there are does not',
  'EndpointSlice: serviceName': 'it finds the Service: the row is one of a slice that another Service has',
  'configuration: family': 'the rules of the other family are compared by themselves',
};

/** Whether a side has anything that a field is of: of what comes or goes as a whole, no field is another. */
const hasObjects = (side: ReadonlyMap<string, unknown>, field: string) =>
  [...side.keys()].some((other) => other.split(': ', 1).join() === field.split(': ', 1).join());

test('an external IP that is an address of the node: the way by its node port is told, too', () => {
  const own = { ...NODE_PORT, externalIPs: ['192.168.0.2'] };
  const config = (masqueradeBit: number) => ({ iptables: { localhostNodePorts: false, masqueradeBit } });
  const before: Side = { objects: [service(own), slice(['10.244.2.5'])], config: config(14) };
  const { services } = effects(before, { objects: [], config: config(5) });
  const ways = services.flatMap(({ ways }) => ways.map(({ to, effects }) => [to.way, effects[0]?.kind]));
  expect(ways).toEqual([
    ['cluster-ip', 'fate'],
    ['external-ip', 'fate'],
    ['node-port', 'fate'],
  ]);
});

test('each field that the compiler is given has a row in which it is another', () => {
  const all = new Set<string>();
  const changed = new Set<string>();
  for (const [, before, after] of rows) {
    const [was, is] = [fieldsOf(before), fieldsOf(after)];
    for (const field of [...was.keys(), ...is.keys()]) {
      all.add(field);
      if (
        hasObjects(was, field) &&
        hasObjects(is, field) &&
        !isDeepStrictEqual(was.get(field), is.get(field))
      )
        changed.add(field);
    }
  }
  const missing = [...all].filter((field) => !changed.has(field) && !(field in WITHOUT_ROW));
  expect(missing).toEqual([]);
  expect(Object.keys(WITHOUT_ROW).filter((field) => !all.has(field) || changed.has(field))).toEqual([]);
});
