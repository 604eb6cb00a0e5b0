/** What an API server never lets in together: Services that claim the same cluster IP or the same node port. */
import { inOrderOfNames, namespacedName } from '../../api/cluster.ts';
import type { Service } from '../../api/service.ts';

export interface Conflict {
  /** The later of the two, by name. */
  readonly service: Service;
  readonly field: string;
  /** Whose it is already. */
  readonly message: string;
}

/** Finds what several Services claim; the first by name counts as its owner. Ports of one Service may share theirs. */
export function findConflicts(services: readonly Service[]): Conflict[] {
  const owners = new Map<string, Service>();
  const conflicts: Conflict[] = [];
  const claim = (service: Service, field: string, what: string, value: string | number) => {
    const owner = owners.get(`${what} ${value}`) ?? service;
    owners.set(`${what} ${value}`, owner);
    if (owner === service) return;
    conflicts.push({
      service,
      field,
      message: `${value} is already the ${what} of Service ${namespacedName(owner)}`,
    });
  };
  for (const service of inOrderOfNames(services)) {
    const { clusterIPs, ports, healthCheckNodePort, type, externalTrafficPolicy } = service;
    if (type === 'ExternalName') continue;
    for (const ip of clusterIPs) if (ip !== 'None') claim(service, 'spec.clusterIP', 'cluster IP', ip);
    for (const [i, { nodePort }] of ports.entries()) {
      if (nodePort !== 0) claim(service, `spec.ports[${i}].nodePort`, 'node port', nodePort);
    }
    if (healthCheckNodePort !== 0 && type === 'LoadBalancer' && externalTrafficPolicy === 'Local') {
      claim(service, 'spec.healthCheckNodePort', 'node port', healthCheckNodePort);
    }
  }
  return conflicts;
}
