/** Which rules count the traffic of which Service, by what they say of themselves. */
import { aboutOf } from '../chains/comments.ts';
import { chainKind, isServicePortChain, MARK_CHAIN } from '../chains/names.ts';
import {
  addressOfRule,
  byWay,
  destinationOfRule,
  entriesOf,
  FIREWALL_ROOTS,
  type ServiceAddress,
} from '../chains/service-addresses.ts';
import { parseRule } from '../iptables/parse.ts';
import { targetOf } from '../iptables/saved-text.ts';
import type { Rule, TableName } from '../iptables/types.ts';
import type { SavedRules } from './counted-rules.ts';

/** Rules by their index in {@link SavedRules}. */
export type RuleIndexes = readonly number[];

/** What counts the packets that come to a service port by one of its ways. */
export interface WayCounters {
  readonly way: ServiceAddress['way'];
  /** Lead to an endpoint, but for what is dropped after all. In the nat table, which first packets of connections pass. */
  readonly entries: RuleIndexes;
  /** REJECT */
  readonly refused: RuleIndexes;
  /** DROP: as no endpoint is on this node, or the sender is in no source range of the load balancer. */
  readonly dropped: RuleIndexes;
}

export interface ServicePortCounters {
  /** As rules print it: `namespace/name:port`. */
  readonly servicePort: string;
  readonly protocol: string;
  /** The port of its cluster IP, or else of whatever address it has. */
  readonly port: number;
  readonly ways: readonly WayCounters[];
  /** Mark packets for masquerading before an endpoint is chosen. */
  readonly masqueraded: RuleIndexes;
  /** Mark those of endpoints that reach themselves. In the fast layout, one rule does that for all Services. */
  readonly toThemselves: RuleIndexes;
  /** Its own chains in the nat table, from those that packets meet first. */
  readonly chains: readonly string[];
}

/** What the rules of one family count. */
export interface TrafficRules {
  readonly rules: SavedRules;
  /** By the service port and its protocol: {@link servicePortKey}. */
  readonly servicePorts: ReadonlyMap<string, ServicePortCounters>;
  /** Where Services can be reached. */
  readonly addresses: readonly ServiceAddress[];
  /** What counts for no Service. */
  readonly node: {
    /** Connections that are masqueraded, all together. */
    readonly masqueraded: RuleIndexes;
    /** Packets of a connection that conntrack calls invalid, dropped as they are forwarded. */
    readonly invalid: RuleIndexes;
    /** Packets from elsewhere to the loopback addresses, dropped. */
    readonly localnet: RuleIndexes;
  };
  /** The chains whose rules tell of ways in, refused and dropped packets, and of the node: others need not be read for that. */
  readonly shared: readonly PlacedChain[];
}

export interface PlacedChain {
  readonly table: TableName;
  readonly name: string;
}

export function servicePortKey({
  servicePort,
  protocol,
}: Pick<ServicePortCounters, 'servicePort' | 'protocol'>): string {
  return `${servicePort}/${protocol}`;
}

/** The rules that count the traffic of Services, of kube-proxy's as of ours, in whichever layout. */
export function trafficRules(rules: SavedRules): TrafficRules {
  const found = new Map<string, OpenServicePort>();
  const shared = new Map<string, PlacedChain>();
  const addresses = new Map<string, ServiceAddress>();
  const see = (place: PlacedChain) => shared.set(`${place.table} ${place.name}`, place);
  const lines = linesOf(rules, see);
  for (const entry of entriesOf(lines, ({ line }) => targetOf(line))) {
    const rule = parseRule(entry.rule.line, rules.family);
    const address = addressOfRule({ ...entry, rule });
    if (address === undefined) continue;
    const key = `${address.protocol} ${address.address} ${address.port}`;
    // The nat table comes first, and tells external from load-balancer IPs.
    const known = addresses.get(key) ?? address;
    addresses.set(key, known);
    const { way } = known;
    count(at(found, address), way, entry.rule.index, rule);
  }
  for (const entry of entriesOf(lines, ({ line }) => targetOf(line), FIREWALL_ROOTS)) {
    const rule = parseRule(entry.rule.line, rules.family);
    const about = aboutOf(rule);
    const { protocol, port } = destinationOfRule(rule);
    if (about?.form !== 'not accepted' || protocol === undefined || port === undefined) continue;
    const open = at(found, { servicePort: about.servicePort, protocol, port, way: 'load-balancer-ip' });
    wayIn(open, 'load-balancer-ip').dropped.push(entry.rule.index);
  }
  const servicePorts = [...found].map(([key, open]) => [key, closed(open, rules)] as const);
  return {
    rules,
    servicePorts: new Map(servicePorts),
    addresses: [...addresses.values()],
    node: nodeRules(rules, see),
    shared: [...shared.values()],
  };
}

