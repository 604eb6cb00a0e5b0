import { describe, expect, test } from 'vitest';
import type { Manifest } from '../../test/support/arbitrary/raw.ts';
import { FakeKernel } from '../../test/support/fake-kernel.ts';
import {
  endpoint,
  type Given,
  inputOf,
  loadBalancer,
  ON_NODE_A,
  service,
  slice,
} from '../../test/support/rules.ts';
import { podSchema } from '../api/pod.ts';
import { withJumps } from '../chains/jumps.ts';
import { compile } from '../compiler/compile.ts';
import { printRuleset } from '../iptables/print.ts';
import { prepare, prepareSaved } from '../iptables/simulator/prepare.ts';
import type { Family } from '../net/address.ts';
import { familyOfNames, knownNames, type Manifests } from './known-names.ts';
import { parsePlace } from './place.ts';
import { familyOfQuestion, type Known, packetOf, type Question } from './question.ts';

const WEB: Manifest = loadBalancer({
  externalIPs: ['203.0.113.20'],
  ports: [
    { name: 'http', port: 80, nodePort: 30080 },
    { name: 'dns', port: 53, protocol: 'UDP', nodePort: 30053 },
    { name: 'dns-tcp', port: 53, nodePort: 30054 },
  ],
});

const OBJECTS: readonly Manifest[] = [
  WEB,
  slice([endpoint('10.244.1.5', ON_NODE_A)], {
    ports: [
      { name: 'http', port: 8080 },
      { name: 'dns-tcp', port: 53 },
    ],
  }),
  service(
    { clusterIP: '10.96.0.20', ports: [{ port: 9000 }] },
    { metadata: { name: 'api', namespace: 'shop' } },
  ),
  service({ clusterIP: 'None' }, { metadata: { name: 'headless', namespace: 'shop' } }),
];

const pod = (podIP: string, nodeName: string) =>
  podSchema.parse({ metadata: { name: 'web-1', namespace: 'shop' }, spec: { nodeName }, status: { podIP } });

const PODS = new Map([
  ['shop/web-1', pod('10.244.1.5', 'node-a')],
  ['shop/far', pod('10.244.2.5', 'node-b')],
  ['shop/new', pod('', 'node-a')],
]);

function known(given: Given = {}, family: Family = 'ipv4'): Known {
  const { cluster, node, options } = inputOf({ objects: OBJECTS, ...given });
  const manifests: Manifests = { cluster, pods: PODS, options };
  return knownNames(prepare(withJumps(compile(cluster, node, options(family)))), node, manifests);
}

/** By the rules alone, as iptables-save prints them. */
function knownBySave(): Known {
  const { cluster, node, options } = inputOf({ objects: OBJECTS });
  const kernel = new FakeKernel('ipv4');
  expect(kernel.tryRestore(printRuleset(compile(cluster, node, options('ipv4'))))).toBeUndefined();
  return knownNames(prepareSaved(kernel.save(), 'ipv4'), node, undefined);
}

function ask(from: string, to: string, rest: Partial<Question> = {}): Question {
  return { from: parsePlace(from, '--from'), to: parsePlace(to, '--to'), ...rest };
}

/** `SOURCE > DESTINATION PROTOCOL`, and how it arrives. */
function words(question: Question, names: Known): string {
  const { packet } = packetOf(question, names);
  const { source, sourcePort, destination, destinationPort, protocol, inInterface, arrives } = packet;
  const place = (address: string, port: number | undefined) =>
    port === undefined ? address : `${address}:${port}`;
  const arrival = inInterface === undefined ? (arrives ? ', arrives' : '') : `, by ${inInterface}`;
  return `${place(source, sourcePort)} > ${place(destination, destinationPort)} ${protocol}${arrival}`;
}

