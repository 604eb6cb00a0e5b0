/** Keeps one family's rules equal to a cluster: writes what changes, and looks after what was written. */

import type { ChainDifference } from '../../applier/chain-diff.ts';
import { type Doubt, EVERYTHING, joinDoubts } from '../../applier/watch/kernel-watch.ts';
import type { Family } from '../../net/address.ts';
import { unified } from '../../text/unified-diff.ts';
import { LastingFault } from '../lasting-fault.ts';
import type { Log } from '../log.ts';
import type { FamilyRules, Mended, RulesInput, SyncReport } from './family-rules.ts';
import { SyncRunner, type SyncTimes } from './sync-runner.ts';

/** Who is told of what becomes of the rules. */
export interface RulesObserver {
  /** Something waits to be written. */
  queued(family: Family): void;
  /** What has come so far is being written. */
  syncing(family: Family): void;
  synced(family: Family, report: SyncReport): void;
  syncFailed(family: Family, failure: SyncFailure): void;
  /** Somebody had changed our rules, and they are mended. */
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
  /** What others may have changed is looked at, and mended. */
  readonly mend: Doubt | undefined;
}

const NOTHING: Todo = { write: false, mend: undefined };

function both(a: Todo, b: Todo): Todo {
  return { write: a.write || b.write, mend: joinDoubts(a.mend, b.mend) };
}

export class FamilyLoop {
  readonly #rules: FamilyRules;
  readonly #options: FamilyLoopOptions;
  readonly #runner: SyncRunner;
  readonly #fault = new LastingFault();
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

  /** Mends what others have changed, as far as the kernel tells of it. */
  check(): void {
    const mend = this.#rules.doubt();
    if (mend) this.#request({ ...NOTHING, mend });
  }

  /** Compares everything with the kernel, and mends what differs. */
  compare(): void {
    const { write, mend } = this.#todo;
    // What is still to be read will be read as it is then.
    if (write && mend !== undefined && mend.chains === undefined) return;
    this.#options.observer.queued(this.family);
    this.#request({ write: true, mend: EVERYTHING });
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
    const input = this.#options.input();
    if (!input) return false;
    const todo = this.#todo;
    this.#todo = NOTHING;
    try {
      const mended = todo.mend && (await this.#mend(todo.mend));
      if (todo.write) await this.#write(input);
      this.#recovered();
      return mended !== undefined || todo.write;
    } catch (error) {
      this.#todo = both(this.#todo, todo);
      throw error;
    }
  }

  async #mend(doubt: Doubt): Promise<Mended | undefined> {
    const { observer } = this.#options;
    const start = performance.now();
    const mended = await this.#rules.mend(doubt).catch((error: unknown) => {
      const milliseconds = performance.now() - start;
      const full = doubt.chains === undefined;
      observer.syncFailed(this.family, { error: asError(error), full, milliseconds });
      throw error;
    });
    if (mended) this.#tellMended(mended);
    return mended;
  }

  #tellMended({ by, differences }: Mended): void {
    const { observer, log } = this.#options;
    log.warning('Another program changed our rules; repaired', {
      family: this.family,
      ...(by.length > 0 ? { by: by.join(', ') } : {}),
      chains: differences.length,
      ...(differences.length > 0 ? { changed: changesInWords(differences) } : {}),
    });
    observer.driftFound(this.family);
  }

  async #write(input: RulesInput): Promise<void> {
    const { observer, log } = this.#options;
    const { family } = this;
    const start = performance.now();
    const first = !this.#rules.compiled;
    observer.syncing(family);
    try {
      const report = await this.#rules.sync(input, () => this.#todo.mend?.by ?? []);
      if (report.mended) this.#tellMended(report.mended);
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

  /** A fault that lasts is told once, and then only now and then. */
  #failed(error: unknown, retryIn: number | undefined): void {
    const { message } = asError(error);
    const told = this.#fault.happened(message);
    if (!told) return;
    const { attempts, seconds } = told;
    this.#options.log.error('Cannot write rules; the kernel keeps the former ones', {
      family: this.family,
      error: message,
      ...(attempts > 1 ? { attempts, seconds } : {}),
      ...(retryIn === undefined ? {} : { retryInSeconds: Math.round(retryIn / 100) / 10 }),
    });
  }

  #recovered(): void {
    const over = this.#fault.ended();
    if (over) this.#options.log.info('Rules can be written again', { family: this.family, ...over });
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

/** Lines of a log entry; `/debug/drift` has all of them. */
const MOST_LINES = 6;

/** `nat KUBE-SERVICES: +-A KUBE-SERVICES -j ACCEPT`: what others had added is `+`, what they had deleted `-`. */
function changesInWords(differences: readonly ChainDifference[]): string {
  const lines = differences.slice(0, MOST_LINES).map(({ table, chain, current, wanted }) => {
    if (current.length === 0) return `${table} ${chain}: deleted`;
    const changed = unified('', wanted, current).filter(({ kind }) => kind === 'added' || kind === 'removed');
    const shown = changed.slice(0, MOST_LINES).map(({ text }) => text);
    const more = changed.length > shown.length ? ` and ${changed.length - shown.length} more` : '';
    return `${table} ${chain}: ${shown.join(' ')}${more}`;
  });
  const more = differences.length > lines.length ? `; and ${differences.length - lines.length} more` : '';
  return `${lines.join('; ')}${more}`;
}
