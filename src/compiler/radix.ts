/**
 * Sets of keyed members as trees of bounded fan-out. The tree of a set depends on nothing but the set, and adding or
 * removing a member changes at most the path to it: keys decide where members stand, not their number.
 */
import { present } from '../errors/invariant.ts';

/** A member of a tree: keys are hexadecimal digits, or other characters, of one length in all of a tree. */
export interface Keyed {
  readonly key: string;
}

/** Members whose keys begin alike. */
export interface Branch<T extends Keyed> {
  readonly prefix: string;
  readonly members: readonly T[];
}

/** A node of a tree has no more members, or branches, than this, unless more members than this have the same key. */
export const FAN_OUT = 16;

/** The members by their keys, those of one key in the order that they had. */
export function sortByKey<T extends Keyed>(members: readonly T[]): T[] {
  return members.toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
}

/**
 * The branches of a node: its members apart by the first character in which their keys differ.
 * @param members in the order of their keys
 * @param size how many members they count as
 * @returns undefined for a leaf: there are few members, or all have the same key
 */
export function branchesOf<T extends Keyed>(
  members: readonly T[],
  size = members.length,
): Branch<T>[] | undefined {
  if (size <= FAN_OUT) return undefined;
  const { key: first } = present(members[0], 'first member of a node');
  const { key: last } = present(members.at(-1), 'last member of a node');
  if (first === last) return undefined;
  let common = 0;
  while (first[common] === last[common]) common++;

  const branches: Branch<T>[] = [];
  let [start, prefix] = [0, first.slice(0, common + 1)];
  for (const [end, { key }] of members.entries()) {
    if (key.startsWith(prefix)) continue;
    branches.push({ prefix, members: members.slice(start, end) });
    [start, prefix] = [end, key.slice(0, common + 1)];
  }
  branches.push({ prefix, members: members.slice(start) });
  return branches;
}
