/** The changes of a cluster that the rules of one family do not know yet, counted. */
import { NO_CHANGE, type SourceChange } from '../../sources/source.ts';

/** A sync serves what came before it began; what comes while it runs waits for the next. */
export class PendingChanges {
  #waiting: SourceChange = NO_CHANGE;
  /** What the sync in hand serves; of a sync that failed, what the next one serves as well. */
  #beingServed: SourceChange = NO_CHANGE;
  #syncing = false;

  /** Everything that is not served, whether a sync is in hand or not. */
  get all(): SourceChange {
    return sum(this.#beingServed, this.#waiting);
  }

  add(change: SourceChange): void {
    this.#waiting = sum(this.#waiting, change);
  }

  /** A sync begins. */
  begin(): void {
    this.#beingServed = this.all;
    this.#waiting = NO_CHANGE;
    this.#syncing = true;
  }

  /** The sync succeeded. Gives what it served; of one that nobody saw begin, everything. */
  succeed(): SourceChange {
    if (!this.#syncing) this.begin();
    const served = this.#beingServed;
    this.#beingServed = NO_CHANGE;
    this.#syncing = false;
    return served;
  }

  /** The sync failed: what it would have served waits on. */
  fail(): void {
    this.#syncing = false;
  }
}

function sum(a: SourceChange, b: SourceChange): SourceChange {
  return {
    services: a.services + b.services,
    endpointSlices: a.endpointSlices + b.endpointSlices,
    triggered: [...a.triggered, ...b.triggered],
  };
}
