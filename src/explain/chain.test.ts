import { describe, expect, test } from 'vitest';
import type { Manifest } from '../../test/support/arbitrary/raw.ts';
import { inputOf, loadBalancer, service, slice } from '../../test/support/rules.ts';
import { LAYOUT_NAMES, type LayoutName } from '../api/layout-names.ts';
import { withJumps } from '../chains/jumps.ts';
import { compile } from '../compiler/compile.ts';
import { parseRule } from '../iptables/parse.ts';
import { printRuleset } from '../iptables/print.ts';
import { explainChain } from './chain.ts';
import { formatChains } from './chain-report.ts';

const plain = (_: string, text: string) => text;

function rulesOf(objects: readonly Manifest[], layout: LayoutName = 'kube-proxy'): string {
  const { cluster, node, options } = inputOf({ objects });
  return printRuleset(withJumps(compile(cluster, node, { ...options('ipv4'), layout })));
}

const SHOP = rulesOf([
  loadBalancer({
    externalTrafficPolicy: 'Local',
    healthCheckNodePort: 32000,
    loadBalancerSourceRanges: ['198.51.100.0/24'],
    ports: [{ name: 'http', port: 80, nodePort: 30080 }],
  }),
  slice([{ addresses: ['10.244.1.5'], nodeName: 'node-a' }, '10.244.1.6']),
]);

/** The only chain whose name begins so. */
const chain = (text: string, prefix: string) =>
  new RegExp(`^:(${prefix}\\S*)`, 'm').exec(text)?.[1] ?? prefix;

describe('whose a chain is, and what it does', () => {
  test.each<[string, string[], string]>([
    [
      'KUBE-SVC-',
      ['shop/web:http'],
      'chooses among all endpoints that this node may use (the Cluster policy)',
    ],
    ['KUBE-SVL-', ['shop/web:http'], "chooses among this node's own endpoints (the Local policy)"],
    ['KUBE-EXT-', ['shop/web:http'], 'takes packets to its external IPs, load-balancer IPs and node port'],
    ['KUBE-FW-', ['shop/web:http'], 'lets the source ranges through to its load-balancer IPs'],
    ['KUBE-SEP-', ['shop/web:http'], 'sends packets to the endpoint 10.244.1.5:8080'],
    ['KUBE-POSTROUTING', [], 'masquerades what is marked for it'],
    ['KUBE-PROXY-FIREWALL', [], 'drops packets from outside the source ranges of Services'],
  ])('%s', (prefix, servicePorts, purpose) => {
    expect(explainChain(SHOP, 'ipv4', chain(SHOP, prefix))).toMatchObject([{ servicePorts, purpose }]);
  });

  test('where what nobody serves is refused, KUBE-SERVICES says by which setting', () => {
    const rule = (chain: string, comment: string) =>
      `*filter\n:KUBE-SERVICES - [0:0]\n-A ${chain} -d 10.96.0.0/16 -m comment --comment "${comment}" -j REJECT\nCOMMIT\n`;
    const purposes = ['svc2ipt.rejectUnassigned: a cluster IP or port of no Service', 'something else'].map(
      (comment) => explainChain(rule('KUBE-SERVICES', comment), 'ipv4', 'KUBE-SERVICES')[0]?.purpose,
    );
    expect(purposes).toEqual([
      'refuses or drops packets to cluster IPs without endpoints, and refuses those to cluster IPs and ports of no Service (svc2ipt.rejectUnassigned)',
      'refuses or drops packets to cluster IPs without endpoints',
    ]);
  });

  test('where no comment tells it, as in a large cluster', () => {
    const text = rulesOf([
      service(),
      slice(Array.from({ length: 1001 }, (_, i) => `10.244.${i >> 8}.${i & 255}`)),
    ]);
    const [sep] = explainChain(text, 'ipv4', chain(text, 'KUBE-SEP-'));
    expect(sep?.rules.map(({ comment }) => comment)).toEqual([undefined, undefined]);
    expect(sep?.servicePorts).toEqual(['shop/web:http']);
  });

  test('of a group of endpoints, and a part of a larger chain, in the fast layout', () => {
    const addresses = Array.from({ length: 300 }, (_, i) => `10.244.${i >> 8}.${i & 255}`);
    const others = Array.from({ length: 300 }, (_, i) =>
      service(
        { clusterIP: `10.96.${1 + (i >> 8)}.${i & 255}` },
        { metadata: { name: `s-${i}`, namespace: 'shop' } },
      ),
    );
    const text = rulesOf([service(), slice(addresses), ...others], 'fast');
    expect(explainChain(text, 'ipv4', chain(text, 'KUBE-SEP-'))).toMatchObject([
      { servicePorts: ['shop/web:http'], purpose: 'chooses among some of the endpoints' },
    ]);
    const tree = /^:(KUBE-SVC-[^\s/]+\/\d+)/m.exec(text)?.[1] ?? '';
    expect(explainChain(text, 'ipv4', tree)).toMatchObject([
      { table: 'filter', servicePorts: [], purpose: 'is a part of a larger chain, for some destinations' },
    ]);
  });

  test("another program's", () => {
    const text =
      '*nat\n:A - [0:0]\n:B - [0:0]\n-A A -g B\n-A A -m comment --comment "-j B"\n-A B -j LOG\nCOMMIT\n';
    expect(explainChain(text, 'ipv4', 'B')).toMatchObject([
      {
        table: 'nat',
        servicePorts: [],
        purpose: undefined,
        ledToBy: [{ chain: 'A', number: 1 }],
        rules: [{ words: 'every packet: LOG' }],
      },
    ]);
  });

  test('of both tables, or of none', () => {
    expect(explainChain(SHOP, 'ipv4', 'KUBE-SERVICES').map(({ table }) => table)).toEqual(['filter', 'nat']);
    expect(explainChain(SHOP, 'ipv4', 'KUBE-SVC-AAAAAAAAAAAAAAAA')).toEqual([]);
  });
});

