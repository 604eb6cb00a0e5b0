/**
 * Where packets go, as the keys of trees: a hexadecimal digit for each four bits of the address, a letter for the
 * protocol, four digits for the port.
 */
import type { Match, Protocol, Rule } from '../iptables/types.ts';
import { addressBits, addressValue, type Family, formatAddress } from '../net/address.ts';
import { destination, destinationPort, PROTOCOL_MATCHES } from './matches.ts';

const LETTERS = { tcp: 't', udp: 'u', sctp: 's' } as const satisfies Record<Protocol, string>;

const PORT_DIGITS = 4;

/** What an address is in a key. */
export function addressKey(address: string, family: Family): string {
  return addressValue(address).toString(16).padStart(digitsOf(family), '0');
}

/** What a port is in a key. */
export function portKey(port: number): string {
  return port.toString(16).padStart(PORT_DIGITS, '0');
}

/** The packets that a rule is for, as far as a key can tell. */
export interface RuleKey {
  /** Whether they go to one address, or to one port of whatever address. */
  readonly by: 'address' | 'port';
  readonly key: string;
}

/** The key of a rule for packets to one address, or else to one port; undefined for a rule that is for others too. */
export function keyOfRule({ matches }: Rule, family: Family): RuleKey | undefined {
  let [address, protocol, port] = ['', '', ''];
  for (const match of matches) {
    if (match.match === 'destination' && !match.negated && !match.address.includes('/')) {
      address = addressKey(match.address, family);
    } else if (match.match === 'protocol') protocol = LETTERS[match.protocol];
    else if (match.match === 'destination-port') port = portKey(match.port);
  }
  if (address === '' && port === '') return undefined;
  return { by: address === '' ? 'port' : 'address', key: address + protocol + port };
}

/** A set of packets: all whose key begins with some digits. */
export interface KeyRange {
  /** What packets must fit, beside what those of the range around it do. */
  readonly matches: readonly Match[];
  /** For people, such as `10.96.16.0/20` and `tcp-30208/8`; undefined where it is too long for the name of a chain. */
  readonly text: string | undefined;
  /** How many bits of the key all share. */
  readonly bits: number;
}

/** The packets whose key begins with `prefix`. */
export function keyRange(prefix: string, by: RuleKey['by'], family: Family): KeyRange {
  const digits = by === 'address' ? digitsOf(family) : 0;
  const bits = 4 * prefix.length;
  if (prefix.length <= digits) {
    const address = formatAddress(family, BigInt(`0x${prefix.padEnd(digits, '0')}`));
    const range = bits === addressBits(family) ? address : `${address}/${bits}`;
    return {
      matches: [destination(range)],
      text: family === 'ipv4' ? `${address}/${bits}` : undefined,
      bits,
    };
  }
  const protocol = PROTOCOL_MATCHES[protocolOf(prefix.charAt(digits))];
  const portDigits = prefix.slice(digits + 1);
  const first = Number.parseInt(portDigits.padEnd(PORT_DIGITS, '0'), 16);
  const last = Number.parseInt(portDigits.padEnd(PORT_DIGITS, 'f'), 16);
  return {
    matches: portDigits === '' ? [protocol] : [protocol, portsBetween(first, last)],
    text: by === 'port' ? `${protocol.protocol}-${first}/${4 * portDigits.length}` : undefined,
    bits,
  };
}

function portsBetween(first: number, last: number): Match {
  return first === last ? destinationPort(first) : { match: 'destination-port', port: first, last };
}

function digitsOf(family: Family): number {
  return addressBits(family) / 4;
}

function protocolOf(letter: string): Protocol {
  return letter === LETTERS.udp ? 'udp' : letter === LETTERS.sctp ? 'sctp' : 'tcp';
}
