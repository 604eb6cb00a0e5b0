/** Who sends a packet, and where to, as a user types it. */
import { InputError, show } from '../api/problem.ts';
import { WAYS, type Way } from '../chains/service-addresses.ts';
import { joinPort, parseAddress } from '../net/address.ts';

export type Place = { readonly port: number | undefined; readonly protocol: string | undefined } & (
  | { readonly kind: 'address'; readonly address: string }
  | { readonly kind: 'node' }
  | { readonly kind: 'outside' }
  | { readonly kind: 'pod'; readonly pod: string }
  | {
      readonly kind: 'service';
      readonly way: Way;
      /** `namespace/name` */
      readonly service: string;
      /** The name of a port, where it is not a number. */
      readonly portName: string | undefined;
    }
);

/** Protocols that a place may end with; all others are numbers. */
const PROTOCOL = /^(?:tcp|udp|sctp|dccp|udplite|icmp|icmpv6|ipv6-icmp|gre|esp|ah)$/;

/** Without ports, all of these are the same; with them, which one decides. */
const WITH_PORTS: ReadonlySet<string> = new Set(['tcp', 'udp', 'sctp', 'dccp', 'udplite']);

/** Whether packets of a protocol have ports. */
export function hasPorts(protocol: string): boolean {
  return WITH_PORTS.has(protocol);
}

/**
 * Reads `10.96.0.10:80/tcp`, `[fd00::a]:80`, `node:30080`, `outside`, `pod/NAMESPACE/NAME`, `NAMESPACE/NAME:PORT` or
 * `WAY/NAMESPACE/NAME:PORT`.
 * @param flag whose value it is
 * @throws InputError where it is none of these
 */
export function parsePlace(text: string, flag: '--from' | '--to'): Place {
  const place = placeIn(text);
  if (place) return place;
  const expected =
    flag === '--from'
      ? 'an address, node, outside or pod/NAMESPACE/NAME'
      : 'ADDRESS:PORT/PROTOCOL, NAMESPACE/NAME:PORT of a Service, WAY/NAMESPACE/NAME:PORT ' +
        `(${WAYS.join(', ')}), pod/NAMESPACE/NAME:PORT or node:PORT`;
  throw new InputError([{ at: [flag], message: `expected ${expected}, got ${show(text)}` }]);
}

/** As {@link parsePlace}; undefined where the text is none of these. */
export function placeIn(text: string): Place | undefined {
  const slash = text.lastIndexOf('/');
  const protocol = slash === -1 ? undefined : text.slice(slash + 1).toLowerCase();
  if (protocol !== undefined && PROTOCOL.test(protocol)) {
    const place = withoutProtocol(text.slice(0, slash));
    if (place) return { ...place, protocol };
  }
  return withoutProtocol(text);
}

function withoutProtocol(text: string): Place | undefined {
  const nothing = { port: undefined, protocol: undefined };
  if (text === 'outside') return { kind: 'outside', ...nothing };
  const whole = parseAddress(text);
  if (whole !== undefined) return { kind: 'address', address: whole, ...nothing };

  const [, before = '', after] = /^(.*?)(?::([^:\]]*))?$/s.exec(text) ?? [];
  const port = portNumber(after);
  const name = after !== undefined && port === undefined ? after : undefined;
  const parts = before.split('/');
  if (parts.length === 1) {
    const [, bracketed = before] = /^\[(.*)\]$/s.exec(before) ?? [];
    const address = parseAddress(bracketed);
    if (name !== undefined) return undefined;
    if (before === 'node') return { kind: 'node', ...nothing, port };
    return address === undefined ? undefined : { kind: 'address', address, ...nothing, port };
  }
  if (!parts.every((part) => /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(part))) return undefined;
  if (name !== undefined && !/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(name)) return undefined;
  if (parts.length === 2) {
    return { kind: 'service', way: 'cluster-ip', service: before, portName: name, ...nothing, port };
  }
  const [first, ...rest] = parts;
  if (rest.length !== 2) return undefined;
  if (first === 'pod')
    return name === undefined ? { kind: 'pod', pod: rest.join('/'), ...nothing, port } : undefined;
  const way = WAYS.find((way) => way === first);
  return way && { kind: 'service', way, service: rest.join('/'), portName: name, ...nothing, port };
}

function portNumber(text: string | undefined): number | undefined {
  const port = text !== undefined && /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return 1 <= port && port <= 0xffff ? port : undefined;
}

/** An address with its port, if there is one. */
export function joinPlace(address: string, port: number | undefined): string {
  return port === undefined ? address : joinPort(address, port);
}
