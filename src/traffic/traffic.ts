/** What Services do: connections, refused and dropped packets of each, from what rules have counted. */
import { portNameOf, serviceOf } from '../chains/comments.ts';
import { byWay, type ServiceAddress } from '../chains/service-addresses.ts';
import type { Family } from '../iptables/types.ts';
import type { CountedRules, SavedRules } from './counted-rules.ts';
import { endpointsOf, type ServicePortEndpoints } from './endpoint-rules.ts';
import {
  type PlacedChain,
  type ServicePortCounters,
  servicePortKey,
  type TrafficRules,
  trafficRules,
} from './service-rules.ts';
import { type Count, type Meter, Tally } from './tally.ts';

/** The rules of a node at one moment. */
export interface CounterReading {
  /** In milliseconds since 1970; undefined where nobody knows. */
  readonly at: number | undefined;
  /** Of each family once. */
  readonly rules: readonly CountedRules[];
}

/** What has come by one way to a service port. */
export interface WayTraffic {
  readonly way: ServiceAddress['way'];
  /** New connections that went to an endpoint. */
  readonly connections: Count;
  /** Packets. */
  readonly refused: Count;
  /** Packets. */
  readonly dropped: Count;
}

/** What has come to a service port, in all families. */
export interface ServicePortTraffic {
  /** `namespace/name` */
  readonly service: string;
  /** As rules print it: `namespace/name:port`. */
  readonly servicePort: string;
  /** The name of the port, or its number where it has none. */
  readonly port: string;
  readonly protocol: string;
  readonly ways: readonly WayTraffic[];
  /** By all ways together. */
  readonly connections: Count;
  readonly refused: Count;
  readonly dropped: Count;
  /** Connections, as far as its own rules mark them. Undefined where these were not looked at. */
  readonly masqueraded: Count | undefined;
  /** Undefined where their rules were not looked at. */
  readonly endpoints: readonly EndpointTraffic[] | undefined;
  /** Connections of clients that went to the endpoint that they had before; undefined without session affinity. */
  readonly returned: Count | undefined;
}

export interface EndpointTraffic {
  /** `address:port` */
  readonly endpoint: string;
  readonly family: Family;
  readonly connections: Count;
  /** Its share of the connections of its family, 0 to 1; undefined where there were none. */
  readonly share: { readonly total: number | undefined; readonly recent: number | undefined };
  /**
   * The share that it should have had by the probabilities of the rules, 0 to 1: of all endpoints and of those on this node
   * as often as rules chose among them.
   */
  readonly expected: { readonly total: number; readonly recent: number };
}

export interface TrafficReport {
  /** Seconds between the last two readings; undefined where there were not two, or nobody knows when they were. */
  readonly seconds: number | undefined;
  /** Whether there was a reading before, so that something is recent. */
  readonly compared: boolean;
  readonly servicePorts: readonly ServicePortTraffic[];
  /** Of all service ports together. */
  readonly all: Pick<ServicePortTraffic, 'connections' | 'refused' | 'dropped'>;
  /** For no Service alone. */
  readonly node: {
    /** Connections. */
    readonly masqueraded: Count;
    /** Packets of connections that conntrack calls invalid. */
    readonly invalid: Count;
    /** Packets from elsewhere to loopback addresses. */
    readonly localnet: Count;
  };
  /** Of how many rules the counters began anew between the last two readings. */
  readonly reset: number;
}

/** Of which service ports endpoints and masquerading are looked at, by {@link servicePortKey}. */
export type Details = 'all' | ReadonlySet<string>;

/** Follows what the rules of a node count. */
export class Traffic {
  readonly #tally: Tally;
  #families: readonly TrafficRules[] = [];
  readonly #endpoints = new WeakMap<ServicePortCounters, ServicePortEndpoints>();
  #details: Details = new Set();
  #metersFor: { readonly families: readonly TrafficRules[]; readonly details: Details } | undefined;
  #meters: readonly Meter[] = [];
  #named:
    | { readonly families: readonly TrafficRules[]; readonly servicePorts: readonly NamedServicePort[] }
    | undefined;
  #at: number | undefined;
  #seconds: number | undefined;

  /** @param beginning what is counted in all: what the counters hold already, or what comes after the first reading */
  constructor(beginning: 'counters' | 'first reading' = 'counters') {
    this.#tally = new Tally(beginning);
  }

