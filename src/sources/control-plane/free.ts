/** What is free in a range. What is taken depends on a seed, so that it is the same every time. */
import { addressBits, addressValue, familyOf, formatAddress, prefixLength } from '../../net/address.ts';
import { sha256 } from '../../text/sha256.ts';

/** As many addresses of a range are tried as an IPv6 service range had when its size was limited. */
const MAX_RANGE_SIZE = 1n << 20n;

/** How many addresses of a range there are to take, never its two ends; none or less where it is too small. */
export function sizeOf(range: string): number {
  const all = (1n << BigInt(addressBits(familyOf(range)) - prefixLength(range))) - 2n;
  return Number(all < MAX_RANGE_SIZE ? all : MAX_RANGE_SIZE);
}

/**
 * One of the addresses of a range that there are to take.
 * @param range canonical
 * @param offset from 0 to one less than the range's size
 */
export function addressAt(range: string, offset: number): string {
  const [base = ''] = range.split('/');
  return formatAddress(familyOf(range), addressValue(base) + 1n + BigInt(offset));
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
  const digest = sha256(seed);
  return Array.from({ length: 6 }).reduce((number: number, _, i) => number * 256 + digest.charCodeAt(i), 0);
}
