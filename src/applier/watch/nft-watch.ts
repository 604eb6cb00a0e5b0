/** Watching nftables: the kernel tells of every change, and who made it. */
import { BUILT_IN_CHAINS, holdsJumps } from '../../chains/jumps.ts';
import { CANARY_TABLES, isOwnChain } from '../../chains/names.ts';
import type { TableName } from '../../iptables/types.ts';
import { FAMILIES, type Family } from '../../net/address.ts';
import {
  type Doubt,
  EVERYTHING,
  joinDoubts,
  type KernelWatch,
  type Write,
  type WriteSize,
} from './kernel-watch.ts';
import { type NetlinkSocket, WatchError } from './libc.ts';
import {
  generationRequest,
  NFNLGRP_NFTABLES,
  type NftChange,
  type NftGeneration,
  readNftEvents,
} from './nft-events.ts';

/** Bytes that may wait to be heard: some 10,000 changes of others between two checks. */
const WAITING = 8 * 2 ** 20;

/** With more lines than this, we do not listen while we write: each would be told, and thrown away. */
const MOST_HEARD = 1000;

/** What is needed of {@link NetlinkSocket}. */
export type WatchSocket = Pick<NetlinkSocket, 'listen' | 'reserve' | 'send' | 'receive' | 'close'>;

/**
 * Hears of the changes of both families in this network namespace, and forgets those of our own processes. A large write
 * of ours is not listened to. Then the generation tells whether somebody else wrote meanwhile: it grows by one with each
 * transaction.
 */
export class NftWatch {
  readonly #events: WatchSocket;
  readonly #questions: WatchSocket;
  readonly #doubts = new Map<Family, Doubt>();
  /** The changes of a transaction whose end has not been heard of yet. */
  #changes: NftChange[] = [];
  readonly #ownPorts = new Set<number>();
  /** What chains that are not ours were called last, by their handles, as far as this was heard. */
  readonly #names = new Map<string, string>();
  /** The handle that was given last in each table, as far as this was heard. */
  readonly #newest = new Map<string, bigint>();
  /** Writes of ours that are listened to, and under way. */
  readonly #heard = new Set<Promise<void>>();
  /** While we do not listen: how many writes are under way, and which generation comes of them. */
  #deaf: { writes: number; generation: number } | undefined;

  /** @throws WatchError where that is not allowed */
  constructor(events: WatchSocket, questions: WatchSocket) {
    this.#events = events;
    this.#questions = questions;
    events.reserve(WAITING);
    events.listen(NFNLGRP_NFTABLES, true);
  }

  of(family: Family): KernelWatch {
    return {
      doubt: () => {
        this.#hear();
        const doubt = this.#doubts.get(family);
        this.#doubts.delete(family);
        return doubt;
      },
      ownWrite: async (size, write) => {
        if (size.lineCount > MOST_HEARD) await this.#stopListening();
        await (this.#deaf ? this.#unheard(size, write) : this.#listenedTo(write));
      },
    };
  }

  close(): void {
    this.#events.close();
    this.#questions.close();
  }

  async #listenedTo(write: Write): Promise<void> {
    const own: number[] = [];
    const writing = write((pid) => {
      own.push(pid);
      this.#ownPorts.add(pid);
    });
    this.#heard.add(writing);
    try {
      await writing;
    } finally {
      this.#heard.delete(writing);
      // All that a process did was told before it ended; its number may be another program's next.
      this.#hear();
      for (const pid of own) this.#ownPorts.delete(pid);
    }
  }

