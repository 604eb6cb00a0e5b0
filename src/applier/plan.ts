/**
 * From what a node's tables hold to what they shall hold: the transactions that lead there, in an order in which
 * every state in between treats a packet as the old or the new rules do.
 */
import { JUMPS, type Jump } from '../chains/jumps.ts';
import { CANARY_TABLES, MARK_CHAIN } from '../chains/names.ts';
import { present } from '../errors/invariant.ts';
import { ruleMeaning } from '../iptables/meaning.ts';
import { parseRule } from '../iptables/parse.ts';
import { printRule } from '../iptables/print.ts';
import { printSavedRule } from '../iptables/saved.ts';
import type { Chain, Family, Rule, Ruleset, TableName } from '../iptables/types.ts';
import { type CurrentTables, EMPTY_TABLE, isKept, wantedChains } from './current.ts';
import { type ChainEdit, createChain, editChain, headerOf, rewriteChain } from './edits.ts';
import { areDisplaced, type PlacesByTable } from './jump-places.ts';
import { type CurrentChain, isCurrent, linesOf, type SavedChain, targetsOf } from './kernel.ts';
import { NOTHING_COUNTED } from './packed-chain.ts';
import type { RenamedChain } from './renamed.ts';

/** What will be done to one table. */
export interface TableChanges {
  readonly table: TableName;
  /** They get their names back before anything else; all the rest is told as if they had them. */
  readonly renamed: readonly RenamedChain[];
  readonly added: readonly Chain[];
  readonly changed: readonly ChangedChain[];
  /** Nothing leads to them once the rest is done. */
  readonly removed: readonly CurrentChain[];
  /** Those that others still use: they are emptied, not removed. */
  readonly emptied: readonly CurrentChain[];
  /** In the order in which they are put in front. */
  readonly jumpsAdded: readonly Jump[];
  readonly jumpsRemoved: readonly Jump[];
  /**
   * Those that are there, but where rules of others take packets away from them, or more than once, in the order of
   * {@link JUMPS}: each as often as it is there.
   */
  readonly jumpsMoved: readonly Jump[];
}

export interface ChangedChain {
  readonly current: CurrentChain;
  readonly wanted: Chain;
}

/**
 * What must change for the tables to hold a ruleset, its jumps and our canaries, and nothing else of ours.
 * @param wanted nothing at all where it is undefined
 * @param rewrite count every chain as changed, whatever it has
 * @param placesBefore where jumps stood before we looked: one that somebody has moved meanwhile goes back to the front
 */
export function planChanges(
  current: CurrentTables,
  wanted: Ruleset | undefined,
  rewrite = false,
  placesBefore: PlacesByTable = new Map(),
): TableChanges[] {
  return CANARY_TABLES.map((table) => {
    const tableNow = current.tables.get(table) ?? EMPTY_TABLE;
    const { chains, jumps, usedByOthers, places, renamed } = tableNow;
    const wantedHere = wanted ? wantedChains(wanted, table, tableNow) : [];
    const wantedByName = new Map(wantedHere.map((chain) => [chain.name, chain]));
    const notWanted = [...chains.values()].filter(({ name }) => !wantedByName.has(name));
    const kept = new Set(notWanted.filter((chain) => isKept(chain, current, wanted)).map(({ name }) => name));
    const stale = notWanted.filter(({ name }) => !kept.has(name));
    return {
      table,
      renamed,
      added: wantedHere.filter(({ name }) => !chains.has(name)),
      // In the order in which they were read, which is that of packed chains.
      changed: [...chains.values()].flatMap((chain) => {
        const wanted = wantedByName.get(chain.name);
        return wanted && (rewrite || !isCurrent(chain, wanted, current.family))
          ? [{ current: chain, wanted }]
          : [];
      }),
      removed: stale.filter(({ name }) => !usedByOthers.has(name)),
      emptied: stale.filter((chain) => usedByOthers.has(chain.name) && linesOf(chain).length > 0),
      jumpsAdded: JUMPS.filter(
        (jump) => jump.table === table && wantedByName.has(jump.to) && !jumps.has(jump),
      ),
      jumpsRemoved: JUMPS.filter(({ to }) => !wantedByName.has(to) && !kept.has(to)).flatMap((jump) =>
        new Array<Jump>(jumps.get(jump) ?? 0).fill(jump),
      ),
      jumpsMoved: JUMPS.filter((jump) => jump.table === table && wantedByName.has(jump.to)).flatMap(
        (jump) => {
          const times = jumps.get(jump) ?? 0;
          const isDisplaced =
            times > 0 && areDisplaced(placesBefore.get(table)?.get(jump.from), places.get(jump.from));
          return times > 1 || isDisplaced ? new Array<Jump>(times).fill(jump) : [];
        },
      ),
    };
  });
}

