/** What rules of nftables have counted, chain by chain: linux/netfilter/nf_tables.h. */
import type { Family, TableName } from '../../iptables/types.ts';
import { type NetlinkSocket, WatchError } from './libc.ts';
import { generationRequest, readNftEvents } from './nft-events.ts';

const [NEW_RULE, GET_RULE] = [0x0a06, 0x0a07];
const [NLMSG_ERROR, NLMSG_DONE] = [2, 3];
/** NLM_F_REQUEST, NLM_F_ROOT and NLM_F_MATCH; on what comes back, that a change came in between. */
const [DUMP, INTERRUPTED] = [0x301, 0x10];
const NFPROTO: Readonly<Record<Family, number>> = { ipv4: 2, ipv6: 10 };
/** struct nlmsghdr, and struct nfgenmsg behind it. */
const [HEADER, GENERIC] = [16, 4];
/** Of a rule: its table's and chain's names, and its expressions; of each of these its name and data. */
const [RULE_TABLE, RULE_CHAIN, RULE_EXPRESSIONS] = [1, 2, 4];
const [EXPRESSION_NAME, EXPRESSION_DATA] = [1, 2];
const COUNTER_PACKETS = 2;
/** `counter` and its end, and in front of it the length and type of an attribute of it. */
const COUNTER = Buffer.from('counter\0').readBigUInt64LE();
const COUNTER_NAME = 12 | (EXPRESSION_NAME << 16);
/** Length and type of an attribute of 64 bits. */
const COUNTER_PACKETS_HEAD = 12 | (COUNTER_PACKETS << 16);

/** What is needed of {@link NetlinkSocket}. */
export type CountersSocket = Pick<NetlinkSocket, 'send' | 'next' | 'close'>;

/** Reads counters of rules that are known otherwise. */
export class NftCounters {
  readonly #socket: CountersSocket;
  readonly #places: Places = new Map();

  constructor(socket: CountersSocket) {
    this.#socket = socket;
  }

  /** Grows by one with each transaction of anybody; undefined where the kernel does not tell. */
  generation(): number | undefined {
    const datagram = this.#send(generationRequest()) ? this.#socket.next() : undefined;
    if (datagram === undefined) return undefined;
    for (const event of readNftEvents(datagram)) {
      if (event.kind === 'generation') return event.generation;
    }
    return undefined;
  }