  /**
   * Takes in a reading.
   * @param details that are looked at, asked for once the rules are known; what is of no use for them may be missing
   */
  take({ at, rules }: CounterReading, details: () => Details): void {
    const seconds = at === undefined || this.#at === undefined ? 0 : (at - this.#at) / 1000;
    this.#seconds = seconds > 0 ? seconds : undefined;
    this.#at = at;
    const same = rules.length === this.#families.length;
    const families = rules.map((counted) => this.rulesOf(counted.rules));
    if (!same || families.some((one, i) => one !== this.#families[i])) this.#families = families;
    this.#details = details();
    this.#tally.take(rules, this.#metersOf(this.#details));
  }

  /** What some rules count; found once for the same rules. */
  rulesOf(rules: SavedRules): TrafficRules {
    return this.#families.find((known) => known.rules === rules) ?? trafficRules(rules);
  }

  /** The service ports of the last reading, by their keys. */
  get keys(): ReadonlySet<string> {
    return new Set(this.#families.flatMap(({ servicePorts }) => [...servicePorts.keys()]));
  }

  /** Where Services can be reached, by the rules of the last reading. */
  get addresses(): readonly ServiceAddress[] {
    return this.#families.flatMap(({ addresses }) => addresses);
  }

  /** Whether there was a reading before the last one. */
  get compared(): boolean {
    return this.#tally.readings > 1;
  }

  /** When the last reading was, in milliseconds since 1970; undefined where nobody knows. */
  get at(): number | undefined {
    return this.#at;
  }

  /** As of the last reading. */
  report(): TrafficReport {
    const count = (name: string) => this.#tally.count(name);
    const servicePorts = this.#namedServicePorts().map((named) => this.#servicePort(named));
    return {
      seconds: this.#seconds,
      compared: this.compared,
      servicePorts,
      all: {
        connections: sumOf(servicePorts.map(({ connections }) => connections)),
        refused: sumOf(servicePorts.map(({ refused }) => refused)),
        dropped: sumOf(servicePorts.map(({ dropped }) => dropped)),
      },
      node: {
        masqueraded: count('node masqueraded'),
        invalid: count('node invalid'),
        localnet: count('node localnet'),
      },
      reset: this.#tally.reset,
    };
  }

  #servicePort({ key, ways: named, ...port }: NamedServicePort): ServicePortTraffic {
    const count = (name: string) => this.#tally.count(name);
    const ways = named.map((names): WayTraffic => {
      const dropped = count(names.dropped);
      return {
        way: names.way,
        connections: without(count(names.entries), dropped),
        refused: count(names.refused),
        dropped,
      };
    });
    const looked = this.#looksAt(key);
    const hasAffinity =
      looked && this.#families.some((family) => this.#endpointsIn(family, key)?.hasAffinity === true);
    return {
      ...port,
      ways,
      connections: sumOf(ways.map(({ connections }) => connections)),
      refused: sumOf(ways.map(({ refused }) => refused)),
      dropped: sumOf(ways.map(({ dropped }) => dropped)),
      masqueraded: looked ? sumOf([count(`${key} masqueraded`), count(`${key} themselves`)]) : undefined,
      endpoints: looked ? this.#endpointTraffic(key) : undefined,
      returned: hasAffinity ? count(`${key} returned`) : undefined,
    };
  }

  /** What is the same in each report, for as long as the rules are. */
  #namedServicePorts(): readonly NamedServicePort[] {
    const families = this.#families;
    if (this.#named?.families === families) return this.#named.servicePorts;
    const servicePorts = [...this.keys].flatMap((key) => namedServicePort(key, families) ?? []);
    this.#named = { families, servicePorts };
    return servicePorts;
  }

  #endpointTraffic(key: string): EndpointTraffic[] {
    return this.#families.flatMap((family) => {
      const found = this.#endpointsIn(family, key);
      if (!found) return [];
      const name = family.rules.family;
      const counted = found.endpoints.map(({ endpoint }) => this.#tally.count(`${key} endpoint ${endpoint}`));
      const all = sumOf(counted);
      const weights = found.sets.map(({ set }) => this.#tally.count(`${key} ${name} ${set}`));
      return found.endpoints.map(({ endpoint }, i): EndpointTraffic => {
        const connections = counted[i] ?? { total: 0, recent: 0 };
        const expected = (kind: 'total' | 'recent') =>
          expectedShare(
            found.sets.map(({ shares }) => shares.get(endpoint) ?? 0),
            weights.map((weight) => weight[kind]),
          );
        return {
          endpoint,
          family: name,
          connections,
          share: {
            total: ratio(connections.total, all.total),
            recent: ratio(connections.recent, all.recent),
          },
          expected: { total: expected('total'), recent: expected('recent') },
        };
      });
    });
  }

  #looksAt(key: string): boolean {
    return this.#details === 'all' || this.#details.has(key);
  }