/** Whether there is nothing to do. */
export function isUnchanged(changes: TableChanges): boolean {
  const { table: _, ...lists } = changes;
  return Object.values(lists).every((list) => list.length === 0);
}

/** One transaction. */
export interface Transaction {
  readonly table: TableName;
  /** How many chains it makes, empties or removes. */
  readonly chains: number;
  /** How many rules it writes: those that it deletes are none. */
  readonly rules: number;
  /** How many {@link lines} it has, known without making them. */
  readonly lineCount: number;
  /** The lines between `*TABLE` and `COMMIT`: made as they are read, since a cold load has many megabytes of them. */
  lines(): Iterable<string>;
}

/**
 * How many chains a transaction may have. iptables-nft searches lists by name, so that its time grows with the square
 * of this; iptables-legacy writes the whole table each time, so it gets everything at once. Measured with 55,000
 * chains and iptables 1.8.9; see BENCHMARKS.md.
 */
export const CHAINS_AT_ONCE = { nft: 250, legacy: Number.POSITIVE_INFINITY } as const;

/**
 * The transactions of a change, in order, once chains that somebody has renamed have their names again, and those that
 * somebody has emptied are gone where they are very many:
 * 1. filter: what refuses packets is added. It never meets those that the nat table redirects.
 * 2. nat: new chains, leaves first; nothing leads to them yet.
 * 3. nat: the switch. Chains that are there already, and the jumps, change at once, unless there are very many.
 * 4. nat: stale chains, those that lead to others first; nothing leads to them any more.
 * 5. filter: what refused packets, and shall no longer do so, is taken out; stale chains.
 * Where the switch takes more than one transaction, what masquerades pods that reach themselves is there before
 * anything else changes, and goes last: the layouts ask for it in different places.
 * A service that gets its first endpoint is redirected before it stops being refused, and one that loses its last is
 * refused before it stops being redirected, so that no packet for it slips through to the network behind. Whatever a
 * packet comes to in between, it came to before or will come to; only where the switch takes more than one transaction
 * may one address of a service port have the endpoints of another for that while.
 * @param rewrite write every chain as a whole, whatever it has
 */
export function planTransactions(
  changes: readonly TableChanges[],
  current: CurrentTables,
  chainsAtOnce: number,
  rewrite = false,
): Transaction[] {
  const { family } = current;
  const edit = ({ current, wanted }: ChangedChain) =>
    rewrite ? rewriteChain(current, wanted, family) : editChain(current, wanted, family);
  const transactions: Transaction[] = [];
  const change = (table: TableChanges) => transactions.push(...changeTransactions(table, edit, chainsAtOnce));
  const remove = (table: TableChanges) => transactions.push(...removeTransactions(table, chainsAtOnce));

  for (const { table, renamed } of changes) transactions.push(...renameTransactions(table, renamed));
  const left = changes.map((table) => {
    const { hollow, left } = splitHollow(table, current, chainsAtOnce);
    remove({ ...NO_CHANGES, table: table.table, removed: hollow });
    return left;
  });
  const [filter, nat] = [changesOf('filter', left), changesOf('nat', left)];
  const rest = left.filter((table) => table !== filter && table !== nat);
  const { first, second } = isUnchanged(nat)
    ? { first: filter, second: NO_CHANGES }
    : inTwoSteps(filter, family);
  for (const table of rest) change(table);
  change(first);
  for (const step of nat.changed.length > 2 * chainsAtOnce ? natSteps(nat, current) : [nat]) change(step);
  remove(nat);
  change(second);
  remove(filter);
  for (const table of rest) remove(table);
  return joinNeighbours(transactions, chainsAtOnce);
}

