/** Sets of the kernel (ipset), as `ipset save` prints them. */

import { OperationalError } from '../../errors/operational-error.ts';

/** What an entry has at each place, as the type of its set says: `hash:ip,port` has two. */
export type Dimension = 'ip' | 'net' | 'port' | 'iface' | 'mark' | 'mac' | 'set';

export interface IPSet {
  readonly name: string;
  readonly dimensions: readonly Dimension[];
  /** As they are written, one text for each dimension. */
  readonly entries: readonly { readonly parts: readonly string[]; readonly nomatch: boolean }[];
}

const DIMENSIONS: ReadonlySet<string> = new Set<Dimension>([
  'ip',
  'net',
  'port',
  'iface',
  'mark',
  'mac',
  'set',
]);

/**
 * Reads what `ipset save` prints: `create NAME TYPE ...` and `add NAME ENTRY ...`.
 * @throws OperationalError where it is something else
 */
export function parseIPSets(text: string): ReadonlyMap<string, IPSet> {
  const sets = new Map<string, IPSet & { readonly entries: IPSet['entries'][number][] }>();
  for (const [i, line] of text.split('\n').entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const [command, name, what, ...options] = line.trim().split(/ +/);
    const fail = (expected: string) =>
      new OperationalError(`line ${i + 1}: expected ${expected}, as ipset save prints it`);
    if (name === undefined || what === undefined) throw fail('create NAME TYPE or add NAME ENTRY');
    if (command === 'create') {
      const dimensions = what
        .replace(/^[a-z]+:/, '')
        .split(',')
        .filter(isDimension);
      if (!/^(?:hash|bitmap|list):/.test(what) || dimensions.length === 0) throw fail('the type of a set');
      sets.set(name, { name, dimensions, entries: [] });
    } else if (command === 'add') {
      const set = sets.get(name);
      if (!set) throw fail(`a set that is created before, and not ${name}`);
      set.entries.push({ parts: what.split(','), nomatch: options.includes('nomatch') });
    } else {
      throw fail('create or add');
    }
  }
  return sets;
}

function isDimension(word: string): word is Dimension {
  return DIMENSIONS.has(word);
}
