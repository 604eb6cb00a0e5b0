/**
 * Watching iptables-legacy, whose kernel part tells nobody of changes. Every program that changes a table holds the lock
 * of iptables for it, and lets go of its file afterwards; one that does not is seen if the table has another size then.
 */

import { CANARY_TABLES } from '../../chains/names.ts';
import type { Family } from '../../iptables/types.ts';
import { type Doubt, EVERYTHING, type KernelWatch, type Write } from './kernel-watch.ts';
import { FileUse, type Libc, TableInfo, WatchError } from './libc.ts';

/** Where iptables has its lock: XT_LOCK_NAME in iptables' xshared.h, and the variable that sets another. */
const LOCK = process.env.XTABLES_LOCKFILE ?? '/run/xtables.lock';

/** Our own writes take the lock as well and are not told apart: what holds afterwards is read once. */
export class LegacyWatch implements KernelWatch {
  readonly #libc: Libc;
  readonly #tables: TableInfo;
  #lock: FileUse | undefined;
  #sizes = '';

  /** @throws WatchError where that is not allowed */
  constructor(libc: Libc, family: Family) {
    this.#libc = libc;
    this.#tables = new TableInfo(libc, family);
    this.#watchLock();
  }

  doubt(): Doubt | undefined {
    const used = this.#lockUsed();
    const sizes = CANARY_TABLES.map((table) => this.#tables.of(table)).join();
    const same = !used && sizes === this.#sizes;
    this.#sizes = sizes;
    return same ? undefined : EVERYTHING;
  }

  ownWrite(_: unknown, write: Write): Promise<void> {
    return write(() => {});
  }

  close(): void {
    this.#lock?.close();
    this.#tables.close();
  }

  /** While there is no lock to watch, it may have been used. */
  #lockUsed(): boolean {
    const seen = this.#lock ? this.#lock.seen() : 'gone';
    if (seen === 'gone') this.#watchLock();
    return seen !== undefined;
  }

  #watchLock(): void {
    this.#lock?.close();
    this.#lock = undefined;
    try {
      this.#lock = new FileUse(this.#libc, LOCK);
    } catch (error) {
      if (!(error instanceof WatchError)) throw error;
    }
  }
}
