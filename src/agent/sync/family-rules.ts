/** The rules of one family on this node: compiled from a cluster, and kept in the kernel. */
import { isDeepStrictEqual } from 'node:util';
import type { ClusterState } from '../../api/cluster.ts';
import type { NodeFacts } from '../../api/node.ts';
import { Applier, type ApplyResult } from '../../applier/applier.ts';
import { type ChainDifference, chainDifferences } from '../../applier/chain-diff.ts';
import { currentTables } from '../../applier/current.ts';
import type { IptablesHost } from '../../applier/host.ts';
import { type Followed, followRules, type NodeKernel } from '../../applier/node-kernel.ts';
import { planChanges } from '../../applier/plan.ts';
import { RestoreError } from '../../applier/restore.ts';
import type { RestoreInput } from '../../applier/restore-input.ts';
import { UdpFlows } from '../../applier/udp-flows.ts';
import type { Doubt } from '../../applier/watch/kernel-watch.ts';
import { IncrementalCompiler, type RulesetChanges, type RulesetTotals } from '../../compiler/incremental.ts';
import type { CompileOptions } from '../../compiler/options.ts';
import { OperationalError } from '../../errors/operational-error.ts';
import type { Ruleset } from '../../iptables/types.ts';
import type { Log } from '../log.ts';

/** What the rules are made for. */
export interface RulesInput {
  readonly cluster: ClusterState;
  readonly node: NodeFacts;
  readonly options: CompileOptions;
}

export interface SyncReport {
  readonly result: ApplyResult;
  /** What others had done, and was found because it was in the way. */
  readonly mended: Mended | undefined;
  /** Everything was compared with the kernel, not only what has changed. */
  readonly full: boolean;
  readonly totals: RulesetTotals;
  /** What became of UDP flows; undefined where nothing is written. */
  readonly flows: Followed | undefined;
  /** From the cluster to rules in the kernel and stale flows deleted. */
  readonly milliseconds: number;
}

/** What others did to our rules. */
export interface Mended {
  readonly at: Date;
  /** Who did it, as far as the kernel tells. */
  readonly by: readonly string[];
  /** The chains as they were found, and as they are again. */
  readonly differences: readonly ChainDifference[];
}

const MENDED_KEPT = 10;

/** So often the kernel is read to be compared with the rules, where syncs come in between. */
const READINGS = 3;

/** Syncs came again and again while the kernel was read: what was read is of no one moment. */
export class BusyError extends OperationalError {
  constructor(readings: number) {
    super(`rules changed during each of ${readings} readings of the kernel; try again later`);
  }
}

/** Does one thing at a time: what is asked of it while it is busy waits. */
export class FamilyRules {
  readonly host: IptablesHost;
  readonly #kernel: NodeKernel;
  readonly #applier: Applier;
  /** Nothing is written to the kernel. */
  readonly dryRun: boolean;
  readonly #log: Log;
  #compiler: IncrementalCompiler | undefined;
  #compiledFor: Omit<RulesInput, 'cluster'> | undefined;
  readonly #flows: UdpFlows;
  /** Why flows stay where they are, as the log has told; undefined where they do not. */
  #flowsWarning: string | undefined;
  #lastWritten: { readonly at: Date; readonly input: RestoreInput } | undefined;
  #lastRefused: { readonly at: Date; readonly error: RestoreError } | undefined;
  #mended: readonly Mended[] = [];
  #busy: Promise<unknown> = Promise.resolve();
  /** Ends the reading that was begun last for {@link drift}. */
  #reading: AbortController | undefined;

  constructor(
    host: IptablesHost,
    kernel: NodeKernel,
    { dryRun, log }: { readonly dryRun: boolean; readonly log: Log },
  ) {
    this.host = host;
    this.#kernel = kernel;
    this.#flows = new UdpFlows(host.family, kernel);
    this.#applier = new Applier(host, this.#flows.tables);
    this.dryRun = dryRun;
    this.#log = log;
  }

  /** Whether there was a sync, so that there are rules. */
  get compiled(): boolean {
    return this.#compiler !== undefined;
  }

  /** The rules as they were compiled last, put together; undefined before the first sync. */
  ruleset(): Ruleset | undefined {
    return this.#compiler?.ruleset();
  }

  /** What iptables-restore was given last; undefined where it was given nothing yet. */
  get lastWritten(): { readonly at: Date; readonly input: RestoreInput } | undefined {
    return this.#lastWritten;
  }

  /** What iptables-restore refused last, with what it was given. */
  get lastRefused(): { readonly at: Date; readonly error: RestoreError } | undefined {
    return this.#lastRefused;
  }

  /**
   * Makes the kernel hold the rules of a cluster, and UDP flows go where they lead.
   * @param suspects who may have changed our rules, as told by a doubt that nobody has looked into yet
   * @throws RestoreError, HostError where the kernel refuses; the next sync then begins with a fresh reading
   */
  sync(input: RulesInput, suspects: () => readonly string[] = () => []): Promise<SyncReport> {
    this.#reading?.abort();
    return this.#exclusively(() => this.#sync(input, suspects));
  }

  /**
   * What others may have changed since this was asked last. Where nothing was written yet, there is nothing to doubt.
   */
  doubt(): Doubt | undefined {
    const doubt = this.#kernel.watch.doubt();
    if (this.compiled) return this.dryRun ? undefined : doubt;
    if (doubt) this.#applier.forget();
    return undefined;
  }

