/** What belongs to which Service, and what to none. Part of the page. */
import type { PageData } from './page-types.ts';

/** Places of the data's nodes, by names in order. */
export interface Belongings {
  /** What belongs to the whole node, by table. */
  readonly tables: ReadonlyMap<string, readonly number[]>;
  readonly services: ReadonlyMap<string, readonly number[]>;
}

export function belongingsOf({ nodes }: PageData): Belongings {
  const [tables, services] = [new Map<string, number[]>(), new Map<string, number[]>()];
  for (const [id, { table, service }] of nodes.entries()) {
    const [groups, name] = service === undefined ? [tables, table] : [services, service];
    const group = groups.get(name);
    if (group) group.push(id);
    else groups.set(name, [id]);
  }
  return { tables: byName(tables), services: byName(services) };
}

/** As people count: service-2 comes before service-10. */
const COLLATOR = new Intl.Collator('en', { numeric: true });

function byName(groups: ReadonlyMap<string, readonly number[]>): ReadonlyMap<string, readonly number[]> {
  return new Map([...groups].sort(([a], [b]) => COLLATOR.compare(a, b)));
}
