/** What belongs to which Service, and what to none. Part of the page. */
import type { PageData } from './page-types.ts';

/** Places of the data's nodes, by names in order. */
export interface Belongings {
  /** What belongs to the whole node, by table. */
  readonly tables: ReadonlyMap<string, readonly number[]>;
  readonly services: ReadonlyMap<string, readonly number[]>;
  /** How many endpoints the rules of each Service send to, of those that have any. */
  readonly endpoints: ReadonlyMap<string, number>;
}

export function belongingsOf({ nodes }: PageData): Belongings {
  const [tables, services] = [new Map<string, number[]>(), new Map<string, number[]>()];
  const endpoints = new Map<string, number>();
  for (const [id, { table, service, target }] of nodes.entries()) {
    if (service !== undefined && target === 'DNAT') endpoints.set(service, (endpoints.get(service) ?? 0) + 1);
    const [groups, name] = service === undefined ? [tables, table] : [services, service];
    const group = groups.get(name);
    if (group) group.push(id);
    else groups.set(name, [id]);
  }
  return { tables: byName(tables), services: byName(services), endpoints };
}

/** As people count: service-2 comes before service-10. */
const COLLATOR = new Intl.Collator('en', { numeric: true });

function byName(groups: ReadonlyMap<string, readonly number[]>): ReadonlyMap<string, readonly number[]> {
  return new Map([...groups].sort(([a], [b]) => COLLATOR.compare(a, b)));
}
