/** What the agent counts for each Service, read from the kernel when somebody asks for metrics. */
import { isDeepStrictEqual } from 'node:util';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { ServiceEntry } from '../../api/cluster.ts';
import { portNameOf, serviceOf } from '../../chains/comments.ts';
import { planService } from '../../compiler/compile-service.ts';
import { OperationalError } from '../../errors/operational-error.ts';
import type { Family } from '../../net/address.ts';
import { type CountingKernel, LiveReadings } from '../../traffic/live.ts';
import { servicePortKey } from '../../traffic/service-rules.ts';
import { type ServicePortTraffic, Traffic, type WayTraffic } from '../../traffic/traffic.ts';
import { IP_FAMILY } from '../ip-family.ts';
import { LastingFault } from '../lasting-fault.ts';
import type { Log } from '../log.ts';
import type { RulesInput } from '../sync/family-rules.ts';

export interface ServiceMetricsOptions {
  readonly registry: Registry;
  readonly kernel: CountingKernel;
  /** What the rules are made for, family by family, as far as that is known. */
  readonly inputs: () => readonly RulesInput[];
  /** What is more is left out, Service by Service; {@link MOST_SERIES} unless given. */
  readonly maxSeries: number | undefined;
  readonly log: Log;
}

/** Some 4,000 Services that have a cluster IP alone, in one family; some 2,500 that have a node port, too. */
export const MOST_SERIES = 20_000;

/** The kernel is read no more often, in milliseconds. */
export const SHORTEST_AGE = 15_000;

const LABELS = ['namespace', 'service', 'port'] as const;
const OF_WAY = [...LABELS, 'way'] as const;
const OF_FAMILY = [...LABELS, 'ip_family'] as const;

type OfWay = Readonly<Record<(typeof OF_WAY)[number], string>>;
type OfFamily = Readonly<Record<(typeof OF_FAMILY)[number], string>>;

/** What came by one way since the first reading. */
interface Counted {
  readonly labels: OfWay;
  connections: number;
  refused: number;
  dropped: number;
}

/** The usable endpoints of a service port in one family, and those of them that are on this node. */
interface Endpoints {
  readonly labels: OfFamily;
  readonly usable: number;
  readonly local: number;
}

/** All that is told of one service port. */
interface Told {
  readonly counted: Map<WayTraffic['way'], Counted>;
  readonly endpoints: Endpoints[];
}

const NOTHING_TOLD: Told = { counted: new Map(), endpoints: [] };

/** Counts begin at 0 with the first reading, so that a rate is right however often the agent starts. */
export class ServiceMetrics {
  readonly #options: ServiceMetricsOptions;
  readonly #traffic = new Traffic('first reading');
  readonly #readings: LiveReadings;
  readonly #counted = new Map<string, Map<WayTraffic['way'], Counted>>();
  readonly #planned = new Map<Family, PlannedEndpoints>();
  readonly #metrics: ReturnType<typeof defineServiceMetrics>;
  readonly #fault = new LastingFault();
  #readAt = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;
  #leftOut = 0;

  constructor(options: ServiceMetricsOptions) {
    this.#options = options;
    this.#readings = new LiveReadings(options.kernel, this.#traffic);
    this.#metrics = defineServiceMetrics(options.registry);
  }

  /** Reads what there is to tell, where it was not read in the last 15 s. While that fails, all stays as it was. */
  async refresh(): Promise<void> {
    if (performance.now() < this.#readAt + SHORTEST_AGE) return;
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    await this.#reading;
  }

  async #read(): Promise<void> {
    const { log } = this.#options;
    try {
      await this.#readings.read(() => NO_DETAILS);
    } catch (error) {
      if (!(error instanceof OperationalError)) throw error;
      const told = this.#fault.happened(error.message);
      if (told) log.warning('Cannot count for Services', { error: error.message });
      return;
    }
    if (this.#fault.ended()) log.info('Counting for Services again');
    this.#readAt = performance.now();
    const { servicePorts } = this.#traffic.report();
    const keys = new Set(servicePorts.map(servicePortKey));
    for (const key of this.#counted.keys()) if (!keys.has(key)) this.#counted.delete(key);
    for (const servicePort of servicePorts) this.#count(servicePort);
    this.#tell();
  }

  #count(servicePort: ServicePortTraffic): void {
    const { service, port, ways } = servicePort;
    const key = servicePortKey(servicePort);
    const counted = this.#counted.get(key) ?? new Map<WayTraffic['way'], Counted>();
    this.#counted.set(key, counted);
    for (const { way, connections, refused, dropped } of ways) {
      const own = counted.get(way) ?? {
        labels: { ...nameLabels(service), port, way },
        connections: 0,
        refused: 0,
        dropped: 0,
      };
      counted.set(way, own);
      own.connections += connections.recent;
      own.refused += refused.recent;
      own.dropped += dropped.recent;
    }
  }

  /** Service by Service in the order of their names, so that those that are left out stay the same. */
  #tell(): void {
    const { maxSeries = MOST_SERIES, log } = this.#options;
    const { connections, refused, dropped, usable, local, leftOut } = this.#metrics;
    for (const metric of [connections, refused, dropped, usable, local]) metric.reset();
    const all = this.#all();
    let room = maxSeries;
    let out = 0;
    for (const key of [...all.keys()].sort()) {
      const { counted, endpoints } = all.get(key) ?? NOTHING_TOLD;
      const series = 3 * counted.size + 2 * endpoints.length;
      if (series > room) {
        out++;
        continue;
      }
      room -= series;
      for (const { labels, ...counts } of counted.values()) {
        connections.inc(labels, counts.connections);
        refused.inc(labels, counts.refused);
        dropped.inc(labels, counts.dropped);
      }
      for (const { labels, ...counts } of endpoints) {
        usable.set(labels, counts.usable);
        local.set(labels, counts.local);
      }
    }
    leftOut.set(out);
    if (out > 0 && this.#leftOut === 0) {
      log.warning(
        'Too many series: Services are left out of the metrics; raise svc2ipt.serviceMetrics.maxSeries',
        {
          maxSeries,
          servicePortsLeftOut: out,
        },
      );
    }
    this.#leftOut = out;
  }

