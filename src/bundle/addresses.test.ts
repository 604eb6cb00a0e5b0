import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addressBits,
  addressValue,
  contains,
  FAMILIES,
  type Family,
  familyOf,
  formatAddress,
} from '../net/address.ts';
import { AddressMap, replaceAddresses } from './addresses.ts';

const KEY = new Uint8Array(32).fill(7);

const addressIn = (family: Family) =>
  fc
    .bigInt({ min: 0n, max: 2n ** BigInt(addressBits(family)) - 1n })
    .map((value) => formatAddress(family, value));

/** How many bits two addresses have in common at their beginning. */
function shared(a: string, b: string): number {
  const bits = addressBits(familyOf(a));
  const difference = addressValue(a) ^ addressValue(b);
  return difference === 0n ? bits : bits - difference.toString(2).length;
}

/** Two addresses that have some bits in common. */
const pair = fc.constantFrom(...FAMILIES).chain((family) =>
  fc.tuple(addressIn(family), addressIn(family), fc.nat(addressBits(family))).map(([a, b, length]) => {
    const rest = BigInt(addressBits(family) - length);
    const value = ((addressValue(a) >> rest) << rest) | (addressValue(b) & ((1n << rest) - 1n));
    return [a, formatAddress(family, value)] as const;
  }),
);

test('two addresses have as many bits in common as before', () => {
  fc.assert(
    fc.property(pair, fc.uint8Array({ minLength: 8, maxLength: 8 }), ([a, b], key) => {
      const map = new AddressMap(key);
      expect(shared(map.address(a), map.address(b))).toBe(shared(a, b));
    }),
  );
});

test('an address is in what its range has become', () => {
  fc.assert(
    fc.property(pair, ([a, b]) => {
      const map = new AddressMap(KEY);
      const family = familyOf(a);
      const length = shared(a, b);
      const rest = BigInt(addressBits(family) - length);
      const network = formatAddress(family, (addressValue(a) >> rest) << rest);
      const range = map.range(network, length);
      expect([contains(range, map.address(a)), contains(range, map.address(b))]).toEqual([true, true]);
    }),
  );
});

describe('what means something', () => {
  test.each([
    '0.0.0.0',
    '127.0.0.1',
    '127.255.0.3',
    '169.254.169.254',
    '224.0.0.1',
    '255.255.255.255',
    '255.255.240.0',
    '::',
    '::1',
    'ff02::1',
  ])('%s stays', (address) => {
    expect(new AddressMap(KEY).address(address)).toBe(address);
  });

  test.each([
    '10.0.0.0/8',
    '172.16.0.0/12',
    '192.168.0.0/16',
    '100.64.0.0/10',
    '203.0.113.0/24',
    'fd00::/8',
    'fe80::/10',
    '2001:db8::/32',
  ])('addresses of %s are still of it, and others are not', (range) => {
    const family = familyOf(range);
    fc.assert(
      fc.property(addressIn(family), fc.uint8Array({ minLength: 8, maxLength: 8 }), (any, key) => {
        const [network = '', length = ''] = range.split('/');
        const rest = BigInt(addressBits(family) - Number(length));
        const inside = formatAddress(
          family,
          addressValue(network) | (addressValue(any) & ((1n << rest) - 1n)),
        );
        const map = new AddressMap(key);
        expect(contains(range, map.address(inside))).toBe(true);
        expect(contains(range, map.address(any))).toBe(contains(range, any));
      }),
    );
  });

  test.each(['0.0.0.0/0', '::/0', '10.0.0.0/8', '192.168.0.0/16', '127.0.0.0/8'])(
    'the range %s stays',
    (range) => {
      expect(replaceAddresses(range, new AddressMap(KEY))).toBe(range);
    },
  );
});

test('addresses become others', () => {
  const map = new AddressMap(KEY);
  for (const address of ['10.96.0.10', '8.8.8.8', '2a00:1450::1', 'fd00:10:96::a']) {
    expect(map.address(address)).not.toBe(address);
  }
});

describe('in a text', () => {
  const map = new AddressMap(KEY);
  const [four, six] = [map.address('10.96.0.10'), map.address('fd00::5')];
  test.each([
    ['-d 10.96.0.10/32 -p tcp', `-d ${four}/32 -p tcp`],
    ['--to-destination 10.96.0.10:8080', `--to-destination ${four}:8080`],
    ['--to-destination [fd00::5]:8080', `--to-destination [${six}]:8080`],
    ['shop/web -> 10.96.0.10:80', `shop/web -> ${four}:80`],
    ['src=10.96.0.10 dst=fd00::5 sport=1', `src=${four} dst=${six} sport=1`],
    ['"local":"fd00::5","x":"10.96.0.10"', `"local":"${six}","x":"${four}"`],
    ['at 10.96.0.10.', `at ${four}.`],
    ['::ffff:10.96.0.10', four],
  ])('%s', (text, expected) => {
    expect(replaceAddresses(text, map)).toBe(expected);
  });

  test.each([
    'v1.8.9',
    '1.2.3.4.5',
    '12:34:56',
    ':KUBE-SERVICES - [0:0]',
    '300.1.1.1',
    '--reap --name a',
    '10.96.0.10x',
  ])('%s stays', (text) => expect(replaceAddresses(text, map)).toBe(text));

  test('a chain that is named after a range goes by what that has become', () => {
    expect(replaceAddresses('KUBE-SVC-10.96.16.0/20', map)).toBe(`KUBE-SVC-${map.range('10.96.16.0', 20)}`);
  });
});
