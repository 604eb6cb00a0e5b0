/** A fault that lasts is told once, and not once for each attempt. */

/** It is told again after so many milliseconds: logs are rotated, and whoever looks only at the last hour must see it. */
const AGAIN = 600_000;

/** How often something was tried in vain, and for how long so far. */
export interface Attempts {
  readonly attempts: number;
  readonly seconds: number;
}

/** What goes wrong again and again, until it does not. */
export class LastingFault {
  readonly #again: number;
  /** When each message was told last, in milliseconds of `performance.now()`. */
  readonly #told = new Map<string, number>();
  #began = 0;
  #attempts = 0;

  /** @param again milliseconds after which the same is told again; ten minutes unless given */
  constructor(again = AGAIN) {
    this.#again = again;
  }

  /**
   * It went wrong.
   * @returns whether to tell, and what happened so far: undefined where the same was told not long ago
   */
  happened(message: string): Attempts | undefined {
    const now = performance.now();
    if (this.#attempts++ === 0) this.#began = now;
    for (const [told, at] of this.#told) if (now - at >= this.#again) this.#told.delete(told);
    if (this.#told.has(message)) return undefined;
    this.#told.set(message, now);
    return this.#soFar(now);
  }

  /** It went well. Gives what is over, where something is. */
  ended(): Attempts | undefined {
    if (this.#attempts === 0) return undefined;
    const over = this.#soFar(performance.now());
    this.#attempts = 0;
    this.#told.clear();
    return over;
  }

  #soFar(now: number): Attempts {
    return { attempts: this.#attempts, seconds: Math.round((now - this.#began) / 1000) };
  }
}
