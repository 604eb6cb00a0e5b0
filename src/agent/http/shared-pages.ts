/** Pages that cost much, made one at a time, each of them once for all who wait for it. */
import type { Answer, Page, PageRequest } from './routes.ts';

/** One page that is being made, or waits for its turn. */
interface Making {
  readonly answer: Promise<Answer>;
  /** Aborted when nobody waits for it any more. */
  readonly givenUp: AbortController;
  /** When everybody who waited has it or has left. */
  readonly over: PromiseWithResolvers<void>;
  /** How many wait for it, or take it. */
  takers: number;
}

export class SharedPages {
  /** What is to be made, by what was asked for. Whoever comes once it is there waits for the next one. */
  readonly #making = new Map<string, Making>();
  /** The end of the page that was asked for last. */
  #turn: Promise<void> = Promise.resolve();

  /**
   * A page that is shared: the next one is made when this one was sent to everybody who waited, so that no more than one
   * is held in memory. Given up when nobody waits.
   * @param nameOf what two requests have in common that get the same answer
   * @param make throws, once it is given up, whatever it likes
   */
  page(
    nameOf: (request: PageRequest) => string,
    make: (request: PageRequest, givenUp: AbortSignal) => Promise<Answer>,
  ): Page['answer'] {
    return (request) => {
      // Its client has left already, and would never be seen to leave.
      request.over.throwIfAborted();
      const name = nameOf(request);
      const making = this.#making.get(name) ?? this.#begin(name, (givenUp) => make(request, givenUp));
      making.takers++;
      request.over.addEventListener('abort', () => this.#leave(name, making), { once: true });
      return making.answer;
    };
  }

  #begin(name: string, make: (givenUp: AbortSignal) => Promise<Answer>): Making {
    const givenUp = new AbortController();
    const over = Promise.withResolvers<void>();
    const answer = this.#turn.then(async () => {
      try {
        givenUp.signal.throwIfAborted();
        const { body, ...rest } = await make(givenUp.signal);
        // Encoded once, and sent to all from there.
        return { ...rest, body: Buffer.from(body) };
      } finally {
        if (this.#making.get(name) === making) this.#making.delete(name);
      }
    });
    // What went wrong is told to those who wait; where there are none any more, to nobody.
    answer.catch(() => {});
    const making: Making = { answer, givenUp, over, takers: 0 };
    this.#making.set(name, making);
    this.#turn = Promise.allSettled([answer, over.promise]).then(() => {});
    return making;
  }

  #leave(name: string, making: Making): void {
    if (--making.takers > 0) return;
    making.givenUp.abort();
    making.over.resolve();
    // Whoever comes now must not wait for what is being given up.
    if (this.#making.get(name) === making) this.#making.delete(name);
  }
}
