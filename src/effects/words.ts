/** Effects in words. */
import { portNameOf } from '../chains/comments.ts';
import { describeAddress, type ServiceAddress } from '../chains/service-addresses.ts';
import type { Difference } from '../iptables/classes/compare.ts';
import { everyPacket } from '../iptables/classes/packet-class.ts';
import { type ClassNode, rangeOf, serviceRange } from '../iptables/classes/questions.ts';
import { common, countOf, isEmpty, type Ranges, union, without } from '../iptables/classes/ranges.ts';
import { type Family, LOOPBACK, splitPort } from '../net/address.ts';
import { enumerate } from '../text/lists.ts';
import { printShare } from '../text/share.ts';
import {
  type Effects,
  type Fates,
  type PacketEffect,
  type ServiceEffects,
  type WayEffects,
  wholeOf,
} from './effects.ts';
import { packetText } from './packets.ts';
import { describeSenders, rangesAsText, type Senders, sendersOf } from './senders.ts';

/** What changes, one sentence for each effect. Nothing where nothing does. */
export interface ToldService {
  readonly service: string;
  readonly sentences: readonly string[];
}

/** Each Service with what changes on which ways in. Ways on which the same changes are told as one. */
export function tellServices({ services, family, node }: Effects): ToldService[] {
  const about = { family, node };
  return services.map(({ service, ways }) => ({ service, sentences: tellService({ service, ways }, about) }));
}

type About = Pick<Effects, 'family' | 'node'>;

/** What changes, told without whom it is for. */
interface Sentence {
  readonly way: WayEffects;
  readonly text: string;
  readonly differences: readonly Difference[];
}

function tellService({ ways }: ServiceEffects, about: About): string[] {
  const told = ways.flatMap((way) => oneFor(way, about));
  const alike = Map.groupBy(told, ({ way, whom, text }) => `${portOf(way.to)} ${whom} ${text}`);
  return [...alike.values()].map((same) => {
    const [first] = same;
    const places = enumerate([...new Set(same.map(({ way, at }) => `${placeOf(way.to)}${at}`))], 3);
    return first ? `${portOf(first.way.to)}${places}${first.whom}: ${first.text}` : '';
  });
}

interface ToldWay {
  readonly way: WayEffects;
  /** Of a node port, at which of the node's addresses. */
  readonly at: string;
  readonly whom: string;
  readonly text: string;
}

/** The sentences of a way in; one for all senders for whom it is the same. */
function oneFor(way: WayEffects, { node, family }: About): ToldWay[] {
  const sentences = way.effects.map((effect): Sentence => {
    return { way, text: sentenceOf(effect, way), differences: effect.differences };
  });
  return [...Map.groupBy(sentences, ({ text }) => text)].map(([text, same]) => {
    const differences = same.flatMap(({ differences }) => differences);
    const at = way.to.address === undefined ? ownAddresses(differences, node, family) : '';
    return { way, at, whom: whomOf(sendersOf(differences, node, family)), text };
  });
}

/** `http, ` for a port that has a name. */
function portOf({ servicePort }: ServiceAddress): string {
  const name = portNameOf(servicePort);
  return name === '' ? '' : `${name}, `;
}

/** `cluster IP 10.96.0.10:80`, with `/udp` where it is not TCP. */
function placeOf(address: ServiceAddress): string {
  const { protocol } = address;
  return `${describeAddress(address)}${protocol === 'tcp' ? '' : `/${protocol}`}`;
}

/** ` at 192.168.0.2` where it is not the same at all of the node's addresses, those of loopback aside. */
function ownAddresses(
  differences: readonly Difference[],
  { local, perhapsLocal }: ClassNode,
  family: Family,
): string {
  const at = union(differences.map(({ packets }) => packets.destination));
  const usual = without(local, rangeOf(LOOPBACK[family]));
  if (!isEmpty(perhapsLocal) || isEmpty(without(usual, at))) return '';
  return ` at ${enumerate(rangesAsText(common(at, local), family))}`;
}

/** What changes for packets that are to no Service. */
export function tellOthers({ others, family }: Pick<Effects, 'others' | 'family'>): string[] {
  return others.map(({ differences, ...effect }) => {
    const { what, ports } = servicesOf(differences, family);
    const whom = `${what}${whomOf(effect.senders)}${destinationsOf(differences, family)}${ports}`;
    return `${whom}, such as ${packetText(effect.example.packet)}: ${sentenceOf(effect)}`;
  });
}

