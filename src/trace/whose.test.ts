import { describe, expect, test } from 'vitest';
import type { Manifest } from '../../test/support/arbitrary/raw.ts';
import { endpoint, inputOf, ON_NODE_A, ON_NODE_B, service, slice } from '../../test/support/rules.ts';
import { type Pod, podSchema } from '../api/pod.ts';
import { withJumps } from '../chains/jumps.ts';
import { compile } from '../compiler/compile.ts';
import type { Packet } from '../iptables/simulator/packet.ts';
import { prepare } from '../iptables/simulator/prepare.ts';
import { simulatedNode } from './known-node.ts';
import { tracePacket } from './trace.ts';
import { ownersOf, remarksOnAnswers, remarksOnDestination } from './whose.ts';

const NODE_PORT = {
  type: 'NodePort',
  ports: [{ name: 'http', port: 80, targetPort: 8080, nodePort: 30080 }],
};

function pod(name: string, ip: string, nodeName: string): Pod {
  const status = { podIP: ip };
  return podSchema.parse({ kind: 'Pod', metadata: { name, namespace: 'shop' }, spec: { nodeName }, status });
}

function remarks(
  objects: readonly Manifest[],
  packet: Partial<Packet>,
  { withManifests = true } = {},
): string[] {
  const { cluster, node, options } = inputOf({ objects });
  const ruleset = prepare(withJumps(compile(cluster, node, options('ipv4'))));
  const pods = new Map([
    ['shop/web-1', pod('web-1', '10.244.1.9', 'node-a')],
    ['shop/client', pod('client', '10.244.2.50', 'node-b')],
    ['shop/near', pod('near', '10.244.1.50', 'node-a')],
  ]);
  const owners = ownersOf(ruleset, withManifests ? { cluster, pods, options } : undefined);
  const asked: Packet = {
    source: '10.244.1.50',
    destination: '10.96.0.10',
    protocol: 'tcp',
    arrives: true,
    ...packet,
  };
  const simulated = simulatedNode(node);
  const traced = tracePacket(ruleset, asked, simulated, {
    remark: (outcomes) => [
      ...remarksOnDestination(asked, owners, ruleset, simulated),
      ...remarksOnAnswers(asked, outcomes, owners, node),
    ],
  });
  return [...traced.remarks];
}

const WEB = [service(NODE_PORT), slice([endpoint('10.244.1.9', ON_NODE_A)])];

describe('whose address it is', () => {
  test.each<[string, readonly Manifest[], Partial<Packet>, string[]]>([
    ['a port of the Service', WEB, { destinationPort: 80 }, []],
    [
      'its target port',
      WEB,
      { destinationPort: 8080 },
      ['10.96.0.10 is the cluster IP of shop/web, which has only port 80/tcp (8080 is its target port).'],
    ],
    [
      'its node port',
      WEB,
      { destinationPort: 30080 },
      ['10.96.0.10 is the cluster IP of shop/web, which has only port 80/tcp (30080 is its node port).'],
    ],
    [
      'another protocol',
      WEB,
      { destinationPort: 80, protocol: 'udp' },
      ['10.96.0.10 is the cluster IP of shop/web, which has only port 80/tcp.'],
    ],
    [
      'no port of several',
      [
        service({ ports: [{ name: 'http', port: 80 }, { name: 'dns', port: 53, protocol: 'UDP' }], externalIPs: ['203.0.113.9'] }), // biome-ignore format: a row
        slice(['10.244.1.9']),
      ],
      { destination: '203.0.113.9', destinationPort: 443 },
      ['203.0.113.9 is the external IP of shop/web, which has only ports 80/tcp, 53/udp.'],
    ],
    [
      'a Pod',
      WEB,
      { destination: '10.244.1.9', destinationPort: 80 },
      ['10.244.1.9 is Pod shop/web-1, and no address of a Service.'],
    ],
    ['nobody', WEB, { destination: '203.0.113.1', destinationPort: 80 }, []],
    [
      'a load balancer that has no rules',
      [
        service(
          { type: 'LoadBalancer', allocateLoadBalancerNodePorts: false },
          { status: { loadBalancer: { ingress: [{ ip: '198.51.100.7', ipMode: 'Proxy' }] } } },
        ),
        slice(['10.244.1.9']),
      ],
      { destination: '198.51.100.7', destinationPort: 80 },
      ['198.51.100.7 is a load balancer of shop/web with ipMode Proxy: kube-proxy makes no rules for it.'],
    ],
  ])('%s', (_, objects, packet, expected) => {
    expect(remarks(objects, packet)).toEqual(expected);
  });

  test('by the rules alone', () => {
    expect(remarks(WEB, { destinationPort: 8080 }, { withManifests: false })).toEqual([
      '10.96.0.10 is the cluster IP of shop/web, which has only port 80/tcp (8080 is its target port).',
    ]);
  });
});

describe('who answers past this node', () => {
  const local = service({ ...NODE_PORT, externalTrafficPolicy: 'Local' });
  const both = slice([endpoint('10.244.1.9', ON_NODE_A), endpoint('10.244.2.9', ON_NODE_B)]);
  const toNodePort = { destination: '192.168.0.2', destinationPort: 30080 };
  test.each<[string, readonly Manifest[], Partial<Packet>, string[]]>([
    [
      'a Pod of another node under the Local policy',
      [local, both],
      { ...toNodePort, source: '10.244.2.50' },
      [
        "10.244.2.9:8080 on node-b answers 10.244.2.50 directly, not through node-a, as it sees the sender's own address: the sender does not know that connection and gets no answer.",
      ],
    ],
    [
      "an unknown Pod of a range that is not the node's",
      [local, both],
      { ...toNodePort, source: '10.244.3.7' },
      [
        "10.244.2.9:8080 on node-b answers 10.244.3.7 directly, not through node-a, as it sees the sender's own address: the sender does not know that connection and gets no answer.",
      ],
    ],
    ['a Pod of this node', [local, both], { ...toNodePort, source: '10.244.1.50' }, []],
    ['a client outside', [local, both], { ...toNodePort, source: '203.0.113.7' }, []],
    ['this node', [local, both], { ...toNodePort, source: '192.168.0.2', arrives: false }, []],
    ['who is masqueraded', [service(NODE_PORT), both], { ...toNodePort, source: '10.244.2.50' }, []],
  ])('%s', (_, objects, packet, expected) => {
    expect(remarks(objects, packet)).toEqual(expected);
  });
});
