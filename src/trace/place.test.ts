import { describe, expect, test } from 'vitest';
import { parsePlace } from './place.ts';

const service = (way: string, service: string, fields = {}) => ({ kind: 'service', way, service, ...fields });
const address = (address: string, fields = {}) => ({ kind: 'address', address, ...fields });

describe('places', () => {
  test.each<[string, object]>([
    ['10.96.0.10', address('10.96.0.10')],
    ['10.96.0.10:80', address('10.96.0.10', { port: 80 })],
    ['10.96.0.10:80/tcp', address('10.96.0.10', { port: 80, protocol: 'tcp' })],
    ['10.96.0.10:53/UDP', address('10.96.0.10', { port: 53, protocol: 'udp' })],
    ['10.96.0.10/icmp', address('10.96.0.10', { protocol: 'icmp' })],
    ['fd00::a', address('fd00::a')],
    ['[fd00::a]:80', address('fd00::a', { port: 80 })],
    ['[FD00:0::a]:80/sctp', address('fd00::a', { port: 80, protocol: 'sctp' })],
    ['fd00::a/icmpv6', address('fd00::a', { protocol: 'icmpv6' })],
    ['node', { kind: 'node' }],
    ['node:30080/udp', { kind: 'node', port: 30080, protocol: 'udp' }],
    ['outside', { kind: 'outside' }],
    ['pod/shop/web-1', { kind: 'pod', pod: 'shop/web-1' }],
    ['pod/shop/web-1:8080', { kind: 'pod', pod: 'shop/web-1', port: 8080 }],
    ['shop/web', service('cluster-ip', 'shop/web')],
    ['shop/web:http', service('cluster-ip', 'shop/web', { portName: 'http' })],
    ['shop/web:80', service('cluster-ip', 'shop/web', { port: 80 })],
    ['shop/dns:53/udp', service('cluster-ip', 'shop/dns', { port: 53, protocol: 'udp' })],
    ['shop/dns/udp', service('cluster-ip', 'shop/dns', { protocol: 'udp' })],
    ['shop/udp', service('cluster-ip', 'shop/udp')],
    ['node-port/shop/web', service('node-port', 'shop/web')],
    ['external-ip/shop/web:http', service('external-ip', 'shop/web', { portName: 'http' })],
    [
      'load-balancer-ip/shop/web:80/tcp',
      service('load-balancer-ip', 'shop/web', { port: 80, protocol: 'tcp' }),
    ],
    ['cluster-ip/shop/web', service('cluster-ip', 'shop/web')],
  ])('%s', (text, expected) => {
    expect(parsePlace(text, '--to')).toEqual({
      port: undefined,
      protocol: undefined,
      ...('service' in expected && { portName: undefined }),
      ...expected,
    });
  });

  test.each([
    '',
    'web',
    '10.96.0',
    '10.96.0.10:',
    '10.96.0.10:0',
    '10.96.0.10:65536',
    '10.96.0.10:http',
    '[fd00::a:80',
    'a/b/c',
    'pod/a/b:http',
    'pod/a/b/c',
    'Shop/web',
    'shop/web:',
    'shop/web:a b',
    '\u001b[31m',
  ])('%j is none', (text) => {
    expect(() => parsePlace(text, '--to')).toThrow(/^--to: expected ADDRESS:PORT\/PROTOCOL, .*, got /);
    expect(() => parsePlace(text, '--from')).toThrow(/^--from: expected an address, node, outside or pod/);
  });
});
