import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { load, rawCluster } from '../../test/support/arbitrary/clusters.ts';
import type { Manifest } from '../../test/support/arbitrary/raw.ts';
import { type Given, inputOf, loadBalancer, service, slice } from '../../test/support/rules.ts';
import { LAYOUT_NAMES, type LayoutName } from '../api/layout-names.ts';
import { compile } from '../compiler/compile.ts';
import { parseRuleset } from '../iptables/parse.ts';
import { printRuleset } from '../iptables/print.ts';
import type { Ruleset } from '../iptables/types.ts';
import { summaryOfRules } from './summary.ts';

/** As they are read back from a golden file. */
function rules(given: Given, layout: LayoutName): Ruleset {
  const { cluster, node, options } = inputOf(given);
  return parseRuleset(printRuleset(compile(cluster, node, { ...options('ipv4'), layout })), 'ipv4');
}

function told(before: Given, after: Given, layout: LayoutName): string[] {
  const changes = summaryOfRules(rules(before, layout), rules(after, layout));
  return changes.flatMap(({ service, sentences }) => sentences.map((one) => `${service} | ${one}`));
}

const WEB = [service(), slice(['10.244.1.5', '10.244.2.5'])];
const web = (spec: Manifest) => [service(spec), slice(['10.244.1.5', '10.244.2.5'])];
const API = service({ clusterIP: '10.96.0.20' }, { metadata: { name: 'api' } });
const with9090 = slice(['10.244.1.5', '10.244.2.5'], { ports: [{ name: 'http', port: 9090 }] });

describe.each(LAYOUT_NAMES)('layout %s', (layout) => {
  test.each<[string, readonly Manifest[], readonly Manifest[], string[]]>([
    ['nothing', WEB, WEB, []],
    [
      'a Service that comes',
      WEB,
      [...WEB, API],
      ['shop/api | shop/api:http comes: cluster IP 10.96.0.20:80/tcp, no endpoints'],
    ],
    [
      'a Service that goes',
      [...WEB, API],
      [API],
      [
        'shop/web | shop/web:http goes: cluster IP 10.96.0.10:80/tcp, endpoints 10.244.1.5:8080 and 10.244.2.5:8080',
      ],
    ],
    [
      'another target port',
      WEB,
      [service(), with9090],
      [
        'shop/web | shop/web:http: endpoints 10.244.1.5:8080 and 10.244.2.5:8080 -> 10.244.1.5:9090 and 10.244.2.5:9090',
      ],
    ],
    [
      'an endpoint that comes',
      WEB,
      [service(), slice(['10.244.1.5', '10.244.2.5', '10.244.2.6'])],
      ['shop/web | shop/web:http: endpoint 10.244.2.6:8080 comes'],
    ],
    [
      'an endpoint that goes',
      WEB,
      [service(), slice(['10.244.1.5'])],
      ['shop/web | shop/web:http: endpoint 10.244.2.5:8080 goes'],
    ],
    [
      'the last endpoints',
      WEB,
      [service()],
      ['shop/web | shop/web:http: endpoints 10.244.1.5:8080 and 10.244.2.5:8080 go; none is left'],
    ],
    [
      'the first endpoint',
      [service()],
      [service(), slice(['10.244.1.5'])],
      ['shop/web | shop/web:http: endpoint 10.244.1.5:8080 comes; it had none'],
    ],
    [
      'another cluster IP',
      WEB,
      web({ clusterIP: '10.96.0.11' }),
      ['shop/web | shop/web:http: cluster IP 10.96.0.10:80/tcp -> cluster IP 10.96.0.11:80/tcp'],
    ],
    [
      'session affinity',
      WEB,
      web({ sessionAffinity: 'ClientIP' }),
      ['shop/web | shop/web:http: session affinity of 10800 s comes'],
    ],
    [
      'another session affinity',
      web({ sessionAffinity: 'ClientIP' }),
      web({ sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } } }),
      ['shop/web | shop/web:http: session affinity of 10800 s -> 60 s'],
    ],
    [
      'another port with another name',
      WEB,
      web({ ports: [{ name: 'http2', port: 80 }] }),
      [
        'shop/web | shop/web:http goes: cluster IP 10.96.0.10:80/tcp, endpoints 10.244.1.5:8080 and 10.244.2.5:8080',
        'shop/web | shop/web:http2 comes: cluster IP 10.96.0.10:80/tcp, no endpoints',
      ],
    ],
    [
      'source ranges',
      [loadBalancer(), slice(['10.244.1.5'])],
      [loadBalancer({ loadBalancerSourceRanges: ['192.0.2.0/24'] }), slice(['10.244.1.5'])],
      [expect.stringMatching(/^shop\/web \| shop\/web:http: other rules: .*\d comes?$/)],
    ],
  ])('%s', (_, before, after, expected) => {
    // Which chains all Services share is another matter in each layout.
    const services = told({ objects: before }, { objects: after }, layout);
    expect(services.filter((line) => !line.startsWith(' |'))).toEqual(expected);
  });
});

test('a node port comes with the rules of its own', () => {
  const nodePort = web({ type: 'NodePort', ports: [{ name: 'http', port: 80, nodePort: 30080 }] });
  expect(told({ objects: WEB }, { objects: nodePort }, 'kube-proxy')).toEqual([
    'shop/web | shop/web:http: node port 30080/tcp comes',
    'shop/web | shop/web:http: other rules: 2 come',
  ]);
});

test("the node's own rules are told last, and by their chains", () => {
  const other = {
    objects: [service(), slice(['10.244.1.6', '10.244.2.5'])],
    config: { iptables: { masqueradeBit: 5 } },
  };
  expect(told({ objects: WEB }, other, 'kube-proxy')).toEqual([
    'shop/web | shop/web:http: endpoints 10.244.1.5:8080 -> 10.244.1.6:8080',
    ' | rules: 4 go, 4 come (filter KUBE-FORWARD, nat KUBE-POSTROUTING and nat KUBE-MARK-MASQ)',
  ]);
});

test('rules in another order are told', () => {
  const ruleset = rules({ objects: WEB }, 'kube-proxy');
  const turned = {
    ...ruleset,
    tables: ruleset.tables.map(({ name, chains }) => ({
      name,
      chains: chains.map((chain) => ({ ...chain, rules: chain.rules.toReversed() })),
    })),
  };
  const told = summaryOfRules(ruleset, turned);
  expect(told.map(({ service }) => service)).toEqual(['shop/web', '']);
  for (const { sentences } of told) expect(sentences.join()).toContain('the same rules, in another order');
});

test('no difference between rules goes untold', () => {
  const chainsOf = ({ tables }: Ruleset) =>
    tables
      .flatMap(({ name, chains }) =>
        chains
          .filter(({ rules }) => rules.length > 0)
          .map((chain) => printRuleset({ family: 'ipv4', tables: [{ name, chains: [chain] }] })),
      )
      .sort();
  fc.assert(
    fc.property(
      rawCluster,
      rawCluster,
      fc.constantFrom(...LAYOUT_NAMES),
      fc.boolean(),
      (one, another, layout, same) => {
        const [before, after] = [one, same ? one : another].map((raw) => {
          const { cluster, node, options } = load(raw);
          return compile(cluster, node, { ...options('ipv4'), layout });
        });
        if (!before || !after) return;
        const isSame = chainsOf(before).join() === chainsOf(after).join();
        expect(summaryOfRules(before, after).length === 0).toBe(isSame);
      },
    ),
    { numRuns: 60 },
  );
});
