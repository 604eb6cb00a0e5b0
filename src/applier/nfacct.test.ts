import { expect, test } from 'vitest';
import { parseNfacct } from './nfacct.ts';

test.each<[string, string, Record<string, number>]>([
  ['nothing', '', {}],
  [
    'objects',
    '{ pkts = 00000000000000000042, bytes = 00000000000000004711 } = ct_state_invalid_dropped_pkts;\n' +
      '{ pkts = 00000000000000000000, bytes = 00000000000000000000 } = a1;\n',
    { ct_state_invalid_dropped_pkts: 42, a1: 0 },
  ],
  [
    'an object with a quota',
    '{ pkts = 00000000000000000007, bytes = 00000000000000000009 , quota = 00000000000000001000 , mode = packets , status = below } = limited;\n',
    { limited: 7 },
  ],
])('the output of nfacct list: %s', (_, text, expected) => {
  expect(Object.fromEntries(parseNfacct(text))).toEqual(expected);
});
