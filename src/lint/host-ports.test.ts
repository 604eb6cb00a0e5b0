import { expect, test } from 'vitest';
import type { Manifest } from '../../test/support/arbitrary/clusters.ts';
import { findingsOf } from '../../test/support/lint.ts';
import { service, slice } from '../../test/support/rules.ts';

const WEB = service({ type: 'NodePort', ports: [{ name: 'http', port: 80, nodePort: 30080 }] });

const pod = (port: Manifest, spec: Manifest = {}, status: Manifest = {}): Manifest => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'edge', namespace: 'infra' },
  spec: { nodeName: 'node-b', containers: [{ ports: [port] }], ...spec },
  status: { podIP: '10.244.2.7', ...status },
});

const SAME = [
  'Node port 30080/TCP is a host port of Pod infra/edge: on node node-b, one of them gets no traffic.',
];

test.each<[string, Manifest, string[]]>([
  ['the same', pod({ containerPort: 80, hostPort: 30080 }), SAME],
  ['the same, of a Pod in the host network', pod({ containerPort: 30080 }, { hostNetwork: true }), SAME],
  ['another', pod({ containerPort: 80, hostPort: 30081 }), []],
  ['for another protocol', pod({ containerPort: 80, hostPort: 30080, protocol: 'UDP' }), []],
  ['none', pod({ containerPort: 30080 }), []],
  ['of a Pod that is done', pod({ containerPort: 80, hostPort: 30080 }, {}, { phase: 'Succeeded' }), []],
])('a host port and a node port: %s', (_, pod, expected) => {
  const found = findingsOf({ objects: [WEB, slice(['10.244.1.5']), pod] });
  expect(found.map(({ cause }) => cause)).toEqual(expected);
});
