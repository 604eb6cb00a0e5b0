/** Keeping a node's kernel equal to a ruleset. */

import { JUMPS } from '../chains/jumps.ts';
import type { ChainChanges } from '../iptables/compare.ts';
import type { Family, Ruleset, TableName } from '../iptables/types.ts';
import { type ChainDifference, chainDifferences } from './chain-diff.ts';
import {
  afterApply,
  afterLooking,
  type CurrentTable,
  type CurrentTables,
  currentTables,
  inOrderOfTable,
  placesOf,
} from './current.ts';
import type { PlacesByTable } from './jump-places.ts';
import type { ChainsByTable, SavedTables } from './kernel.ts';
import { CHAINS_AT_ONCE, isUnchanged, planChanges, planTransactions, type TableChanges } from './plan.ts';
import type { IptablesPrograms } from './programs.ts';
import { RestoreError } from './restore.ts';
import { RestoreInput } from './restore-input.ts';
import { type KernelTables, kernelTables } from './tables.ts';

/** What an apply did, or would do. */
export interface ApplyResult {
  readonly family: IptablesPrograms['family'];
  readonly tables: readonly TableResult[];
  /** What was given to iptables-restore; empty where nothing was to be done. */
  readonly input: RestoreInput;
  /** What was other than wanted before, chain by chain, for people. */
  differences(): ChainDifference[];
  /** Those of them that are others' doing, where a change of ours was refused for it; nobody has looked for others. */
  foreign(): ChainDifference[];
  /** Milliseconds spent reading the kernel, working out the difference, and writing it. */
  readonly milliseconds: { readonly read: number; readonly plan: number; readonly write: number };
}

export interface TableResult {
  readonly table: TableName;
  readonly added: readonly string[];
  readonly changed: readonly string[];
  readonly removed: readonly string[];
  readonly jumpsAdded: number;
  readonly jumpsRemoved: number;
  readonly jumpsMoved: number;
}

/**
 * Applies rulesets of one family, one after the other. It reads the kernel once; from then on it knows what is there,
 * because it wrote it, and a change costs what it touches. {@link forget} makes it look again.
 */
export class Applier {
  readonly #host: Pick<IptablesPrograms, 'family' | 'backend'>;
  readonly #kernel: KernelTables;
  #current: CurrentTables | undefined;
  /** What was read before it is needed. */
  #ahead: Promise<SavedTables> | undefined;
  /** Where jumps stood before we looked again; undefined where we did not. */
  #placesBefore: PlacesByTable | undefined;
  /** Some chains were read anew, and may be other ones than those applied last. */
  #looked = false;

  constructor(host: IptablesPrograms, kernel = kernelTables(host)) {
    this.#host = host;
    this.#kernel = kernel;
  }

  /** Reads the kernel anew before the next apply. */
  forget(): void {
    this.#rememberPlaces();
    this.#current = undefined;
    this.#ahead = undefined;
  }