  #all(): ReadonlyMap<string, Told> {
    const all = new Map<string, Told>();
    for (const [key, counted] of this.#counted) all.set(key, { counted, endpoints: [] });
    for (const input of this.#options.inputs()) {
      const { family } = input.options;
      const planned = this.#planned.get(family) ?? new PlannedEndpoints();
      this.#planned.set(family, planned);
      for (const [key, endpoints] of planned.of(input)) {
        const told: Told = all.get(key) ?? { counted: new Map(), endpoints: [] };
        told.endpoints.push(endpoints);
        all.set(key, told);
      }
    }
    return all;
  }
}

const NO_DETAILS: ReadonlySet<string> = new Set();

function nameLabels(service: string): Pick<OfWay, 'namespace' | 'service'> {
  const [namespace = '', name = ''] = service.split('/');
  return { namespace, service: name };
}

/** The endpoints of Services, planned once for each that has not changed. */
class PlannedEndpoints {
  #for: Omit<RulesInput, 'cluster'> | undefined;
  #known = new WeakMap<ServiceEntry, readonly (readonly [key: string, Endpoints])[]>();

  of({ cluster, node, options }: RulesInput): (readonly [key: string, Endpoints])[] {
    if (!isDeepStrictEqual(this.#for, { node, options })) {
      this.#for = { node, options };
      this.#known = new WeakMap();
    }
    return [...cluster.services.values()].flatMap((entry) => {
      const known =
        this.#known.get(entry) ??
        planService(entry, node, options).plans.map(endpointsOfPlan(options.family));
      this.#known.set(entry, known);
      return known;
    });
  }
}

type Plan = ReturnType<typeof planService>['plans'][number];

function endpointsOfPlan(family: Family) {
  return ({ servicePort, cluster, local }: Plan): readonly [string, Endpoints] => {
    const { name, protocol, port } = servicePort;
    const labels = {
      ...nameLabels(serviceOf(name)),
      port: portNameOf(name) || String(port),
      ip_family: IP_FAMILY[family],
    };
    // What may be used by the Cluster policy has none where only those on this node may be.
    const usable = new Set([...cluster, ...local]).size;
    return [servicePortKey({ servicePort: name, protocol }), { labels, usable, local: local.length }];
  };
}

function defineServiceMetrics(registry: Registry) {
  const registers = [registry];
  const counter = (name: string, help: string) =>
    new Counter({ name: `svc2ipt_service_${name}`, help, labelNames: OF_WAY, registers });
  const gauge = (name: string, help: string) =>
    new Gauge({ name: `svc2ipt_service_${name}`, help, labelNames: OF_FAMILY, registers });
  return {
    connections: counter('connections_total', 'New connections that rules sent to an endpoint'),
    refused: counter('refused_packets_total', 'Packets that rules refused as there are no endpoints'),
    dropped: counter(
      'dropped_packets_total',
      'Packets that rules dropped as no endpoint is on this node or no source range has their sender',
    ),
    usable: gauge('endpoints_usable', 'Endpoints that traffic to the Service may go to from this node'),
    local: gauge('endpoints_local', 'Endpoints of the Service that are usable and on this node'),
    leftOut: new Gauge({
      name: 'svc2ipt_service_ports_left_out',
      help: 'Service ports without metrics of their own, as svc2ipt.serviceMetrics.maxSeries is reached',
      registers,
    }),
  };
}
