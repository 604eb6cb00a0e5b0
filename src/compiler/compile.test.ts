import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type CompilerInput, load, objectsOf, rawCluster } from '../../test/support/arbitrary/clusters.ts';
import type { Manifest } from '../../test/support/arbitrary/raw.ts';
import { commentOf } from '../../test/support/restore-text.ts';
import {
  chosen,
  DUAL_STACK,
  endpoint,
  type Given,
  loadBalancer,
  NOT_READY,
  ON_NODE_A,
  ON_NODE_B,
  rulesOf,
  service,
  slice,
} from '../../test/support/rules.ts';
import { FAMILIES } from '../net/address.ts';
import { compile } from './compile.ts';

/** The rules of chains by name; undefined where there is no such chain. */
type Expected = Readonly<Record<string, readonly string[] | undefined>>;

function table(rows: readonly (readonly [name: string, given: Given, expected: Expected])[]): void {
  test.each(rows)('%s', (_, given, expected) => {
    expect(chosen(rulesOf(given), expected)).toEqual(expected);
  });
}

const TO_WEB = '-m tcp -p tcp -d 10.96.0.10 --dport 80';
const NODE_PORT_JUMP =
  '-m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain" -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS';

/** A port with a node port. */
const NODE_PORT = { ports: [{ name: 'http', port: 80, nodePort: 30080 }] };
const LOCAL = { externalTrafficPolicy: 'Local' };
const HERE = slice([endpoint('10.244.1.1', ON_NODE_A)]);
const THERE = slice([endpoint('10.244.2.1', ON_NODE_B)]);
const BOTH = slice([endpoint('10.244.1.1', ON_NODE_A), endpoint('10.244.2.1', ON_NODE_B)]);

describe('no endpoints: refused', () => {
  const rejected = (packets: string) =>
    `-m comment --comment "shop/web:http has no endpoints" ${packets} -j REJECT`;
  const everywhere = loadBalancer({ ...NODE_PORT, externalIPs: ['198.51.100.1'] });
  const refused: Expected = {
    'filter KUBE-SERVICES': [rejected(TO_WEB)],
    'filter KUBE-EXTERNAL-SERVICES': [
      rejected('-m tcp -p tcp -d 198.51.100.1 --dport 80'),
      rejected('-m tcp -p tcp -d 203.0.113.10 --dport 80'),
      rejected('-m addrtype --dst-type LOCAL -m tcp -p tcp --dport 30080'),
    ],
    'filter KUBE-PROXY-FIREWALL': [],
    'nat KUBE-SERVICES': [NODE_PORT_JUMP],
    'nat KUBE-NODEPORTS': [],
    'nat SVC': undefined,
    'nat SVL': undefined,
    'nat EXT': undefined,
    'nat FW': undefined,
  };
  const ranges = { ...NODE_PORT, externalIPs: ['198.51.100.1'], loadBalancerSourceRanges: ['10.0.0.0/8'] };
  const localEverywhere = loadBalancer({ ...ranges, ...LOCAL, internalTrafficPolicy: 'Local' });
  const noMatch = { topologyKeys: ['example.com/rack'] };
  table([
    ['none at all', { objects: [everywhere] }, refused],
    ['none that is ready', { objects: [everywhere, slice([endpoint('10.244.1.1', NOT_READY)])] }, refused],
    ['with source ranges', { objects: [loadBalancer(ranges)] }, refused],
    ['under Local policies', { objects: [localEverywhere] }, refused],
    ['no match of topologyKeys', { objects: [loadBalancer({ ...ranges, ...noMatch }), BOTH] }, refused],
    [
      'no match of topologyKeys, while the local set has some',
      { objects: [loadBalancer({ ...ranges, ...noMatch, internalTrafficPolicy: 'Local' }), BOTH] },
      {
        ...refused,
        'filter KUBE-SERVICES': [],
        'nat KUBE-SERVICES': [
          `-m comment --comment "shop/web:http cluster IP" ${TO_WEB} -j SVL`,
          NODE_PORT_JUMP,
        ],
        'nat SVL': [
          `-m comment --comment "shop/web:http cluster IP" ${TO_WEB} ! -s 10.244.0.0/16 -j KUBE-MARK-MASQ`,
          '-m comment --comment "shop/web:http -> 10.244.1.1:8080" -j SEP(10.244.1.1:8080)',
        ],
      },
    ],
    [
      'an IPv6 Service',
      { objects: [service({ clusterIP: 'fd00:10:96::a' })], family: 'ipv6' },
      { 'filter KUBE-SERVICES': [rejected('-m tcp -p tcp -d fd00:10:96::a --dport 80')] },
    ],
  ]);
});

