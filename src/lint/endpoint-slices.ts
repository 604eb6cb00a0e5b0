/** EndpointSlices that do not fit their Service, or the network. */
import { namespacedName } from '../api/cluster.ts';
import { type EndpointSlice, SERVICE_NAME_LABEL, type SlicePort } from '../api/endpoint-slice.ts';
import { hasClusterIP, type Service } from '../api/service.ts';
import { contains, FAMILY_NAMES, familyOf, joinPort } from '../net/address.ts';
import { enumerate } from '../text/lists.ts';
import type { Context, PlannedEntry } from './context.ts';
import type { Found } from './finding.ts';
import { counted, judgePorts, type PortFound, serviceReference } from './sentences.ts';

/** A finding before it is decided which object can be named. */
type SliceFound = Omit<Found, 'object'>;

export function checkSlices(
  { key, entry: { service, endpointSlices } }: PlannedEntry,
  context: Context,
): Found[] {
  if (!hasClusterIP(service)) return [];
  const given = context.withGivenSlices.has(key);
  return endpointSlices.flatMap((slice) =>
    [
      ...addressesOf(slice, context),
      ...severalAddresses(slice),
      ...(usedBy(service, slice) ? ports(slice, service) : otherFamily(slice, service)),
    ].map((found) =>
      given
        ? { ...found, object: sliceReference(slice) }
        : { ...found, object: serviceReference(service), field: 'spec.ports' },
    ),
  );
}

/** EndpointSlices of no Service, and those that kube-proxy passes over. */
export function checkStraySlices(context: Context): Found[] {
  return [...unnamedSlices(context), ...skippedSlices(context), ...slicesWithoutService(context)];
}

function unnamedSlices({ endpointSlices }: Context): Found[] {
  const unnamed = endpointSlices.filter(({ serviceName, skipped }) => !serviceName && !skipped);
  return unnamed.map((slice) => ({
    code: 'slice-without-service-name',
    object: sliceReference(slice),
    field: 'metadata.labels',
    cause: `It has no label ${SERVICE_NAME_LABEL}, so no Service uses its ${counted(slice.endpoints.length)}.`,
  }));
}

/** Those of a headless Service, or of another proxy's, are as they should be. */
function skippedSlices({ skippedSlices, services }: Context): Found[] {
  return [...skippedSlices].flatMap(([key, slices]) => {
    const entry = services.get(key);
    if (!entry || !hasClusterIP(entry.service)) return [];
    return slices.map((slice) => ({
      code: 'slice-skipped' as const,
      object: sliceReference(slice),
      field: slice.skipped?.because.startsWith('label') ? 'metadata.labels' : 'addressType',
      cause: `kube-proxy ignores it for its ${slice.skipped?.because}, so Service ${key} does not get its endpoints.`,
    }));
  });
}

/** Endpoints that several lists name, or one list twice: only one of them counts. */
export function checkDuplicateEndpoints(planned: PlannedEntry): Found[] {
  const { endpointSlices } = planned.entry;
  return judgePorts(planned, ({ family, plan: { servicePort } }): PortFound | undefined => {
    const seen = new Map<string, string[]>();
    for (const slice of endpointSlices.filter((slice) => slice.family === family)) {
      for (const { name, port, protocol } of slice.ports) {
        if (name !== servicePort.portName || protocol.toLowerCase() !== servicePort.protocol) continue;
        for (const { address } of slice.endpoints) {
          const text = port === undefined ? address : joinPort(address, port);
          seen.set(text, [...(seen.get(text) ?? []), slice.name]);
        }
      }
    }
    const [first, ...more] = [...seen].filter(([, slices]) => slices.length > 1);
    if (!first) return undefined;
    const [text, slices] = first;
    const where = new Set(slices).size > 1 ? ` (EndpointSlices ${enumerate([...new Set(slices)])})` : '';
    const others = more.length === 0 ? '' : `, and so do ${more.length} more`;
    const clause = `${counted(slices.length)} have the address ${text}${where} and count as one${others}`;
    return { code: 'duplicate-endpoint', clause, commonField: 'spec.ports' };
  });
}

/** kube-proxy uses the first address only (the API has never said what several would mean). */
function severalAddresses({ endpoints }: EndpointSlice): SliceFound[] {
  const placed = endpoints.flatMap(({ address, otherAddresses }, i) =>
    otherAddresses ? [{ address, field: `endpoints[${i}].addresses`, others: otherAddresses }] : [],
  );
  return atFirst(placed, (address) => ({
    code: 'endpoint-addresses-ignored',
    cause: `Of the addresses of an endpoint only the first is used, ${address}, and not ${enumerate(placed[0]?.others ?? [])}.`,
  }));
}