  #endpointsIn({ servicePorts, rules }: TrafficRules, key: string): ServicePortEndpoints | undefined {
    const servicePort = servicePorts.get(key);
    if (!servicePort) return undefined;
    const endpoints = this.#endpoints.get(servicePort) ?? endpointsOf(servicePort, rules);
    this.#endpoints.set(servicePort, endpoints);
    return endpoints;
  }

  #metersOf(details: Details): readonly Meter[] {
    const families = this.#families;
    if (this.#metersFor?.families === families && sameDetails(this.#metersFor.details, details))
      return this.#meters;
    this.#metersFor = { families, details };
    const meters: Meter[] = [];
    for (const one of families) {
      const { family } = one.rules;
      const add = (name: string, rules: readonly number[]) => {
        if (rules.length > 0) meters.push({ name, family, rules });
      };
      add('node masqueraded', one.node.masqueraded);
      add('node invalid', one.node.invalid);
      add('node localnet', one.node.localnet);
      for (const [key, { ways, masqueraded, toThemselves }] of one.servicePorts) {
        for (const { way, entries, refused, dropped } of ways) {
          add(`${key} ${way} entries`, entries);
          add(`${key} ${way} refused`, refused);
          add(`${key} ${way} dropped`, dropped);
        }
        if (!this.#looksAt(key)) continue;
        add(`${key} masqueraded`, masqueraded);
        add(`${key} themselves`, toThemselves);
        const found = this.#endpointsIn(one, key);
        add(`${key} returned`, found?.returned ?? []);
        for (const { set, chosen } of found?.sets ?? []) add(`${key} ${family} ${set}`, chosen);
        for (const { endpoint, connections } of found?.endpoints ?? [])
          add(`${key} endpoint ${endpoint}`, connections);
      }
    }
    this.#meters = meters;
    return meters;
  }
}

/** The chains that must be read for some details of the rules of one family. */
export function chainsFor({ servicePorts, shared }: TrafficRules, details: Details): PlacedChain[] {
  const keys = details === 'all' ? servicePorts.keys() : details;
  const own = [...keys].flatMap((key) => servicePorts.get(key)?.chains ?? []);
  return [...shared, ...own.map((name): PlacedChain => ({ table: 'nat', name }))];
}

/** A service port, and what its meters are called. */
interface NamedServicePort extends Pick<ServicePortTraffic, 'service' | 'servicePort' | 'port' | 'protocol'> {
  readonly key: string;
  readonly ways: readonly {
    readonly way: WayTraffic['way'];
    readonly entries: string;
    readonly refused: string;
    readonly dropped: string;
  }[];
}

function namedServicePort(key: string, families: readonly TrafficRules[]): NamedServicePort | undefined {
  const own = families.flatMap(({ servicePorts }) => servicePorts.get(key) ?? []);
  const [first] = own;
  if (!first) return undefined;
  const { servicePort, protocol, port } = first;
  const ways = new Set(own.flatMap((counters) => counters.ways.map(({ way }) => way)));
  return {
    key,
    service: serviceOf(servicePort),
    servicePort,
    port: portNameOf(servicePort) || String(port),
    protocol,
    ways: [...ways]
      .map((way) => ({
        way,
        entries: `${key} ${way} entries`,
        refused: `${key} ${way} refused`,
        dropped: `${key} ${way} dropped`,
      }))
      .sort(byWay),
  };
}

function sameDetails(a: Details, b: Details): boolean {
  if (a === b) return true;
  if (a === 'all' || b === 'all' || a.size !== b.size) return false;
  return [...a].every((key) => b.has(key));
}

/** What is dropped after all has met the rule for its way in before. The two tables are read one after the other. */
function without({ total, recent }: Count, dropped: Count): Count {
  return { total: Math.max(total - dropped.total, 0), recent: Math.max(recent - dropped.recent, 0) };
}

function sumOf(counts: readonly Count[]): Count {
  let [total, recent] = [0, 0];
  for (const count of counts) {
    total += count.total;
    recent += count.recent;
  }
  return { total, recent };
}

function ratio(part: number, whole: number): number | undefined {
  return whole === 0 ? undefined : part / whole;
}

/** Of several sets, each with its weight; of the first where nothing was chosen from any. */
function expectedShare(shares: readonly number[], weights: readonly number[]): number {
  const all = weights.reduce((sum, weight) => sum + weight, 0);
  if (all === 0) return shares[0] ?? 0;
  return shares.reduce((sum, share, i) => sum + (share * (weights[i] ?? 0)) / all, 0);
}
