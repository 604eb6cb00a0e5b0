/** What the Local policies keep from being served. */
import type { Context, PlannedEntry, PlannedPort } from './context.ts';
import type { Found } from './finding.ts';
import { judgePorts, noneIs, type PortFound } from './sentences.ts';

export function checkLocalPolicy(planned: PlannedEntry, { node }: Context): Found[] {
  return [
    ...judgePorts(planned, endpointsWithoutNode),
    ...judgePorts(planned, (port) => internalDropped(port, node.name)),
    ...judgePorts(planned, (port) => externalDropped(port, node.name)),
  ];
}

function endpointsWithoutNode({ plan }: PlannedPort): PortFound | undefined {
  const policy = localPolicy(plan);
  const { endpoints } = plan;
  const nowhere = endpoints.filter(({ object }) => !object.nodeName).length;
  if (policy === undefined || nowhere === 0) return undefined;
  const clause = `${haveNone(nowhere, endpoints.length)} nodeName, so ${policy} Local sends ${nowhere === 1 ? 'it' : 'them'} no traffic on any node`;
  return { code: 'endpoints-without-node', clause, commonField: `spec.${policy}` };
}

/** The field that asks for local endpoints, if one does. */
function localPolicy({ servicePort, external }: PlannedPort['plan']): string | undefined {
  if (servicePort.internalPolicy === 'Local') return 'internalTrafficPolicy';
  return external?.policy === 'Local' ? 'externalTrafficPolicy' : undefined;
}

function haveNone(count: number, all: number): string {
  if (all === 1) return 'its only endpoint has no';
  if (count === all) return `none of its ${all} endpoints has a`;
  return `${count} of its ${all} endpoints ${count === 1 ? 'has' : 'have'} no`;
}

function internalDropped({ plan }: PlannedPort, nodeName: string): PortFound | undefined {
  const { internal, endpoints } = plan;
  if (internal.fate !== 'drop' || !placesKnown(endpoints, nodeName)) return undefined;
  const clause = `${noneIs(endpoints.length)} on node ${nodeName} and usable, so internalTrafficPolicy Local drops traffic from there to its cluster IP`;
  return { code: 'internal-traffic-dropped', clause, commonField: 'spec.internalTrafficPolicy' };
}

function externalDropped({ plan }: PlannedPort, nodeName: string): PortFound | undefined {
  const { external, endpoints } = plan;
  if (external?.fate !== 'drop' || !placesKnown(endpoints, nodeName)) return undefined;
  const none = `${noneIs(endpoints.length)} on node ${nodeName} and usable, so externalTrafficPolicy Local`;
  const commonField = 'spec.externalTrafficPolicy';
  // A load balancer that asks for health leaves the node out; nobody asks before he sends to an external IP.
  const { healthCheckNodePort, externalIPs } = plan.servicePort;
  if (healthCheckNodePort !== 0 && externalIPs.length === 0) {
    const clause = `${none} drops traffic from outside there; the health check on node port ${healthCheckNodePort} tells load balancers`;
    return { code: 'node-without-local-endpoints', clause, commonField };
  }
  return {
    code: 'external-traffic-dropped',
    clause: `${none} drops traffic from outside there`,
    commonField,
  };
}

/** Where no endpoint has a nodeName, that is what is wrong, on every node. */
function placesKnown(endpoints: PlannedPort['plan']['endpoints'], nodeName: string): boolean {
  return nodeName !== '' && endpoints.some(({ object }) => object.nodeName);
}