describe('endpoints, but none on this node under a Local policy: dropped', () => {
  const dropped = (packets: string) =>
    `-m comment --comment "shop/web:http has no local endpoints" ${packets} -j DROP`;
  table([
    [
      'internal',
      { objects: [service({ internalTrafficPolicy: 'Local' }), THERE] },
      {
        'filter KUBE-SERVICES': [dropped(TO_WEB)],
        'filter KUBE-EXTERNAL-SERVICES': [],
        'nat KUBE-SERVICES': [NODE_PORT_JUMP],
        'nat SVC': undefined,
        'nat SVL': undefined,
      },
    ],
    [
      'external: what begins on this node still goes anywhere',
      { objects: [loadBalancer({ ...NODE_PORT, ...LOCAL, externalIPs: ['198.51.100.1'] }), THERE] },
      {
        'filter KUBE-SERVICES': [],
        'filter KUBE-EXTERNAL-SERVICES': [
          dropped('-m tcp -p tcp -d 198.51.100.1 --dport 80'),
          dropped('-m tcp -p tcp -d 203.0.113.10 --dport 80'),
          dropped('-m addrtype --dst-type LOCAL -m tcp -p tcp --dport 30080'),
        ],
        'nat KUBE-SERVICES': [
          `-m comment --comment "shop/web:http cluster IP" ${TO_WEB} -j SVC`,
          '-m comment --comment "shop/web:http external IP" -m tcp -p tcp -d 198.51.100.1 --dport 80 -j EXT',
          '-m comment --comment "shop/web:http loadbalancer IP" -m tcp -p tcp -d 203.0.113.10 --dport 80 -j EXT',
          NODE_PORT_JUMP,
        ],
        'nat KUBE-NODEPORTS': ['-m comment --comment shop/web:http -m tcp -p tcp --dport 30080 -j EXT'],
        'nat EXT': [
          '-m comment --comment "pod traffic for shop/web:http external destinations" -s 10.244.0.0/16 -j SVC',
          '-m comment --comment "masquerade LOCAL traffic for shop/web:http external destinations" -m addrtype --src-type LOCAL -j KUBE-MARK-MASQ',
          '-m comment --comment "route LOCAL traffic for shop/web:http external destinations" -m addrtype --src-type LOCAL -j SVC',
        ],
        'nat SVL': undefined,
      },
    ],
  ]);
});

