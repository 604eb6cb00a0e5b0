/** What is free in a range. What is taken depends on a seed, so that it is the same every time. */
import { createHash } from 'node:crypto';
import { addressBits, addressValue, familyOf, formatAddress, prefixLength } from '../../net/address.ts';

/** As many addresses of a range are tried as an IPv6 service range had when its size was limited. */
const MAX_RANGE_SIZE = 1n << 20n;

/**
 * An address of a range that is not taken, never one of its two ends; undefined where there is none.
 * @param range canonical, as are the addresses
 * @param reserved how many of so many addresses are tried last: the lowest
 */
export function freeAddress(
  range: string,
  seed: string,
  reserved: (size: number) => number,
  taken: ReadonlySet<string>,
): string | undefined {
  const family = familyOf(range);
  const [base = ''] = range.split('/');
  const first = addressValue(base) + 1n;
  const all = (1n << BigInt(addressBits(family) - prefixLength(range))) - 2n;
  const size = Number(all < MAX_RANGE_SIZE ? all : MAX_RANGE_SIZE);
  return firstFree(size, reserved(size), seed, (offset) => {
    const address = formatAddress(family, first + BigInt(offset));
    return taken.has(address) ? undefined : address;
  });
}

/** The first that is free, from where the seed says upwards and round; the `reserved` lowest only after all others. */
export function firstFree<T>(
  size: number,
  reserved: number,
  seed: string,
  take: (offset: number) => T | undefined,
): T | undefined {
  const lowest = reserved < size ? reserved : 0;
  const upper = size - lowest;
  const start = numberOf(seed);
  for (let i = 0; i < upper; i++) {
    const taken = take(lowest + ((start + i) % upper));
    if (taken !== undefined) return taken;
  }
  for (let offset = 0; offset < lowest; offset++) {
    const taken = take(offset);
    if (taken !== undefined) return taken;
  }
  return undefined;
}

/** A number of 48 bits, each seed another. */
export function numberOf(seed: string): number {
  return createHash('sha256').update(seed).digest().readUIntBE(0, 6);
}
