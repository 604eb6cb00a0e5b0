/** From a name as somebody types it to the one thing that it stands for; else to those that may be meant. */
import { InputError, show } from '../api/problem.ts';
import { portNameOf, serviceOf } from '../chains/comments.ts';
import type { ServiceAddress, Way } from '../chains/service-addresses.ts';
import { joinPort } from '../net/address.ts';
import { alternatives } from '../text/lists.ts';
import { meantBy, nearest } from '../text/nearest.ts';
import { readName, type Typed, type TypedAddress, type TypedName, type TypedPort } from './name.ts';
import type { Things } from './things.ts';

/** What a name stands for. */
export type NamedThing = FoundService | FoundPod;

export interface FoundService {
  readonly kind: 'service';
  /** `namespace/name` */
  readonly service: string;
  /** By which of its addresses, where the text says so. */
  readonly way: Way | undefined;
  /** Undefined where the text names none. */
  readonly portName: string | undefined;
  readonly port: number | undefined;
  readonly protocol: string | undefined;
}

export interface FoundPod {
  readonly kind: 'pod';
  /** `namespace/name` */
  readonly pod: string;
  readonly port: number | undefined;
  readonly protocol: string | undefined;
}

/** Where to look, and what for. */
export interface Search {
  readonly things: Things;
  /** Of names that do not tell theirs; all unless given. */
  readonly namespace?: string | undefined;
  /** What is asked for. */
  readonly kinds: readonly NamedThing['kind'][];
  /** Whether something is shown at all, by what a user narrows; everything unless given. */
  readonly isShown?: (service: string) => boolean;
}

/**
 * All things that a text may stand for: of the first reading of it that there is something of. A name with its
 * namespace stands for a Service before it stands for a Pod.
 */
export function candidatesFor(text: string, search: Search): readonly NamedThing[] {
  for (const typed of readName(text)) {
    const found = candidatesOf(typed, search);
    if (found.length > 0) return found;
  }
  return [];
}

/**
 * The one thing that a text stands for; undefined where there is none.
 * @param flag whose value it is, for messages; undefined for an argument
 * @throws InputError with the candidates, where there are several
 */
export function findOne(text: string, search: Search, flag?: string): NamedThing | undefined {
  const [first, ...others] = candidatesFor(text, search);
  if (others.length === 0 || first === undefined) return first;
  throw new InputError([
    { at: at(flag), message: `${show(text)} may be ${listOf([first, ...others])}: choose one` },
  ]);
}

/**
 * That a text stands for nothing, and what is nearest to it.
 * @param also more that it may stand for: in words, and their names
 */
export function notFound(
  text: string,
  { things, namespace, kinds }: Search,
  flag?: string,
  also: { readonly called: readonly string[]; readonly names: Iterable<string> } = { called: [], names: [] },
): InputError {
  const [typed] = readName(text);
  if (typed !== undefined && !('name' in typed)) {
    const what = 'address' in typed ? `address ${show(text)}` : `node port ${typed.nodePort}`;
    const called = kinds.includes('pod') ? 'Service or Pod' : 'Service';
    const message = `no ${called} has ${what} ${things.where}${meantBy(nearestAddress(typed, things))}`;
    return new InputError([{ at: at(flag), message }]);
  }
  const asked = typed?.kind === undefined ? kinds : kinds.filter((kind) => kind === typed.kind);
  if (things.pods === undefined && asked.every((kind) => kind === 'pod')) {
    const own = typed === undefined ? text : qualified(typed, namespace);
    const message = `no Pod ${show(own)} is known: pass manifests that have it with -f, or a cluster`;
    return new InputError([{ at: at(flag), message }]);
  }
  const called = [...asked.map((kind) => (kind === 'service' ? 'Service' : 'Pod')), ...also.called];
  const name = typed === undefined ? text : qualified(typed, namespace);
  const message = `no ${alternatives(called)} ${show(name)} ${things.where}${hint(name, asked, things, also.names)}`;
  return new InputError([{ at: at(flag), message }]);
}

function qualified({ name, namespace }: TypedName, ours: string | undefined): string {
  const own = namespace ?? ours;
  return own === undefined ? name : `${own}/${name}`;
}

/** The address with another port, or the node port with a digit wrong. */
function nearestAddress(typed: TypedAddress | TypedPort, things: Things): string | undefined {
  const all = things.addresses();
  if ('nodePort' in typed) {
    const nodePorts = all.flatMap(({ way, port }) => (way === 'node-port' ? [String(port)] : []));
    return nearest(String(typed.nodePort), nodePorts);
  }
  const same = all.find(({ address }) => address === typed.address);
  return same && `${joinPort(typed.address, same.port)}/${same.protocol}`;
}

/** ` (shop/web?)`: what has the name in another namespace, or else is nearest to it. */
function hint(
  name: string,
  kinds: readonly NamedThing['kind'][],
  things: Things,
  also: Iterable<string>,
): string {
  const known = [
    ...(kinds.includes('service') ? things.services : []),
    ...(kinds.includes('pod') ? (things.pods?.keys() ?? []) : []),
  ];
  const own = ownName(name);
  const elsewhere = known.filter((other) => ownName(other) === own);
  if (elsewhere.length > 0) return ` (${elsewhere.slice(0, TOLD).join(' or ')}?)`;
  const others = [...also];
  return meantBy(nearest(name, [...known, ...others]) ?? nearestOwn(own, known));
}

