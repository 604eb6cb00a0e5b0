/** What of ours is in a node's tables. */

import { JUMPS, type Jump } from '../chains/jumps.ts';
import {
  CANARY,
  CANARY_TABLES,
  isOwnChain,
  isSharedChain,
  KUBELET_CHAIN,
  KUBELET_SIGNS,
} from '../chains/names.ts';
import { targetOf } from '../iptables/saved-text.ts';
import type { Chain, Family, Ruleset, TableName } from '../iptables/types.ts';
import { type JumpPlaces, type PlacesByTable, PlacesReader, placesAfter } from './jump-places.ts';
import {
  type ChainsByTable,
  type CurrentChain,
  inOrderOf,
  isCurrentRule,
  linesOf,
  type SavedChain,
  type SavedTables,
} from './kernel.ts';
import { nameBack, type RenamedChain } from './renamed.ts';

/** One family's tables, as far as they are ours. */
export interface CurrentTables {
  readonly family: Family;
  readonly tables: ReadonlyMap<TableName, CurrentTable>;
  /** A kubelet keeps rules on this node, too. */
  readonly kubelet: boolean;
}

export interface CurrentTable {
  /** Our chains, by name. */
  readonly chains: Map<string, CurrentChain>;
  /** How often each of our jumps is there: somebody may have added one that was there already. */
  readonly jumps: ReadonlyMap<Jump, number>;
  /** Our chains that rules of others lead into. */
  readonly usedByOthers: ReadonlySet<string>;
  /** Where our jumps stand among rules of others, by built-in chain. */
  readonly places: ReadonlyMap<string, JumpPlaces>;
  /** Our chains that have other names for now. All the rest is told as if they had their own. */
  readonly renamed: readonly RenamedChain[];
}

/**
 * Sorts out what was read from the kernel.
 * @param wanted what it shall hold, by which chains are known that somebody has renamed
 */
export function currentTables(found: SavedTables, family: Family, wanted?: Ruleset): CurrentTables {
  const { saved, renamed } = nameBack(found, wanted);
  const mangle = saved.get('mangle');
  return {
    family,
    tables: new Map(
      CANARY_TABLES.map((table) => [
        table,
        { ...currentTable(table, saved.get(table), family), renamed: renamed.get(table) ?? [] },
      ]),
    ),
    kubelet: KUBELET_SIGNS.some((chain) => mangle?.has(chain)),
  };
}

function currentTable(
  table: TableName,
  saved: ReadonlyMap<string, SavedChain> | undefined,
  family: Family,
): CurrentTable {
  const chains = new Map<string, CurrentChain>();
  const jumps = new Map<Jump, number>();
  const usedByOthers = new Set<string>();
  const places = new Map<string, JumpPlaces>();
  for (const chain of saved?.values() ?? []) {
    if (isOwnChain(table, chain.name)) {
      chains.set(chain.name, chain);
      continue;
    }
    const possible = JUMPS.filter((jump) => jump.table === table && jump.from === chain.name);
    const place = new PlacesReader();
    for (const line of chain.lines) {
      const target = targetOf(line);
      if (target === undefined) continue;
      if (!isOwnChain(table, target)) {
        place.foreign(line, target);
        continue;
      }
      const jump = possible.find(({ to, rule }) => to === target && isCurrentRule(line, rule, family));
      if (jump) {
        jumps.set(jump, (jumps.get(jump) ?? 0) + 1);
        place.ours(jump);
      } else {
        usedByOthers.add(target);
      }
    }
    if (possible.length > 0) places.set(chain.name, place.places);
  }
  return { chains, jumps, usedByOthers, places, renamed: [] };
}

/** Where jumps stood when we looked last. */
export function placesOf({ tables }: CurrentTables): PlacesByTable {
  return new Map([...tables].map(([table, { places }]) => [table, places]));
}

/**
 * What is there after some chains were read anew.
 * @param asked which; one that was not found is not there
 */
