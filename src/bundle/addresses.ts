/** Addresses for others: each IP address becomes another one, and the same always the same. */
import { createHmac } from 'node:crypto';
import {
  addressBits,
  addressValue,
  type Family,
  familyOf,
  formatAddress,
  parseAddress,
} from '../net/address.ts';

/** Ranges that mean something to whoever reads rules: an address of one becomes another of the same. */
const MEANINGFUL: Readonly<Record<Family, readonly string[]>> = {
  ipv4: [
    '10.0.0.0/8',
    '100.64.0.0/10',
    '172.16.0.0/12',
    '192.0.2.0/24',
    '192.168.0.0/16',
    '198.51.100.0/24',
    '203.0.113.0/24',
  ],
  ipv6: ['2000::/3', '2001:db8::/32', '64:ff9b::/96', 'fc00::/8', 'fd00::/8', 'fe80::/10'],
};

/** Ranges whose addresses stay as they are: they are the same on every machine, and masks are no addresses. */
const KEPT: Readonly<Record<Family, readonly string[]>> = {
  ipv4: ['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/3'],
  ipv6: ['::/96', 'ff00::/8'],
};

interface Range {
  readonly value: bigint;
  readonly length: number;
}

function rangesOf(family: Family, list: readonly string[]): readonly Range[] {
  return list.map((range) => {
    const [address = '', length = ''] = range.split('/');
    return {
      value: addressValue(address) >> BigInt(addressBits(family) - Number(length)),
      length: Number(length),
    };
  });
}

const SPECIAL = {
  ipv4: { meaningful: rangesOf('ipv4', MEANINGFUL.ipv4), kept: rangesOf('ipv4', KEPT.ipv4) },
  ipv6: { meaningful: rangesOf('ipv6', MEANINGFUL.ipv6), kept: rangesOf('ipv6', KEPT.ipv6) },
} as const;

/**
 * Replaces addresses so that two have as many bits in common at their beginning as before (as Crypto-PAn does): who was in
 * a range is in what the range has become. One to one; nobody finds the way back without the key.
 */
export class AddressMap {
  readonly #key: Uint8Array;
  readonly #digests = new Map<string, Uint8Array>();
  readonly #known = new Map<string, string>();

  constructor(key: Uint8Array) {
    this.#key = key;
  }

  /** @param address canonical, as is the answer */
  address(address: string): string {
    const known = this.#known.get(address);
    if (known !== undefined) return known;
    const family = familyOf(address);
    const replaced = formatAddress(family, this.#replace(addressValue(address), family));
    this.#known.set(address, replaced);
    return replaced;
  }

  /** A range, or an address with the length of its network: where it has no bits behind that, it keeps to have none. */
  range(address: string, length: number): string {
    const family = familyOf(address);
    const hostBits = BigInt(addressBits(family) - length);
    const value = addressValue(address);
    const replaced = addressValue(this.address(address));
    const isNetwork = (value >> hostBits) << hostBits === value;
    return `${formatAddress(family, isNetwork ? (replaced >> hostBits) << hostBits : replaced)}/${length}`;
  }

  #replace(value: bigint, family: Family): bigint {
    const bits = addressBits(family);
    let result = 0n;
    for (let i = 0; i < bits; i++) {
      const before = value >> BigInt(bits - i);
      const bit = (value >> BigInt(bits - i - 1)) & 1n;
      result = (result << 1n) | (this.#flips(before, i, family) ? bit ^ 1n : bit);
    }
    return result;
  }

  /** Whether those behind a beginning of so many bits change places, half by half. */
  #flips(before: bigint, length: number, family: Family): boolean {
    const { meaningful, kept } = SPECIAL[family];
    // No range that stays may come to lie in another half.
    const leadsTo = (range: Range) =>
      range.length > length && range.value >> BigInt(range.length - length) === before;
    const isIn = (range: Range) =>
      range.length <= length && before >> BigInt(length - range.length) === range.value;
    if (meaningful.some(leadsTo) || kept.some(leadsTo) || kept.some(isIn)) return false;
    // One digest says it for all beginnings that have their whole bytes in common.
    const rest = length % 8;
    const digest = this.#digest(`${family} ${length - rest} ${before >> BigInt(rest)}`);
    const node = (1 << rest) | Number(before & BigInt((1 << rest) - 1));
    return (((digest[node >> 3] ?? 0) >> (node & 7)) & 1) === 1;
  }

  #digest(text: string): Uint8Array {
    const known = this.#digests.get(text);
    if (known) return known;
    const digest = createHmac('sha256', this.#key).update(text).digest();
    this.#digests.set(text, digest);
    return digest;
  }
}

const IPV6 =
  '(?<![\\w.:])((?:[0-9A-Fa-f]{0,4}:){2,7}(?:\\d{1,3}(?:\\.\\d{1,3}){3}|[0-9A-Fa-f]{0,4}))(?:/(\\d{1,3}))?(?![\\w:])';
const IPV4 = '(?<![\\w.])(\\d{1,3}(?:\\.\\d{1,3}){3})(?:/(\\d{1,2}))?(?!\\.\\d|\\w)';
const ADDRESS = new RegExp(`${IPV6}|${IPV4}`, 'g');

/** Every address and range in a text. What only looks like one stays. */
export function replaceAddresses(text: string, map: AddressMap): string {
  return text.replace(
    ADDRESS,
    (
      all: string,
      ipv6: string | undefined,
      bits6: string | undefined,
      ipv4: string | undefined,
      bits4: string | undefined,
    ) => {
      const address = parseAddress(ipv6 ?? ipv4 ?? '');
      if (address === undefined) return all;
      const length = bits6 ?? bits4;
      if (length === undefined) return map.address(address);
      return Number(length) <= addressBits(familyOf(address)) ? map.range(address, Number(length)) : all;
    },
  );
}
