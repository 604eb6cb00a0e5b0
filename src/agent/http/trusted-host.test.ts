import { expect, test } from 'vitest';
import { trustedHost } from './trusted-host.ts';

test.each<[string | undefined, boolean]>([
  [undefined, true],
  ['127.0.0.1', true],
  ['127.0.0.1:10249', true],
  ['192.0.2.1:80', true],
  ['[::1]', true],
  ['[::1]:10249', true],
  ['[2001:db8::1]:10249', true],
  ['localhost', true],
  ['LocalHost:10249', true],
  ['localhost.:10249', true],
  ['node-a', true],
  ['Node-A.:10249', true],
  ['', false],
  ['evil.example', false],
  ['evil.example:10249', false],
  ['127.0.0.1.evil.example', false],
  ['localhost.evil.example:10249', false],
  ['node-a.evil.example', false],
  // What no browser sends for an address.
  ['127.1', false],
  ['0x7f000001', false],
  ['2130706433', false],
  ['::1', false],
  ['[127.0.0.1]', false],
  ['[::1', false],
  ['localhost@evil.example', false],
  ['evil.example/localhost', false],
  ['localhost:123456', false],
  ['localhost:', false],
  [' localhost', false],
])('%j: %s', (host, trusted) => {
  expect(trustedHost(host, ['node-a'])).toBe(trusted);
});