describe('traffic to the cluster IP', () => {
  const chain = (name: string) => [
    `-m comment --comment "shop/web:http cluster IP" ${TO_WEB} -j ${name}`,
    NODE_PORT_JUMP,
  ];
  const masquerade = (source: string) =>
    `-m comment --comment "shop/web:http cluster IP" ${TO_WEB}${source} -j KUBE-MARK-MASQ`;
  const only = (address: string) =>
    `-m comment --comment "shop/web:http -> ${address}:8080" -j SEP(${address}:8080)`;
  const detect = (detectLocalMode: string, rest: Manifest = {}) => ({ config: { detectLocalMode, ...rest } });
  const objects = [service(), HERE];
  const toSVC = (...masquerade: string[]) => ({
    'nat KUBE-SERVICES': chain('SVC'),
    'nat SVC': [...masquerade, only('10.244.1.1')],
    'nat SVL': undefined,
    'nat EXT': undefined,
  });
  table([
    ['Cluster policy', { objects }, toSVC(masquerade(' ! -s 10.244.0.0/16'))],
    [
      'Local policy',
      { objects: [service({ internalTrafficPolicy: 'Local' }), BOTH] },
      {
        'nat KUBE-SERVICES': chain('SVL'),
        'nat SVL': [masquerade(' ! -s 10.244.0.0/16'), only('10.244.1.1')],
        'nat SVC': undefined,
      },
    ],
    [
      'Local policy with a node port: only the chain of the cluster IP marks',
      { objects: [service({ type: 'NodePort', ...NODE_PORT, internalTrafficPolicy: 'Local' }), HERE] },
      {
        'nat KUBE-SERVICES': chain('SVL'),
        'nat SVL': [masquerade(' ! -s 10.244.0.0/16'), only('10.244.1.1')],
        'nat SVC': [only('10.244.1.1')],
      },
    ],
    ['no detector: nothing is masqueraded', { objects, config: { clusterCIDR: '' } }, toSVC()],
    [
      'every address is a local pod: iptables-nft would refuse a rule for the rest',
      { objects, config: { clusterCIDR: '0.0.0.0/0' } },
      toSVC(),
    ],
    ['NodeCIDR', { objects, ...detect('NodeCIDR') }, toSVC(masquerade(' ! -s 10.244.1.0/24'))],
    [
      'BridgeInterface',
      { objects, ...detect('BridgeInterface', { detectLocal: { bridgeInterface: 'cbr0' } }) },
      toSVC(masquerade(' ! -i cbr0')),
    ],
    [
      'InterfaceNamePrefix',
      { objects, ...detect('InterfaceNamePrefix', { detectLocal: { interfaceNamePrefix: 'veth' } }) },
      toSVC(masquerade(' ! -i veth+')),
    ],
    [
      'masqueradeAll, with a detector',
      { objects, config: { iptables: { masqueradeAll: true } } },
      toSVC(masquerade('')),
    ],
    [
      'masqueradeAll, without a detector',
      { objects, config: { clusterCIDR: '', iptables: { masqueradeAll: true } } },
      toSVC(masquerade('')),
    ],
  ]);
});