  async #unheard({ transactionCount }: WriteSize, write: Write): Promise<void> {
    if (this.#deaf) this.#deaf.writes++;
    try {
      await write(() => {});
      if (this.#deaf) this.#deaf.generation += transactionCount;
    } finally {
      if (this.#deaf && --this.#deaf.writes === 0) this.#listenAgain(this.#deaf.generation);
    }
  }

  /** Not in the midst of a write: which of its transactions are done would not be known. */
  async #stopListening(): Promise<void> {
    while (!this.#deaf && this.#heard.size > 0) await Promise.allSettled(this.#heard);
    if (this.#deaf) return;
    this.#events.listen(NFNLGRP_NFTABLES, false);
    this.#hear();
    this.#forgetHandles();
    this.#deaf = { writes: 0, generation: this.#generation() };
  }

  #listenAgain(expected: number): void {
    this.#deaf = undefined;
    this.#events.listen(NFNLGRP_NFTABLES, true);
    if (this.#generation() !== expected) this.#doubtEverything();
  }

  /** Where the kernel does not tell, one that none can come of: then nobody knows who wrote meanwhile. */
  #generation(): number {
    let generation = -1;
    try {
      this.#questions.send(generationRequest());
    } catch (error) {
      if (!(error instanceof WatchError)) throw error;
      return generation;
    }
    this.#questions.receive((datagram) => {
      for (const event of readNftEvents(datagram)) {
        if (event.kind === 'generation') generation = event.generation;
      }
    });
    return generation;
  }

  #doubtEverything(): void {
    for (const family of FAMILIES) this.#doubts.set(family, EVERYTHING);
  }

  #hear(): void {
    const complete = this.#events.receive((datagram) => {
      for (const event of readNftEvents(datagram)) {
        if (event.kind === 'change') {
          const change = this.#compared(event);
          if (!this.#ownPorts.has(event.port)) this.#changes.push(change);
        } else {
          this.#judge(event);
        }
      }
    });
    if (complete) return;
    this.#changes = [];
    this.#forgetHandles();
    this.#doubtEverything();
  }

  /**
   * A change, with whether the chain has another name now. Whoever makes a chain with iptables-restore, or flushes one of theirs,
   * declares it, as many do all the time, and the kernel tells all that in the same words.
   */
  #compared(change: NftChange): NftChange {
    const { what, family, chain, handle, deleted } = change;
    // In a new table, handles begin anew.
    if (what === 'table' && deleted) this.#forgetHandles();
    const table = CANARY_TABLES.find((known) => known === change.table);
    if (table === undefined || chain === undefined || handle === undefined) return change;
    const place = `${family} ${table}`;
    const newest = this.#newest.get(place);
    if (what === 'rule') {
      // A rule that comes is always new.
      if (!deleted) this.#newest.set(place, handle);
      return change;
    }
    const isNew = newest !== undefined && handle > newest;
    if (isNew) this.#newest.set(place, handle);
    const key = `${place} ${handle}`;
    const isSame = this.#names.get(key) === chain;
    if (deleted || isOwnChain(table, chain)) this.#names.delete(key);
    else this.#names.set(key, chain);
    return isNew || isSame ? { ...change, altered: false } : change;
  }

  #forgetHandles(): void {
    this.#names.clear();
    this.#newest.clear();
  }

  #judge(end: NftGeneration): void {
    const changes = this.#changes;
    this.#changes = [];
    for (const family of FAMILIES) {
      const doubt = doubtOf(
        changes.filter((change) => change.family === family),
        `${end.program} (PID ${end.pid})`,
      );
      const joined = joinDoubts(this.#doubts.get(family), doubt);
      if (joined) this.#doubts.set(family, joined);
    }
  }
}

/**
 * What one transaction of somebody else leaves in doubt, in one family.
 * @param by who it was
 * @returns undefined where it touched nothing of ours
 */
export function doubtOf(changes: readonly NftChange[], by: string): Doubt | undefined {
  const chains = new Map<TableName, Set<string>>();
  for (const { table: name, chain, altered, deleted } of changes) {
    const table = CANARY_TABLES.find((known) => known === name);
    if (!table) continue;
    if (chain === undefined) {
      if (deleted) return { chains: undefined, by: [by] };
      continue;
    }
    if (isOwnChain(table, chain) || holdsJumps(table, chain)) {
      chains.set(table, (chains.get(table) ?? new Set()).add(chain));
    } else if (altered && !BUILT_IN_CHAINS.some((builtIn) => builtIn === chain)) {
      // It has another name now, and may have had one of ours. A built-in one has another policy.
      return { chains: undefined, by: [by] };
    }
  }
  return chains.size > 0 ? { chains, by: [by] } : undefined;
}