interface OpenServicePort {
  readonly servicePort: string;
  readonly protocol: string;
  port: number;
  readonly ways: Map<ServiceAddress['way'], OpenWay>;
  /** That entries lead to. */
  readonly targets: Set<string>;
}

interface OpenWay {
  readonly entries: number[];
  readonly refused: number[];
  readonly dropped: number[];
}

interface IndexedLine {
  readonly line: string;
  readonly index: number;
}

function linesOf(rules: SavedRules, see: (place: PlacedChain) => void) {
  return function* (table: TableName, name: string): Generator<IndexedLine> {
    const chain = rules.chain(table, name);
    if (!chain) return;
    see({ table, name });
    for (const [i, line] of chain.lines.entries()) yield { line, index: chain.indexes[i] ?? Number.NaN };
  };
}

function at(
  found: Map<string, OpenServicePort>,
  { servicePort, protocol, port, way }: Pick<ServiceAddress, 'servicePort' | 'protocol' | 'port' | 'way'>,
): OpenServicePort {
  const key = servicePortKey({ servicePort, protocol });
  const known = found.get(key) ?? { servicePort, protocol, port, ways: new Map(), targets: new Set() };
  if (way === 'cluster-ip') known.port = port;
  found.set(key, known);
  return known;
}

function wayIn({ ways }: OpenServicePort, way: ServiceAddress['way']): OpenWay {
  const known = ways.get(way) ?? { entries: [], refused: [], dropped: [] };
  ways.set(way, known);
  return known;
}

function count(open: OpenServicePort, way: ServiceAddress['way'], index: number, { target }: Rule): void {
  const counted = wayIn(open, way);
  if (target?.target === 'REJECT') counted.refused.push(index);
  else if (target?.target === 'DROP') counted.dropped.push(index);
  else if (target?.target === 'jump') {
    counted.entries.push(index);
    open.targets.add(target.chain);
  }
}

function closed(
  { servicePort, protocol, port, ways, targets }: OpenServicePort,
  rules: SavedRules,
): ServicePortCounters {
  const chains = [...targets].filter(isServicePortChain);
  const seen = new Set(chains);
  const masqueraded: number[] = [];
  const toThemselves: number[] = [];
  for (const name of chains) {
    const chain = rules.chain('nat', name);
    for (const [i, line] of chain?.lines.entries() ?? []) {
      const target = targetOf(line);
      if (target === MARK_CHAIN) {
        const marks = chainKind(name) === 'endpoint' ? toThemselves : masqueraded;
        marks.push(chain?.indexes[i] ?? Number.NaN);
      } else if (target !== undefined && isServicePortChain(target) && !seen.has(target)) {
        seen.add(target);
        chains.push(target);
      }
    }
  }
  return {
    servicePort,
    protocol,
    port,
    ways: [...ways].map(([way, counted]) => ({ way, ...counted })).sort(byWay),
    masqueraded,
    toThemselves,
    chains,
  };
}

function nodeRules(rules: SavedRules, see: (place: PlacedChain) => void): TrafficRules['node'] {
  const find = (table: TableName, name: string, isMeant: (rule: Rule) => boolean) => {
    const found = [...linesOf(rules, see)(table, name)].filter(({ line }) =>
      isMeant(parseRule(line, rules.family)),
    );
    return found.map(({ index }) => index);
  };
  return {
    masqueraded: find('nat', 'KUBE-POSTROUTING', ({ target }) => target?.target === 'MASQUERADE'),
    invalid: find(
      'filter',
      'KUBE-FORWARD',
      ({ matches, target }) =>
        target?.target === 'DROP' &&
        matches.some(
          ({ match, ...rest }) =>
            match === 'conntrack' && 'states' in rest && rest.states.includes('INVALID'),
        ),
    ),
    localnet: find('filter', 'KUBE-FIREWALL', ({ target }) => target?.target === 'DROP'),
  };
}
