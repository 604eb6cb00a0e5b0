/** What people call things, as they type it: of this text alone, not of what there is. */
import { WAYS, type Way } from '../chains/service-addresses.ts';
import { parseAddress } from '../net/address.ts';

/** What a word before a slash says that the name behind it is of. */
export type NamedKind = 'service' | 'pod';

/** A name, and what the text says more about it. */
export interface TypedName {
  readonly name: string;
  /** Undefined where the text does not tell. */
  readonly namespace: string | undefined;
  readonly kind: NamedKind | undefined;
  readonly way: Way | undefined;
  /** A number or a name. */
  readonly port: string | undefined;
  /** In small letters. */
  readonly protocol: string | undefined;
}

/** An address, with a port or without. */
export interface TypedAddress {
  readonly address: string;
  readonly port: number | undefined;
  readonly protocol: string | undefined;
}

/** A number alone: a node port. */
export interface TypedPort {
  readonly nodePort: number;
  readonly protocol: string | undefined;
}

export type Typed = TypedName | TypedAddress | TypedPort;

/** As kubectl calls the kinds. */
const KINDS: Readonly<Record<string, NamedKind>> = {
  service: 'service',
  services: 'service',
  svc: 'service',
  pod: 'pod',
  pods: 'pod',
  po: 'pod',
};

const PROTOCOL = /\/(tcp|udp|sctp)$/i;
const NAME = /^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/;
const PORT = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;
/** `web.shop.svc.cluster.local`, and what is left of it where a resolver adds the rest. */
const DNS = /^([a-z0-9-]+)\.([a-z0-9-]+)\.svc(?:\.[a-z0-9.-]+)?\.?$/;

/**
 * Reads `web`, `svc/web`, `shop/web:http`, `node-port/shop/web`, `web.shop.svc.cluster.local`, `pod/web-1`, `10.96.0.10:80/tcp`
 * or `30080`; all ways in which the text can be meant, the likeliest first. None where it is no name at all.
 */
export function readName(text: string): readonly Typed[] {
  const [ending, protocol] = PROTOCOL.exec(text) ?? [''];
  const readings = readWithout(text.slice(0, text.length - ending.length), protocol?.toLowerCase());
  // A Service may be called like a protocol.
  return ending === '' ? readings : [...readings, ...readWithout(text, undefined)];
}

function readWithout(text: string, protocol: string | undefined): readonly Typed[] {
  const whole = parseAddress(text.replace(/^\[(.*)\]$/, '$1'));
  if (whole !== undefined) return [{ address: whole, port: undefined, protocol }];
  const [, before = '', after] = /^(.*?)(?::([^:\]/]*))?$/s.exec(text) ?? [];
  if (after !== undefined && !PORT.test(after)) return [];
  const number = portNumber(after);
  const address = parseAddress(before.replace(/^\[(.*)\]$/, '$1'));
  if (address !== undefined) {
    return after === undefined || number !== undefined ? [{ address, port: number, protocol }] : [];
  }
  const nodePort = portNumber(before === '' ? after : after === undefined ? before : undefined);
  const ports = nodePort === undefined ? [] : [{ nodePort, protocol }];
  return [...ports, ...readParts(before, { port: after, protocol })];
}

/** The name itself, with the namespace, the kind and the way that may stand before it. */
function readParts(text: string, rest: Pick<TypedName, 'port' | 'protocol'>): readonly TypedName[] {
  const parts = text.split('/');
  const last = parts.at(-1) ?? '';
  if (!parts.every((part) => NAME.test(part) || (part === last && DNS.test(part)))) return [];
  const [first = '', second = ''] = parts;
  const nothing = { namespace: undefined, kind: undefined, way: undefined, ...rest };
  const kind = Object.hasOwn(KINDS, first) ? KINDS[first] : undefined;
  const way = WAYS.find((one) => one === first);
  const [, service, namespace] = DNS.exec(last) ?? [];
  const before = parts.slice(0, -1);
  if (
    service !== undefined &&
    (before.length === 0 || (before.length === 1 && (kind === 'service' || way)))
  ) {
    return [{ ...nothing, name: service, namespace, kind: 'service', way }];
  }
  switch (parts.length) {
    case 1: {
      const [, short, itsNamespace] = /^([a-z0-9-]+)\.([a-z0-9-]+)$/.exec(last) ?? [];
      const dotted: TypedName[] =
        short === undefined ? [] : [{ ...nothing, name: short, namespace: itsNamespace, kind: 'service' }];
      return [{ ...nothing, name: last }, ...dotted];
    }
    case 2: {
      const qualified = { ...nothing, name: second, namespace: first };
      const asKind = kind !== undefined || way !== undefined;
      return asKind ? [{ ...nothing, name: second, kind: kind ?? 'service', way }, qualified] : [qualified];
    }
    case 3:
      if (kind === undefined && way === undefined) return [];
      return [{ ...nothing, name: last, namespace: second, kind: kind ?? 'service', way }];
    default:
      return [];
  }
}

function portNumber(text: string | undefined): number | undefined {
  const port = text !== undefined && /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return 1 <= port && port <= 0xffff ? port : undefined;
}
