/** A packet as it is asked for, and what else its fate depends on. */
import { addressValue, type Family, familyOf, formatAddress, joinPort } from '../../net/address.ts';
import type { ConntrackState } from '../types.ts';
import type { IPSet } from './ip-set.ts';

/** A packet as it comes to the node, or begins there. */
export interface Packet {
  /** An IP address, as is `destination`. */
  readonly source: string;
  readonly destination: string;
  /** `tcp`, `udp`, or another name or number of a protocol, as iptables knows them. */
  readonly protocol: string;
  /** Whether rules that look for a port fit a packet of which it is not known, is not known either. */
  readonly sourcePort?: number | undefined;
  readonly destinationPort?: number | undefined;
  /** The interface that it comes in by. A packet without one begins on the node, unless it `arrives`. */
  readonly inInterface?: string | undefined;
  /** It comes in, and by which interface is not known. */
  readonly arrives?: boolean | undefined;
  /** What connection tracking says of it: that it is the first of its connection (`NEW`) unless given. */
  readonly states?: readonly ConntrackState[] | undefined;
  /** 0 unless given. */
  readonly mark?: number | undefined;
}

/** What a packet's fate depends on besides the rules. Addresses are canonical. */
export interface SimulatedNode {
  /**
   * Whether an address is the node's own: those of all its interfaces, and all of 127.0.0.0/8. A packet to one of which
   * that is not known (undefined) is taken to be sent on, and rules that ask for it are not decided.
   */
  isLocal(address: string): boolean | undefined;
  /** The interface by which packets to an address leave the node; undefined where that is not known. */
  outInterface?(address: string): string | undefined;
  /** The kernel's sets by name; which packets are in one that is not there is not known. */
  readonly sets?: ReadonlyMap<string, IPSet>;
  /** What xt_recent's lists hold: by list and address, how many seconds ago it was last seen. Nothing unless given. */
  readonly recent?: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

/** An address in both the forms that it is compared in: alone as text, with ranges as a number. */
export interface Address {
  readonly text: string;
  readonly value: bigint;
}

/** What stands in a packet. */
export interface Header {
  readonly source: Address;
  readonly destination: Address;
  readonly protocol: string;
  readonly sourcePort: number | undefined;
  readonly destinationPort: number | undefined;
}

/**
 * An address in canonical form.
 * @throws RangeError where it is none of this family
 */
export function readAddress(text: string, family: Family): Address {
  if (familyOf(text) !== family) throw new RangeError(`not an ${family} address: ${text}`);
  const value = addressValue(text);
  return { text: formatAddress(family, value), value };
}

/** `address:port`, or the address of a packet without ports. */
export function destinationOf({ destination, destinationPort }: Header): string {
  return destinationPort === undefined ? destination.text : joinPort(destination.text, destinationPort);
}
