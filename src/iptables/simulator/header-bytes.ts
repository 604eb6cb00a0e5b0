/** A packet as bytes, as far as they are known. */
import { type Family, familyOf } from '../../net/address.ts';
import type { Header } from './packet.ts';
import { protocolNumber } from './protocols.ts';

/** Bytes that we do not know are undefined. */
export type Bytes = readonly (number | undefined)[];

/** The IP header, without options, and the ports behind it. */
export function bytesOf(header: Header): Bytes {
  const family = familyOf(header.source.text);
  const bytes: (number | undefined)[] = [];
  const put = (at: number, size: number, value: bigint | number | undefined) => {
    if (value === undefined) return;
    for (let i = 0; i < size; i++)
      bytes[at + i] = Number((BigInt(value) >> BigInt(8 * (size - 1 - i))) & 255n);
  };
  const { length, protocol, source, destination, size } = LAYOUT[family];
  if (family === 'ipv4') put(0, 1, 0x45);
  put(protocol, 1, protocolNumber(header.protocol));
  put(source, size, header.source.value);
  put(destination, size, header.destination.value);
  put(length, 2, header.sourcePort);
  put(length + 2, 2, header.destinationPort);
  return bytes;
}

/** Where things stand in a header of so many bytes; addresses have `size` bytes. */
const LAYOUT: Readonly<
  Record<Family, Readonly<Record<'length' | 'protocol' | 'source' | 'destination' | 'size', number>>>
> = {
  ipv4: { length: 20, protocol: 9, source: 12, destination: 16, size: 4 },
  ipv6: { length: 40, protocol: 6, source: 8, destination: 24, size: 16 },
};
