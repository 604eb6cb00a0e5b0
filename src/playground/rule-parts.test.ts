import { describe, expect, test } from 'vitest';
import { LAYOUT_NAMES } from '../api/layout-names.ts';
import { parseRule } from '../iptables/parse.ts';
import { printAppend } from '../iptables/print.ts';
import { FAMILIES } from '../net/address.ts';
import { noManifests } from '../sources/cluster.ts';
import { compileInput, loadInput } from './compiled.ts';
import { type Meanings, rulePartsOf } from './rule-parts.ts';
import { meaningsIn } from './shown-rules.ts';

const MEANINGS: Meanings = {
  address: (address) => (address === '10.96.0.10' ? 'cluster IP of shop/web' : undefined),
  nodePort: (port) => (port === 30080 ? 'node port of shop/web' : undefined),
  servicePort: (_, chain) => (chain.endsWith('AAAAAAAAAAAAAAAA') ? 'shop/web' : undefined),
  endpoint: () => '10.244.1.10:8080',
  masqueradeMark: 0x4000,
};

const parts = (line: string, table: 'nat' | 'filter' = 'nat', chain = 'KUBE-SERVICES') =>
  rulePartsOf(table, chain, parseRule(`-A ${chain} ${line}`, 'ipv4'), MEANINGS);

describe('a part says', () => {
  test.each([
    ['-d 10.96.0.10', 'to 10.96.0.10 (cluster IP of shop/web).'],
    ['! -s 10.244.0.0/16', 'that do not come from 10.244.0.0/16.'],
    ['-p tcp -m tcp --dport 30080', 'port 30080, the node port of shop/web.'],
    ['-p tcp -m tcp --dport 80', 'to port 80.'],
    ['-m statistic --mode random --probability 0.33333333349', 'Takes 1/3 of the packets'],
    ['-m addrtype --dst-type LOCAL', "the node's own addresses."],
    ['-m addrtype --src-type LOCAL', 'from this node itself.'],
    ['-m mark --mark 0x4000/0x4000', '"masquerade this"'],
    ['-m conntrack --ctstate RELATED,ESTABLISHED', 'of a connection that is known already'],
    [
      '-m recent --rcheck --seconds 600 --reap --name KUBE-SEP-AAAAAAAAAAAAAAAA',
      'last 600 seconds: session affinity',
    ],
    ['-m comment --comment "shop/web cluster IP"', 'decides nothing'],
    ['-i cni+', 'an interface whose name begins with cni.'],
  ])('%s', (line, words) => {
    expect(parts(line).at(-1)?.words).toContain(words);
  });

  test.each([
    [
      '-j KUBE-SVC-AAAAAAAAAAAAAAAA',
      'it chooses one of all endpoints of shop/web.',
      'target',
      'KUBE-SVC-AAAAAAAAAAAAAAAA',
    ],
    ['-j KUBE-MARK-MASQ', 'comes back to the next rule', 'target', 'KUBE-MARK-MASQ'],
    [
      '-j DNAT --to-destination 10.244.1.10:8080',
      'Rewrites the destination to 10.244.1.10:8080',
      'end',
      undefined,
    ],
    ['-j MASQUERADE --random-fully', "its source becomes this node's address", 'target', undefined],
    ['-j REJECT --reject-with icmp-port-unreachable', 'an error at once', 'bad', undefined],
    ['-j DROP', 'gets no reply', 'bad', undefined],
    ['-j MARK --or-mark 0x4000', 'never leaves the node', 'target', undefined],
  ])('%s', (line, words, kind, chain) => {
    const last = parts(line).at(-1);
    expect(last?.words).toContain(words);
    expect(last?.kind).toBe(kind);
    expect(last?.chain).toBe(chain);
  });

  test('what its chain is there for', () => {
    expect(parts('-j ACCEPT')[0]).toMatchObject({
      text: '-A KUBE-SERVICES',
      words: expect.stringContaining('one rule for each address of a Service'),
    });
    expect(parts('-j ACCEPT', 'nat', 'KUBE-SEP-AAAAAAAAAAAAAAAA')[0]?.words).toContain(
      'sends packets to endpoint 10.244.1.10:8080 of shop/web',
    );
  });
});

const MANIFESTS = `
apiVersion: v1
kind: Service
metadata: { name: web, namespace: shop }
spec:
  type: LoadBalancer
  externalTrafficPolicy: Local
  sessionAffinity: ClientIP
  selector: { app: web }
  loadBalancerSourceRanges: [198.51.100.0/24]
  externalIPs: [203.0.113.20]
  ipFamilyPolicy: RequireDualStack
  ports: [{ port: 80, targetPort: 8080, nodePort: 30080 }]
status: { loadBalancer: { ingress: [{ ip: 203.0.113.10 }] } }
---
apiVersion: v1
kind: Service
metadata: { name: gone, namespace: shop }
spec: { ports: [{ port: 80 }], ipFamilyPolicy: RequireDualStack }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, namespace: shop }
spec:
  replicas: 3
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { containers: [{ name: web, image: web, ports: [{ containerPort: 8080 }] }] }
`;

test.each(LAYOUT_NAMES.flatMap((layout) => FAMILIES.map((family) => [layout, family] as const)))(
  'the parts of each rule are its line, and each says something: %s, %s',
  (layout, family) => {
    const input = { manifests: MANIFESTS, config: '', node: 'node-a', family, layout };
    const loaded = loadInput(input, noManifests());
    const { whole } = compileInput(loaded, family);
    const meanings = meaningsIn(whole, loaded);
    const seen = new Set<string>();
    for (const { name: table, chains } of whole.tables) {
      for (const chain of chains) {
        for (const rule of chain.rules) {
          const found = rulePartsOf(table, chain.name, rule, meanings);
          expect(found.map(({ text }) => text).join('')).toBe(printAppend(chain, rule));
          for (const { words } of found) {
            expect(words).toMatch(/^[A-Z].*\.$/);
            expect(words).not.toMatch(/another program|undefined/);
            seen.add(words);
          }
        }
      }
    }
    expect(seen.size).toBeGreaterThan(30);
  },
);