  /**
   * Begins to read the kernel for the first sync, while the cluster is still being read. What was read is thrown away where
   * others may have changed it before that sync.
   * @returns when that is over, whatever came of it
   */
  async readAhead(): Promise<void> {
    if (this.compiled || this.dryRun) return;
    await this.#applier.readAhead();
  }

  /**
   * Looks at what others may have changed, and writes it as it was compiled last.
   * @returns what was mended; undefined where that was nothing
   * @throws RestoreError, HostError where the kernel refuses; the next sync then begins with a fresh reading
   */
  mend({ chains, by }: Doubt): Promise<Mended | undefined> {
    this.#reading?.abort();
    return this.#exclusively(async () => {
      const compiler = this.#compiler;
      if (!compiler) return undefined;
      if (chains) await this.#applier.look(chains);
      else this.#applier.forget();
      const result = await this.#apply(undefined, compiler);
      return result.input.isEmpty ? undefined : this.#remember(by, result.differences());
    });
  }

  #remember(by: readonly string[], differences: readonly ChainDifference[]): Mended {
    const mended = { at: new Date(), by, differences };
    this.#mended = [...this.#mended.slice(1 - MENDED_KEPT), mended];
    return mended;
  }

  /** What others did to our rules, and was mended: the last few times, the newest last. */
  get mended(): readonly Mended[] {
    return this.#mended;
  }

  /**
   * How the kernel differs from the rules as they were compiled last; undefined before the first sync. No sync waits for
   * it: one that comes meanwhile goes first, and the kernel is read anew.
   * @param givenUp ends it; what is thrown then says nothing
   * @throws HostError where the kernel may not be read; BusyError where syncs leave no time for it
   */
  async drift(givenUp: AbortSignal): Promise<ChainDifference[] | undefined> {
    const { family } = this.host;
    for (let reading = 0; reading < READINGS; reading++) {
      await this.#idle();
      givenUp.throwIfAborted();
      const ruleset = this.ruleset();
      if (!ruleset) return undefined;
      const gaveWay = new AbortController();
      this.#reading = gaveWay;
      try {
        const saved = await this.#kernel.tables.read(AbortSignal.any([givenUp, gaveWay.signal]));
        if (!gaveWay.signal.aborted) {
          return chainDifferences(planChanges(currentTables(saved, family, ruleset), ruleset), family);
        }
      } catch (error) {
        if (!gaveWay.signal.aborted) throw error;
      }
    }
    throw new BusyError(READINGS);
  }

  /** When nothing is being done, and nothing waits to be. */
  async #idle(): Promise<void> {
    for (let busy: unknown; busy !== this.#busy; ) {
      busy = this.#busy;
      await busy;
    }
  }

  #exclusively<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#busy.then(work);
    this.#busy = result.catch(() => {});
    return result;
  }

  async #sync(
    { cluster, node, options }: RulesInput,
    suspects: () => readonly string[],
  ): Promise<SyncReport> {
    const start = performance.now();
    if (!this.compiled) this.doubt();
    // The node is another one than before: everything may have changed, though most of it will not have.
    const known = isDeepStrictEqual(this.#compiledFor, { node, options }) ? this.#compiler : undefined;
    const compiler = known ?? new IncrementalCompiler(node, options);
    this.#compiler = compiler;
    this.#compiledFor = { node, options };
    const changes = compiler.update(cluster);
    if (!this.dryRun) this.#flows.expect(compiler.udpDestinations());
    const result = await this.#apply(known && changes, compiler);
    const flows = this.dryRun ? undefined : await this.#afterRules(compiler);
    const full = known === undefined || result.milliseconds.read > 0;
    const foreign = result.foreign();
    const by = foreign.length > 0 ? [...suspects(), ...(this.#kernel.watch.doubt()?.by ?? [])] : [];
    const mended = foreign.length > 0 ? this.#remember([...new Set(by)], foreign) : undefined;
    const { totals } = compiler;
    return { result, mended, full, totals, flows, milliseconds: performance.now() - start };
  }

  async #apply(changes: RulesetChanges | undefined, compiler: IncrementalCompiler): Promise<ApplyResult> {
    if (this.dryRun) return await this.#applier.plan(compiler.ruleset());
    try {
      const result = changes
        ? await this.#applier.applyChanges(changes, () => compiler.ruleset())
        : await this.#applier.apply(compiler.ruleset());
      if (!result.input.isEmpty) this.#lastWritten = { at: new Date(), input: result.input };
      return result;
    } catch (error) {
      if (error instanceof RestoreError) this.#lastRefused = { at: new Date(), error };
      throw error;
    }
  }

  async #afterRules(compiler: IncrementalCompiler): Promise<Followed> {
    const { family } = this.host;
    const followed = await followRules(this.#kernel, this.#flows, {
      localhostNodePorts: compiler.nodePlan.localhostNodePorts,
      udpDestinations: compiler.udpDestinations(),
    });
    const { flowsDeleted, warning } = followed;
    if (warning !== undefined && warning !== this.#flowsWarning) this.#log.warning(warning, { family });
    this.#flowsWarning = warning;
    if (flowsDeleted > 0) this.#log.detail(2, 'Stale UDP flows deleted', { family, flows: flowsDeleted });
    return followed;
  }
}
