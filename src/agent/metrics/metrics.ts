/** What the agent measures, for Prometheus. It says what happens; what that counts for is known here. */
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { ApplyResult } from '../../applier/applier.ts';
import type { Followed } from '../../applier/node-kernel.ts';
import type { RestoreInput } from '../../applier/restore-input.ts';
import type { ConntrackTable } from '../../applier/sysctl.ts';
import type { ServiceTable } from '../../chains/names.ts';
import type { Family } from '../../net/address.ts';
import type { SourceChange } from '../../sources/source.ts';
import { IP_FAMILY } from '../ip-family.ts';
import type { Log } from '../log.ts';
import { CONNTRACK_METRICS, defineMetrics, PACKET_METRICS } from './metric-definitions.ts';
import { PendingChanges } from './pending-changes.ts';
import type { ServiceMetrics } from './service-metrics.ts';

export interface MetricsOptions {
  /** Of svc2ipt. */
  readonly version: string;
  /** Those that this node has rules for. */
  readonly families: readonly Family[];
  /**
   * Where nfacct exists: reads how many packets each object has counted, by the object's name. Called for every
   * scrape. Where it throws, the packets are left out.
   */
  readonly readPackets?: () => Promise<ReadonlyMap<string, number>>;
  /** Reads how full the table of tracked connections is. Called for every scrape. Where it throws, that is left out. */
  readonly readConntrack?: () => Promise<ConntrackTable>;
  /** What is counted for each Service, where that is asked for; in the registry that it is given. */
  readonly services?: (registry: Registry) => Pick<ServiceMetrics, 'refresh'>;
  readonly log: Log;
}

export interface Sync {
  readonly family: Family;
  readonly seconds: number;
  /** Everything was looked at, not only what had changed. */
  readonly full: boolean;
}

export interface SuccessfulSync extends Sync {
  readonly result: {
    /** What iptables-restore was given. */
    readonly input: Pick<RestoreInput, 'lineCount' | 'rulesOf'>;
    readonly tables: ApplyResult['tables'];
  };
  /** What became of UDP flows. */
  readonly flows: Pick<Followed, 'flowsDeleted' | 'flowsMilliseconds'> | undefined;
  /** Rules of ours in each table, afterwards. */
  readonly rules: Readonly<Record<ServiceTable, number>>;
  /** Service ports whose traffic is dropped, as the policy is Local and all endpoints are elsewhere. */
  readonly withoutLocalEndpoints: { readonly internal: number; readonly external: number };
}

export interface FailedSync extends Sync {
  /** It was iptables-restore that failed. */
  readonly refused: boolean;
}

export interface ApiRequest {
  /** The HTTP status; undefined where no answer came. */
  readonly code: number | undefined;
  /** `host:port` of the API server. */
  readonly host: string;
  readonly method: string;
}

/** Milliseconds between looks at how late timers are; every 10, as is usual, would be most of what an idle agent does. */
const LAG_PERIOD = 5000;

/** Node.js has many metrics of its own; these tell whether the process is well. */
const PROCESS_METRICS = /^(process_|nodejs_(heap_size|external_memory|eventloop_lag)_)/;

export class Metrics {
  readonly #options: MetricsOptions;
  readonly #registry = new Registry();
  readonly #metrics: ReturnType<typeof defineMetrics>;
  readonly #pending: ReadonlyMap<Family, PendingChanges>;
  /** Those that cannot be read now. */
  readonly #failing = new Set<string>();
  readonly #services: Pick<ServiceMetrics, 'refresh'> | undefined;
  /** Milliseconds since 1970. */
  readonly #started = Date.now();

