/**
 * What may become of packets to Services, by walking a node's tables. Whatever the rules leave to chance or to time
 * (probabilities, lists of recent clients) goes both ways, so a packet has a set of fates.
 */
import type { SavedChain, SavedTables } from '../../src/applier/kernel.ts';
import type { Family, Match, Rule, TableName } from '../../src/iptables/types.ts';
import { contains } from '../../src/net/address.ts';
import { parse } from './fake-kernel.ts';

/** The first packet of a connection. */
export interface Packet {
  readonly source: string;
  /** The interface that it comes in by; undefined where it begins on the node. */
  readonly from: string | undefined;
  readonly destination: string;
  readonly protocol: string;
  readonly port: number;
}

/** The node's own addresses. */
const LOCAL: ReadonlySet<string> = new Set(['192.168.0.2', '127.0.0.1', '2001:db8::2', '::1']);

/** Who sends packets: a client far away, one in a source range, a pod of this node, the node itself. */
const SENDERS: Readonly<Record<Family, readonly Pick<Packet, 'source' | 'from'>[]>> = {
  ipv4: [
    { source: '198.18.0.1', from: 'eth0' },
    { source: '203.0.113.70', from: 'eth0' },
    { source: '10.244.1.77', from: 'veth1' },
    { source: '192.168.0.2', from: undefined },
  ],
  ipv6: [
    { source: '2001:db8:ffff::1', from: 'eth0' },
    { source: '2001:db8:9::1', from: 'eth0' },
    { source: 'fd00:10:244:1::77', from: 'veth1' },
    { source: '2001:db8::2', from: undefined },
  ],
};

/** Packets that the rules of a node speak of, by the service ports that they are for. */
export type PacketsByServicePort = ReadonlyMap<string, readonly Packet[]>;

/** All the addresses and node ports that the shared chains of some states name. */
export function packetsTo(states: readonly SavedTables[], family: Family): PacketsByServicePort {
  const packets = new Map<string, Map<string, Packet>>();
  const nodeAddress = family === 'ipv4' ? '192.168.0.2' : '2001:db8::2';
  for (const { name, rule } of states.flatMap((state) => sharedRules(state, family))) {
    const servicePort = commentOf(rule)
      .split(' ')
      .find((word) => word.includes('/'));
    const port = rule.matches.find((match) => match.match === 'destination-port')?.port;
    const protocol = rule.matches.find((match) => match.match === 'protocol')?.protocol;
    const to = rule.matches.find((match) => match.match === 'destination')?.address;
    if (servicePort === undefined || port === undefined || protocol === undefined) continue;
    // A health check's port is answered by the node, whatever the rules say.
    if (name === 'KUBE-NODEPORTS' && rule.target?.target === 'ACCEPT') continue;
    const destination = to === undefined || to.includes('/') ? nodeAddress : to;
    const ofServicePort = packets.get(servicePort) ?? new Map<string, Packet>();
    packets.set(servicePort, ofServicePort);
    for (const sender of SENDERS[family]) {
      const packet = { ...sender, destination, protocol, port };
      ofServicePort.set(JSON.stringify(packet), packet);
    }
  }
  return new Map([...packets].map(([name, byKey]) => [name, [...byKey.values()]]));
}

const SHARED = ['KUBE-SERVICES', 'KUBE-EXTERNAL-SERVICES', 'KUBE-NODEPORTS', 'KUBE-PROXY-FIREWALL'];

function sharedRules(state: SavedTables, family: Family): { name: string; rule: Rule }[] {
  return [...state.values()].flatMap((table) =>
    SHARED.flatMap((name) =>
      (table.get(name)?.lines ?? []).map((line) => ({ name, rule: parse(line, family) })),
    ),
  );
}

function commentOf({ matches }: Rule): string {
  return matches.find((match) => match.match === 'comment')?.comment ?? '';
}

/** `to ENDPOINT`, `REJECT`, `DROP`, or `through` where no rule of the node has anything to say. */
export type Fate = string;

/** A packet on its way through a table. */
interface State extends Packet {
  readonly mark: number;
  readonly redirected: boolean;
}

/** The fates that a packet may have. */
export function fatesOf(tables: SavedTables, packet: Packet, family: Family): ReadonlySet<Fate> {
  const walk = new Walk(tables, family);
  const start: State = { ...packet, mark: 0, redirected: false };
  const fates = new Set<Fate>();
  const hook = packet.from === undefined ? 'OUTPUT' : 'PREROUTING';
  for (const { state, verdict } of walk.table('nat', hook, start)) {
    for (const filtered of filterOf(walk, state)) {
      const to = verdict.startsWith('to ') ? verdict : 'through';
      fates.add(filtered === 'ACCEPT' ? to : filtered);
    }
  }
  return fates;
}

/** What the filter table says: to a packet that stays on the node, that passes it, or that begins on it. */
function filterOf(walk: Walk, state: State): ReadonlySet<string> {
  const local = LOCAL.has(state.destination);
  const hooks =
    state.from === undefined ? ['OUTPUT', ...(local ? ['INPUT'] : [])] : [local ? 'INPUT' : 'FORWARD'];
  let verdicts = new Set(['ACCEPT']);
  for (const hook of hooks) {
    if (!verdicts.delete('ACCEPT')) break;
    verdicts = verdicts.union(new Set(walk.table('filter', hook, state).map(({ verdict }) => verdict)));
  }
  return verdicts;
}