describe('what names stand for', () => {
  test.each<[string, string, string]>([
    ['10.244.1.9', '10.96.0.10:80/tcp', '10.244.1.9 > 10.96.0.10:80 tcp, arrives'],
    ['10.244.1.9:40000', '10.96.0.10:80', '10.244.1.9:40000 > 10.96.0.10:80 tcp, arrives'],
    ['10.244.1.9', '10.96.0.10/icmp', '10.244.1.9 > 10.96.0.10 icmp, arrives'],
    ['10.244.1.9', '10.96.0.10:80/icmp', '10.244.1.9 > 10.96.0.10 icmp, arrives'],
    ['192.168.0.2', '10.96.0.10:80', '192.168.0.2 > 10.96.0.10:80 tcp'],
    ['127.0.0.1', '127.0.0.1:30080', '127.0.0.1 > 127.0.0.1:30080 tcp'],
    ['node', '10.96.0.10:80', '192.168.0.2 > 10.96.0.10:80 tcp'],
    ['node', '127.0.0.5:30080', '127.0.0.5 > 127.0.0.5:30080 tcp'],
    ['node', 'node:30080', '192.168.0.2 > 192.168.0.2:30080 tcp'],
    ['outside', 'node:30080/udp', '192.0.2.1 > 192.168.0.2:30080 udp, arrives'],
    ['outside', '192.0.2.1:80', '203.0.113.1 > 192.0.2.1:80 tcp, arrives'],
    ['pod/shop/web-1', 'shop/api', '10.244.1.5 > 10.96.0.20:9000 tcp, arrives'],
    ['pod/shop/web-1', 'pod/shop/far:8080', '10.244.1.5 > 10.244.2.5:8080 tcp, arrives'],
    ['outside', 'shop/web:http', '192.0.2.1 > 10.96.0.10:80 tcp, arrives'],
    ['outside', 'shop/web:80', '192.0.2.1 > 10.96.0.10:80 tcp, arrives'],
    ['outside', 'shop/web:dns', '192.0.2.1 > 10.96.0.10:53 udp, arrives'],
    ['outside', 'shop/web:53/udp', '192.0.2.1 > 10.96.0.10:53 udp, arrives'],
    ['outside', 'shop/web/udp', '192.0.2.1 > 10.96.0.10:53 udp, arrives'],
    ['outside', 'external-ip/shop/web:http', '192.0.2.1 > 203.0.113.20:80 tcp, arrives'],
    ['outside', 'load-balancer-ip/shop/web:80', '192.0.2.1 > 203.0.113.10:80 tcp, arrives'],
    ['outside', 'node-port/shop/web:http', '192.0.2.1 > 192.168.0.2:30080 tcp, arrives'],
    ['outside', 'node-port/shop/web:80', '192.0.2.1 > 192.168.0.2:30080 tcp, arrives'],
  ])('%s to %s', (from, to, expected) => {
    expect(words(ask(from, to), known())).toBe(expected);
    const byPod = [from, to].some((text) => text.startsWith('pod/'));
    if (!byPod) expect(words(ask(from, to), knownBySave()), 'by rules alone').toBe(expected);
  });

  test.each<[string, string, Partial<Question>, RegExp]>([
    ['outside', 'shop/wbe', {}, /^no Service "shop\/wbe" in the input \(shop\/web\?\)$/],
    ['outside', 'other/web', {}, /^no Service "other\/web" in the input \(shop\/web\?\)$/],
    [
      'outside',
      'shop/web',
      {},
      /^--to: Service shop\/web has several ports, expected shop\/web:http\/tcp or shop\/web:dns\/udp or/,
    ],
    ['outside', 'shop/web:53', {}, /several ports, expected shop\/web:dns\/udp or shop\/web:dns-tcp\/tcp$/],
    [
      'outside',
      'shop/web:https',
      {},
      /^--to: Service shop\/web has no port "https", expected one of http\/tcp \(cluster IP 10\.96\.0\.10:80\),/,
    ],
    [
      'outside',
      'node-port/shop/api',
      {},
      /has no such address, expected one of 9000\/tcp \(cluster IP 10\.96\.0\.20:9000\)$/,
    ],
    ['outside', 'shop/headless', {}, /^Service shop\/headless has no cluster IP of ipv4, so that no rules/],
    [
      'outside',
      '10.96.0.10',
      {},
      /^--to: expected a port behind the address, as in 10\.96\.0\.10:80\/tcp, got none$/,
    ],
    ['outside', 'pod/shop/web-1', {}, /^--to: expected a port/],
    ['outside', 'outside', {}, /^--to: expected an address or a name, got outside$/],
    ['shop/web', '10.96.0.10:80', {}, /^--from: expected pod\/shop\/web for a Pod/],
    ['pod/shop/nobody', '10.96.0.10:80', {}, /^--from: no Pod "shop\/nobody" is known/],
    ['pod/shop/new', '10.96.0.10:80', {}, /^--from: Pod shop\/new has no address of ipv4$/],
    ['10.244.1.9/udp', '10.96.0.10:80', {}, /^--from: expected the protocol of --to, tcp, got udp$/],
    ['node', '10.96.0.10:80', { inInterface: 'eth0' }, /^--in-interface: packets of --from node have no/],
  ])('%s to %s is told', (from, to, rest, expected) => {
    expect(() => packetOf(ask(from, to, rest), known())).toThrow(expected);
  });

  test('a node without addresses', () => {
    const names = known({ host: { ips: undefined } });
    expect(() => packetOf(ask('node', '10.96.0.10:80'), names)).toThrow(
      '--from: unknown ipv4 address of the node: give it with --node-ip',
    );
  });
});

