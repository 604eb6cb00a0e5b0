import { expect, test } from 'vitest';
import { findingsOf } from '../../test/support/lint.ts';
import { service, slice } from '../../test/support/rules.ts';
import type { ServiceRanges } from '../compiler/unassigned.ts';

const objects = [service(), slice(['10.244.1.5'])];

test.each<[string, ServiceRanges | undefined, string[]]>([
  ['nobody asks for it', undefined, []],
  ['off', { rejectUnassigned: false, serviceRanges: [] }, []],
  ['on, with a range', { rejectUnassigned: true, serviceRanges: ['10.96.0.0/16'] }, []],
  [
    'on, without a range',
    { rejectUnassigned: true, serviceRanges: [] },
    [
      'service-range-unknown svc2ipt.rejectUnassigned: Nothing is refused, as no ServiceCIDR tells where cluster IPs are.',
    ],
  ],
  [
    'on, in a range that the node is in',
    { rejectUnassigned: true, serviceRanges: ['10.96.0.0/16', '192.168.0.0/16'] },
    [
      'service-range-taken svc2ipt.rejectUnassigned: In 192.168.0.0/16, nothing is refused, as Pods or this node have addresses of it (192.168.0.2).',
    ],
  ],
])('%s', (_, unassigned, expected) => {
  const found = findingsOf({ objects }, unassigned && { unassigned });
  expect(
    found
      .filter(({ code }) => code.startsWith('service-range-'))
      .map(({ code, field, cause }) => `${code} ${field}: ${cause}`),
  ).toEqual(expected);
});