describe('traffic from outside', () => {
  const to = (address: string, what: string, chain: string) =>
    `-m comment --comment "shop/web:http ${what}" -m tcp -p tcp -d ${address} --dport 80 -j ${chain}`;
  const about = (what: string) =>
    `-m comment --comment "${what} traffic for shop/web:http external destinations"`;
  const masquerade = `-m comment --comment "masquerade traffic for shop/web:http external destinations" -j KUBE-MARK-MASQ`;
  const clusterIP = to('10.96.0.10', 'cluster IP', 'SVC');
  const local = (...pods: string[]) => [
    ...pods,
    `${about('masquerade LOCAL')} -m addrtype --src-type LOCAL -j KUBE-MARK-MASQ`,
    `${about('route LOCAL')} -m addrtype --src-type LOCAL -j SVC`,
    '-j SVL',
  ];
  const nodePort = (spec: Manifest = {}) => service({ type: 'NodePort', ...NODE_PORT, ...spec });
  table([
    [
      'external IPs, in their order',
      { objects: [service({ externalIPs: ['198.51.100.2', '198.51.100.1'] }), HERE] },
      {
        'nat KUBE-SERVICES': [
          clusterIP,
          to('198.51.100.2', 'external IP', 'EXT'),
          to('198.51.100.1', 'external IP', 'EXT'),
          NODE_PORT_JUMP,
        ],
        'nat EXT': [masquerade, '-j SVC'],
        'filter KUBE-EXTERNAL-SERVICES': [],
      },
    ],
    [
      'load-balancer IPs',
      { objects: [loadBalancer(), HERE] },
      {
        'nat KUBE-SERVICES': [clusterIP, to('203.0.113.10', 'loadbalancer IP', 'EXT'), NODE_PORT_JUMP],
        'nat EXT': [masquerade, '-j SVC'],
        'nat FW': undefined,
      },
    ],
    [
      'a node port',
      { objects: [nodePort(), HERE] },
      {
        'nat KUBE-SERVICES': [clusterIP, NODE_PORT_JUMP],
        'nat KUBE-NODEPORTS': ['-m comment --comment shop/web:http -m tcp -p tcp --dport 30080 -j EXT'],
        'nat EXT': [masquerade, '-j SVC'],
      },
    ],
    [
      'a node port, counted on localhost',
      { objects: [nodePort(), HERE], host: { nfacct: true } },
      {
        'nat KUBE-NODEPORTS': [
          '-m comment --comment shop/web:http -m tcp -p tcp -d 127.0.0.0/8 --dport 30080 -m nfacct --nfacct-name localhost_nps_accepted_pkts -j EXT',
          '-m comment --comment shop/web:http -m tcp -p tcp --dport 30080 -j EXT',
        ],
      },
    ],
    [
      'a node port is not counted where localhost has none',
      {
        objects: [nodePort(), HERE],
        host: { nfacct: true },
        config: { iptables: { localhostNodePorts: false } },
      },
      { 'nat KUBE-NODEPORTS': ['-m comment --comment shop/web:http -m tcp -p tcp --dport 30080 -j EXT'] },
    ],
    [
      'Local policy',
      { objects: [nodePort(LOCAL), BOTH] },
      { 'nat EXT': local(`${about('pod')} -s 10.244.0.0/16 -j SVC`) },
    ],
    [
      'Local policy, pods known by their interface',
      {
        objects: [nodePort(LOCAL), BOTH],
        config: { detectLocalMode: 'BridgeInterface', detectLocal: { bridgeInterface: 'cbr0' } },
      },
      { 'nat EXT': local(`${about('pod')} -i cbr0 -j SVC`) },
    ],
    [
      'Local policy, no detector',
      { objects: [nodePort(LOCAL), BOTH], config: { clusterCIDR: '' } },
      { 'nat EXT': local() },
    ],
    [
      'a Local policy that nobody outside can notice',
      { objects: [service(LOCAL), BOTH] },
      { 'nat EXT': undefined, 'nat SVL': undefined },
    ],
  ]);
});

