import { expect, test } from 'vitest';
import type { Manifest } from '../../test/support/arbitrary/clusters.ts';
import { findingsOf, node, told } from '../../test/support/lint.ts';
import { endpoint, NOT_READY, ON_NODE_A, ON_NODE_B, service, slice } from '../../test/support/rules.ts';

const FIELD = 'spec.sessionAffinity';
const AFFINITY = { sessionAffinity: 'ClientIP' };
const NODE_PORT = { type: 'NodePort', ports: [{ name: 'http', port: 80, nodePort: 30080 }] };
const two = slice([endpoint('10.244.1.5', ON_NODE_A), endpoint('10.244.2.5', ON_NODE_B)]);
const twoOfOneNode = slice([endpoint('10.244.1.5', ON_NODE_A), endpoint('10.244.1.6', ON_NODE_A)]);
const oneReady = slice(['10.244.1.5', endpoint('10.244.1.6', NOT_READY)]);
const twoPorts = (protocol: string) => ({
  ports: [
    { name: 'http', port: 80 },
    { name: 'other', port: 81, protocol },
  ],
});
const sliceOfTwoPorts = (protocol: string) =>
  slice(['10.244.1.5', '10.244.1.6'], {
    ports: [
      { name: 'http', port: 80 },
      { name: 'other', port: 81, protocol },
    ],
  });

test.each<[string, Manifest[], string[]]>([
  ['none', [service(NODE_PORT), two], []],
  ['to the cluster IP', [service(AFFINITY), two], ['affinity-list-size']],
  ['to the only endpoint', [service({ ...AFFINITY, ...NODE_PORT }), slice(['10.244.1.5'])], []],
  ['to the only endpoint that is ready', [service(AFFINITY), oneReady], []],
  ['through several nodes', [service({ ...AFFINITY, ...NODE_PORT }), two], ['affinity-per-node', 'affinity-list-size']], // biome-ignore format: a row
  ['through the only node', [service({ ...AFFINITY, ...NODE_PORT }), twoOfOneNode], ['affinity-list-size']],
  [
    'through nodes without endpoints',
    [
      service({ ...AFFINITY, ...NODE_PORT }),
      twoOfOneNode,
      node('node-a', '192.168.0.2'),
      node('node-b', '192.168.0.3'),
    ],
    ['affinity-per-node', 'affinity-list-size'],
  ],
  ['through nodes of their own', [service({ ...AFFINITY, ...NODE_PORT, externalTrafficPolicy: 'Local' }), two], ['affinity-list-size']], // biome-ignore format: a row
  ['to two ports', [service({ ...AFFINITY, ...twoPorts('TCP') }), sliceOfTwoPorts('TCP')], ['affinity-per-port', 'affinity-list-size']], // biome-ignore format: a row
  ['over UDP', [service({ ...AFFINITY, ...twoPorts('UDP') }), sliceOfTwoPorts('UDP')], ['affinity-per-port', 'affinity-list-size', 'affinity-udp']], // biome-ignore format: a row
])('%s', (_, objects, codes) => {
  expect(told(findingsOf({ objects }))).toEqual(codes.map((code) => `${code} ${FIELD}`));
});