  /**
   * Begins to read the kernel for the first apply, which will come soon. Whoever learns meanwhile that the kernel may have changed
   * since says {@link forget}. That it may not be read is told by the apply, which then tries again.
   * @returns when that is over, whatever came of it
   */
  async readAhead(): Promise<void> {
    this.#ahead = this.#kernel.read();
    await Promise.allSettled([this.#ahead]);
  }

  async #read(): Promise<SavedTables> {
    const ahead = this.#ahead;
    this.#ahead = undefined;
    const saved = await ahead?.catch(() => undefined);
    return saved ?? (await this.#kernel.read());
  }

  /**
   * Reads some chains anew before the next apply, or everything where they are very many.
   * @throws HostError where the kernel may not be read
   */
  async look(chains: ChainsByTable): Promise<void> {
    const count = [...chains.values()].reduce((sum, names) => sum + names.size, 0);
    if (!this.#current || count > MOST_LISTED) {
      this.forget();
      return;
    }
    const saved = await this.#kernel.list(chains);
    this.#rememberPlaces();
    this.#current = afterLooking(this.#current, chains, saved);
    this.#looked = true;
  }

  #rememberPlaces(): void {
    if (this.#current) this.#placesBefore ??= placesOf(this.#current);
  }

  /**
   * Makes the kernel hold a ruleset, its jumps and our canaries. Writes the difference, in transactions that keep
   * traffic flowing; nothing where there is none. What is refused is tried again on a fresh reading, then as a rewrite of
   * everything.
   * @throws RestoreError where that is refused, too, or iptables-restore did not come to an end; HostError where the
   *   kernel may not be read
   */
  async apply(wanted: Ruleset): Promise<ApplyResult> {
    // The second time on a fresh reading: what we knew may be wrong, if somebody else changed our chains.
    for (let attempt = 1; attempt <= 2; attempt++) {
      try {
        return await this.#try(wanted, false);
      } catch (error) {
        this.forget();
        if (!isRefusal(error)) throw error;
      }
    }
    return await this.#try(wanted, true);
  }

  /**
   * Makes the kernel hold a ruleset of which only some chains have changed since the last apply: without looking at
   * all the others.
   * @param changes what has changed since the ruleset that was applied last, by table
   * @param wanted the whole ruleset, for when the kernel must be read after all
   */
  async applyChanges(
    changes: Partial<Record<TableName, ChainChanges>>,
    wanted: () => Ruleset,
  ): Promise<ApplyResult> {
    const current = this.#current;
    if (!current || this.#looked || changesJumps(changes, current)) return await this.apply(wanted());
    const start = performance.now();
    const tables = [...current.tables].map(([table, chains]) =>
      changesOfTable(table, chains, this.#host.family, changes[table]),
    );
    const input = this.#input(tables, current, false);
    const planned = performance.now();
    try {
      await this.#write(input, undefined);
    } catch (error) {
      this.forget();
      if (!isRefusal(error)) throw error;
      const result = await this.apply(wanted());
      return { ...result, foreign: () => result.differences().filter((one) => !isOf(changes, one)) };
    }
    for (const { table, added, changed, removed } of tables) {
      const chains = current.tables.get(table)?.chains;
      for (const chain of added) chains?.set(chain.name, chain);
      for (const { wanted } of changed) chains?.set(wanted.name, wanted);
      for (const { name } of removed) chains?.delete(name);
    }
    return {
      family: this.#host.family,
      tables: tables.map(summarize),
      input,
      differences: () => chainDifferences(tables, this.#host.family),
      foreign: () => [],
      milliseconds: { read: 0, plan: planned - start, write: performance.now() - planned },
    };
  }

  /** What {@link apply} would do. Nothing is written. */
  async plan(wanted: Ruleset): Promise<ApplyResult> {
    const { result } = await this.#plan(wanted, false);
    return result;
  }

  /**
   * Takes out every jump, chain and canary of ours. Chains that rules of others lead into stay, empty.
   * @throws RestoreError where that fails after a full reading, too; HostError where the kernel may not be read
   */
  async cleanup(): Promise<ApplyResult> {
    const start = performance.now();
    const seen = await this.#kernel.glance();
    if (!seen) return await this.#cleanup(undefined, start);
    try {
      return await this.#cleanup(currentTables(seen, this.#host.family), start);
    } catch (error) {
      // What others wrote into our chains may lead where a glance does not see it.
      if (!isRefusal(error)) throw error;
      return await this.#cleanup(undefined, start);
    }
  }

  async #cleanup(seen: CurrentTables | undefined, start: number): Promise<ApplyResult> {
    this.#current = seen;
    const { result } = await this.#plan(undefined, false);
    this.forget();
    const planned = performance.now();
    await this.#write(result.input, undefined);
    const { plan } = result.milliseconds;
    const milliseconds = { read: planned - start - plan, plan, write: performance.now() - planned };
    return { ...result, milliseconds };
  }

  async #try(wanted: Ruleset, rewrite: boolean): Promise<ApplyResult> {
    const { current, changes, result } = await this.#plan(wanted, rewrite);
    const write = await this.#write(result.input, wanted);
    const written = changes.flatMap(({ jumpsAdded, jumpsMoved }) => [...jumpsAdded, ...jumpsMoved]);
    this.#current = afterApply(current, wanted, new Set(written));
    this.#placesBefore = undefined;
    this.#looked = false;
    return { ...result, milliseconds: { ...result.milliseconds, write } };
  }

  async #plan(
    wanted: Ruleset | undefined,
    rewrite: boolean,
  ): Promise<{ current: CurrentTables; changes: TableChanges[]; result: ApplyResult }> {
    const start = performance.now();
    const known = this.#current;
    const current = known ?? currentTables(await this.#read(), this.#host.family, wanted);
    const read = performance.now();
    const changes = planChanges(current, wanted, rewrite, this.#placesBefore);
    const input = this.#input(changes, current, rewrite);
    const result = {
      family: this.#host.family,
      tables: changes.map(summarize),
      input,
      differences: () => chainDifferences(changes, this.#host.family),
      foreign: () => [],
      milliseconds: { read: known ? 0 : read - start, plan: performance.now() - read, write: 0 },
    };
    return { current, changes, result };
  }

  #input(changes: readonly TableChanges[], current: CurrentTables, rewrite: boolean): RestoreInput {
    if (changes.every(isUnchanged)) return new RestoreInput();
    const chainsAtOnce = CHAINS_AT_ONCE[this.#host.backend];
    return new RestoreInput(planTransactions(changes, current, chainsAtOnce, rewrite));
  }

  async #write(input: RestoreInput, wanted: Ruleset | undefined): Promise<number> {
    if (input.isEmpty) return 0;
    const start = performance.now();
    await this.#kernel.restore(input, wanted);
    return performance.now() - start;
  }
}

/** Whether another input may be taken. A program that hangs, say, is told of at once: whoever waits must know. */
function isRefusal(error: unknown): boolean {
  return error instanceof RestoreError && error.refused;
}

/** With more chains than this, one reading of everything is faster: iptables-nft takes 4 to 50 ms for each. */
const MOST_LISTED = 40;

/** Reads one family's tables. Throws a HostError where that is not possible. */
export async function readTables(host: IptablesPrograms): Promise<CurrentTables> {
  return currentTables(await kernelTables(host).read(), host.family);
}

/** Whether a chain differs because it is to be another one. */
function isOf(changes: Partial<Record<TableName, ChainChanges>>, { table, chain }: ChainDifference): boolean {
  const { changed = [], removed = [] } = changes[table] ?? {};
  return changed.some(({ name }) => name === chain) || removed.includes(chain);
}

/** Whether a jump from a built-in chain comes, or the chain goes that one leads to. */
function changesJumps(changes: Partial<Record<TableName, ChainChanges>>, { tables }: CurrentTables): boolean {
  return JUMPS.some((jump) => {
    const { table, to } = jump;
    const { changed = [], removed = [] } = changes[table] ?? {};
    const comes = !tables.get(table)?.jumps.has(jump) && changed.some(({ name }) => name === to);
    return comes || removed.includes(to);
  });
}

function changesOfTable(
  table: TableName,
  tableNow: CurrentTable,
  family: Family,
  { changed, removed }: ChainChanges = { changed: [], removed: [] },
): TableChanges {
  const { chains } = tableNow;
  return {
    table,
    added: changed.filter(({ name }) => !chains.has(name)),
    changed: changed.flatMap((wanted) => {
      const current = chains.get(wanted.name);
      return current ? [{ current, wanted: inOrderOfTable(tableNow, wanted, family) }] : [];
    }),
    removed: removed.flatMap((name) => chains.get(name) ?? []),
    renamed: [],
    emptied: [],
    jumpsAdded: [],
    jumpsRemoved: [],
    jumpsMoved: [],
  };
}

function summarize({
  table,
  renamed,
  added,
  changed,
  removed,
  emptied,
  jumpsAdded,
  jumpsRemoved,
  jumpsMoved,
}: TableChanges): TableResult {
  const names = (chains: readonly { readonly name: string }[]) => chains.map(({ name }) => name);
  return {
    table,
    added: names(added),
    changed: [...renamed.map(({ to }) => to), ...changed.map(({ wanted }) => wanted.name), ...names(emptied)],
    removed: names(removed),
    jumpsAdded: jumpsAdded.length,
    jumpsRemoved: jumpsRemoved.length,
    jumpsMoved: jumpsMoved.length,
  };
}
