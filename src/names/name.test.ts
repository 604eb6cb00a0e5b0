import { describe, expect, test } from 'vitest';
import { readName } from './name.ts';

const name = (name: string, fields: object = {}) => ({
  name,
  namespace: undefined,
  kind: undefined,
  way: undefined,
  port: undefined,
  protocol: undefined,
  ...fields,
});
const address = (address: string, port?: number, protocol?: string) => ({ address, port, protocol });

describe('the likeliest meaning', () => {
  test.each<[string, object]>([
    ['web', name('web')],
    ['web:http', name('web', { port: 'http' })],
    ['web:80/TCP', name('web', { port: '80', protocol: 'tcp' })],
    ['svc/web', name('web', { kind: 'service' })],
    ['service/web:http', name('web', { kind: 'service', port: 'http' })],
    ['po/web-1', name('web-1', { kind: 'pod' })],
    ['shop/web', name('web', { namespace: 'shop' })],
    ['svc/shop/web', name('web', { kind: 'service', namespace: 'shop' })],
    ['pod/shop/web-1', name('web-1', { kind: 'pod', namespace: 'shop' })],
    ['node-port/web', name('web', { kind: 'service', way: 'node-port' })],
    ['node-port/shop/web', name('web', { kind: 'service', way: 'node-port', namespace: 'shop' })],
    ['web.shop.svc', name('web', { kind: 'service', namespace: 'shop' })],
    ['web.shop.svc.cluster.local.', name('web', { kind: 'service', namespace: 'shop' })],
    ['web.shop.svc.cluster.local:80', name('web', { kind: 'service', namespace: 'shop', port: '80' })],
    ['10.96.0.10', address('10.96.0.10')],
    ['10.96.0.10:80/udp', address('10.96.0.10', 80, 'udp')],
    ['[FD00:0::a]:80', address('fd00::a', 80)],
    ['[fd00::a]', address('fd00::a')],
    ['30080', { nodePort: 30080, protocol: undefined }],
    [':30080/udp', { nodePort: 30080, protocol: 'udp' }],
  ])('%s', (text, expected) => {
    expect(readName(text)[0]).toEqual(expected);
  });
});

test('what may mean more', () => {
  expect(readName('web.shop')).toEqual([
    name('web.shop'),
    name('web', { kind: 'service', namespace: 'shop' }),
  ]);
  expect(readName('svc/web').slice(1)).toEqual([name('web', { namespace: 'svc' })]);
  expect(readName('shop/tcp').at(-1)).toEqual(name('tcp', { namespace: 'shop' }));
  expect(readName('30080').slice(1)).toEqual([name('30080')]);
});

test.each([
  '',
  'a b',
  'Web',
  '/web',
  'web/',
  'a/b/c',
  'a/b/c/d',
  '10.0.0.1:http',
  'web:',
  'web:a b',
  '\u001b[31m',
])('%j is none', (text) => {
  expect(readName(text)).toEqual([]);
});