const NO_CHANGES: TableChanges = {
  table: 'filter',
  renamed: [],
  added: [],
  changed: [],
  removed: [],
  emptied: [],
  jumpsAdded: [],
  jumpsRemoved: [],
  jumpsMoved: [],
};

function changesOf(table: TableName, changes: readonly TableChanges[]): TableChanges {
  return changes.find((change) => change.table === table) ?? { ...NO_CHANGES, table };
}

/** A change of the nat table in three steps: what masquerades grows, all the rest changes, what masquerades shrinks. */
function natSteps(nat: TableChanges, { tables, family }: CurrentTables): TableChanges[] {
  const chains = tables.get('nat')?.chains ?? EMPTY_TABLE.chains;
  const wanted = new Map([...nat.added, ...nat.changed.map(({ wanted }) => wanted)].map((c) => [c.name, c]));
  const masquerading = new Set(['KUBE-POSTROUTING']);
  for (const name of masquerading) {
    for (const chain of [chains.get(name), wanted.get(name)]) {
      for (const target of chain ? targetsOf(chain) : []) masquerading.add(target);
    }
  }
  const { early = [], rest = [] } = Object.groupBy(nat.changed, ({ wanted: { name } }) =>
    masquerading.has(name) ? 'early' : 'rest',
  );
  const { first, second } = inTwoSteps({ ...NO_CHANGES, table: 'nat', changed: early }, family);
  return [
    { ...first, added: nat.added },
    { ...nat, added: [], changed: rest },
    { ...second, table: 'nat' },
  ];
}

/**
 * A change in two steps: the rules of before and after together, then those of after alone.
 * Rules of different services never meet the same packet, so their order does not matter.
 */
function inTwoSteps(changes: TableChanges, family: Family): { first: TableChanges; second: TableChanges } {
  const widened = changes.changed.map(({ current, wanted }) => {
    const both = beforeAndAfter(current, wanted, family);
    return { current, wanted, both, extra: both.length - wanted.rules.length };
  });
  return {
    first: {
      ...changes,
      changed: widened.map(({ current, wanted: { name }, both }) => {
        return { current, wanted: { name, rules: both.map(({ rule }) => rule) } };
      }),
      jumpsRemoved: [],
    },
    second: {
      ...NO_CHANGES,
      changed: widened.flatMap(({ wanted, both, extra }) =>
        extra > 0 ? [{ current: asSaved(wanted.name, both), wanted }] : [],
      ),
      jumpsRemoved: changes.jumpsRemoved,
    },
  };
}

interface CountedRule {
  readonly rule: Rule;
  /** As iptables-save prints it. */
  readonly line: string;
  readonly counter: string;
}

/** The rules that are wanted, and among them, each behind the one that it stands behind now, those that are not. */
function beforeAndAfter(current: CurrentChain, wanted: Chain, family: Family): CountedRule[] {
  const after = new Set(wanted.rules.map(ruleMeaning));
  const counters = new Map<string, string>();
  const behind = new Map<string, CountedRule[]>([['', []]]);
  let last = '';
  const counted = 'rules' in current ? [] : current.counters;
  for (const [i, line] of linesOf(current).entries()) {
    const rule = 'rules' in current ? present(current.rules[i], 'rule of a line') : parseRule(line, family);
    const meaning = ruleMeaning(rule);
    const counter = counted[i] ?? NOTHING_COUNTED;
    const saved = printSavedRule(rule, family);
    if (after.has(meaning)) {
      last = meaning;
      counters.set(meaning, counter);
    } else if ('rules' in current || saved === line) {
      behind.set(last, [...(behind.get(last) ?? []), { rule, line: saved, counter }]);
    }
    // What we would not write just so is somebody else's, and goes at once.
  }
  const take = (meaning: string) => {
    const rules = behind.get(meaning) ?? [];
    behind.delete(meaning);
    return rules;
  };
  return [
    ...take(''),
    ...wanted.rules.flatMap((rule) => {
      const meaning = ruleMeaning(rule);
      const counter = counters.get(meaning) ?? NOTHING_COUNTED;
      return [{ rule, line: printSavedRule(rule, family), counter }, ...take(meaning)];
    }),
  ];
}

