/** What the kernel tells of changes to nftables, made by hand. */

/** A message as the kernel writes it: struct nlmsghdr, struct nfgenmsg, attributes. */
export function message(
  type: number,
  { family = 2, flags = 0, port = 4711 }: { family?: number; flags?: number; port?: number },
  attributes: readonly [type: number, value: Buffer | string][],
): Buffer {
  const body = attributes.map(([type, value]) => {
    const bytes = typeof value === 'string' ? Buffer.from(`${value}\0`) : value;
    const attribute = Buffer.alloc(4 + ((bytes.length + 3) & ~3));
    attribute.writeUInt16LE(4 + bytes.length, 0);
    attribute.writeUInt16LE(type, 2);
    bytes.copy(attribute, 4);
    return attribute;
  });
  const head = Buffer.alloc(20);
  head.writeUInt32LE(20 + body.reduce((sum, { length }) => sum + length, 0), 0);
  head.writeUInt16LE((10 << 8) | type, 4);
  head.writeUInt16LE(flags, 6);
  head.writeUInt32LE(port, 12);
  head[16] = family;
  return Buffer.concat([head, ...body]);
}

/** A big-endian number, as attributes have it. */
export function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** The end of a transaction. */
export const generation = (value: number, port: number, program = 'nft'): Buffer =>
  message(15, { family: 0, port }, [
    [1, number(value)],
    [2, number(port)],
    [3, program],
  ]);

/** A new rule in a chain of the nat table. */
export const newRule = (chain: string, port: number, family = 2, handle = 1): Buffer =>
  message(6, { family, port }, [
    [1, 'nat'],
    [2, chain],
    [3, Buffer.concat([number(0), number(handle)])],
  ]);

/** A chain of the nat table that came, was declared again or renamed, or went. */
export const chainTold = ({
  handle,
  name,
  port,
  isNew,
}: {
  readonly handle: number;
  readonly name: string;
  readonly port: number;
  readonly isNew?: 'new' | 'gone' | undefined;
}): Buffer =>
  message(isNew === 'gone' ? 5 : 3, { port, flags: isNew === 'new' ? 0x400 : 0 }, [
    [1, 'nat'],
    [2, Buffer.concat([number(0), number(handle)])],
    [3, name],
  ]);
