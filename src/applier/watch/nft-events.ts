/** What the kernel tells of each change to nftables: linux/netfilter/nf_tables.h, linux/netfilter/nfnetlink.h. */
import type { Family } from '../../net/address.ts';

/** The group of listeners that hear of changes to nftables. */
export const NFNLGRP_NFTABLES = 7;

const NFNL_SUBSYS_NFTABLES = 10;
const MESSAGES = {
  newTable: 0,
  delTable: 2,
  newChain: 3,
  delChain: 5,
  newRule: 6,
  delRule: 8,
  newGeneration: 15,
  getGeneration: 16,
} as const;
/** Attributes by number: of each its table's name, of a chain its handle and name, of a rule its chain's name and its handle. */
const ATTRIBUTES = {
  table: 1,
  chainHandle: 2,
  ruleChain: 2,
  chainName: 3,
  ruleHandle: 3,
  generation: 1,
  process: 2,
  program: 3,
} as const;
const NLM_F_REQUEST = 1;
/** On what tells of something new: it was made, not changed. */
const NLM_F_CREATE = 0x400;
const FAMILIES = new Map<number, Family>([
  [2, 'ipv4'],
  [10, 'ipv6'],
]);
/** struct nlmsghdr, and struct nfgenmsg behind it. */
const [HEADER, GENERIC] = [16, 4];

/** A change of one table, chain or rule, or the end of the transaction that it is in. */
export type NftEvent = NftChange | NftGeneration;

export interface NftChange {
  readonly kind: 'change';
  /** Undefined where it is neither IPv4's nor IPv6's, such as `inet`. */
  readonly family: Family | undefined;
  readonly table: string;
  /** Undefined where the table itself came or went. */
  readonly chain: string | undefined;
  readonly what: 'table' | 'chain' | 'rule';
  /** By what the kernel knows the chain or the rule, whatever it is called: what is new in a table has a greater one than all else. */
  readonly handle: bigint | undefined;
  /** The chain was there, and was declared or changed: it may have a new name or policy. What name it had is not told. */
  readonly altered: boolean;
  /** It is gone. */
  readonly deleted: boolean;
  /** The netlink port of who did it: in most cases the number of the process, as its own namespace has it. */
  readonly port: number;
}

/** A transaction has ended. */
export interface NftGeneration {
  readonly kind: 'generation';
  readonly generation: number;
  /** Who did it, as the kernel's first namespace numbers it. */
  readonly pid: number;
  /** Its name, of which the kernel keeps 15 characters. */
  readonly program: string;
  readonly port: number;
}

/** The events in a datagram; what is neither of tables, chains nor rules is left out. */
export function readNftEvents(datagram: Buffer): NftEvent[] {
  const events: NftEvent[] = [];
  for (let start = 0; start + HEADER + GENERIC <= datagram.length; ) {
    const length = datagram.readUInt32LE(start);
    if (length < HEADER + GENERIC || start + length > datagram.length) break;
    const event = readEvent(datagram.subarray(start, start + length));
    if (event) events.push(event);
    start += aligned(length);
  }
  return events;
}

function readEvent(message: Buffer): NftEvent | undefined {
  const type = message.readUInt16LE(4);
  if (type >> 8 !== NFNL_SUBSYS_NFTABLES) return undefined;
  const kind = type & 0xff;
  const flags = message.readUInt16LE(6);
  const port = message.readUInt32LE(12);
  const attributes = readAttributes(message.subarray(HEADER + GENERIC));
  const text = (number: number) => attributes.get(number)?.toString('utf8').replace(/\0$/, '');
  const change = (what: NftChange['what'], chain: string | undefined, handle?: bigint): NftChange => ({
    kind: 'change',
    what,
    family: FAMILIES.get(message[HEADER] ?? 0),
    table: text(ATTRIBUTES.table) ?? '',
    chain,
    handle,
    altered: kind === MESSAGES.newChain && (flags & NLM_F_CREATE) === 0,
    deleted: kind === MESSAGES.delTable || kind === MESSAGES.delChain || kind === MESSAGES.delRule,
    port,
  });
  switch (kind) {
    case MESSAGES.newTable:
    case MESSAGES.delTable:
      return change('table', undefined);
    case MESSAGES.newChain:
    case MESSAGES.delChain:
      return change(
        'chain',
        text(ATTRIBUTES.chainName) ?? '',
        handleIn(attributes.get(ATTRIBUTES.chainHandle)),
      );
    case MESSAGES.newRule:
    case MESSAGES.delRule:
      return change(
        'rule',
        text(ATTRIBUTES.ruleChain) ?? '',
        handleIn(attributes.get(ATTRIBUTES.ruleHandle)),
      );
    case MESSAGES.newGeneration:
      return {
        kind: 'generation',
        generation: attributes.get(ATTRIBUTES.generation)?.readUInt32BE(0) ?? 0,
        pid: attributes.get(ATTRIBUTES.process)?.readUInt32BE(0) ?? 0,
        program: text(ATTRIBUTES.program) ?? '',
        port,
      };
    default:
      return undefined;
  }
}

function handleIn(value: Buffer | undefined): bigint | undefined {
  return value !== undefined && value.length >= 8 ? value.readBigUInt64BE() : undefined;
}

/** struct nlattr: length and type, padded to four bytes. */
function readAttributes(bytes: Buffer): ReadonlyMap<number, Buffer> {
  const attributes = new Map<number, Buffer>();
  for (let start = 0; start + 4 <= bytes.length; ) {
    const length = bytes.readUInt16LE(start);
    if (length < 4 || start + length > bytes.length) break;
    // The two high bits say how what follows is written.
    const type = bytes.readUInt16LE(start + 2) & 0x3fff;
    attributes.set(type, bytes.subarray(start + 4, start + length));
    start += aligned(length);
  }
  return attributes;
}

const aligned = (length: number): number => (length + 3) & ~3;

/** Asks which generation the tables are in: it grows by one with each transaction of anybody. */
export function generationRequest(): Buffer {
  const message = Buffer.alloc(HEADER + GENERIC);
  message.writeUInt32LE(message.length, 0);
  message.writeUInt16LE((NFNL_SUBSYS_NFTABLES << 8) | MESSAGES.getGeneration, 4);
  message.writeUInt16LE(NLM_F_REQUEST, 6);
  return message;
}
