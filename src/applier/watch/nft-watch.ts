/** Watching nftables: the kernel tells of every change, and who made it. */
import { BUILT_IN_CHAINS, holdsJumps } from '../../chains/jumps.ts';
import { CANARY_TABLES, isOwnChain } from '../../chains/names.ts';
import type { Family, TableName } from '../../iptables/types.ts';
import { type Doubt, EVERYTHING, joinDoubts, type KernelWatch, type WriteSize } from './kernel-watch.ts';
import { type Libc, NetlinkSocket, WatchError } from './libc.ts';
import {
  generationRequest,
  NFTABLES_GROUP,
  type NftChange,
  type NftGeneration,
  readNftEvents,
} from './nft-events.ts';

/** Bytes that may wait to be heard: some 10,000 changes of others between two checks. */
const WAITING = 8 * 2 ** 20;

/** With more lines than this, we do not listen while we write: each would be told, and thrown away. */
const MOST_HEARD = 1000;

/**
 * Hears of the changes of both families in this network namespace, and forgets those of our own processes. A large write
 * of ours is not listened to. Then the generation tells whether somebody else wrote meanwhile: it grows by one with each
 * transaction.
 */
export class NftWatch {
  readonly #events: NetlinkSocket;
  readonly #questions: NetlinkSocket;
  readonly #doubts = new Map<Family, Doubt>();
  /** The changes of a transaction whose end has not been heard of yet. */
  #changes: NftChange[] = [];
  readonly #ownPorts = new Set<number>();
  /** While we do not listen: how many large writes are under way, and what is to be expected afterwards. */
  #deaf: { writes: number; generation: number | undefined } | undefined;

  /** @throws WatchError where that is not allowed */
  constructor(libc: Libc) {
    this.#events = new NetlinkSocket(libc);
    this.#questions = new NetlinkSocket(libc);
    this.#events.reserve(WAITING);
    this.#events.listen(NFTABLES_GROUP);
  }

  of(family: Family): KernelWatch {
    return {
      doubt: () => {
        this.#hear();
        const doubt = this.#doubts.get(family);
        this.#doubts.delete(family);
        return doubt;
      },
      ownWrite: (size, write) => this.#ownWrite(size, write),
    };
  }

  close(): void {
    this.#events.close();
    this.#questions.close();
  }

  async #ownWrite(size: WriteSize, write: (started: (pid: number) => void) => Promise<void>): Promise<void> {
    const large = size.lineCount > MOST_HEARD;
    if (large) this.#stopListening();
    const own: number[] = [];
    try {
      await write((pid) => {
        own.push(pid);
        this.#ownPorts.add(pid);
      });
      if (this.#deaf?.generation !== undefined) this.#deaf.generation += size.transactionCount;
    } finally {
      // All that a process did was told before it ended; its number may be another program's next.
      this.#hear();
      for (const pid of own) this.#ownPorts.delete(pid);
      if (large) this.#listenAgain();
    }
  }

  #stopListening(): void {
    if (this.#deaf) {
      this.#deaf.writes++;
      return;
    }
    this.#events.listen(0);
    this.#hear();
    this.#deaf = { writes: 1, generation: this.#generation() };
  }

  #listenAgain(): void {
    if (!this.#deaf || --this.#deaf.writes > 0) return;
    this.#events.listen(NFTABLES_GROUP);
    const { generation } = this.#deaf;
    if (generation === undefined || this.#generation() !== generation) this.#doubtEverything();
    this.#deaf = undefined;
  }

  /** Undefined where the kernel does not tell: then nobody knows who wrote meanwhile. */
  #generation(): number | undefined {
    let generation: number | undefined;
    try {
      this.#questions.send(generationRequest());
    } catch (error) {
      if (!(error instanceof WatchError)) throw error;
      return undefined;
    }
    this.#questions.receive((datagram) => {
      for (const event of readNftEvents(datagram)) {
        if (event.kind === 'generation') generation = event.generation;
      }
    });
    return generation;
  }

  #doubtEverything(): void {
    for (const family of ['ipv4', 'ipv6'] as const) this.#doubts.set(family, EVERYTHING);
  }

  #hear(): void {
    const complete = this.#events.receive((datagram) => {
      for (const event of readNftEvents(datagram)) {
        if (event.kind === 'change') {
          if (!this.#ownPorts.has(event.port)) this.#changes.push(event);
        } else {
          this.#judge(event);
        }
      }
    });
    if (complete) return;
    this.#changes = [];
    this.#doubtEverything();
  }

  #judge(end: NftGeneration): void {
    const changes = this.#changes;
    this.#changes = [];
    for (const family of ['ipv4', 'ipv6'] as const) {
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