export function afterLooking(
  { tables, ...rest }: CurrentTables,
  asked: ChainsByTable,
  saved: SavedTables,
): CurrentTables {
  const { family } = rest;
  const looked = [...tables].map(([name, before]): [TableName, CurrentTable] => {
    const names = asked.get(name);
    if (!names) return [name, before];
    const found = currentTable(name, saved.get(name), family);
    // A built-in chain is always there: one that iptables cannot list has a rule in it that only nft understands.
    const listed = (jump: Jump) => names.has(jump.from) && saved.get(name)?.has(jump.from) === true;
    const chains = new Map(before.chains);
    for (const chain of names) {
      const now = found.chains.get(chain);
      if (now) chains.set(chain, now);
      else chains.delete(chain);
    }
    return [
      name,
      {
        chains,
        jumps: new Map([...[...before.jumps].filter(([jump]) => !listed(jump)), ...found.jumps]),
        usedByOthers: new Set([...before.usedByOthers, ...found.usedByOthers]),
        places: new Map([...before.places, ...found.places]),
        renamed: [],
      },
    ];
  });
  return { ...rest, tables: new Map(looked) };
}

/**
 * What is there after a ruleset has been written. Chains that others use stay, without rules.
 * @param written the jumps that were put in front of everything
 */
export function afterApply(
  before: CurrentTables,
  wanted: Ruleset,
  written: ReadonlySet<Jump>,
): CurrentTables {
  const tables = CANARY_TABLES.map((name): [TableName, CurrentTable] => {
    const tableBefore = before.tables.get(name) ?? EMPTY_TABLE;
    const { usedByOthers, jumps: jumpsBefore, places } = tableBefore;
    const chains = wantedChains(wanted, name, tableBefore);
    const names = new Set(chains.map((chain) => chain.name));
    const stale = [...tableBefore.chains.values()].filter((chain) => !names.has(chain.name));
    const kept = stale.filter((chain) => isKept(chain, before, wanted));
    const left = stale
      .filter((chain) => usedByOthers.has(chain.name) && !kept.includes(chain))
      .map(({ name }) => ({ name, rules: [] }));
    const stays = new Set(kept.map((chain) => chain.name));
    const jumps = JUMPS.filter(
      (jump) => jump.table === name && (names.has(jump.to) || (stays.has(jump.to) && jumpsBefore.has(jump))),
    );
    return [
      name,
      {
        chains: new Map<string, CurrentChain>(
          [...chains, ...kept, ...left].map((chain) => [chain.name, chain]),
        ),
        jumps: new Map(jumps.map((jump) => [jump, written.has(jump) ? 1 : (jumpsBefore.get(jump) ?? 1)])),
        usedByOthers,
        places: new Map(
          [...places].map(([from, place]) => {
            const here = jumps.filter((jump) => jump.from === from);
            return [from, placesAfter(place, here, written)];
          }),
        ),
        renamed: [],
      },
    ];
  });
  return { ...before, tables: new Map(tables) };
}

export const EMPTY_TABLE: CurrentTable = {
  chains: new Map(),
  jumps: new Map(),
  usedByOthers: new Set(),
  places: new Map(),
  renamed: [],
};

/**
 * Whether a chain of ours stays with the jumps to it, though it is not in the ruleset: a kubelet's, and the chain without
 * rules that kube-proxy has in its place where there is nothing for it to do. Where nothing shall be there, only the
 * kubelet's does.
 */
export function isKept(
  chain: CurrentChain,
  { kubelet }: CurrentTables,
  wanted: Ruleset | undefined,
): boolean {
  return chain.name === KUBELET_CHAIN && (kubelet || (wanted !== undefined && linesOf(chain).length === 0));
}

/**
 * The chains that a table shall have: those of the ruleset, and the canary.
 * @param current what the table has: where no packet can tell, rules of all Services keep the order that they have
 */
export function wantedChains(
  wanted: Ruleset,
  table: TableName,
  current: CurrentTable = EMPTY_TABLE,
): Chain[] {
  const chains = wanted.tables.find(({ name }) => name === table)?.chains ?? [];
  return [
    ...chains.map((chain) => inOrderOfTable(current, chain, wanted.family)),
    { name: CANARY, rules: [] },
  ];
}

/** A chain that a table shall have, in the order that it has in it where no packet can tell. */
export function inOrderOfTable({ chains }: CurrentTable, wanted: Chain, family: Family): Chain {
  // Others have the rules of one Service, or of the node, which have one order everywhere.
  const current = isSharedChain(wanted.name) ? chains.get(wanted.name) : undefined;
  return current ? inOrderOf(current, wanted, family) : wanted;
}
