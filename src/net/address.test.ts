import { isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addressBits,
  addressValue,
  compareAddresses,
  contains,
  type Family,
  familyOf,
  formatAddress,
  joinPort,
  overlaps,
  parseAddress,
  parseCIDR,
  prefixLength,
  splitPort,
} from './address.ts';

const ipv4 = fc.bigInt({ min: 0n, max: 0xffffffffn });

/** The eight groups of an address, with enough zeros among them to be shortened. */
const groups = fc.array(fc.oneof(fc.constant(0), fc.nat(0xffff)), { minLength: 8, maxLength: 8 });

const numberOf = (groups: readonly number[]) =>
  groups.reduce((value, group) => (value << 16n) | BigInt(group), 0n);

/** IPv6, but for the addresses that are IPv4 ones in disguise. */
const ipv6 = groups.filter((groups) => numberOf(groups) >> 32n !== 0xffffn);

const address = fc.oneof(
  fc.record({ family: fc.constant<Family>('ipv4'), value: ipv4 }),
  fc.record({ family: fc.constant<Family>('ipv6'), value: ipv6.map(numberOf) }),
);

describe('parseAddress', () => {
  test.each<[string, string | undefined]>([
    ['10.0.0.1', '10.0.0.1'],
    ['0.0.0.0', '0.0.0.0'],
    ['255.255.255.255', '255.255.255.255'],
    ['172.30.0.041', '172.30.0.41'],
    ['010.000.000.001', '10.0.0.1'],
    ['::', '::'],
    ['::1', '::1'],
    ['FD00:10:96::A', 'fd00:10:96::a'],
    ['fd00:0:0:0:0:0:0:1', 'fd00::1'],
    ['0001:0002:0003:0004:0005:0006:0007:0008', '1:2:3:4:5:6:7:8'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['::2:3:4:5:6:7:8', '0:2:3:4:5:6:7:8'],
    ['1:0:0:4:0:0:7:8', '1::4:0:0:7:8'],
    ['1:0:0:4:0:0:0:8', '1:0:0:4::8'],
    ['::10.0.0.1', '::a00:1'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
    ['1:2:3:4:5:6:1.2.3.4', '1:2:3:4:5:6:102:304'],
    // The same address as far as Go, and so kube-proxy, is concerned.
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['::FFFF:a00:1', '10.0.0.1'],
    ['0:0:0:0:0:ffff:a00:1', '10.0.0.1'],

    ['', undefined],
    ['10.0.0', undefined],
    ['10.0.0.1.1', undefined],
    ['10.0.0.256', undefined],
    ['10.0.0.-1', undefined],
    ['10.0.0.0x1', undefined],
    ['10.0.0.', undefined],
    ['.10.0.0', undefined],
    [' 10.0.0.1', undefined],
    ['10.0.0.1 ', undefined],
    ['10.0.0.1/32', undefined],
    ['10.0.0.1:80', undefined],
    ['١.0.0.1', undefined],
    [':', undefined],
    [':::', undefined],
    ['1::2::3', undefined],
    [':1::', undefined],
    ['::1:', undefined],
    ['1:2:3:4:5:6:7', undefined],
    ['1:2:3:4:5:6:7:8:9', undefined],
    ['1:2:3:4::5:6:7:8', undefined],
    ['::12345', undefined],
    ['::g', undefined],
    ['1.2.3.4::', undefined],
    ['::1.2.3.4:5', undefined],
    ['1:2:3:4:5:6:7:1.2.3.4', undefined],
    ['::1.2.3', undefined],
    ['[::1]', undefined],
    ['fe80::1%eth0', undefined],
    ['localhost', undefined],
  ])('%j is %s', (text, expected) => {
    expect(parseAddress(text)).toBe(expected);
  });

  test('what formatAddress prints is canonical, and means the same number', () => {
    fc.assert(
      fc.property(address, ({ family, value }) => {
        const text = formatAddress(family, value);
        expect(isIP(text)).toBe(family === 'ipv4' ? 4 : 6);
        expect(parseAddress(text)).toBe(text);
        expect(addressValue(text)).toBe(value);
        expect(familyOf(text)).toBe(family);
      }),
    );
  });

  test('IPv6 is shortened as a browser shortens it (RFC 5952)', () => {
    fc.assert(
      fc.property(ipv6, (groups) => {
        const text = groups.map((group) => group.toString(16)).join(':');
        expect(`[${parseAddress(text)}]`).toBe(new URL(`http://[${text}]`).hostname);
      }),
    );
  });

  test('a gap, padding, capitals and a dotted end are spellings of the same address', () => {
    const part = fc.array(fc.tuple(fc.nat(0xffff), fc.integer({ min: 1, max: 4 })), { maxLength: 2 });
    const end = fc.option(ipv4, { nil: undefined });
    fc.assert(
      fc.property(part, part, end, fc.boolean(), (head, tail, end, capitals) => {
        const words = [head, tail].map((part) =>
          part.map(([group, padding]) => group.toString(16).padStart(padding, '0')).join(':'),
        );
        const dotted = end === undefined ? '' : `${tail.length > 0 ? ':' : ''}${formatAddress('ipv4', end)}`;
        const text = words.join('::') + dotted;
        const behind = [
          ...tail.map(([group]) => group),
          ...(end === undefined ? [] : [Number(end >> 16n), Number(end & 0xffffn)]),
        ];
        const before = head.map(([group]) => group);
        const gap = Array<number>(8 - before.length - behind.length).fill(0);
        const value = numberOf([...before, ...gap, ...behind]);
        fc.pre(value >> 32n !== 0xffffn);
        expect(parseAddress(capitals ? text.toUpperCase() : text), text).toBe(formatAddress('ipv6', value));
      }),
    );
  });

  test('what is an address is what Node takes for one, leading zeros and zones aside', () => {
    const almost = fc.oneof(
      fc.string({ unit: fc.constantFrom(...'0129afF:.'), maxLength: 20 }),
      fc
        .array(fc.oneof(fc.nat(260).map(String), fc.constant('')), { minLength: 3, maxLength: 5 })
        .map((octets) => octets.join('.')),
      fc
        .array(fc.constantFrom('', '0', '1', 'ffff', 'F', '10000', '1.2.3.4'), { minLength: 1, maxLength: 9 })
        .map((groups) => groups.join(':')),
    );
    fc.assert(
      fc.property(almost, (text) => {
        fc.pre(!/(^|[.:])0\d+(\.|$)/.test(text));
        expect(parseAddress(text) !== undefined, text).toBe(isIP(text) !== 0);
      }),
      { numRuns: 2000 },
    );
  });

  test('leading zeros of octets change nothing', () => {
    const octets = fc.array(fc.tuple(fc.nat(255), fc.nat(3)), { minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(octets, (octets) => {
        const text = octets.map(([octet, zeros]) => '0'.repeat(zeros) + octet).join('.');
        expect(parseAddress(text)).toBe(octets.map(([octet]) => octet).join('.'));
      }),
    );
  });
});

describe('parseCIDR', () => {
  test.each<[string, string | undefined]>([
    ['10.0.0.0/8', '10.0.0.0/8'],
    ['10.1.2.3/8', '10.0.0.0/8'],
    ['10.1.2.3/32', '10.1.2.3/32'],
    ['10.1.2.3/0', '0.0.0.0/0'],
    ['255.255.255.255/1', '128.0.0.0/1'],
    ['010.0.0.0/08', '10.0.0.0/8'],
    ['FD00:0::1/64', 'fd00::/64'],
    ['::/0', '::/0'],
    ['::1/128', '::1/128'],
    ['2001:db8:ffff::/33', '2001:db8:8000::/33'],

    ['10.0.0.0', undefined],
    ['10.0.0.0/', undefined],
    ['10.0.0.0/33', undefined],
    ['10.0.0.0/-1', undefined],
    ['10.0.0.0/8/8', undefined],
    ['10.0.0.0/255.0.0.0', undefined],
    ['10.0.0.0/0x8', undefined],
    ['10.0.0.0/8 ', undefined],
    ['10.0.0/8', undefined],
    ['/8', undefined],
    ['::/129', undefined],
    ['::ffff:10.0.0.0/104', undefined],
    ['', undefined],
  ])('%j is %s', (text, expected) => {
    expect(parseCIDR(text)).toBe(expected);
  });

  test('clears the host bits and nothing else', () => {
    fc.assert(
      fc.property(address, fc.nat(128), ({ family, value }, length) => {
        const prefix = length % (addressBits(family) + 1);
        const size = 2n ** BigInt(addressBits(family) - prefix);
        const expected = `${formatAddress(family, value - (value % size))}/${prefix}`;
        expect(parseCIDR(`${formatAddress(family, value)}/${prefix}`)).toBe(expected);
        expect(parseCIDR(expected)).toBe(expected);
        expect(prefixLength(expected)).toBe(prefix);
      }),
    );
  });
});

describe('overlaps', () => {
  test.each<[string, string, boolean]>([
    ['10.244.0.0/16', '10.244.1.0/24', true],
    ['10.244.0.0/16', '10.244.0.0/16', true],
    ['10.244.0.0/16', '10.245.0.0/24', false],
    ['10.244.0.0/24', '10.244.1.0/24', false],
    ['0.0.0.0/0', '10.244.1.0/24', true],
    ['0.0.0.0/0', 'fd00::/8', false],
    ['fd00:10:244::/48', 'fd00:10:244:1::/64', true],
    ['fd00:10:244::/48', 'fd00:10:245:1::/64', false],
  ])('%s, %s: %s', (a, b, expected) => {
    expect(overlaps(a, b)).toBe(expected);
    expect(overlaps(b, a)).toBe(expected);
  });
});

describe('contains', () => {
  test.each<[string, string, boolean]>([
    ['10.0.0.0/8', '10.255.255.255', true],
    ['10.0.0.0/8', '11.0.0.0', false],
    ['0.0.0.0/0', '255.255.255.255', true],
    ['10.0.0.1/32', '10.0.0.1', true],
    ['10.0.0.1/32', '10.0.0.2', false],
    ['128.0.0.0/1', '127.255.255.255', false],
    ['::/0', '10.0.0.1', false],
    ['0.0.0.0/0', '::1', false],
    ['::/96', '::a00:1', true],
    ['::1/128', '::1', true],
    ['fd00::/8', 'fe00::', false],
    ['2001:db8::/32', '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff', true],
  ])('%s, %s: %s', (cidr, address, expected) => {
    expect(contains(cidr, address)).toBe(expected);
  });

  test('is a matter of numbers', () => {
    const close = fc.record({
      range: address,
      offset: fc.bigInt({ min: -5n, max: 5n }),
      length: fc.nat(128),
    });
    fc.assert(
      fc.property(close, ({ range: { family, value }, offset, length }) => {
        const bits = addressBits(family);
        const prefix = length % (bits + 1);
        const size = 2n ** BigInt(bits - prefix);
        const first = value - (value % size);
        // Next to one of the ends, where it is decided.
        for (const end of [first, first + size - 1n]) {
          const other = BigInt.asUintN(bits, end + offset);
          if (family === 'ipv6' && other >> 32n === 0xffffn) continue;
          const inside = other >= first && other < first + size;
          expect(contains(`${formatAddress(family, first)}/${prefix}`, formatAddress(family, other))).toBe(
            inside,
          );
        }
      }),
    );
  });
});

describe('compareAddresses', () => {
  test('IPv4 first, then by number, not as text', () => {
    const addresses = ['::', 'fd00::10', '10.0.0.10', 'fd00::9', '9.255.0.0', '10.0.0.9'];
    expect(addresses.sort(compareAddresses)).toEqual([
      '9.255.0.0',
      '10.0.0.9',
      '10.0.0.10',
      '::',
      'fd00::9',
      'fd00::10',
    ]);
  });

  test('is an order', () => {
    const text = address.map(({ family, value }) => formatAddress(family, value));
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(compareAddresses(a, b)).toBe(0 - compareAddresses(b, a));
        expect(compareAddresses(a, b) === 0).toBe(a === b);
      }),
    );
  });
});

test.each([
  ['10.0.0.1', 80, '10.0.0.1:80'],
  ['fd00::1', 80, '[fd00::1]:80'],
])('%s and port %d are %s', (address, port, expected) => {
  expect(joinPort(address, port)).toBe(expected);
});

test('the number of what is no address', () => {
  expect(() => addressValue('10.0.0')).toThrow(new RangeError('not an IP address: 10.0.0'));
});

test.each([
  ['10.0.0.1:80', { address: '10.0.0.1', port: '80' }],
  ['[fd00::1]:8080', { address: 'fd00::1', port: '8080' }],
  ['10.0.0.1', undefined],
  ['10.0.0.1:http', undefined],
])('splitPort %s', (text, expected) => {
  expect(splitPort(text)).toEqual(expected);
  if (expected) expect(joinPort(expected.address, Number(expected.port))).toBe(text);
});