  constructor(options: MetricsOptions) {
    this.#options = options;
    collectDefaultMetrics({ register: this.#registry, eventLoopMonitoringPrecision: LAG_PERIOD });
    for (const { name } of this.#registry.getMetricsAsArray()) {
      if (!PROCESS_METRICS.test(name)) this.#registry.removeSingleMetric(name);
    }
    const metrics = defineMetrics(this.#registry);
    this.#metrics = metrics;
    this.#pending = new Map(options.families.map((family) => [family, new PendingChanges()]));
    this.#services = options.services?.(this.#registry);
    metrics.buildInfo.set({ version: options.version }, 1);
    for (const family of options.families) {
      // There from the start, so that the first one shows as an increase.
      const { syncFailures, restoreFailures, driftFound, restoreLines, flowsDeleted } = metrics;
      const counters = [syncFailures, restoreFailures, driftFound, restoreLines, flowsDeleted];
      for (const counter of counters) counter.inc(familyLabel(family), 0);
    }
  }

  /** The cluster has changed. */
  changed(change: SourceChange): void {
    // What happened before the agent began says nothing of how fast it is (as in kube-proxy v1.36).
    const triggered = change.triggered.filter((time) => time > this.#started);
    for (const pending of this.#pending.values()) pending.add({ ...change, triggered });
    this.#metrics.serviceChanges.inc(change.services);
    this.#metrics.endpointChanges.inc(change.endpointSlices);
    this.#showPending();
  }

  /** A sync was asked for. */
  queued(family: Family): void {
    this.#metrics.lastQueued.set(familyLabel(family), Date.now() / 1000);
  }

  /** A sync begins: it serves the changes that have come so far. */
  syncing(family: Family): void {
    this.#pending.get(family)?.begin();
  }

  synced({ result, flows, rules, withoutLocalEndpoints, ...sync }: SuccessfulSync): void {
    const metrics = this.#metrics;
    const label = familyLabel(sync.family);
    this.#observeSync(sync);
    metrics.lastSynced.set(label, Date.now() / 1000);
    for (const time of this.#pending.get(sync.family)?.succeed().triggered ?? []) {
      // The clock that gave the time is another machine's.
      metrics.programmingSeconds.observe(label, Math.max(Date.now() - time, 0) / 1000);
    }
    this.#showPending();

    if (flows) {
      metrics.flowsSeconds.observe(label, flows.flowsMilliseconds / 1000);
      metrics.flowsDeleted.inc(label, flows.flowsDeleted);
    }
    metrics.restoreLines.inc(label, result.input.lineCount);
    for (const table of ['filter', 'nat'] as const) {
      metrics.rulesLast.set({ ...label, table }, result.input.rulesOf(table));
      metrics.rulesTotal.set({ ...label, table }, rules[table]);
    }
    for (const { table, added, changed, removed } of result.tables) {
      metrics.chainsWritten.inc({ ...label, table }, added.length + changed.length + removed.length);
    }
    for (const policy of ['internal', 'external'] as const) {
      metrics.withoutLocalEndpoints.set({ ...label, traffic_policy: policy }, withoutLocalEndpoints[policy]);
    }
  }

  syncFailed({ refused, ...sync }: FailedSync): void {
    const label = familyLabel(sync.family);
    this.#observeSync(sync);
    this.#pending.get(sync.family)?.fail();
    this.#metrics.syncFailures.inc(label);
    if (refused) this.#metrics.restoreFailures.inc(label);
    if (refused && !sync.full) this.#metrics.partialRestoreFailures.inc(label);
  }

  /** The kernel did not hold what had been written. */
  driftFound(family: Family): void {
    this.#metrics.driftFound.inc(familyLabel(family));
  }

  /** What the cluster is read from failed: a folder, or a list or watch of the Kubernetes API. */
  sourceFailed(resource: string): void {
    this.#metrics.sourceFailures.inc({ resource });
    this.#failing.add(resource);
    this.#metrics.sourceFailing.set(this.#failing.size);
  }

  /** It can be read again. */
  sourceRecovered(resource: string): void {
    this.#failing.delete(resource);
    this.#metrics.sourceFailing.set(this.#failing.size);
  }

  /** An object cannot be used. */
  invalidObject(): void {
    this.#metrics.invalidObjects.inc();
  }

  healthzAnswered(code: number, times = 1): void {
    if (times > 0) this.#metrics.healthzAnswers.inc({ code }, times);
  }

  livezAnswered(code: number, times = 1): void {
    if (times > 0) this.#metrics.livezAnswers.inc({ code }, times);
  }

  apiAnswered({ code, host, method }: ApiRequest): void {
    // As client-go calls it.
    this.#metrics.apiRequests.inc({ code: code ?? '<error>', host, method });
  }

  /** The `Content-Type` of {@link text}. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  /** Everything that was measured so far, as Prometheus reads it. */
  async text(): Promise<string> {
    await Promise.all([this.#readPackets(), this.#readConntrack(), this.#services?.refresh()]);
    return await this.#registry.metrics();
  }

  #observeSync({ family, seconds, full }: Sync): void {
    const { syncSeconds, fullSyncSeconds, partialSyncSeconds } = this.#metrics;
    for (const histogram of [syncSeconds, full ? fullSyncSeconds : partialSyncSeconds]) {
      histogram.observe(familyLabel(family), seconds);
    }
  }

  /** What one family knows and the other does not is pending. */
  #showPending(): void {
    const all = [...this.#pending.values()].map((pending) => pending.all);
    this.#metrics.serviceChangesPending.set(Math.max(0, ...all.map(({ services }) => services)));
    this.#metrics.endpointChangesPending.set(Math.max(0, ...all.map(({ endpointSlices }) => endpointSlices)));
  }

  async #readConntrack(): Promise<void> {
    const { readConntrack, log } = this.#options;
    const table = await readConntrack?.().catch((error: unknown) => {
      log.detail(2, 'Cannot read how many connections are tracked', { error: String(error) });
      return undefined;
    });
    for (const [what, name, help] of CONNTRACK_METRICS) {
      this.#registry.removeSingleMetric(name);
      if (table !== undefined) new Gauge({ name, help, registers: [this.#registry] }).set(table[what]);
    }
  }

  async #readPackets(): Promise<void> {
    const { readPackets, log } = this.#options;
    const packets = await readPackets?.().catch((error: unknown) => {
      log.detail(2, 'Cannot count packets', { error: String(error) });
      return undefined;
    });
    for (const [object, metric] of PACKET_METRICS) {
      const counted = packets?.get(object);
      this.#registry.removeSingleMetric(metric.name);
      if (counted !== undefined) new Counter({ ...metric, registers: [this.#registry] }).inc(counted);
    }
  }
}

function familyLabel(family: Family): { ip_family: string } {
  return { ip_family: IP_FAMILY[family] };
}