describe('source ranges', () => {
  const admits = (source: string) =>
    `-m comment --comment "shop/web:http loadbalancer IP" -s ${source} -j EXT`;
  const rest = '-m comment --comment "other traffic to shop/web:http will be dropped by KUBE-PROXY-FIREWALL"';
  const guarded = (...loadBalancerSourceRanges: string[]): Given => ({
    objects: [loadBalancer({ loadBalancerSourceRanges }), HERE],
  });
  const dropped = [
    '-m comment --comment "shop/web:http traffic not accepted by FW" -m tcp -p tcp -d 203.0.113.10 --dport 80 -j DROP',
  ];
  table([
    [
      'one rule for each',
      guarded('10.0.0.0/8', '172.16.0.0/12'),
      {
        'nat KUBE-SERVICES': [
          `-m comment --comment "shop/web:http cluster IP" ${TO_WEB} -j SVC`,
          '-m comment --comment "shop/web:http loadbalancer IP" -m tcp -p tcp -d 203.0.113.10 --dport 80 -j FW',
          NODE_PORT_JUMP,
        ],
        'nat FW': [admits('10.0.0.0/8'), admits('172.16.0.0/12'), rest],
        'filter KUBE-PROXY-FIREWALL': dropped,
      },
    ],
    [
      'one that holds the node',
      guarded('192.168.0.0/16'),
      { 'nat FW': [admits('192.168.0.0/16'), admits('203.0.113.10'), rest] },
    ],
    [
      'one that holds the loopback address, where the node has no IP',
      { ...guarded('127.0.0.0/8'), host: { ips: [] } },
      { 'nat FW': [admits('127.0.0.0/8'), admits('203.0.113.10'), rest] },
    ],
    ['everything', guarded('0.0.0.0/0'), { 'nat FW': undefined, 'filter KUBE-PROXY-FIREWALL': [] }],
    [
      'no load-balancer IP yet',
      { objects: [service({ type: 'LoadBalancer', loadBalancerSourceRanges: ['10.0.0.0/8'] }), HERE] },
      { 'nat FW': undefined, 'filter KUBE-PROXY-FIREWALL': [] },
    ],
    [
      'they are for load-balancer IPs only',
      {
        objects: [
          loadBalancer({
            ...NODE_PORT,
            externalIPs: ['198.51.100.1'],
            loadBalancerSourceRanges: ['10.0.0.0/8'],
          }),
          HERE,
        ],
      },
      {
        'nat KUBE-SERVICES': [
          `-m comment --comment "shop/web:http cluster IP" ${TO_WEB} -j SVC`,
          '-m comment --comment "shop/web:http external IP" -m tcp -p tcp -d 198.51.100.1 --dport 80 -j EXT',
          '-m comment --comment "shop/web:http loadbalancer IP" -m tcp -p tcp -d 203.0.113.10 --dport 80 -j FW',
          NODE_PORT_JUMP,
        ],
        'nat KUBE-NODEPORTS': ['-m comment --comment shop/web:http -m tcp -p tcp --dport 30080 -j EXT'],
        'filter KUBE-PROXY-FIREWALL': dropped,
      },
    ],
  ]);
});

describe('health checks', () => {
  const checked = loadBalancer({ ...LOCAL, healthCheckNodePort: 30999 });
  const accepted = [
    '-m comment --comment "shop/web:http health check node port" -m tcp -p tcp --dport 30999 -j ACCEPT',
  ];
  table([
    ['with endpoints', { objects: [checked, HERE] }, { 'filter KUBE-NODEPORTS': accepted }],
    ['without local ones', { objects: [checked, THERE] }, { 'filter KUBE-NODEPORTS': accepted }],
    ['without any', { objects: [checked] }, { 'filter KUBE-NODEPORTS': accepted }],
    [
      'not under the Cluster policy',
      { objects: [loadBalancer({ healthCheckNodePort: 30999 }), HERE] },
      { 'filter KUBE-NODEPORTS': [] },
    ],
  ]);
});

describe('the choice among endpoints', () => {
  const addresses = (count: number) => Array.from({ length: count }, (_, i) => `10.244.1.${i + 1}`);
  const NO_MARK = { clusterCIDR: '' };
  const to = (address: string, how = '') =>
    `-m comment --comment "shop/web:http -> ${address}:8080"${how} -j SEP(${address}:8080)`;
  const probability = (p: string) => ` -m statistic --mode random --probability ${p}`;
  table([
    [
      'one',
      { objects: [service(), slice(addresses(1))], config: NO_MARK },
      { 'nat SVC': [to('10.244.1.1')] },
    ],
    [
      'four: a quarter, a third, half, the rest',
      { objects: [service(), slice(addresses(4))], config: NO_MARK },
      {
        'nat SVC': [
          to('10.244.1.1', probability('0.2500000000')),
          to('10.244.1.2', probability('0.3333333333')),
          to('10.244.1.3', probability('0.5000000000')),
          to('10.244.1.4'),
        ],
      },
    ],
  ]);

  test.each([
    [7, '0.1428571429'],
    [13, '0.0769230769'],
    [999, '0.0010010010'],
  ])('of %d the first has probability %s', (count, first) => {
    const spread = Array.from({ length: count }, (_, i) => `10.244.${i >> 8}.${i & 255}`);
    const rules = rulesOf({ objects: [service(), slice(spread)], config: NO_MARK })['nat SVC'];
    expect(rules?.[0]).toContain(probability(first));
  });
});