interface Outcome {
  readonly state: State;
  /** Undefined at the end of a chain. */
  readonly verdict: string | undefined;
}

class Walk {
  readonly #tables: SavedTables;
  readonly #family: Family;

  constructor(tables: SavedTables, family: Family) {
    this.#tables = tables;
    this.#family = family;
  }

  /** What a table may say to a packet, beginning at one of its built-in chains. */
  table(table: TableName, hook: string, state: State): (Outcome & { readonly verdict: string })[] {
    return this.#chain(table, hook, state).map(({ state, verdict = 'ACCEPT' }) => ({ state, verdict }));
  }

  #chain(table: TableName, name: string, start: State): Outcome[] {
    const chain = this.#tables.get(table)?.get(name);
    if (!chain) throw new Error(`a jump to ${table} ${name}, which is not there`);
    const ends: Outcome[] = [];
    let states: State[] = [start];
    for (const line of chain.lines) {
      if (states.length === 0) break;
      const rule = parse(line, this.#family);
      const passed: State[] = [];
      for (const state of states) {
        const fits = fitsRule(rule, state);
        if (fits !== 'yes') passed.push(state);
        if (fits === 'no') continue;
        for (const outcome of this.#target(table, rule, state)) {
          if (outcome.verdict === undefined) passed.push(outcome.state);
          else ends.push(outcome.verdict === 'RETURN' ? { ...outcome, verdict: undefined } : outcome);
        }
      }
      states = unique(passed);
    }
    return [...ends, ...states.map((state) => ({ state, verdict: undefined }))];
  }

  #target(table: TableName, { target }: Rule, state: State): Outcome[] {
    switch (target?.target) {
      case 'ACCEPT':
      case 'DROP':
      case 'REJECT':
      case 'RETURN':
        return [{ state, verdict: target.target }];
      case 'jump':
        return this.#chain(table, target.chain, state);
      case 'MARK':
        return [
          {
            state: { ...state, mark: ((state.mark & ~target.mask) ^ target.value) >>> 0 },
            verdict: undefined,
          },
        ];
      case 'DNAT': {
        const at = target.to.lastIndexOf(':');
        const destination = target.to.slice(0, at).replace(/[[\]]/g, '');
        const redirected = { ...state, destination, port: Number(target.to.slice(at + 1)), redirected: true };
        return [{ state: redirected, verdict: `to ${target.to}` }];
      }
      // Without a target, or with one that says nothing: LOG and its like.
      default:
        return [{ state, verdict: undefined }];
    }
  }
}

function unique(states: readonly State[]): State[] {
  return states.length < 2
    ? [...states]
    : [...new Map(states.map((state) => [JSON.stringify(state), state])).values()];
}

function fitsRule({ matches }: Rule, state: State): 'yes' | 'no' | 'maybe' {
  let result: 'yes' | 'maybe' = 'yes';
  for (const match of matches) {
    const fits = fitsMatch(match, state);
    if (fits === 'no') return 'no';
    if (fits === 'maybe') result = 'maybe';
  }
  return result;
}

function fitsMatch(match: Match, state: State): 'yes' | 'no' | 'maybe' {
  const when = (fits: boolean) => (fits === 'negated' in match ? 'no' : 'yes');
  switch (match.match) {
    case 'comment':
    case 'nfacct':
      return 'yes';
    case 'protocol':
      return when(match.protocol === state.protocol);
    case 'destination-port':
      return when(match.port <= state.port && state.port <= (match.last ?? match.port));
    case 'source':
      return when(isAt(state.source, match.address));
    case 'destination':
      return when(isAt(state.destination, match.address));
    case 'in-interface':
      return when(state.from !== undefined && isInterface(state.from, match.name));
    case 'mark':
      return when((state.mark & match.mask) >>> 0 === match.value);
    case 'conntrack':
      return when(match.states.some((name) => name === 'NEW' || (name === 'DNAT' && state.redirected)));
    case 'addrtype':
      return when(LOCAL.has(match.side === 'source' ? state.source : state.destination));
    case 'recent':
      return match.operation === 'set' ? 'yes' : 'maybe';
    case 'statistic':
      return 'maybe';
    // The only program that we write.
    case 'bpf':
      return when(state.source === state.destination);
    // Rules of others in tests are about others' packets.
    case 'unknown':
      return 'no';
  }
}

function isAt(address: string, range: string): boolean {
  return range.includes('/') ? contains(range, address) : address === range;
}

function isInterface(name: string, pattern: string): boolean {
  return pattern.endsWith('+') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}

/** The jumps, in any chain, that lead nowhere. iptables allows none, so a kernel has none. */
export function danglingJumps(tables: SavedTables): string[] {
  return [...tables].flatMap(([table, chains]) =>
    [...chains.values()].flatMap(({ name, lines }: SavedChain) =>
      lines.flatMap((line) => {
        const { target } = parse(line, 'ipv4');
        return target?.target === 'jump' && !chains.has(target.chain) ? [`${table} ${name}${line}`] : [];
      }),
    ),
  );
}