/** ` to 127.0.0.0/8`; empty for what is to most addresses. */
function destinationsOf(differences: readonly Difference[], family: Family): string {
  const to = union(differences.map(({ packets }) => packets.destination));
  if (countOf(to) * 2n > countOf(everyPacket(family).destination)) return '';
  return ` to ${enumerate(rangesAsText(to, family))}`;
}

/** `tcp packets` and ` and port 22`; `packets` where they are of many protocols. */
function servicesOf(differences: readonly Difference[], family: Family) {
  const all = union(differences.map(({ packets }) => packets.service));
  if (countOf(all) * 2n > countOf(everyPacket(family).service)) return { what: 'packets', ports: '' };
  const protocols = PROTOCOLS.filter((protocol) => !isEmpty(common(all, serviceRange(protocol))));
  const [protocol, another] = protocols;
  const few = union(protocols.map((protocol) => serviceRange(protocol)));
  if (protocol === undefined || !isEmpty(without(all, few))) return { what: 'packets', ports: '' };
  if (another !== undefined) return { what: `${enumerate(protocols)} packets`, ports: '' };
  const ports = without(serviceRange(protocol), without(serviceRange(protocol), all));
  if (countOf(ports) * 2n > PORTS) return { what: `${protocol} packets`, ports: '' };
  return { what: `${protocol} packets`, ports: portsText(ports) };
}

const PROTOCOLS = ['tcp', 'udp', 'sctp', 'icmp', 'ipv6-icmp'];

const PORTS = 1n << 16n;

/** `, port 22` or `, ports 22 and 6000-6063` */
function portsText(ports: Ranges): string {
  const texts: string[] = [];
  for (let i = 0; i < ports.length; i += 2) {
    const [first, last] = [ports[i], ports[i + 1]].map((end) => (end ?? 0n) % PORTS);
    texts.push(first === last ? `${first}` : `${first}-${last}`);
  }
  return `, ${texts.length === 1 && !texts.join().includes('-') ? 'port' : 'ports'} ${enumerate(texts)}`;
}

/** ` from 198.51.100.0/24, incoming interface eth0`; empty where it does not matter. */
function whomOf(senders: Senders): string {
  const who = describeSenders({ ...senders, where: [] });
  const where = senders.where.join(', ');
  if (who !== 'anybody') return ` from ${who}${where === '' ? '' : `, ${where}`}`;
  return where === '' ? '' : ` ${where}`;
}

function sentenceOf(effect: Pick<PacketEffect, 'kind' | 'before' | 'after'>, way?: WayEffects): string {
  const { kind, before, after } = effect;
  switch (kind) {
    case 'fate':
      return fateSentence(before, after, way);
    case 'masquerading':
      return masqueradingSentence(after, way);
    case 'affinity':
      return affinitySentence(before, after);
    case 'mark':
      return 'same destination, different mark';
  }
}

function masqueradingSentence({ masqueraded }: Fates, way: WayEffects | undefined): string {
  const who = way ? 'endpoints see' : 'receivers see';
  switch (wholeOf(masqueraded)) {
    case 'all':
      return `masqueraded now, so ${who} the node's address`;
    case 'some':
      return `masqueraded in part now, so ${who} the node's address or the sender's`;
    case 'none':
      return `no longer masqueraded, so ${who} the sender's address`;
  }
}

function affinitySentence({ affinitySeconds: old }: Fates, { affinitySeconds: now }: Fates): string {
  if (now === undefined) return 'session affinity is off now: each connection may reach a different endpoint';
  return old === undefined
    ? `session affinity is on now: for ${timeText(now)}, a client keeps its endpoint`
    : `session affinity lasts ${timeText(old)} → ${timeText(now)}`;
}

