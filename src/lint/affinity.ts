/** What session affinity by xt_recent does not promise. */
import type { Context, PlannedEntry, PlannedPort } from './context.ts';
import type { Found } from './finding.ts';
import type { RuleCode } from './rules.ts';
import { judgePorts, serviceReference } from './sentences.ts';

const FIELD = 'spec.sessionAffinity';

/** Addresses in one list of xt_recent (the kernel module's `ip_list_tot`) unless it is loaded with another number. */
const LIST_SIZE = 100;

export function checkAffinity(planned: PlannedEntry, { nodeCount }: Context): Found[] {
  const { entry, ports } = planned;
  // Where there is one endpoint, every client gets it.
  const chosen = ports.filter(({ plan }) => plan.endpoints.filter(({ object }) => object.ready).length > 1);
  if (entry.service.sessionAffinitySeconds === undefined || chosen.length === 0) return [];
  const found = (code: RuleCode, cause: string): Found => ({
    code,
    object: serviceReference(entry.service),
    field: FIELD,
    cause,
  });
  const several = new Set(chosen.map(({ index }) => index)).size > 1;
  return [
    ...judgePorts({ ...planned, ports: chosen }, (port) => perNode(port, nodeCount)),
    ...(several
      ? [
          found(
            'affinity-per-port',
            'Each of its ports remembers clients on its own, so a client may get another endpoint on each of them.',
          ),
        ]
      : []),
    found(
      'affinity-list-size',
      `Unless xt_recent is loaded with another ip_list_tot, a node remembers ${LIST_SIZE} clients for each endpoint: when one more comes, the client whose last new connection is longest ago is forgotten, and may get another endpoint.`,
    ),
    ...(chosen.some(({ plan }) => plan.servicePort.protocol === 'udp')
      ? [
          found(
            'affinity-udp',
            `Clients are looked up and remembered when a UDP flow begins, not while it goes on: a flow may keep its endpoint for longer than ${entry.service.sessionAffinitySeconds} seconds, and the next one get another.`,
          ),
        ]
      : []),
  ];
}

function perNode({ plan: { external } }: PlannedPort, nodeCount: number) {
  if (external?.policy !== 'Cluster' || nodeCount < 2) return undefined;
  const clause = `each of the ${nodeCount} nodes remembers clients on its own, so one that comes in through another node may get another endpoint`;
  return { code: 'affinity-per-node', clause, commonField: FIELD } as const;
}