describe('session affinity', () => {
  const sticky = (spec: Manifest = {}) =>
    service({
      sessionAffinity: 'ClientIP',
      sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } },
      ...spec,
    });
  const recent = (address: string) =>
    `-m comment --comment "shop/web:http -> ${address}:8080" -m recent --name SEP(${address}:8080) --rcheck --seconds 60 --reap -j SEP(${address}:8080)`;
  table([
    [
      'first the endpoint that a client had, then any',
      { objects: [sticky(), slice(['10.244.1.1', '10.244.1.2'])] },
      {
        'nat SVC': [
          `-m comment --comment "shop/web:http cluster IP" ${TO_WEB} ! -s 10.244.0.0/16 -j KUBE-MARK-MASQ`,
          recent('10.244.1.1'),
          recent('10.244.1.2'),
          '-m comment --comment "shop/web:http -> 10.244.1.1:8080" -m statistic --mode random --probability 0.5000000000 -j SEP(10.244.1.1:8080)',
          '-m comment --comment "shop/web:http -> 10.244.1.2:8080" -j SEP(10.244.1.2:8080)',
        ],
        'nat SEP(10.244.1.1:8080)': [
          '-m comment --comment shop/web:http -s 10.244.1.1 -j KUBE-MARK-MASQ',
          '-m comment --comment shop/web:http -m recent --name SEP(10.244.1.1:8080) --set -m tcp -p tcp -j DNAT --to-destination 10.244.1.1:8080',
        ],
      },
    ],
    [
      'none on a node without xt_recent, where everything else stays',
      { objects: [sticky(), slice(['10.244.1.1', '10.244.1.2'])], host: { recent: false } },
      {
        'nat SVC': [
          `-m comment --comment "shop/web:http cluster IP" ${TO_WEB} ! -s 10.244.0.0/16 -j KUBE-MARK-MASQ`,
          '-m comment --comment "shop/web:http -> 10.244.1.1:8080" -m statistic --mode random --probability 0.5000000000 -j SEP(10.244.1.1:8080)',
          '-m comment --comment "shop/web:http -> 10.244.1.2:8080" -j SEP(10.244.1.2:8080)',
        ],
        'nat SEP(10.244.1.1:8080)': [
          '-m comment --comment shop/web:http -s 10.244.1.1 -j KUBE-MARK-MASQ',
          '-m comment --comment shop/web:http -m tcp -p tcp -j DNAT --to-destination 10.244.1.1:8080',
        ],
      },
    ],
    [
      'in the local set, too',
      { objects: [sticky({ internalTrafficPolicy: 'Local' }), BOTH], config: { clusterCIDR: '' } },
      {
        'nat SVL': [
          recent('10.244.1.1'),
          '-m comment --comment "shop/web:http -> 10.244.1.1:8080" -j SEP(10.244.1.1:8080)',
        ],
      },
    ],
  ]);
});

describe('an endpoint: hairpin, then DNAT', () => {
  const inIPv6: Given = {
    objects: [service({ clusterIP: 'fd00:10:96::a' }), slice(['fd00:10:244::1'], { addressType: 'IPv6' })],
    family: 'ipv6',
  };
  const overUDP = {
    objects: [
      service({ ports: [{ name: 'dns', port: 53, protocol: 'UDP' }] }),
      slice(['10.244.1.1'], { ports: [{ name: 'dns', port: 53, protocol: 'UDP' }] }),
    ],
  };
  table([
    [
      'tcp',
      { objects: [service(), HERE] },
      {
        'nat SEP(10.244.1.1:8080)': [
          '-m comment --comment shop/web:http -s 10.244.1.1 -j KUBE-MARK-MASQ',
          '-m comment --comment shop/web:http -m tcp -p tcp -j DNAT --to-destination 10.244.1.1:8080',
        ],
      },
    ],
    [
      'udp',
      overUDP,
      {
        'nat SEP(10.244.1.1:53)': [
          '-m comment --comment shop/web:dns -s 10.244.1.1 -j KUBE-MARK-MASQ',
          '-m comment --comment shop/web:dns -m udp -p udp -j DNAT --to-destination 10.244.1.1:53',
        ],
      },
    ],
    [
      'IPv6',
      inIPv6,
      {
        'nat SEP([fd00:10:244::1]:8080)': [
          '-m comment --comment shop/web:http -s fd00:10:244::1 -j KUBE-MARK-MASQ',
          '-m comment --comment shop/web:http -m tcp -p tcp -j DNAT --to-destination [fd00:10:244::1]:8080',
        ],
      },
    ],
  ]);
});

