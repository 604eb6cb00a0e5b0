/** What the health server's thread and the agent's own know of each other without waiting for each other. */

/** Pages of the health server whose answers are counted, and the statuses that these have. */
export const COUNTED = [
  { page: 'healthz', status: 200 },
  { page: 'healthz', status: 503 },
  { page: 'livez', status: 200 },
  { page: 'livez', status: 503 },
] as const;

export type CountedPage = (typeof COUNTED)[number]['page'];
export type CountedStatus = (typeof COUNTED)[number]['status'];

/** Numbers in memory that both threads see: when the agent's event loop last came round, then one for each count. */
export class HealthMemory {
  readonly buffer: SharedArrayBuffer;
  readonly #numbers: BigInt64Array;

  /** @param buffer that of the other thread; a new one unless given */
  constructor(buffer = new SharedArrayBuffer((1 + COUNTED.length) * BigInt64Array.BYTES_PER_ELEMENT)) {
    this.buffer = buffer;
    this.#numbers = new BigInt64Array(buffer);
  }

  /** When the event loop last came round, in milliseconds of the system clock's `elapsed`. */
  get cameRoundAt(): number {
    return Number(Atomics.load(this.#numbers, 0)) / 1000;
  }

  set cameRoundAt(elapsed: number) {
    Atomics.store(this.#numbers, 0, BigInt(Math.round(elapsed * 1000)));
  }

  count(page: CountedPage, status: CountedStatus): void {
    const i = COUNTED.findIndex((one) => one.page === page && one.status === status);
    Atomics.add(this.#numbers, 1 + i, 1n);
  }

  /** What was counted since this was asked last. */
  take(): { readonly page: CountedPage; readonly status: CountedStatus; readonly times: number }[] {
    return COUNTED.map((one, i) => ({ ...one, times: Number(Atomics.exchange(this.#numbers, 1 + i, 0n)) }));
  }
}