function slicesWithoutService({ endpointSlices, services }: Context): Found[] {
  const strays = endpointSlices.filter(
    ({ namespace, serviceName }) => serviceName && !services.has(`${namespace}/${serviceName}`),
  );
  if (strays.length === 0) return [];
  const namesakes = Map.groupBy(services.values(), ({ service }) => service.name);
  return strays.map((slice) => {
    const others = (namesakes.get(slice.serviceName ?? '') ?? []).map(({ service }) =>
      namespacedName(service),
    );
    const hint = others.length > 0 ? `, only ${enumerate(others)}` : '';
    return {
      code: 'slice-without-service',
      object: sliceReference(slice),
      field: 'metadata.labels',
      cause: `There is no Service ${slice.namespace}/${slice.serviceName}${hint}, so nothing uses its ${counted(slice.endpoints.length)}.`,
    };
  });
}

function sliceReference({ namespace, name }: EndpointSlice): Found['object'] {
  return { kind: 'EndpointSlice', namespace, name };
}

function usedBy({ clusterIPs }: Service, { family }: EndpointSlice): boolean {
  return clusterIPs.some((ip) => familyOf(ip) === family);
}

function otherFamily({ family, endpoints }: EndpointSlice, service: Service): SliceFound[] {
  if (endpoints.length === 0) return [];
  const name = FAMILY_NAMES[family];
  const cause = `Service ${namespacedName(service)} has no ${name} cluster IP, so its ${name} endpoints are not used.`;
  return [{ code: 'slice-of-other-family', field: 'addressType', cause }];
}

function ports(slice: EndpointSlice, service: Service): SliceFound[] {
  return slice.ports.flatMap((port, i): SliceFound[] => {
    if (port.port === undefined) {
      const cause = 'The port has no number, so it is ignored.';
      return [{ code: 'slice-port-ignored', field: `ports[${i}]`, cause }];
    }
    const wrong = strayPort(port, service);
    return wrong === undefined
      ? []
      : [
          {
            code: 'slice-port-without-service-port',
            field: `ports[${i}].${wrong.field}`,
            cause: wrong.cause,
          },
        ];
  });
}

/** Ports are matched by name and protocol. */
function strayPort({ name, protocol }: SlicePort, service: Service) {
  const owner = `Service ${namespacedName(service)}`;
  const namesake = service.ports.find((port) => port.name === name);
  if (namesake === undefined) {
    const names = service.ports.map((port) => (port.name === '' ? 'one without a name' : `"${port.name}"`));
    const cause = `No port of ${owner} is ${called(name)}, only ${enumerate(names)}: ports are matched by name.`;
    return { field: 'name', cause };
  }
  if (namesake.protocol === protocol) return undefined;
  const cause = `The port of ${owner} that is ${called(name)} is for ${namesake.protocol}, this one for ${protocol}.`;
  return { field: 'protocol', cause };
}

function called(name: string): string {
  return name === '' ? 'without a name' : `named "${name}"`;
}

/** Endpoints where no machine can be. A slice has many of them or none: they are told of at once. */
function addressesOf({ endpoints }: EndpointSlice, { clusterIPs, serviceRanges }: Context): SliceFound[] {
  const placed = endpoints.map(({ address }, i) => ({ address, field: `endpoints[${i}].addresses[0]` }));
  const services = placed.filter(({ address }) => clusterIPs.has(address));
  const inRange = placed.filter(
    ({ address }) => !clusterIPs.has(address) && serviceRanges.some((range) => contains(range, address)),
  );
  return [
    ...atFirst(services, (address) => ({
      code: 'endpoint-is-cluster-ip',
      cause: `${address} is the cluster IP of Service ${clusterIPs.get(address)}: a packet is translated once, so it never reaches the endpoints behind it.`,
    })),
    ...atFirst(inRange, (address) => ({
      code: 'endpoint-in-service-range',
      cause: `${address} is in the service range, where no machine and no Pod should be.`,
    })),
  ];
}

function atFirst(
  placed: readonly { readonly address: string; readonly field: string }[],
  tell: (address: string) => Pick<Found, 'code' | 'cause'>,
): SliceFound[] {
  const [first] = placed;
  if (first === undefined) return [];
  const { code, cause } = tell(first.address);
  const more = placed.length === 1 ? '' : ` (And ${placed.length - 1} more of its endpoints.)`;
  return [{ code, field: first.field, cause: cause + more }];
}
