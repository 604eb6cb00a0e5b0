/** When to sync: at once after quiet, no more often than allowed, again after a failure. */

export interface SyncTimes {
  /** Syncs begin at least so many milliseconds after the end of the one before (`iptables.minSyncPeriod`). */
  readonly shortest: number;
  /** The pause after a failed sync, and the longest one; it doubles each time. Milliseconds. */
  readonly retry: { readonly first: number; readonly longest: number };
}

/**
 * Runs a sync whenever something has changed: the first change after quiet at once, further ones gathered until the
 * shortest period has passed, as kube-proxy does. One sync runs at a time. A sync that throws is run again, so that
 * no change is lost; one that finds nothing to do, and says so with false, keeps no other waiting.
 */
export class SyncRunner {
  readonly #sync: () => Promise<boolean>;
  readonly #times: SyncTimes;
  readonly #failed: (error: unknown, retryIn: number | undefined) => void;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #wanted = false;
  #stopped = false;
  #failures = 0;
  /** When the next sync may begin, in milliseconds of `performance.now()`. */
  #notBefore = 0;

  /** @param failed is told what a sync threw, and in how many milliseconds it is run again, if it is */
  constructor(
    sync: () => Promise<boolean>,
    times: SyncTimes,
    failed: (error: unknown, retryIn: number | undefined) => void,
  ) {
    this.#sync = sync;
    this.#times = times;
    this.#failed = failed;
  }

  /** Whether a change waits to be synced, or is being synced. */
  get pending(): boolean {
    return this.#wanted || this.#running !== undefined;
  }

  /** Something has changed. */
  request(): void {
    if (this.#stopped) return;
    this.#wanted = true;
    this.#schedule();
  }

  /** Begins no further sync, and waits for the one in hand. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  #schedule(): void {
    if (this.#running || this.#timer || this.#stopped) return;
    const pause = this.#notBefore - performance.now();
    if (pause <= 0) this.#begin();
    else this.#timer = setTimeout(() => this.#begin(), pause);
  }

  #begin(): void {
    this.#timer = undefined;
    this.#wanted = false;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      if (this.#wanted) this.#schedule();
    });
  }

  async #run(): Promise<void> {
    try {
      const did = await this.#sync();
      this.#failures = 0;
      if (did) this.#notBefore = performance.now() + this.#times.shortest;
    } catch (error) {
      const { first, longest } = this.#times.retry;
      const pause = Math.max(Math.min(first * 2 ** this.#failures++, longest), this.#times.shortest);
      this.#notBefore = performance.now() + pause;
      this.#wanted = true;
      this.#failed(error, this.#stopped ? undefined : pause);
    }
  }
}
