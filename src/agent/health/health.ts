/** Whether this node's rules are fresh: what `/healthz` and `/livez` tell load balancers and the kubelet. */
import type { Family } from '../../net/address.ts';
import { IP_FAMILY } from '../ip-family.ts';

export interface Clock {
  date(): Date;
  /** Milliseconds since any moment; goes on evenly when somebody sets the node's clock. */
  elapsed(): number;
}

/** Its `elapsed` is the same in all threads, unlike `performance.now()`. */
export const SYSTEM_CLOCK: Clock = {
  date: () => new Date(),
  elapsed: () => Number(process.hrtime.bigint() / 1000n) / 1000,
};

/** Go's zero time, which stands for "never". */
const NEVER = '0001-01-01T00:00:00Z';

export interface HealthReport {
  readonly healthy: boolean;
  /** JSON, byte for byte as kube-proxy v1.36 writes it. */
  readonly body: string;
}

/** What health is found out from; can be sent to another thread. */
export interface HealthState {
  /** When the oldest change that is not synced was queued, by {@link Clock.elapsed}. */
  readonly queuedAt: ReadonlyMap<Family, number>;
  readonly syncedAt: ReadonlyMap<Family, Date>;
  /** Why load balancers should send no new traffic here; undefined where they may. */
  readonly ineligible: string | undefined;
}

/**
 * An event loop that has not come round for so many milliseconds hangs, whatever was told last. The largest cluster keeps
 * it busy for seconds, and a kubelet wants three bad answers before it acts.
 */
export const HANGS = 10_000;

/**
 * Told what is queued and what is synced, it knows how long changes wait. As in kube-proxy v1.36, the proxy is healthy
 * while no change has waited for twice the sync period: being idle is healthy, and so is being busy. An event loop that
 * hangs is neither.
 */
export class ProxyHealth {
  /** Milliseconds that a change may wait. */
  readonly #patience: number;
  readonly #families: readonly Family[];
  readonly #clock: Clock;
  readonly #cameRoundAt: () => number;
  readonly #hangs: number;
  #state: HealthState = { queuedAt: new Map(), syncedAt: new Map(), ineligible: undefined };
  #changed: (state: HealthState) => void = () => {};

  /**
   * @param syncPeriod `iptables.syncPeriod` in milliseconds
   * @param families those that this node has rules for
   * @param cameRoundAt when the agent's event loop last came round, by the clock's `elapsed`; just now unless given, as
   *   whoever asks in the same thread knows
   * @param hangs milliseconds after which it should have; ten seconds unless given
   */
  constructor({
    syncPeriod,
    families,
    clock = SYSTEM_CLOCK,
    cameRoundAt = () => clock.elapsed(),
    hangs = HANGS,
  }: {
    readonly syncPeriod: number;
    readonly families: readonly Family[];
    readonly clock?: Clock;
    readonly cameRoundAt?: () => number;
    readonly hangs?: number;
  }) {
    this.#patience = 2 * syncPeriod;
    this.#families = families;
    this.#clock = clock;
    this.#cameRoundAt = cameRoundAt;
    this.#hangs = hangs;
  }

  /** What it was told so far. */
  get state(): HealthState {
    return this.#state;
  }

  /** Takes the place of whatever it was told. */
  set state(state: HealthState) {
    this.#state = state;
    this.#changed(state);
  }

  /** @param changed told of each new state */
  follow(changed: (state: HealthState) => void): void {
    this.#changed = changed;
  }

  /** A change waits for a sync of this family. Of several, the oldest counts. */
  queued(family: Family): void {
    const { queuedAt } = this.#state;
    if (queuedAt.has(family)) return;
    this.state = { ...this.#state, queuedAt: new Map([...queuedAt, [family, this.#clock.elapsed()]]) };
  }

  /** A sync of this family succeeded: nothing waits, unless it is queued again. */
  synced(family: Family): void {
    const queuedAt = new Map([...this.#state.queuedAt].filter(([other]) => other !== family));
    const syncedAt = new Map([...this.#state.syncedAt, [family, this.#clock.date()]]);
    this.state = { ...this.#state, queuedAt, syncedAt };
  }

  /**
   * Whether load balancers may send new traffic to this node; they may until told otherwise.
   * @param reason why not: kube-proxy v1.36 has the Node's `deletionTimestamp` and the taint
   *   `ToBeDeletedByClusterAutoscaler`
   */
  setEligible(eligible: boolean, reason = 'the node is being deleted'): void {
    const ineligible = eligible ? undefined : reason;
    // Said after every change of the cluster.
    if (ineligible !== this.#state.ineligible) this.state = { ...this.#state, ineligible };
  }

  /** Why load balancers should send no new traffic here; undefined where they may. */
  get ineligible(): string | undefined {
    return this.#state.ineligible;
  }

  /** Whether the rules of every family are fresh, whatever becomes of the node. */
  get healthy(): boolean {
    return this.#families.every((family) => this.#isFresh(family));
  }

  /** The answer of `/healthz`, for load balancers: the proxy is healthy and the node stays. */
  healthz(): HealthReport {
    const nodeEligible = this.ineligible === undefined;
    return this.#report(this.healthy && nodeEligible, { nodeEligible });
  }

  /** The answer of `/livez`, for the kubelet: the proxy is healthy. It need not be restarted because its node goes. */
  livez(): HealthReport {
    return this.#report(this.healthy, {});
  }

  #isFresh(family: Family): boolean {
    const now = this.#clock.elapsed();
    if (now - this.#cameRoundAt() >= this.#hangs) return false;
    const queuedAt = this.#state.queuedAt.get(family);
    return queuedAt === undefined || now - queuedAt < this.#patience;
  }

  #report(healthy: boolean, more: { readonly nodeEligible?: boolean }): HealthReport {
    const currentTime = this.#clock.date().toISOString();
    const syncs = this.#families.map((family) => this.#state.syncedAt.get(family)?.toISOString() ?? NEVER);
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
