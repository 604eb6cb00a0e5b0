/** Whether this node's rules are fresh: what `/healthz` and `/livez` tell load balancers and the kubelet. */
import type { Family } from '../../net/address.ts';
import { IP_FAMILY } from '../ip-family.ts';

export interface Clock {
  date(): Date;
  /** Milliseconds since any moment; goes on evenly when somebody sets the node's clock. */
  elapsed(): number;
}

const SYSTEM_CLOCK: Clock = { date: () => new Date(), elapsed: () => performance.now() };

/** Go's zero time, which stands for "never". */
const NEVER = '0001-01-01T00:00:00Z';

export interface HealthReport {
  readonly healthy: boolean;
  /** JSON, byte for byte as kube-proxy v1.36 writes it. */
  readonly body: string;
}

/**
 * Told what is queued and what is synced, it knows how long changes wait. As in kube-proxy v1.36, the proxy is healthy
 * while no change has waited for twice the sync period: being idle is healthy, and so is being busy.
 */
export class ProxyHealth {
  /** Milliseconds that a change may wait. */
  readonly #patience: number;
  readonly #families: readonly Family[];
  readonly #clock: Clock;
  /** When the oldest change that is not synced was queued. */
  readonly #queuedAt = new Map<Family, number>();
  readonly #syncedAt = new Map<Family, Date>();
  #ineligible: string | undefined;

  /**
   * @param syncPeriod `iptables.syncPeriod` in milliseconds
   * @param families those that this node has rules for
   */
  constructor({
    syncPeriod,
    families,
    clock = SYSTEM_CLOCK,
  }: {
    readonly syncPeriod: number;
    readonly families: readonly Family[];
    readonly clock?: Clock;
  }) {
    this.#patience = 2 * syncPeriod;
    this.#families = families;
    this.#clock = clock;
  }

  /** A change waits for a sync of this family. Of several, the oldest counts. */
  queued(family: Family): void {
    if (!this.#queuedAt.has(family)) this.#queuedAt.set(family, this.#clock.elapsed());
  }

  /** A sync of this family succeeded: nothing waits, unless it is queued again. */
  synced(family: Family): void {
    this.#queuedAt.delete(family);
    this.#syncedAt.set(family, this.#clock.date());
  }

  /**
   * Whether load balancers may send new traffic to this node; they may until told otherwise.
   * @param reason why not: kube-proxy v1.36 has the Node's `deletionTimestamp` and the taint
   *   `ToBeDeletedByClusterAutoscaler`
   */
  setEligible(eligible: boolean, reason = 'the node is being deleted'): void {
    this.#ineligible = eligible ? undefined : reason;
  }

  /** Why load balancers should send no new traffic here; undefined where they may. */
  get ineligible(): string | undefined {
    return this.#ineligible;
  }

  /** Whether the rules of every family are fresh, whatever becomes of the node. */
  get healthy(): boolean {
    return this.#families.every((family) => this.#isFresh(family));
  }

  /** The answer of `/healthz`, for load balancers: the proxy is healthy and the node stays. */
  healthz(): HealthReport {
    const nodeEligible = this.#ineligible === undefined;
    return this.#report(this.healthy && nodeEligible, { nodeEligible });
  }

  /** The answer of `/livez`, for the kubelet: the proxy is healthy. It need not be restarted because its node goes. */
  livez(): HealthReport {
    return this.#report(this.healthy, {});
  }

  #isFresh(family: Family): boolean {
    const queuedAt = this.#queuedAt.get(family);
    return queuedAt === undefined || this.#clock.elapsed() - queuedAt < this.#patience;
  }

  #report(healthy: boolean, more: { readonly nodeEligible?: boolean }): HealthReport {
    const currentTime = this.#clock.date().toISOString();
    const syncs = this.#families.map((family) => this.#syncedAt.get(family)?.toISOString() ?? NEVER);
    const status = this.#families.map((family, i) => [
      IP_FAMILY[family],
      { lastUpdated: syncs[i], healthy: this.#isFresh(family) },
    ]);
    const body = {
      // Once the time of the last look at the rules, so it is recent as long as all is well.
      lastUpdated: healthy ? currentTime : ([...syncs].sort().at(-1) ?? NEVER),
      currentTime,
      ...more,
      healthy: this.healthy,
      status: Object.fromEntries(status),
    };
    return { healthy, body: JSON.stringify(body) };
  }
}
