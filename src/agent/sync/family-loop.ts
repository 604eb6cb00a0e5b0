/** Keeps one family's rules equal to a cluster: writes what changes, and looks after what was written. */
import type { Family } from '../../net/address.ts';
import type { Log } from '../log.ts';
import type { FamilyRules, RulesInput, SyncReport } from './family-rules.ts';
import { SyncRunner, type SyncTimes } from './sync-runner.ts';

/** Who is told of what becomes of the rules. */
export interface RulesObserver {
  /** Something waits to be written. */
  queued(family: Family): void;
  /** What has come so far is being written. */
  syncing(family: Family): void;
  synced(family: Family, report: SyncReport): void;
  syncFailed(family: Family, failure: SyncFailure): void;
  /** The kernel did not hold what had been written. */
  driftFound(family: Family): void;
}

export interface SyncFailure {
  readonly error: Error;
  /** It was to write everything, not only what has changed. */
  readonly full: boolean;
  readonly milliseconds: number;
}

export interface FamilyLoopOptions {
  /** What the rules are made for at this moment; undefined while that is not known. */
  input(): RulesInput | undefined;
  readonly times: SyncTimes;
  readonly observer: RulesObserver;
  readonly log: Log;
}

/** What the next sync is for. */
interface Todo {
  /** Something has changed. */
  readonly write: boolean;
  /** See whether what leads into our rules is still there. */
  readonly check: boolean;
  /** Read the kernel anew. */
  readonly compare: boolean;
}

const NOTHING: Todo = { write: false, check: false, compare: false };

function both(a: Todo, b: Todo): Todo {
  return { write: a.write || b.write, check: a.check || b.check, compare: a.compare || b.compare };
}

export class FamilyLoop {
  readonly #rules: FamilyRules;
  readonly #options: FamilyLoopOptions;
  readonly #runner: SyncRunner;
  #todo: Todo = NOTHING;

  constructor(rules: FamilyRules, options: FamilyLoopOptions) {
    this.#rules = rules;
    this.#options = options;
    this.#runner = new SyncRunner(
      () => this.#run(),
      options.times,
      (error, retryIn) => this.#failed(error, retryIn),
    );
  }

  get family(): Family {
    return this.#rules.host.family;
  }

  get rules(): FamilyRules {
    return this.#rules;
  }

  /** The cluster or the node is another one than before. */
  changed(): void {
    this.#options.observer.queued(this.family);
    this.#request({ ...NOTHING, write: true });
  }

  /** Looks whether what leads into our rules is still there; where it is not, everything is written again. */
  check(): void {
    this.#request({ ...NOTHING, check: true });
  }

  /** Compares everything with the kernel, and writes what differs. */
  compare(): void {
    this.#options.observer.queued(this.family);
    this.#request({ ...NOTHING, write: true, compare: true });
  }

  /** Whether {@link compare} was asked for, and the kernel is still to be read for it. */
  get comparisonWaits(): boolean {
    return this.#todo.compare;
  }

  /** Begins nothing more, and waits for what is being written. */
  async stop(): Promise<void> {
    await this.#runner.stop();
  }

  #request(todo: Todo): void {
    this.#todo = both(this.#todo, todo);
    this.#runner.request();
  }

  /** Tells whether anything was written, or would have been. */
  async #run(): Promise<boolean> {
    const { observer, log } = this.#options;
    const { family } = this;
    const input = this.#options.input();
    if (!input) return false;
    const todo = this.#todo;
    this.#todo = NOTHING;
    try {
      const gone = todo.check && this.#rules.compiled && !(await this.#rules.isIntact());
      if (gone) {
        log.warning('Chains or jumps of ours are gone from the kernel: all rules are written again', {
          family,
        });
        observer.driftFound(family);
      }
      if (gone || todo.compare) this.#rules.forget();
      if (gone || todo.write) await this.#write(input, todo.compare && !gone);
      return gone || todo.write;
    } catch (error) {
      this.#todo = both(this.#todo, todo);
      throw error;
    }
  }

  /** @param comparing what is found to differ is somebody else's doing, unless nothing was written yet */
  async #write(input: RulesInput, comparing: boolean): Promise<void> {
    const { observer, log } = this.#options;
    const { family } = this;
    const start = performance.now();
    const first = !this.#rules.compiled;
    observer.syncing(family);
    try {
      const report = await this.#rules.sync(input);
      if (comparing && !first && !report.result.input.isEmpty) this.#foundDifference(report);
      observer.synced(family, report);
      if (this.#todo.write) observer.queued(family);
      const news = this.#rules.dryRun ? 'Rules would be written' : 'Rules are in the kernel';
      log.detail(report.result.input.isEmpty ? 4 : 2, news, {
        family,
        ...factsOf(report),
      });
    } catch (error) {
      const milliseconds = performance.now() - start;
      observer.syncFailed(family, { error: asError(error), full: first, milliseconds });
      throw error;
    }
  }

  #foundDifference({ result }: SyncReport): void {
    const chains = result.tables.flatMap(({ added, changed, removed }) => [...added, ...changed, ...removed]);
    this.#options.log.warning('The kernel did not hold the rules that had been written: mended', {
      family: this.family,
      chains: chains.length,
      some: chains.slice(0, 5).join(' '),
    });
    this.#options.observer.driftFound(this.family);
  }

  #failed(error: unknown, retryIn: number): void {
    this.#options.log.error('Rules could not be written; what is in the kernel stays', {
      family: this.family,
      error: asError(error).message,
      retryInSeconds: Math.round(retryIn / 100) / 10,
    });
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

function factsOf({ result, full, milliseconds }: SyncReport) {
  const count = (list: 'added' | 'changed' | 'removed') =>
    result.tables.reduce((sum, table) => sum + table[list].length, 0);
  return {
    full,
    chainsAdded: count('added'),
    chainsChanged: count('changed'),
    chainsRemoved: count('removed'),
    milliseconds: Math.round(milliseconds),
  };
}