/** `3 h`, `10 min`, `90 s` */
function timeText(seconds: number): string {
  if (seconds % 3600 === 0) return `${seconds / 3600} h`;
  return seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`;
}

/** Where packets go: endpoints that came and went, or what else becomes of them. */
function fateSentence(before: Fates, after: Fates, way: WayEffects | undefined): string {
  const [reached, reaches] = [before.endpoints.size > 0, after.endpoints.size > 0];
  if (reached && reaches) {
    return [...endpointChanges(before, after), ...lossChanges(before, after)].join('; ');
  }
  const [was, is] = [endOf(before, way), endOf(after, way)];
  if (reaches) {
    return way?.was === false
      ? `opened, and leads to ${listOfEndpoints(after)}`
      : `now reaches ${listOfEndpoints(after)}; was ${was}`;
  }
  if (reached) {
    return way?.is === false
      ? `${closedWord(way)}${refusedWord(after)}; led to ${listOfEndpoints(before)}`
      : `now ${is}; reached ${listOfEndpoints(before)}`;
  }
  if (way?.was === false) return `opened; packets are ${is}`;
  if (way?.is === false) return `${closedWord(way)}; packets were ${was}`;
  return `now ${is}; was ${was}`;
}

/** Others may still take what is to an address that is not of the cluster alone. */
function closedWord({ to }: WayEffects): string {
  return to.way === 'cluster-ip' || to.way === 'node-port' ? 'closed' : 'no longer handled by the node';
}

/** `, and refused`: where no Service has an address any more, packets to it may go on. */
function refusedWord({ ends }: Fates): string {
  return (ends.get('refused') ?? 0) > 1 - 1e-6 ? ', and refused' : '';
}

/** What packets come to that get to no endpoint. */
function endOf({ ends }: Fates, way: WayEffects | undefined): string {
  return [...ends]
    .sort(([, a], [, b]) => b - a)
    .map(([end, share]) => `${share > 1 - 1e-6 ? '' : `${printShare(share)} `}${endWord(end, way)}`)
    .join(', ');
}

function endWord(end: 'through' | 'dropped' | 'refused', way: WayEffects | undefined): string {
  return end === 'through' ? (way ? 'taken by no Service' : 'let through') : end;
}

function listOfEndpoints({ endpoints }: Fates): string {
  const shares = new Set([...endpoints.values()].map(printShare));
  const [share = ''] = shares;
  const count = endpoints.size;
  const each = shares.size === 1 && count > 1 ? `, ${share} each` : '';
  return `${enumerate([...endpoints.keys()])}${each}`;
}

function endpointChanges(before: Fates, after: Fates): string[] {
  const went = [...before.endpoints.keys()].filter((endpoint) => !after.endpoints.has(endpoint));
  const came = [...after.endpoints.keys()].filter((endpoint) => !before.endpoints.has(endpoint));
  const moved = went.length === before.endpoints.size ? samePods(went, came) : undefined;
  const told: string[] = [];
  if (moved !== undefined) told.push(moved);
  else {
    const [now, old] = [came, went].map((list) => enumerate(list));
    if (came.length > 0 && went.length > 0) told.push(`reaches ${now} instead of ${old}`);
    else if (came.length > 0) told.push(`also reaches ${now}`);
    else if (went.length > 0) told.push(`no longer reaches ${old}`);
  }
  const stayed = [...after.endpoints].filter(([endpoint]) => before.endpoints.has(endpoint));
  const shares = new Set(
    stayed.map(
      ([endpoint, share]) => `${printShare(before.endpoints.get(endpoint) ?? 0)} → ${printShare(share)}`,
    ),
  );
  const changed = [...shares].filter((text) => new Set(text.split(' → ')).size > 1);
  const [[one] = []] = stayed;
  if (changed.length > 0) {
    const whose = stayed.length === 1 ? `share of ${one}` : `each other endpoint's share`;
    told.push(changed.length === 1 ? `${whose} ${changed.join()}` : `shares ${enumerate(changed)}`);
  }
  return told;
}

/** `port 8080 → 9090` where the same endpoints have another. */
function samePods(went: readonly string[], came: readonly string[]): string | undefined {
  if (went.length === 0 || went.length !== came.length) return undefined;
  const [old, now] = [went, came].map((list) => list.map((endpoint) => splitPort(endpoint)));
  const addresses = (list: typeof old) =>
    (list ?? [])
      .map((endpoint) => endpoint?.address)
      .sort()
      .join();
  if (addresses(old) !== addresses(now)) return undefined;
  const ports = (list: typeof old) => [...new Set((list ?? []).map((endpoint) => endpoint?.port))];
  const [from, to] = [ports(old), ports(now)];
  if (from.length !== 1 || to.length !== 1) return undefined;
  return `target port ${from.join()} → ${to.join()}`;
}

function lossChanges(before: Fates, after: Fates): string[] {
  if (Math.abs(before.lost - after.lost) < 1e-6) return [];
  if (after.lost < 1e-6) return ['let through to its endpoints now, was stopped on the way'];
  return [
    `${wholeOf(after.lost) === 'all' ? '' : `${printShare(after.lost)} `}stopped on the way to its endpoints now`,
  ];
}
