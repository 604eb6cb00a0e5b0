/** A source that runs before anybody can be told: what it tells waits. */
import type { Source, SourceListener } from './source.ts';

/** Whoever listens comes later, and hears all that was told before, in its order. */
export class LateListener implements SourceListener {
  #heard: SourceListener | undefined;
  #waiting: ((listener: SourceListener) => void)[] = [];

  /** Tells what has waited, and from now on whatever comes. */
  hear(listener: SourceListener): void {
    this.#heard = listener;
    for (const tell of this.#waiting) tell(listener);
    this.#waiting = [];
  }

  #tell(tell: (listener: SourceListener) => void): void {
    if (this.#heard) tell(this.#heard);
    else this.#waiting.push(tell);
  }

  changed(...told: Parameters<SourceListener['changed']>): void {
    this.#tell((listener) => listener.changed(...told));
  }

  invalid(...told: Parameters<SourceListener['invalid']>): void {
    this.#tell((listener) => listener.invalid(...told));
  }

  warned(...told: Parameters<SourceListener['warned']>): void {
    this.#tell((listener) => listener.warned(...told));
  }

  failed(...told: Parameters<SourceListener['failed']>): void {
    this.#tell((listener) => listener.failed(...told));
  }

  recovered(...told: Parameters<SourceListener['recovered']>): void {
    this.#tell((listener) => listener.recovered(...told));
  }
}

/** The same source, for whoever runs it once it is running. */
export function running(source: Source, run: Promise<void>): Source {
  return {
    get cluster() {
      return source.cluster;
    },
    get nodes() {
      return source.nodes;
    },
    get serviceCIDRs() {
      return source.serviceCIDRs;
    },
    get synced() {
      return source.synced;
    },
    noSuchNode: (...asked) => source.noSuchNode(...asked),
    run: () => run,
  };
}
