/** The health server, which answers from a thread of its own. */
import { once } from 'node:events';
import type { ListenOptions } from 'node:net';
import { extname } from 'node:path';
import { getAsset, isSea } from 'node:sea';
import { Worker } from 'node:worker_threads';
import type { Family } from '../../net/address.ts';
import { HANGS, type ProxyHealth, SYSTEM_CLOCK } from '../health/health.ts';
import { HealthMemory } from '../health/health-memory.ts';
import type { Log } from '../log.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { FromHealthThread, HealthThreadData, ToHealthThread } from './health-thread.ts';
import { type HttpServerTimes, ListenError, listeningAddress } from './http-server.ts';

export interface HealthServerOptions {
  readonly listen: ListenOptions;
  /** `iptables.syncPeriod` in milliseconds. */
  readonly syncPeriod: number;
  readonly families: readonly Family[];
  readonly health: Pick<ProxyHealth, 'state' | 'follow'>;
  readonly log: Log;
  /** Those of {@link HttpServer}, and of a loop that hangs: see {@link ProxyHealth}. */
  readonly times?: HttpServerTimes;
  readonly hangs?: number;
}

/** The thread is told so many times that the event loop comes round, in the time after which it would be taken to hang. */
const ROUNDS = 3;

/** A thread that has ended by itself is started again after so many milliseconds. */
const RESTART = 1000;

/** Some megabytes are all that it needs, whatever clients do. */
const MEMORY = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 };

/** Its file, or its text where the program is a single executable (scripts/executable.ts). */
const THREAD = isSea()
  ? getAsset('health-thread.js', 'utf8')
  : new URL(`./health-thread${extname(import.meta.url)}`, import.meta.url);

/**
 * Serves `/healthz` and `/livez` from a thread that is told of every change of the health, and sees in shared memory
 * whether this one still comes round: where it does not, the thread says so instead of what it was told last.
 */
export class HealthServer {
  readonly #options: HealthServerOptions;
  readonly #memory = new HealthMemory();
  #thread: Worker | undefined;
  #rounds: NodeJS.Timeout | undefined;
  #restart: NodeJS.Timeout | undefined;
  #stopped = false;
  #port: number | undefined;

  constructor(options: HealthServerOptions) {
    this.#options = options;
  }

  /** The port that it listens on; undefined while it does not. */
  get port(): number | undefined {
    return this.#port;
  }

  /**
   * Listens, like {@link HttpServer.start}.
   * @throws ListenError
   */
  async start({ hardFail }: { readonly hardFail: boolean }): Promise<void> {
    this.#comeRound();
    const { hangs = HANGS } = this.#options;
    this.#rounds = setInterval(() => this.#comeRound(), hangs / ROUNDS).unref();
    this.#options.health.follow((state) => this.#tell({ kind: 'state', state }));
    await this.#begin(hardFail);
  }

  /** Takes no further request, and ends when those in hand are answered or have had their time. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#restart);
    const thread = this.#thread;
    if (thread) {
      const ended = once(thread, 'exit');
      this.#tell({ kind: 'stop' });
      await ended;
    }
    clearInterval(this.#rounds);
  }

  /** Adds what was answered since this was asked last. */
  countInto(metrics: Pick<Metrics, 'healthzAnswered' | 'livezAnswered'>): void {
    for (const { page, status, times } of this.#memory.take()) {
      if (page === 'healthz') metrics.healthzAnswered(status, times);
      else metrics.livezAnswered(status, times);
    }
  }

  #comeRound(): void {
    this.#memory.cameRoundAt = SYSTEM_CLOCK.elapsed();
  }

  #tell(message: ToHealthThread): void {
    this.#thread?.postMessage(message);
  }

  /** Starts the thread; resolves when it has begun. */
  #begin(hardFail: boolean): Promise<void> {
    const { health, log, ...options } = this.#options;
    const data: HealthThreadData = { ...options, hardFail, memory: this.#memory.buffer, state: health.state };
    // The flags of the agent's heap are not for threads.
    const thread = new Worker(THREAD, {
      workerData: data,
      resourceLimits: MEMORY,
      execArgv: [],
      eval: typeof THREAD === 'string',
    });
    this.#thread = thread;
    const begun = Promise.withResolvers<void>();
    let ended: unknown;
    thread.on('message', (message: FromHealthThread) => {
      if (message.kind === 'error') log.error(message.message, message.fields);
      else if (message.kind === 'detail') log.detail(message.level, message.message, message.fields);
      else if (message.kind === 'started') {
        this.#port = message.port;
        begun.resolve();
      } else {
        const { code, message: reason } = message;
        begun.reject(new ListenError('health', listeningAddress(options.listen), { code, message: reason }));
      }
    });
    thread.on('error', (error) => {
      ended = error;
    });
    thread.on('exit', () => {
      this.#thread = undefined;
      this.#port = undefined;
      begun.resolve();
      if (ended !== undefined && !this.#stopped) this.#beginAgain(ended);
    });
    return begun.promise;
  }

  #beginAgain(error: unknown): void {
    const restartSeconds = RESTART / 1000;
    this.#options.log.error('HTTP server failed', { server: 'health', error: String(error), restartSeconds });
    this.#restart = setTimeout(() => void this.#begin(false), RESTART);
  }
}
