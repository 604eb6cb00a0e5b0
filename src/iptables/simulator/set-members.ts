/** Whether a packet is in a set of the kernel (ipset). */
import { addressBits, addressValue, familyOf, parseAddress } from '../../net/address.ts';
import type { Flow } from './flow.ts';
import type { Dimension, IPSet } from './ip-set.ts';
import { canonicalProtocol } from './protocols.ts';

/** Whether a packet is in a set, by these sides of it (`src`, `dst`); undefined where that cannot be told. */
export function isInSet(
  set: IPSet,
  sides: readonly string[],
  flow: Flow,
  sets: ReadonlyMap<string, IPSet>,
): boolean | undefined {
  if (set.dimensions.includes('set')) {
    const members = set.entries.map(({ parts: [name = ''] }) => sets.get(name));
    const answers = members.map((member) => member && isInSet(member, sides, flow, sets));
    if (answers.includes(true)) return true;
    return answers.includes(undefined) ? undefined : false;
  }
  // The kernel looks for the entry that says most of the packet; one with `nomatch` says that it is not in the set.
  let best: { bits: number; nomatch: boolean } | undefined;
  let isUnclear = false;
  for (const { parts, nomatch } of set.entries) {
    let bits: number | undefined = 0;
    for (const [i, dimension] of set.dimensions.entries()) {
      const more = bitsOf(dimension, parts[i] ?? '', sides[i] ?? sides.at(-1) ?? 'src', flow);
      if (more === undefined) isUnclear = true;
      if (more === undefined || more === false) {
        bits = undefined;
        break;
      }
      bits += more;
    }
    if (bits !== undefined && (!best || bits > best.bits)) best = { bits, nomatch };
  }
  if (isUnclear) return undefined;
  return best !== undefined && !best.nomatch;
}

/** How many bits of the packet an entry fixes; false where it does not fit, undefined where that cannot be told. */
function bitsOf(dimension: Dimension, text: string, side: string, flow: Flow): number | false | undefined {
  const { header } = flow;
  switch (dimension) {
    case 'ip':
    case 'net': {
      const bits = rangeBits(text, header[side === 'dst' ? 'destination' : 'source'].text);
      return bits ?? false;
    }
    case 'port': {
      const [, protocol, first, last = first] = /^(?:([a-z\d-]+):)?(\d+)(?:-(\d+))?$/.exec(text) ?? [];
      if (first === undefined) return undefined;
      if (canonicalProtocol(protocol ?? 'tcp') !== header.protocol) return false;
      const port = header[side === 'dst' ? 'destinationPort' : 'sourcePort'];
      if (port === undefined) return undefined;
      return Number(first) <= port && port <= Number(last) ? 16 : false;
    }
    case 'iface': {
      const name = side === 'dst' ? flow.outInterface : flow.inInterface;
      return name === undefined || text.startsWith('physdev:') ? undefined : name === text ? 1 : false;
    }
    case 'mark':
      return flow.mark === Number(text) ? 32 : false;
    case 'mac':
    case 'set':
      return undefined;
  }
}

/** The length of the prefix that an address is in: `10.0.0.0/8`, `10.0.0.1`, `10.0.0.1-10.0.0.9`. */
function rangeBits(text: string, address: string): number | undefined {
  const [first = '', last] = text.split('-');
  const [base = '', prefix] = first.split('/');
  const canonical = parseAddress(base);
  if (canonical === undefined || familyOf(canonical) !== familyOf(address)) return undefined;
  const all = addressBits(familyOf(address));
  const value = addressValue(address);
  if (last !== undefined) {
    const end = parseAddress(last);
    const isIn = end !== undefined && addressValue(canonical) <= value && value <= addressValue(end);
    return isIn ? all : undefined;
  }
  const bits = prefix === undefined ? all : Number(prefix);
  const shift = BigInt(all - bits);
  return addressValue(canonical) >> shift === value >> shift ? bits : undefined;
}
