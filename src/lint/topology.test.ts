import { expect, test } from 'vitest';
import type { Manifest } from '../../test/support/arbitrary/clusters.ts';
import { findingsOf, node, told } from '../../test/support/lint.ts';
import { endpoint, NOT_READY, ON_NODE_A, ON_NODE_B, service, slice } from '../../test/support/rules.ts';

const zone = (address: string, name: string, fields: Manifest = {}) =>
  endpoint(address, { hints: { forZones: [{ name }] }, ...fields });
const forNode = (address: string, name: string) => endpoint(address, { hints: { forNodes: [{ name }] } });
const keys = (...topologyKeys: string[]) => service({ topologyKeys });
const HOSTNAME = 'kubernetes.io/hostname';

test.each<[string, Manifest[], string[]]>([
  [
    'hints for this zone',
    [service(), slice([zone('10.244.1.5', 'zone-1'), zone('10.244.2.5', 'zone-2')])],
    [],
  ],
  ['hints of some', [service(), slice([zone('10.244.1.5', 'zone-1'), '10.244.2.5'])], ['hints-ignored spec']],
  ['hints of all that are ready', [service(), slice([zone('10.244.1.5', 'zone-1'), endpoint('10.244.2.5', NOT_READY)])], []], // biome-ignore format: a row
  ['hints for nodes of some', [service(), slice([forNode('10.244.1.5', 'node-a'), '10.244.2.5'])], ['hints-ignored spec']], // biome-ignore format: a row
  ['hints of some, where only local endpoints count', [service({ internalTrafficPolicy: 'Local' }), slice([zone('10.244.1.5', 'zone-1', ON_NODE_A), endpoint('10.244.2.5', ON_NODE_B)])], []], // biome-ignore format: a row
  ['hints for other zones', [service(), slice([zone('10.244.1.5', 'zone-2')])], ['hints-for-others spec']],
  ['hints for other nodes', [service(), slice([forNode('10.244.1.5', 'node-b')])], ['hints-for-others spec']],
  ['hints for other nodes and this zone', [service(), slice([endpoint('10.244.1.5', { hints: { forNodes: [{ name: 'node-b' }], forZones: [{ name: 'zone-1' }] } })])], []], // biome-ignore format: a row
  ['no topologyKeys', [keys(), slice([endpoint('10.244.1.5', ON_NODE_A)])], []],
  [
    'topologyKeys',
    [keys(HOSTNAME), slice([endpoint('10.244.1.5', ON_NODE_A)])],
    ['topology-keys spec.topologyKeys'],
  ],
  ['topologyKeys that leave this node out', [keys(HOSTNAME), slice([endpoint('10.244.1.5', ON_NODE_B)])], ['topology-keys spec.topologyKeys', 'topology-keys-exclude-node spec.topologyKeys']], // biome-ignore format: a row
  ['topologyKeys that end with all', [keys(HOSTNAME, '*'), slice([endpoint('10.244.1.5', ON_NODE_B)])], ['topology-keys spec.topologyKeys']], // biome-ignore format: a row
  ['topologyKeys of a headless Service', [service({ clusterIP: 'None', topologyKeys: ['*'] })], ['headless-field-ignored spec.topologyKeys']], // biome-ignore format: a row
])('%s', (_, objects, expected) => {
  expect(told(findingsOf({ objects }))).toEqual(expected);
});

const elsewhere = [service(), slice([zone('10.244.1.5', 'zone-2')])];

test.each<[string, Manifest, Manifest[], string[]]>([
  ['nothing is known', { name: '', zone: undefined }, elsewhere, []],
  ['the zone is not known', { zone: undefined }, elsewhere, []],
  [
    'the node has none',
    { zone: undefined },
    [...elsewhere, node('node-a', '192.168.0.2')],
    ['node-without-zone spec'],
  ],
  ['only the zone is known', { name: '' }, elsewhere, ['hints-for-others spec']],
])('a hint for another zone, where %s', (_, host, objects, expected) => {
  expect(told(findingsOf({ objects, host }))).toEqual(expected);
});

test('a node without a zone is to be labelled', () => {
  const objects = [...elsewhere, node('node-a', '192.168.0.2')];
  expect(findingsOf({ objects, host: { zone: undefined } })).toMatchObject([
    {
      cause:
        'The node has no zone, so the hints of 1 ready endpoint for zones do not count here, and this node sends traffic to all of them.',
      remedy: 'Label the Node with topology.kubernetes.io/zone.',
    },
  ]);
});

test('tells which endpoints lack hints', () => {
  const objects = [service(), slice([zone('10.244.1.5', 'zone-1'), '10.244.2.5', '10.244.2.6'])];
  expect(findingsOf({ objects }).map(({ cause }) => cause)).toEqual([
    '10.244.2.5:8080 and 10.244.2.6:8080 have no hints.forZones, so no node follows those of 1 other ready endpoint.',
  ]);
});
