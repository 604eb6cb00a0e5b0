import fc from 'fast-check';
import { expect, test } from 'vitest';
import { joinPort } from '../net/address.ts';
import { type IPPort, parseIPPort } from './kube-proxy-fields.ts';

test.each<[string, IPPort | undefined]>([
  ['0.0.0.0:10256', { address: '0.0.0.0', port: 10256 }],
  ['[::]:1', { address: '::', port: 1 }],
  ['[FD00::0]:65535', { address: 'fd00::', port: 65535 }],
  ['[10.0.0.1]:80', { address: '10.0.0.1', port: 80 }],
  ['', undefined],
  [':80', undefined],
  ['10.0.0.1', undefined],
  ['10.0.0.1:', undefined],
  ['10.0.0.1:0', undefined],
  ['10.0.0.1:65536', undefined],
  ['10.0.0.1:http', undefined],
  ['localhost:80', undefined],
  ['::1:80', undefined],
  ['[::1]', undefined],
  ['[::1]:80 ', undefined],
])('%j', (text, expected) => {
  expect(parseIPPort(text)).toEqual(expected);
});

test('every address and port is read as it is printed', () => {
  const address = fc.constantFrom('0.0.0.0', '127.0.0.1', '192.168.0.2', '::', '::1', 'fd00::1:2');
  fc.assert(
    fc.property(address, fc.integer({ min: 1, max: 65535 }), (address, port) => {
      expect(parseIPPort(joinPort(address, port))).toEqual({ address, port });
    }),
  );
});