function asSaved(name: string, rules: readonly CountedRule[]): SavedChain {
  return {
    name,
    builtIn: false,
    lines: rules.map(({ line }) => line),
    counters: rules.map(({ counter }) => counter),
  };
}

/**
 * Takes apart a change of a table of which chains have lost all their rules, and nothing leads to them: somebody has flushed
 * it. iptables-nft fills thousands of chains that are there in minutes, and makes as many in seconds, so they are taken
 * out and made anew.
 * @returns those chains, and the change that is left once they are gone
 */
function splitHollow(
  change: TableChanges,
  { tables }: CurrentTables,
  chainsAtOnce: number,
): { hollow: CurrentChain[]; left: TableChanges } {
  const empty = change.changed.filter(({ current }) => linesOf(current).length === 0);
  if (empty.length <= chainsAtOnce) return { hollow: [], left: change };
  const { chains, jumps, usedByOthers } = tables.get(change.table) ?? EMPTY_TABLE;
  const entered = [...jumps.keys()].map(({ to }) => to);
  const used = new Set([...usedByOthers, ...entered, ...[...chains.values()].flatMap(targetsOf)]);
  const gone = new Set(empty.filter(({ current: { name } }) => !used.has(name)));
  return {
    hollow: Array.from(gone, ({ current }) => current),
    left: {
      ...change,
      added: [...change.added, ...Array.from(gone, ({ wanted }) => wanted)],
      changed: change.changed.filter((chain) => !gone.has(chain)),
    },
  };
}

function renameTransactions(table: TableName, renamed: readonly RenamedChain[]): Transaction[] {
  const lines = renamed.map(({ from, to }) => `-E ${from} ${to}`);
  return lines.length > 0
    ? [{ table, chains: lines.length, rules: 0, lineCount: lines.length, lines: () => lines }]
    : [];
}

function changeTransactions(
  { table, added, changed, jumpsAdded, jumpsRemoved, jumpsMoved }: TableChanges,
  edit: (chain: ChangedChain) => ChainEdit,
  chainsAtOnce: number,
): Transaction[] {
  const edited = new Map(changed.map((chain) => [chain.wanted.name, edit(chain)]));
  const jumps = [
    ...jumpsAdded.map(({ from, rule }) => `-I ${from}${printRule(rule)}`),
    ...jumpsRemoved.map(({ from, rule }) => `-D ${from}${printRule(rule)}`),
    ...jumpsMoved.map(({ from, rule }) => `-D ${from}${printRule(rule)}`),
    ...[...new Set(jumpsMoved)].map(({ from, rule }) => `-I ${from}${printRule(rule)}`),
  ];
  const created = chunks(leavesFirst(added), chainsAtOnce).map((chains): Transaction => {
    const rules = chains.reduce((sum, chain) => sum + chain.rules.length, 0);
    const lines = () => creatingLines(chains);
    return { table, chains: chains.length, rules, lineCount: chains.length + rules, lines };
  });
  const switched = chunks(leavesFirst(changed.map(({ wanted }) => wanted)), 2 * chainsAtOnce).map(
    (chains): Transaction => {
      const edits = chains.map(({ name }) => present(edited.get(name), 'edit of a changed chain'));
      const headers = edits.filter(({ header }) => header !== undefined).length;
      const rules = edits.reduce((sum, edit) => sum + edit.rules, 0);
      const lineCount = edits.reduce((sum, { lines }) => sum + lines.length, headers);
      return { table, chains: headers, rules, lineCount, lines: () => editLines(edits) };
    },
  );
  const steps = [...created, ...switched];
  if (jumps.length > 0) {
    // The switch is one with the jumps where there is one, so that nothing leads into half of it.
    const last = switched.length > 0 ? steps.pop() : undefined;
    const rules = jumpsAdded.length + new Set(jumpsMoved).size;
    const jump: Transaction = { table, chains: 0, rules, lineCount: jumps.length, lines: () => jumps };
    steps.push(last ? joined(last, jump) : jump);
  }
  // In the first of two steps there may be nothing to add.
  return steps.filter(({ lineCount }) => lineCount > 0);
}

