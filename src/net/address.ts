/**
 * IP addresses and CIDR ranges. They travel through the program as canonical strings (what Go's `net.IP` prints,
 * since kube-proxy writes those into its rules and into the names of its chains); this file is the only place
 * that looks inside one.
 */

export type Family = 'ipv4' | 'ipv6';

export const FAMILIES: readonly Family[] = ['ipv4', 'ipv6'];

/** As people write them. */
export const FAMILY_NAMES: Readonly<Record<Family, string>> = { ipv4: 'IPv4', ipv6: 'IPv6' };

/** A parsed CIDR range: `network` has no bits set below `prefix`. */
interface Range {
  readonly family: Family;
  readonly network: bigint;
  readonly prefix: number;
}

/** The family of a canonical address or CIDR. */
export function familyOf(address: string): Family {
  return address.includes(':') ? 'ipv6' : 'ipv4';
}

/** The number of bits of an address: 32 or 128. */
export function addressBits(family: Family): 32 | 128 {
  return family === 'ipv4' ? 32 : 128;
}

const OCTET = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';
/** Nearly all addresses are as they should be already. */
const CANONICAL_IPV4 = new RegExp(`^(?:${OCTET}\\.){3}${OCTET}$`);

/**
 * The canonical form of an address, or undefined where the text is none. Octets with leading zeros are decimal,
 * as in kube-proxy's `ParseIPSloppy`; an IPv4-mapped IPv6 address is the IPv4 address.
 */
export function parseAddress(text: string): string | undefined {
  if (CANONICAL_IPV4.test(text)) return text;
  const value = text.includes(':') ? ipv6Value(text) : ipv4Value(text);
  if (value === undefined) return undefined;
  if (!text.includes(':')) return formatAddress('ipv4', value);
  return value >> 32n === 0xffffn ? formatAddress('ipv4', value & 0xffffffffn) : formatAddress('ipv6', value);
}

/** The canonical form of a CIDR range with its host bits cleared, or undefined where the text is none. */
export function parseCIDR(text: string): string | undefined {
  const range = parseRange(text);
  return range && `${formatAddress(range.family, range.network)}/${range.prefix}`;
}

/** The number behind the slash of a CIDR. */
export function prefixLength(cidr: string): number {
  return Number(cidr.slice(cidr.indexOf('/') + 1));
}

/** Whether a canonical CIDR holds a canonical address; never across families. */
export function contains(cidr: string, address: string): boolean {
  const range = parseRange(cidr);
  const family = familyOf(address);
  if (range?.family !== family) return false;
  const shift = BigInt(addressBits(family) - range.prefix);
  return addressValue(address) >> shift === range.network >> shift;
}

/** Whether two canonical CIDRs have an address in common: then one of them holds the other. */
export function overlaps(a: string, b: string): boolean {
  const [wide, narrow] = prefixLength(a) <= prefixLength(b) ? [a, b] : [b, a];
  return contains(wide, narrow.slice(0, narrow.indexOf('/')));
}

/** The addresses that a machine has for itself alone. */
export const LOOPBACK = { ipv4: '127.0.0.0/8', ipv6: '::1/128' } as const satisfies Record<Family, string>;

export function isLoopback(address: string): boolean {
  return contains(LOOPBACK[familyOf(address)], address);
}

/** Orders addresses by family, then by number. */
export function compareAddresses(a: string, b: string): number {
  const byFamily = addressBits(familyOf(a)) - addressBits(familyOf(b));
  if (byFamily !== 0) return byFamily;
  const [left, right] = [addressValue(a), addressValue(b)];
  return left < right ? -1 : left > right ? 1 : 0;
}

/** An address as a number. Throws a RangeError where the text is not an address. */
export function addressValue(address: string): bigint {
  const value = address.includes(':') ? ipv6Value(address) : ipv4Value(address);
  if (value === undefined) throw new RangeError(`not an IP address: ${address}`);
  return value;
}

/** The canonical text of an address: dotted decimal, or RFC 5952 for IPv6. */
export function formatAddress(family: Family, value: bigint): string {
  if (family === 'ipv4') {
    const number = Number(value);
    return `${number >>> 24}.${(number >>> 16) & 255}.${(number >>> 8) & 255}.${number & 255}`;
  }
  const groups = Array.from({ length: 8 }, (_, i) => Number((value >> BigInt(112 - 16 * i)) & 0xffffn));
  const zeros = longestZeroRun(groups);
  const hex = (part: number[]) => part.map((group) => group.toString(16)).join(':');
  if (zeros.length < 2) return hex(groups);
  return `${hex(groups.slice(0, zeros.start))}::${hex(groups.slice(zeros.start + zeros.length))}`;
}

/** `address:port` as Kubernetes and iptables write it, an IPv6 address in brackets. */
export function joinPort(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** The address and the port of what {@link joinPort} has joined; undefined where the text is something else. */
export function splitPort(text: string): { readonly address: string; readonly port: string } | undefined {
  const [, address, port] = /^\[?(.*?)\]?:(\d+)$/.exec(text) ?? [];
  return address === undefined || port === undefined ? undefined : { address, port };
}

function parseRange(text: string): Range | undefined {
  const match = /^([^/]+)\/(\d{1,4})$/.exec(text);
  if (!match) return undefined;
  const [, base = '', digits = ''] = match;
  const family = familyOf(base);
  const value = family === 'ipv4' ? ipv4Value(base) : ipv6Value(base);
  const prefix = Number(digits);
  const bits = addressBits(family);
  if (value === undefined || prefix > bits) return undefined;
  if (family === 'ipv6' && value >> 32n === 0xffffn) return undefined;
  const shift = BigInt(bits - prefix);
  return { family, network: (value >> shift) << shift, prefix };
}

const [DOT, ZERO, NINE] = [46, 48, 57];

/** Character by character: each of hundreds of thousands of endpoints is read so. */
function ipv4Value(text: string): bigint | undefined {
  let value = 0;
  let [octets, octet, digits] = [0, 0, 0];
  for (let i = 0; i <= text.length; i++) {
    const code = i === text.length ? DOT : text.charCodeAt(i);
    if (code === DOT) {
      if (digits === 0 || octet > 255) return undefined;
      value = value * 256 + octet;
      octets++;
      octet = digits = 0;
    } else {
      if (code < ZERO || code > NINE || ++digits > 10) return undefined;
      octet = octet * 10 + code - ZERO;
    }
  }
  return octets === 4 ? BigInt(value) : undefined;
}

function ipv6Value(text: string): bigint | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [head, tail] = [groupsOf(halves[0] ?? ''), groupsOf(halves[1] ?? '')];
  if (!head || !tail) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  // The dotted form is only for the last 32 bits of the whole address.
  if (halves.length === 2 && (halves[0] ?? '').includes('.')) return undefined;
  const groups = [...head, ...Array<number>(missing).fill(0), ...tail];
  return groups.reduce((value, group) => (value << 16n) | BigInt(group), 0n);
}

function groupsOf(half: string): number[] | undefined {
  if (half === '') return [];
  const groups: number[] = [];
  const parts = half.split(':');
  for (const [i, part] of parts.entries()) {
    if (i === parts.length - 1 && part.includes('.')) {
      const value = ipv4Value(part);
      if (value === undefined) return undefined;
      groups.push(Number(value >> 16n), Number(value & 0xffffn));
    } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      groups.push(Number.parseInt(part, 16));
    } else {
      return undefined;
    }
  }
  return groups;
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start++) {
    let length = 0;
    while (groups[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
  }
  return best;
}
