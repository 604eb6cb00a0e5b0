/** Effects in words. */
import { describeAddress, type ServiceAddress } from '../chains/service-addresses.ts';
import type { Difference } from '../iptables/classes/compare.ts';
import { splitPort } from '../net/address.ts';
import { enumerate } from '../text/lists.ts';
import { printShare } from '../text/share.ts';
import type { Effects, Fates, PacketEffect, ServiceEffects, WayEffects } from './effects.ts';
import { packetText } from './packets.ts';
import { describeSenders, type Senders, sendersOf } from './senders.ts';

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
    const places = enumerate([...new Set(same.map(({ way }) => describeAddress(way.to)))], 3);
    return first ? `${portOf(first.way.to)}${places}${first.whom}: ${first.text}` : '';
  });
}

/** The sentences of a way in; one for all senders for whom it is the same. */
function oneFor(way: WayEffects, { node, family }: About): { way: WayEffects; whom: string; text: string }[] {
  const sentences = way.effects.map((effect): Sentence => {
    return { way, text: sentenceOf(effect, way), differences: effect.differences };
  });
  return [...Map.groupBy(sentences, ({ text }) => text)].map(([text, same]) => {
    const senders = sendersOf(
      same.flatMap(({ differences }) => differences),
      node,
      family,
    );
    return { way, whom: whomOf(senders), text };
  });
}

/** `http, ` for a port that has a name. */
function portOf({ servicePort, protocol }: ServiceAddress): string {
  const colon = servicePort.indexOf(':');
  const name = colon === -1 ? '' : servicePort.slice(colon + 1);
  return name === '' ? (protocol === 'tcp' ? '' : `${protocol}, `) : `${name}, `;
}

/** What changes for packets that are to no Service. */
export function tellOthers({ others }: Pick<Effects, 'others'>): string[] {
  return others.map((effect) => {
    return `packets${whomOf(effect.senders)}, such as ${packetText(effect.example.packet)}: ${sentenceOf(effect)}`;
  });
}

/** ` from 198.51.100.0/24`; empty where it does not matter. */
function whomOf(senders: Senders): string {
  const who = describeSenders(senders);
  return who === 'anybody' ? '' : ` from ${who}`;
}

function sentenceOf(effect: PacketEffect, way?: WayEffects): string {
  const { kind, before, after } = effect;
  switch (kind) {
    case 'fate':
      return fateSentence(before, after, way);
    case 'masquerading':
      return MASQUERADED[shareWord(after.masqueraded)];
    case 'affinity':
      return affinitySentence(before, after);
    case 'mark':
      return 'another mark in the end';
  }
}

const MASQUERADED = {
  all: "masqueraded now, so that endpoints see the node's address",
  some: 'masqueraded in part now',
  none: "no longer masqueraded, so that endpoints see the sender's address",
} as const;

function shareWord(share: number): keyof typeof MASQUERADED {
  return share > 1 - 1e-6 ? 'all' : share < 1e-6 ? 'none' : 'some';
}

function affinitySentence(before: Fates, after: Fates): string {
  if (before.remembers === after.remembers) return 'session affinity lasts another time';
  return after.remembers
    ? 'session affinity is on now: a client comes to the endpoint that it had before'
    : 'session affinity is off now: each connection may come to another endpoint';
}

/** Where packets go: endpoints that came and went, or what else becomes of them. */
function fateSentence(before: Fates, after: Fates, way: WayEffects | undefined): string {
  const [reached, reaches] = [before.endpoints.size > 0, after.endpoints.size > 0];
  if (reached && reaches) {
    return [...endpointChanges(before, after), ...lossChanges(before, after)].join('; ');
  }
  if (reaches) {
    return way?.was === false
      ? `opened, and leads to ${listOfEndpoints(after)}`
      : `now reaches ${listOfEndpoints(after)}; was ${endOf(before)}`;
  }
  if (reached) {
    return way?.is === false
      ? `closed, and led to ${listOfEndpoints(before)}`
      : `now ${endOf(after)}; reached ${listOfEndpoints(before)}`;
  }
  if (way?.was === false) return `opened, and ${endOf(after)}`;
  if (way?.is === false) return `closed, and was ${endOf(before)}`;
  return `now ${endOf(after)}; was ${endOf(before)}`;
}

/** What packets come to that get to no endpoint. */
function endOf({ ends }: Fates): string {
  return [...ends]
    .sort(([, a], [, b]) => b - a)
    .map(([end, share]) => `${share > 1 - 1e-6 ? '' : `${printShare(share)} `}${END_WORDS[end]}`)
    .join(', ');
}

const END_WORDS = { through: 'not taken by any Service', dropped: 'dropped', refused: 'refused' } as const;

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
  const moved = samePods(went, came);
  const told: string[] = [];
  if (moved !== undefined) told.push(moved);
  else {
    if (came.length > 0) told.push(`${enumerate(came)} came`);
    if (went.length > 0) told.push(`${enumerate(went)} went`);
  }
  const stayed = [...after.endpoints].filter(([endpoint]) => before.endpoints.has(endpoint));
  const shares = new Set(
    stayed.map(
      ([endpoint, share]) => `${printShare(before.endpoints.get(endpoint) ?? 0)} → ${printShare(share)}`,
    ),
  );
  const changed = [...shares].filter((text) => new Set(text.split(' → ')).size > 1);
  if (changed.length > 0) {
    told.push(
      changed.length === 1 ? `each endpoint's share ${changed.join()}` : `shares ${enumerate(changed)}`,
    );
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
    `${shareWord(after.lost) === 'all' ? '' : `${printShare(after.lost)} `}stopped on the way to its endpoints now`,
  ];
}
