import { expect, test } from 'vitest';
import type { Manifest } from '../../test/support/arbitrary/clusters.ts';
import { findingsOf, node } from '../../test/support/lint.ts';
import { endpoint, service, slice } from '../../test/support/rules.ts';

const on = (nodeName: string) => [service(), slice([endpoint('10.244.1.5', { nodeName })])];

test.each<[string, readonly Manifest[], string[]]>([
  ['its Node is there', [...on('node-a'), node('node-a', '192.168.0.2')], []],
  ['there are no Nodes', on('node-b'), []],
  [
    'its Node is not there',
    [...on('node-b'), node('node-b', '192.168.0.3')],
    ['No Node node-a in the input, which has node-b: no endpoint is local to it.'],
  ],
  [
    'endpoints are on one of almost the same name',
    on('node-a.example'),
    ['No endpoint is on node node-a, but some are on node node-a.example.'],
  ],
])('where %s', (_, objects, expected) => {
  const found = findingsOf({ objects }).filter(({ code }) => code === 'node-unknown');
  expect(found.map(({ cause }) => cause)).toEqual(expected);
});
