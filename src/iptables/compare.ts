/** Whether chains are the same, and how one set of chains differs from another. */
import { printRule } from './print.ts';
import type { Chain, Rule } from './types.ts';

/** How the chains of one table changed. */
export interface ChainChanges {
  /** Chains that are new or have other rules than before. */
  readonly changed: readonly Chain[];
  /** The names of chains that are no more. */
  readonly removed: readonly string[];
}

/** What leads from one set of chains to another. A chain that is the same object in both costs one comparison. */
export function compareChains(before: readonly Chain[], after: readonly Chain[]): ChainChanges {
  if (before.length === 0) return { changed: after, removed: [] };
  const old = new Map(before.map((chain) => [chain.name, chain]));
  const changed: Chain[] = [];
  for (const chain of after) {
    const former = old.get(chain.name);
    old.delete(chain.name);
    if (!former || !sameChain(former, chain)) changed.push(chain);
  }
  return { changed, removed: [...old.keys()] };
}

/** Whether two chains have the same name and print the same rules. */
export function sameChain(a: Chain, b: Chain): boolean {
  if (a === b) return true;
  return a.name === b.name && sameList(a.rules, b.rules, sameRule);
}

/** Whether two rules print the same. */
export function sameRule(a: Rule, b: Rule): boolean {
  return a === b || printRule(a) === printRule(b);
}

/** Whether two lists are the same, element by element. */
export function sameList<T>(a: readonly T[], b: readonly T[], same: (a: T, b: T) => boolean): boolean {
  return a.length === b.length && a.every((element, i) => same(element, b[i] as T));
}