describe('a large cluster: no comments where there would be one for each endpoint', () => {
  const spread = (count: number, first = 0) =>
    Array.from(
      { length: count },
      (_, i) => `10.${100 + ((first + i) >> 16)}.${((first + i) >> 8) & 255}.${(first + i) & 255}`,
    );
  const other = (count: number) => [
    service({ clusterIP: '10.96.0.11' }, { metadata: { name: 'other' } }),
    slice(spread(count, 100_000), {
      metadata: { name: 'other', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'other' } },
    }),
  ];
  const notReady = (count: number) => spread(count).map((address) => endpoint(address, NOT_READY));
  const twice = slice(spread(1000), { name: 'web-2' });

  test.each<[string, Manifest[], boolean]>([
    ['1000 endpoints', [service(), slice(spread(1000))], true],
    ['1001 endpoints', [service(), slice(spread(1001))], false],
    ['1000 endpoints of two Services', [service(), slice(spread(500)), ...other(500)], true],
    ['1001 endpoints of two Services', [service(), slice(spread(500)), ...other(501)], false],
    ['those that are not ready count', [service(), slice(notReady(1000)), ...other(1)], false],
    ['one address in two slices counts once', [service(), slice(spread(1000)), twice], true],
    [
      'each port counts',
      [
        service({
          ports: [
            { name: 'a', port: 1 },
            { name: 'b', port: 2 },
          ],
        }),
        slice(spread(501), {
          ports: [
            { name: 'a', port: 1 },
            { name: 'b', port: 2 },
          ],
        }),
      ],
      false,
    ],
    ['slices of no Service do not count', [service(), slice(['10.0.0.1']), ...other(1001).slice(1)], true],
    [
      'slices of a headless Service do not count',
      [service({ clusterIP: 'None' }), slice(spread(1001))],
      true,
    ],
    [
      'the other family does not count',
      [service(), slice(['10.0.0.1']), slice(spread(1001).map(inIPv6), { name: 'v6', addressType: 'IPv6' })],
      true,
    ],
  ])('%s', (_, objects, comments) => {
    const rules = Object.entries(rulesOf({ objects, config: { clusterCIDR: '' } }))
      .filter(([chain]) => /^nat (SVC|SEP)/.test(chain))
      .flatMap(([, rules]) => rules);
    expect(new Set(rules.map((rule) => commentOf(rule) !== ''))).toEqual(
      new Set(rules.length > 0 ? [comments] : []),
    );
  });

  function inIPv6(address: string): string {
    return `fd00::${address.split('.').slice(2).join(':')}`;
  }

  test('other comments stay, and so does the order of the rest', () => {
    const objects = [service(), slice(spread(1001))];
    const rules = rulesOf({ objects });
    expect(rules['nat SVC']?.slice(0, 2)).toEqual([
      `-m comment --comment "shop/web:http cluster IP" ${TO_WEB} ! -s 10.244.0.0/16 -j KUBE-MARK-MASQ`,
      '-m statistic --mode random --probability 0.0009990010 -j SEP(10.100.0.0:8080)',
    ]);
    expect(rules['nat SEP(10.100.0.0:8080)']).toEqual([
      '-s 10.100.0.0 -j KUBE-MARK-MASQ',
      '-m tcp -p tcp -j DNAT --to-destination 10.100.0.0:8080',
    ]);
  });
});

