/** Host ports of Pods that are node ports of Services. */
import type { Context, PlannedEntry } from './context.ts';
import type { Found } from './finding.ts';
import { serviceReference } from './sentences.ts';

export function checkHostPorts(planned: PlannedEntry, { pods }: Context): Found[] {
  const { service } = planned.entry;
  if (planned.ports.length === 0) return [];
  return service.ports.flatMap(({ nodePort, protocol }, i): Found[] => {
    if (nodePort === 0) return [];
    const owners = pods.filter(({ containerPorts }) =>
      containerPorts.some((port) => port.hostPort === nodePort && port.protocol === protocol),
    );
    const [first] = owners;
    if (!first) return [];
    const more = owners.length === 1 ? '' : ` (and of ${owners.length - 1} more)`;
    const where = first.nodeName === undefined ? 'its node' : `node ${first.nodeName}`;
    const cause = `Node port ${nodePort}/${protocol} is a host port of Pod ${first.namespace}/${first.name}${more}: on ${where}, one of them gets no traffic.`;
    return [
      {
        code: 'host-port-is-node-port',
        object: serviceReference(service),
        field: `spec.ports[${i}].nodePort`,
        cause,
      },
    ];
  });
}
