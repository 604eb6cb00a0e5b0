/** In which order Services are shown. */
import type { ServicePortTraffic, TrafficReport } from './traffic.ts';

/** What comes first: the most of it, or the first name. */
export const SORTS = ['rate', 'connections', 'refused', 'dropped', 'name'] as const;
export type Sort = (typeof SORTS)[number];

/** The service ports of a report in an order. Those that are equal in it are in that of their connections and names. */
export function sorted({ servicePorts }: TrafficReport, sort: Sort): ServicePortTraffic[] {
  return servicePorts.toSorted((a, b) => compare(a, b, sort) || byConnections(a, b) || byName(a, b));
}

function compare(a: ServicePortTraffic, b: ServicePortTraffic, sort: Sort): number {
  switch (sort) {
    case 'rate':
      return b.connections.recent - a.connections.recent;
    case 'connections':
      return byConnections(a, b);
    case 'refused':
    case 'dropped':
      return b[sort].recent - a[sort].recent || b[sort].total - a[sort].total;
    case 'name':
      return byName(a, b);
  }
}

function byConnections(a: ServicePortTraffic, b: ServicePortTraffic): number {
  return b.connections.total - a.connections.total;
}

function byName(a: ServicePortTraffic, b: ServicePortTraffic): number {
  if (a.servicePort !== b.servicePort) return a.servicePort < b.servicePort ? -1 : 1;
  if (a.protocol === b.protocol) return 0;
  return a.protocol < b.protocol ? -1 : 1;
}