  /**
   * How many packets each rule of a chain has counted, in their order.
   * @returns undefined where there is no such chain, or the kernel did not tell all of it
   */
  packets(family: Family, table: TableName, chain: string): number[] | undefined {
    const packets: number[] = [];
    const seen = { whole: this.#send(rulesRequest(family, table, chain)), end: false };
    while (!seen.end) {
      const datagram = this.#socket.next();
      if (datagram === undefined) return undefined;
      readDatagram(datagram, packets, seen, this.#places);
    }
    return seen.whole ? packets : undefined;
  }

  close(): void {
    this.#socket.close();
  }

  #send(message: Buffer): boolean {
    try {
      this.#socket.send(message);
      return true;
    } catch (error) {
      if (!(error instanceof WatchError)) throw error;
      return false;
    }
  }
}

function rulesRequest(family: Family, table: TableName, chain: string): Buffer {
  const attributes = [textAttribute(RULE_TABLE, table), textAttribute(RULE_CHAIN, chain)];
  const header = Buffer.alloc(HEADER + GENERIC);
  const message = Buffer.concat([header, ...attributes]);
  message.writeUInt32LE(message.length, 0);
  message.writeUInt16LE(GET_RULE, 4);
  message.writeUInt16LE(DUMP, 6);
  message[HEADER] = NFPROTO[family];
  return message;
}

/** struct nlattr: length and type, and a text with its end, padded to four bytes. */
function textAttribute(type: number, text: string): Buffer {
  const length = 4 + Buffer.byteLength(text) + 1;
  const attribute = Buffer.alloc(aligned(length));
  attribute.writeUInt16LE(length, 0);
  attribute.writeUInt16LE(type, 2);
  attribute.write(text, 4);
  return attribute;
}

const aligned = (length: number): number => (length + 3) & ~3;

/** Where the counter's name and its packets stood in a message of a length, from its start. */
type Places = Map<number, { readonly name: number; readonly packets: number }>;

/** The rules in a datagram. No object is made for any part of one: thousands are read every few seconds. */
function readDatagram(
  datagram: Buffer,
  packets: number[],
  seen: { whole: boolean; end: boolean },
  places: Places,
): void {
  for (let start = 0; start + HEADER <= datagram.length; ) {
    const length = datagram.readUInt32LE(start);
    const type = datagram.readUInt16LE(start + 4);
    if (length < HEADER || start + length > datagram.length) {
      [seen.whole, seen.end] = [false, true];
      return;
    }
    if ((datagram.readUInt16LE(start + 6) & INTERRUPTED) !== 0 || type === NLMSG_ERROR) seen.whole = false;
    if (type === NLMSG_DONE || type === NLMSG_ERROR) seen.end = true;
    if (type === NEW_RULE) packets.push(packetsIn(datagram, start, length, places));
    start += aligned(length);
  }
}

/**
 * What the counter of a rule has counted; 0 where it has none, as iptables-save prints it. Rules of one length are most often
 * made alike, so the counter is looked for where it was in the last one.
 */
function packetsIn(bytes: Buffer, start: number, length: number, places: Places): number {
  const place = places.get(length);
  if (
    place !== undefined &&
    isCounter(bytes, start + place.name) &&
    isPackets(bytes, start + place.packets)
  ) {
    return packetsAt(bytes, start + place.packets);
  }
  return findPackets(bytes, start, length, places);
}

function findPackets(bytes: Buffer, start: number, whole: number, places: Places): number {
  const expressions = find(bytes, start + HEADER + GENERIC, start + whole, RULE_EXPRESSIONS);
  if (expressions === 0) return 0;
  const last = expressions + bytes.readUInt16LE(expressions);
  for (let at = expressions + 4; at + 4 <= last; ) {
    const length = bytes.readUInt16LE(at);
    if (length < 4) break;
    const name = find(bytes, at + 4, at + length, EXPRESSION_NAME);
    if (name !== 0 && isCounter(bytes, name)) {
      const data = find(bytes, at + 4, at + length, EXPRESSION_DATA);
      const counted =
        data === 0 ? 0 : find(bytes, data + 4, data + bytes.readUInt16LE(data), COUNTER_PACKETS);
      if (counted === 0) return 0;
      places.set(whole, { name: name - start, packets: counted - start });
      return packetsAt(bytes, counted);
    }
    at += aligned(length);
  }
  return 0;
}

/** Whether an attribute is the name of an expression that counts. */
function isCounter(bytes: Buffer, at: number): boolean {
  return bytes.readUInt32LE(at) === COUNTER_NAME && bytes.readBigUInt64LE(at + 4) === COUNTER;
}

/** Whether an attribute is the packets of a counter. */
function isPackets(bytes: Buffer, at: number): boolean {
  return bytes.readUInt32LE(at) === COUNTER_PACKETS_HEAD;
}

function packetsAt(bytes: Buffer, at: number): number {
  return bytes.readUInt32BE(at + 4) * 2 ** 32 + bytes.readUInt32BE(at + 8);
}

/** Where an attribute of a type begins; 0 where there is none. */
function find(bytes: Buffer, start: number, end: number, type: number): number {
  for (let at = start; at + 4 <= end; ) {
    const length = bytes.readUInt16LE(at);
    if (length < 4) return 0;
    // The two high bits say how what follows is written.
    if ((bytes.readUInt16LE(at + 2) & 0x3fff) === type) return at;
    at += aligned(length);
  }
  return 0;
}