describe('a chain that every Service leads to', () => {
  const objects = Array.from({ length: 30 }, (_, i) => [
    service({ clusterIP: `10.96.1.${i}` }, { metadata: { name: `s-${i}`, namespace: 'shop' } }),
    slice([`10.244.1.${i}`], {
      name: `s-${i}`,
      metadata: { name: `s-${i}`, namespace: 'shop', labels: { 'kubernetes.io/service-name': `s-${i}` } },
    }),
  ]).flat();
  test.each(LAYOUT_NAMES)("is the node's own, in the %s layout", (layout) => {
    const text = rulesOf(objects, layout);
    const [mark] = explainChain(text, 'ipv4', 'KUBE-MARK-MASQ', undefined, 5);
    expect(mark).toMatchObject({ ofNode: true, servicePorts: [] });
    expect(mark?.ledToBy).toHaveLength(5);
    const all = explainChain(text, 'ipv4', 'KUBE-MARK-MASQ')[0];
    expect(all?.ledToBy).toHaveLength(mark?.ledToByCount ?? 0);
    if (!mark) throw new Error('there is no such chain');
    const told = formatChains([mark], false, plain);
    expect(told).toMatch(/^KUBE-MARK-MASQ, nat table, of the node itself\n/);
    expect(told).toContain(`  … ${mark.ledToByCount - 5} more rules\n`);
  });
});

describe('the rule that is asked about', () => {
  const fw = chain(SHOP, 'KUBE-FW-');
  const ext = chain(SHOP, 'KUBE-EXT-');
  test.each<[string, number[]]>([
    [`-s 198.51.100.0/24 -m comment --comment "shop/web:http loadbalancer IP" -j ${ext}`, [1]],
    ['-m comment --comment "other traffic to shop/web:http will be dropped by KUBE-PROXY-FIREWALL"', [2]],
    [`-s 198.51.101.0/24 -j ${ext}`, []],
  ])('%s', (rule, expected) => {
    const [explained] = explainChain(SHOP, 'ipv4', fw, parseRule(rule, 'ipv4'));
    expect(explained?.rules.flatMap(({ number, asked }) => (asked ? [number] : []))).toEqual(expected);
  });
});

describe('the text', () => {
  test('of a chain with a rule that is asked about', () => {
    const fw = chain(SHOP, 'KUBE-FW-');
    const rule = `-s 198.51.100.0/24 -m comment --comment "shop/web:http loadbalancer IP" -j ${chain(SHOP, 'KUBE-EXT-')}`;
    const text = formatChains(explainChain(SHOP, 'ipv4', fw, parseRule(rule, 'ipv4')), false, plain);
    expect(text.replaceAll(/-[A-Z2-7]{16}/g, '')).toBe(`\
KUBE-FW, nat table, of shop/web:http
  It lets the source ranges through to its load-balancer IPs.

Rules that lead to it
  KUBE-SERVICES 2  -d 203.0.113.10/32 -p tcp -m tcp --dport 80 -j KUBE-FW  # shop/web:http loadbalancer IP
                     tcp 203.0.113.10:80: to KUBE-FW

Its rules
> 1  -s 198.51.100.0/24 -j KUBE-EXT  # shop/web:http loadbalancer IP
       from 198.51.100.0/24: to KUBE-EXT
  2    # other traffic to shop/web:http will be dropped by KUBE-PROXY-FIREWALL
       every packet: nothing
`);
  });

  test('of a chain of many rules', () => {
    const rules = Array.from({ length: 30 }, (_, i) => `-A A -s 10.0.0.${i}/32 -j DROP`);
    const chains = explainChain(`*nat\n:A - [0:0]\n${rules.join('\n')}\nCOMMIT\n`, 'ipv4', 'A');
    const lines = (all: boolean) => formatChains(chains, all, plain).split('\n');
    expect(lines(false)).toHaveLength(lines(true).length - 19);
    expect(lines(false)).toContain('  … 10 more rules');
    expect(lines(true)[2]).toBe('No rule leads to it.');
  });
});
