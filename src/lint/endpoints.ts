/** Service ports whose traffic is refused, or soon will be. */
import type { Context, PlannedEntry, PlannedPort } from './context.ts';
import type { Found } from './finding.ts';
import { allAre, judgePorts, noneIs, type PortFound, serviceReference } from './sentences.ts';
import { fitsNoWorkload, hasUnknownName } from './workloads.ts';

export function checkEndpoints(planned: PlannedEntry, context: Context): Found[] {
  if (planned.ports.length === 0) return [];
  const { endpointSlices } = planned.entry;
  // What does not fit at all is told of by those who say what would.
  if (fitsNoWorkload(planned, context)) return [];
  if (endpointSlices.length === 0) return [withoutSlices(planned, context)];
  return judgePorts(planned, (port) =>
    hasUnknownName(planned, port.index, context) ? undefined : judge(planned, port),
  );
}

function withoutSlices(
  { key, entry: { service } }: PlannedEntry,
  { podNamespaces, skippedSlices }: Context,
): Found {
  const at = { object: serviceReference(service), field: 'spec.selector' };
  const [slice] = skippedSlices.get(key) ?? [];
  if (slice?.skipped) {
    const cause = `kube-proxy ignores EndpointSlice ${slice.namespace}/${slice.name} for its ${slice.skipped.because}, so traffic is refused.`;
    return { ...at, code: 'no-endpoints', cause };
  }
  if (Object.keys(service.selector).length === 0) {
    const cause =
      'It has no selector, and no EndpointSlice or Endpoints lists an endpoint of it, so its traffic is refused.';
    return { ...at, code: 'no-endpoints', cause };
  }
  if (podNamespaces.has(service.namespace)) {
    const cause = `Its selector matches no Pod of namespace ${service.namespace} that runs and has an address, so its traffic is refused.`;
    return { ...at, code: 'no-endpoints', cause };
  }
  const cause =
    'It has a selector, but no EndpointSlice, Endpoints or Pod is there for it, so its traffic is refused.';
  return { ...at, code: 'no-endpoint-slices', cause };
}

function judge({ entry }: PlannedEntry, { family, plan }: PlannedPort): PortFound | undefined {
  const { servicePort, endpoints } = plan;
  const { portName, protocol } = servicePort;
  if (endpoints.length === 0) {
    const slices = entry.endpointSlices.filter((slice) => slice.family === family);
    const others = new Set(slices.flatMap((slice) => slice.endpoints.map(({ address }) => address))).size;
    if (others === 0) {
      const clause = 'it has no endpoint, so its traffic is refused';
      return { code: 'no-endpoints', clause, commonField: 'spec.ports' };
    }
    const name = portName === '' ? 'without a name' : `named "${portName}"`;
    const has = others === 1 ? 'its only endpoint has no' : `none of its ${others} endpoints has a`;
    const clause = `${has} port ${name} for ${protocol.toUpperCase()}, so its traffic is refused`;
    return { code: 'no-endpoints', clause };
  }
  if (endpoints.some(({ object }) => object.ready)) return undefined;
  const serving = endpoints.filter(({ object }) => object.serving && object.terminating);
  if (serving.length === 0) {
    const clause = `${noneIs(endpoints.length)} ready, so its traffic is refused`;
    return { code: 'no-ready-endpoints', clause, commonField: 'spec.ports' };
  }
  const clause = `${allAre(serving.length, 'serving endpoint')} terminating: once gone, its traffic is refused`;
  return { code: 'terminating-endpoints', clause, commonField: 'spec.ports' };
}
