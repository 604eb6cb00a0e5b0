/** Endpoints that are meant for some nodes, and for others not. */
import { show } from '../api/problem.ts';
import type { Endpoint } from '../compiler/endpoints.ts';
import { enumerate } from '../text/lists.ts';
import type { Context, PlannedEntry, PlannedPort } from './context.ts';
import type { Found } from './finding.ts';
import { counted, judgePorts, type PortFound, serviceReference } from './sentences.ts';

export function checkTopology(planned: PlannedEntry, context: Context): Found[] {
  const { service } = planned.entry;
  if (planned.ports.length === 0) return [];
  if (service.topologyKeys.length === 0) {
    return [
      ...judgePorts(planned, incompleteHints),
      ...judgePorts(planned, (port) => hintsForOthers(port, context)),
    ];
  }
  const cause =
    'Kubernetes removed topologyKeys in v1.22: svc2ipt follows them, a current kube-proxy does not.';
  const ignored: Found = {
    code: 'topology-keys',
    object: serviceReference(service),
    field: 'spec.topologyKeys',
    cause,
  };
  return [ignored, ...judgePorts(planned, (port) => excluded(port, context))];
}

/** Hints count only where every ready endpoint has them (KEP-2433, KEP-4444; kube-proxy v1.36). */
function incompleteHints({ plan }: PlannedPort): PortFound | undefined {
  if (!usesCluster(plan)) return undefined;
  const ready = plan.endpoints.filter(({ object }) => object.ready);
  for (const kind of ['forZones', 'forNodes'] as const) {
    const without = ready.filter(({ object }) => object[kind].length === 0);
    if (without.length === 0 || without.length === ready.length) continue;
    const lack = `${enumerate(without.map(({ text }) => text))} ${without.length === 1 ? 'has' : 'have'} no hints.${kind}`;
    const clause = `${lack}, so no node follows those of ${counted(ready.length - without.length, 'other ready endpoint')}`;
    return { code: 'hints-ignored', clause, commonField: 'spec' };
  }
  return undefined;
}

function hintsForOthers({ plan }: PlannedPort, { node, nodes }: Context): PortFound | undefined {
  if (!usesCluster(plan)) return undefined;
  const ready = plan.endpoints.filter(({ object }) => object.ready);
  const zones = hintsAre(ready, 'forZones', node.zone);
  const names = hintsAre(ready, 'forNodes', node.name || undefined);
  if (zones === 'here' || names === 'here') return undefined;
  const isWithout = zones === 'elsewhere' && node.zone === undefined && nodes.has(node.name);
  if (isWithout) {
    const clause = `the node has no zone, so the hints of ${counted(ready.length, 'ready endpoint')} for zones do not count here, and this node sends traffic to all of them`;
    return { code: 'node-without-zone', clause, commonField: 'spec' };
  }
  const to = zones === 'elsewhere' ? zoneOf(node) : names === 'elsewhere' ? nodeName(node) : undefined;
  if (to === undefined) return undefined;
  const clause = `no hint of ${counted(ready.length, 'ready endpoint')} is for ${to}, so this node sends traffic to all of them`;
  return { code: 'hints-for-others', clause, commonField: 'spec' };
}

/** What the hints of one kind come to here, where all have them. */
function hintsAre(
  ready: readonly Endpoint[],
  kind: 'forZones' | 'forNodes',
  here: string | undefined,
): 'here' | 'elsewhere' | 'none' {
  if (ready.length === 0 || ready.some(({ object }) => object[kind].length === 0)) return 'none';
  return here !== undefined && ready.some(({ object }) => object[kind].includes(here)) ? 'here' : 'elsewhere';
}

function zoneOf({ zone }: Context['node']): string | undefined {
  return zone === undefined ? undefined : `zone ${show(zone)}`;
}

function nodeName({ name }: Context['node']): string | undefined {
  return name === '' ? undefined : `node ${name}`;
}

function excluded({ plan }: PlannedPort, { node }: Context): PortFound | undefined {
  const usable = plan.endpoints.some(({ object }) => object.ready || (object.serving && object.terminating));
  const known = node.name !== '' || node.zone !== undefined;
  if (!known || !usable || !usesCluster(plan) || plan.cluster.length > 0) return undefined;
  const clause = `of ${counted(plan.endpoints.length)}, none is where its topologyKeys ask for on this node, so traffic is refused`;
  return { code: 'topology-keys-exclude-node', clause, commonField: 'spec.topologyKeys' };
}

/** Whether any traffic may go to endpoints of the whole cluster, which alone are narrowed. */
function usesCluster({ servicePort, external }: PlannedPort['plan']): boolean {
  return servicePort.internalPolicy === 'Cluster' || external !== undefined;
}