describe('by which interface a packet comes', () => {
  const byInterface = {
    config: { detectLocalMode: 'InterfaceNamePrefix', detectLocal: { interfaceNamePrefix: 'eth' } },
  };
  test.each<[string, Partial<Question>, Given, string]>([
    ['10.244.1.9', {}, {}, 'arrives'],
    ['10.244.1.9', { inInterface: 'veth9' }, {}, 'by veth9'],
    ['pod/shop/web-1', {}, byInterface, 'by eth0'],
    ['pod/shop/far', {}, byInterface, 'arrives'],
    ['outside', {}, byInterface, 'by uplink0'],
    ['10.244.1.9', {}, byInterface, 'arrives'],
  ])('%s, %o', (from, rest, given, expected) => {
    expect(words(ask(from, '10.96.0.10:80', rest), known(given))).toContain(`, ${expected}`);
  });
});

describe('the family of a question', () => {
  test.each<[string, string, Family | undefined]>([
    ['10.0.0.1', 'shop/web', 'ipv4'],
    ['outside', '[fd00::a]:80', 'ipv6'],
    ['outside', 'shop/web', undefined],
  ])('%s to %s', (from, to, expected) => {
    expect(familyOfQuestion(ask(from, to))).toBe(expected);
  });

  test('both', () => {
    expect(() => familyOfQuestion(ask('10.0.0.1', '[fd00::a]:80'))).toThrow(
      '--to: expected an address of the family of --from, ipv4, got one of ipv6',
    );
  });

  test.each<[string, Family | undefined]>([
    ['shop/web', 'ipv4'],
    ['shop/headless', undefined],
    ['shop/nobody', undefined],
    ['pod/shop/far:80', 'ipv4'],
  ])('of the addresses of %s', (to, expected) => {
    const { cluster } = inputOf({ objects: OBJECTS });
    expect(familyOfNames([parsePlace(to, '--to')], { cluster, pods: PODS })).toBe(expected);
  });
});

test.each<[string, Manifest, RegExp]>([
  [
    'ipMode Proxy',
    { ip: '198.51.100.7', ipMode: 'Proxy' },
    /^--to: load balancer 198\.51\.100\.7 has ipMode Proxy, so no rules are made for it: trace what it sends, as --to node-port\/shop\/web$/,
  ],
  [
    'a hostname alone',
    { hostname: 'lb.example' },
    /^--to: only a hostname is known of load balancer lb\.example, so no rules are made for it/,
  ],
])('a load balancer with %s', (_, ingress, expected) => {
  const spec = { type: 'LoadBalancer', allocateLoadBalancerNodePorts: false };
  const web = service(spec, { status: { loadBalancer: { ingress: [ingress] } } });
  const question = {
    from: parsePlace('outside', '--from'),
    to: parsePlace('load-balancer-ip/shop/web', '--to'),
  };
  expect(() => packetOf(question, known({ objects: [web] }))).toThrow(expected);
});
