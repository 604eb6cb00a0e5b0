/** EndpointSlices that do not fit their Service, or the network. */
import { namespacedName } from '../api/cluster.ts';
import type { EndpointSlice, SlicePort } from '../api/endpoint-slice.ts';
import { hasClusterIP, type Service } from '../api/service.ts';
import { contains, familyOf } from '../net/address.ts';
import type { Context, PlannedEntry } from './context.ts';
import type { Found } from './finding.ts';
import { counted, enumerate, serviceReference } from './sentences.ts';

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
      ...(usedBy(service, slice) ? ports(slice, service) : otherFamily(slice, service)),
    ].map((found) =>
      given
        ? { ...found, object: sliceReference(slice) }
        : { ...found, object: serviceReference(service), field: 'spec.ports' },
    ),
  );
}

/** EndpointSlices of no Service. */
export function checkStraySlices({ endpointSlices, services }: Context): Found[] {
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
  const name = family === 'ipv4' ? 'IPv4' : 'IPv6';
  const cause = `Service ${namespacedName(service)} has no ${name} cluster IP, so its ${name} endpoints are not used.`;
  return [{ code: 'slice-of-other-family', field: 'addressType', cause }];
}

function ports(slice: EndpointSlice, service: Service): SliceFound[] {
  return slice.ports.flatMap((port, i): SliceFound[] => {
    if (port.name === undefined || port.port === undefined) {
      const lacks = port.name === undefined ? 'name' : 'number';
      const cause = `The port has no ${lacks}, so it is ignored.`;
      return [{ code: 'slice-port-ignored', field: `ports[${i}]`, cause }];
    }
    const wrong = strayPort({ ...port, name: port.name }, service);
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
function strayPort({ name, protocol }: SlicePort & { readonly name: string }, service: Service) {
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
      cause: `${address} is the cluster IP of Service ${clusterIPs.get(address)}: a packet is translated once, so it never gets to the endpoints there.`,
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