function joined(first: Transaction, second: Transaction): Transaction {
  return {
    table: first.table,
    chains: first.chains + second.chains,
    rules: first.rules + second.rules,
    lineCount: first.lineCount + second.lineCount,
    *lines() {
      yield* first.lines();
      yield* second.lines();
    },
  };
}

/** One chain after the other, so that not all of their lines are in memory at once. */
function* creatingLines(chains: readonly Chain[]): Iterable<string> {
  const ordered = chains.length > CHAINS_IN_ANY_ORDER ? asFoundFirst(chains) : chains;
  for (const { name } of ordered) yield headerOf(name);
  for (const chain of ordered) yield* createChain(chain).lines;
}

/** Of so few chains, their order costs nothing. */
const CHAINS_IN_ANY_ORDER = 1000;

/**
 * Chains in the order in which iptables-legacy finds them soonest: 55,000 chains take it a quarter less time. It keeps its list in
 * order of names, and goes through it from the front, so the last name comes first (libiptc.c, iptc_insert_chain); and to see
 * that a target is a chain, it asks those that it was told of last first (xtables.c, notargets_hlist_lookup), so the one that
 * most rules lead to comes last. Both of iptables 1.8.9.
 */
function asFoundFirst(chains: readonly Chain[]): Chain[] {
  const rank = ({ name }: Chain) => (name === MARK_CHAIN ? '' : name);
  return chains.toSorted((one, other) => (rank(one) < rank(other) ? 1 : -1));
}

/** Chains must be there before rules lead to them. */
function* editLines(edits: readonly ChainEdit[]): Iterable<string> {
  for (const { header } of edits) if (header !== undefined) yield header;
  for (const { lines } of edits) yield* lines;
}

function removeTransactions({ table, removed, emptied }: TableChanges, chainsAtOnce: number): Transaction[] {
  const gone = chunks(leavesFirst(removed).reverse(), chainsAtOnce);
  const steps = [...(emptied.length > 0 ? [emptied] : []), ...gone];
  return steps.map((chains) => {
    const emptying = chains.map(({ name }) => headerOf(name));
    const removing = chains === emptied ? [] : chains.map(({ name }) => `-X ${name}`);
    const lines = [...emptying, ...removing];
    return { table, chains: chains.length, rules: 0, lineCount: lines.length, lines: () => lines };
  });
}

/** Chains in an order in which each comes after all those that it leads to. Else they keep their order. */
function leavesFirst<C extends CurrentChain>(chains: readonly C[]): C[] {
  // Asked for in the order of the chains, which is that of packed ones; the visits jump to and fro.
  const waiting = new Map(chains.map((chain) => [chain.name, { chain, targets: targetsOf(chain) }]));
  const result: C[] = [];
  const visit = ({ chain, targets }: { readonly chain: C; readonly targets: readonly string[] }) => {
    waiting.delete(chain.name);
    for (const target of targets) {
      const next = waiting.get(target);
      if (next) visit(next);
    }
    result.push(chain);
  };
  for (const { name } of chains) {
    const next = waiting.get(name);
    if (next) visit(next);
  }
  return result;
}

function chunks<T>(items: readonly T[], size: number): T[][] {
  if (items.length === 0) return [];
  const result: T[][] = [];
  for (let start = 0; start < items.length; start += Math.min(size, items.length)) {
    result.push(items.slice(start, start + Math.min(size, items.length)));
  }
  return result;
}

/**
 * Makes one transaction of neighbours in the same table where both are small: a change of a few chains happens at
 * once then, and costs one commit.
 */
function joinNeighbours(transactions: readonly Transaction[], chainsAtOnce: number): Transaction[] {
  const result: Transaction[] = [];
  for (const transaction of transactions) {
    const last = result.at(-1);
    if (last?.table === transaction.table && last.chains + transaction.chains <= chainsAtOnce) {
      result[result.length - 1] = joined(last, transaction);
    } else {
      result.push(transaction);
    }
  }
  return result;
}
