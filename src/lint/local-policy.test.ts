import { describe, expect, test } from 'vitest';
import type { Manifest } from '../../test/support/arbitrary/clusters.ts';
import { findingsOf, told } from '../../test/support/lint.ts';
import { DUAL_STACK, endpoint, loadBalancer, NOT_READY, ON_NODE_A, ON_NODE_B, service, slice } from '../../test/support/rules.ts'; // biome-ignore format: as the others

const INTERNAL = { internalTrafficPolicy: 'Local' };
const EXTERNAL = { externalTrafficPolicy: 'Local' };
const NODE_PORT = { type: 'NodePort', ports: [{ name: 'http', port: 80, nodePort: 30080 }] };
const here = slice([endpoint('10.244.1.5', ON_NODE_A), endpoint('10.244.2.5', ON_NODE_B)]);
const elsewhere = slice([endpoint('10.244.2.5', ON_NODE_B)]);
const notReadyHere = slice([endpoint('10.244.1.5', { ...ON_NODE_A, ...NOT_READY }), endpoint('10.244.2.5', ON_NODE_B)]); // biome-ignore format: one line

describe('seen from node-a', () => {
  test.each<[string, Manifest, Manifest, string[]]>([
    ['the Cluster policy', service(), elsewhere, []],
    ['internal', service(INTERNAL), here, []],
    ['internal, elsewhere', service(INTERNAL), elsewhere, ['internal-traffic-dropped spec.internalTrafficPolicy']], // biome-ignore format: a row
    ['internal, not ready here', service(INTERNAL), notReadyHere, ['internal-traffic-dropped spec.internalTrafficPolicy']], // biome-ignore format: a row
    ['internal, nowhere', service(INTERNAL), slice([]), ['no-endpoints spec.ports']],
    ['external', service({ ...NODE_PORT, ...EXTERNAL }), here, []],
    ['external, elsewhere', service({ ...NODE_PORT, ...EXTERNAL }), elsewhere, ['external-traffic-dropped spec.externalTrafficPolicy']], // biome-ignore format: a row
    ['external, behind a load balancer', loadBalancer({ ...EXTERNAL, healthCheckNodePort: 32000 }), elsewhere, ['node-without-local-endpoints spec.externalTrafficPolicy']], // biome-ignore format: a row
    ['external, behind a load balancer that asks nobody', loadBalancer(EXTERNAL), elsewhere, ['external-traffic-dropped spec.externalTrafficPolicy']], // biome-ignore format: a row
    ['external, behind a load balancer and not', loadBalancer({ ...EXTERNAL, healthCheckNodePort: 32000, externalIPs: ['203.0.113.20'] }), elsewhere, ['external-traffic-dropped spec.externalTrafficPolicy']], // biome-ignore format: a row
    ['both', service({ ...NODE_PORT, ...EXTERNAL, ...INTERNAL }), elsewhere, ['external-traffic-dropped spec.externalTrafficPolicy', 'internal-traffic-dropped spec.internalTrafficPolicy']], // biome-ignore format: a row
    ['no node at all', service(INTERNAL), slice(['10.244.2.5']), ['endpoints-without-node spec.internalTrafficPolicy']], // biome-ignore format: a row
    ['no node for some', service(INTERNAL), slice([endpoint('10.244.1.5', ON_NODE_A), '10.244.2.5']), ['endpoints-without-node spec.internalTrafficPolicy']], // biome-ignore format: a row
    ['no node, from outside', service({ ...NODE_PORT, ...EXTERNAL }), slice(['10.244.2.5']), ['endpoints-without-node spec.externalTrafficPolicy']], // biome-ignore format: a row
    ['no node under the Cluster policy', service(NODE_PORT), slice(['10.244.2.5']), []],
  ])('%s', (_, service, slice, expected) => {
    expect(told(findingsOf({ objects: [service, slice] }))).toEqual(expected);
  });
});

test('nobody knows what is local where the node is not known', () => {
  expect(findingsOf({ objects: [service(INTERNAL), elsewhere], host: { name: '' } })).toEqual([]);
});

test.each<[string, Manifest, Manifest, string]>([
  [
    'the node',
    service(INTERNAL),
    elsewhere,
    'Its only endpoint is not on node node-a and usable, so internalTrafficPolicy Local drops traffic from there to its cluster IP.',
  ],
  [
    'the family',
    service({ ...DUAL_STACK, ...NODE_PORT, ...EXTERNAL }),
    elsewhere,
    'Over IPv4, its only endpoint is not on node node-a and usable, so externalTrafficPolicy Local drops traffic from outside there.',
  ],
  [
    'how many have no node',
    service(INTERNAL),
    slice([endpoint('10.244.1.5', ON_NODE_A), '10.244.2.5', '10.244.2.6']),
    '2 of its 3 endpoints have no nodeName, so internalTrafficPolicy Local sends them no traffic on any node.',
  ],
])('tells %s', (_, service, slice, cause) => {
  expect(findingsOf({ objects: [service, slice] }).map((finding) => finding.cause)).toContain(cause);
});