test('IPv4 and IPv6 never mix', () => {
  const objects = [
    service({
      ...DUAL_STACK,
      externalIPs: ['2001:db8::1', '198.51.100.1'],
    }),
    slice(['10.244.1.1']),
    slice(['fd00:10:244::1'], { name: 'web-6', addressType: 'IPv6' }),
  ];
  const text = (family: 'ipv4' | 'ipv6') => JSON.stringify(rulesOf({ objects, family }));
  expect(text('ipv4')).not.toMatch(/fd00|2001:db8/);
  expect(text('ipv6')).not.toMatch(/\d\.\d+\.\d/);
});

describe('the order of the input does not matter', () => {
  const rulesets = ({ cluster, node, options }: CompilerInput) =>
    FAMILIES.map((family) => JSON.stringify(compile(cluster, node, options(family))));

  test('to any cluster', () => {
    const shuffled = rawCluster.chain((raw) => {
      const objects = objectsOf(raw);
      const all = { minLength: objects.length, maxLength: objects.length };
      return fc.record({ raw: fc.constant(raw), objects: fc.shuffledSubarray([...objects], all) });
    });
    fc.assert(
      fc.property(shuffled, ({ raw, objects }) => {
        expect(rulesets(load(raw, objects))).toEqual(rulesets(load(raw)));
      }),
      { numRuns: 200 },
    );
  }, 60_000);

  // Of two pods on a node's network that use the same port, one may be ready and the other not.
  test('to pods that share an address', () => {
    const pod = (name: string, ready: boolean) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'shop', labels: { app: 'web' } },
      spec: { nodeName: 'node-a', hostNetwork: true, containers: [] },
      status: { podIP: '192.168.0.2', conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
    });
    const pods = [pod('web-1', true), pod('web-2', false)];
    const cluster = [service({ selector: { app: 'web' } })];
    expect(rulesOf({ objects: [...cluster, ...pods.toReversed()] })).toEqual(
      rulesOf({ objects: [...cluster, ...pods] }),
    );
  });
});

test('whatever the cluster, the ruleset is one that iptables can take', () => {
  fc.assert(
    fc.property(rawCluster, fc.constantFrom(...FAMILIES), (raw, family) => {
      const { cluster, node, options } = load(raw);
      const { tables } = compile(cluster, node, options(family));
      expect(tables.map(({ name }) => name)).toEqual(['filter', 'nat']);
      for (const { name, chains } of tables) {
        const names = chains.map((chain) => chain.name);
        expect(new Set(names).size, `chains of ${name} are there once`).toBe(names.length);
        expect(names.filter((name) => name.length > 28)).toEqual([]);
        const rules = chains.flatMap(({ rules }) => rules);
        const comments = rules.flatMap(({ matches }) =>
          matches.flatMap((m) => (m.match === 'comment' ? [m.comment] : [])),
        );
        expect(comments.filter((comment) => comment.length > 255)).toEqual([]);
        const jumps = rules.flatMap(({ target }) => (target?.target === 'jump' ? [target.chain] : []));
        expect(jumps.filter((chain) => !names.includes(chain))).toEqual([]);
        const own = names.filter((name) => /^KUBE-(SVC|SVL|EXT|FW|SEP)-/.test(name));
        expect(
          own.filter((name) => !jumps.includes(name)),
          'chains that nothing leads to',
        ).toEqual([]);
      }
      const services = tables[1]?.chains.find(({ name }) => name === 'KUBE-SERVICES')?.rules ?? [];
      const leadsToNodePorts = services.map(
        ({ target }) => target?.target === 'jump' && target.chain === 'KUBE-NODEPORTS',
      );
      expect(leadsToNodePorts).toEqual(leadsToNodePorts.toSorted((a, b) => Number(a) - Number(b)));
    }),
    { numRuns: 200 },
  );
}, 60_000);