/** The one whose own name is nearest, whatever its namespace is. */
function nearestOwn(own: string, known: readonly string[]): string | undefined {
  const meant = nearest(own, known.map(ownName));
  return known.find((name) => ownName(name) === meant);
}

function candidatesOf(typed: Typed, search: Search): readonly NamedThing[] {
  if ('name' in typed) return ofName(typed, search);
  return 'address' in typed ? ofAddress(typed, search) : ofNodePort(typed, search);
}

function ofName(
  typed: TypedName,
  { things, namespace: ours, kinds, isShown = () => true }: Search,
): NamedThing[] {
  const { name, kind, way, port, protocol } = typed;
  const namespace = typed.namespace ?? ours;
  const named = (names: Iterable<string>) =>
    namespace === undefined
      ? [...names].filter((one) => ownName(one) === name)
      : [...names].filter((one) => one === `${namespace}/${name}`);
  const number = port !== undefined && /^\d+$/.test(port) ? Number(port) : undefined;
  const looksFor = (one: NamedThing['kind']) => kinds.includes(one) && (kind ?? one) === one;
  const services = looksFor('service') ? named(things.services).filter(isShown) : [];
  const portName = number === undefined ? port : undefined;
  const found = services.map(
    (service): NamedThing => ({ kind: 'service', service, way, portName, port: number, protocol }),
  );
  // Of those with the name, one may be the only one with the port.
  const withPort =
    found.length < 2 || port === undefined
      ? found
      : found.filter((one) => one.kind === 'service' && hasPort(one, things.addresses()));
  const isPod = looksFor('pod') && way === undefined && portName === undefined;
  const pods =
    isPod && !(typed.namespace !== undefined && found.length > 0) ? named(things.pods?.keys() ?? []) : [];
  return [
    ...(withPort.length > 0 ? withPort : found),
    ...pods.map((pod): NamedThing => ({ kind: 'pod', pod, port: number, protocol })),
  ];
}

function hasPort({ service, portName, port }: FoundService, addresses: readonly ServiceAddress[]): boolean {
  return addresses.some(
    ({ servicePort, port: number }) =>
      serviceOf(servicePort) === service &&
      (portName === undefined ? number === port : portNameOf(servicePort) === portName),
  );
}

function ofAddress({ address, port, protocol }: TypedAddress, search: Search): NamedThing[] {
  const { things, kinds, isShown = () => true } = search;
  if (kinds.includes('service')) {
    const own = things
      .addresses()
      .filter(
        (one) =>
          one.address === address &&
          (port === undefined || one.port === port) &&
          (protocol === undefined || one.protocol === protocol) &&
          isShown(serviceOf(one.servicePort)),
      );
    const found = unique(own.map((one) => ofServiceAddress(one, port, protocol)));
    if (found.length > 0) return found;
  }
  if (!kinds.includes('pod')) return [];
  const pods = [...(things.pods ?? [])].filter(([, addresses]) => addresses.includes(address));
  return pods.map(([pod]) => ({ kind: 'pod', pod, port, protocol }));
}

function ofNodePort({ nodePort, protocol }: TypedPort, search: Search): NamedThing[] {
  const { things, kinds, isShown = () => true } = search;
  if (!kinds.includes('service')) return [];
  const own = things
    .addresses()
    .filter(
      (one) =>
        one.way === 'node-port' &&
        one.port === nodePort &&
        (protocol === undefined || one.protocol === protocol) &&
        isShown(serviceOf(one.servicePort)),
    );
  return unique(own.map((one) => ofServiceAddress(one, nodePort, protocol)));
}

/** A Service by one of its addresses; its port is told as the Service calls it. */
function ofServiceAddress(
  { servicePort, way, port: number }: ServiceAddress,
  port: number | undefined,
  protocol: string | undefined,
): FoundService {
  const portName = port === undefined ? '' : portNameOf(servicePort);
  return {
    kind: 'service',
    service: serviceOf(servicePort),
    // Which of the two it is, makes no difference to packets.
    way: way === 'outside-ip' ? 'external-ip' : way,
    portName: portName === '' ? undefined : portName,
    port: port === undefined || portName !== '' ? undefined : number,
    protocol,
  };
}

function unique(found: readonly FoundService[]): FoundService[] {
  return [...new Map(found.map((one) => [JSON.stringify(one), one])).values()];
}

/** So many candidates are told. */
const TOLD = 5;

function listOf(found: readonly NamedThing[]): string {
  const told = [...new Set(found.map(spelled))];
  const some = told.slice(0, TOLD);
  return alternatives(told.length > TOLD ? [...some, `${told.length - TOLD} more`] : some);
}

/** `Service shop/web`, as what it is. */
function spelled(found: NamedThing): string {
  if (found.kind === 'pod') return `Pod ${found.pod}`;
  const { service, portName, port, protocol } = found;
  const its = portName ?? port;
  return `Service ${service}${its === undefined ? '' : `:${its}`}${protocol === undefined ? '' : `/${protocol}`}`;
}

function ownName(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1);
}

function at(flag: string | undefined): string[] {
  return flag === undefined ? [] : [flag];
}
