/** `discovery.k8s.io/v1` EndpointSlice and the older `v1` Endpoints, reduced to what decides rules. */
import { z } from 'zod';
import { familyOf } from '../net/address.ts';
import {
  dnsLabel,
  type KnownPart,
  labels,
  list,
  namespacedMetadata,
  optional,
  ownName,
  parseUnicast,
  portName,
  portNumber,
  protocol,
  type Rules,
  unicastAddress,
  withRules,
} from './fields.ts';
import { show } from './problem.ts';
import { SERVICE_PROXY_NAME_LABEL } from './service.ts';

export type EndpointSlice = Readonly<z.output<typeof endpointSliceSchema>>;
export type SliceEndpoint = EndpointSlice['endpoints'][number];
export type SlicePort = EndpointSlice['ports'][number];

export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';
const HEADLESS_LABEL = 'service.kubernetes.io/headless';

/** The labels under which a Node's zone and region are known, the older ones last. */
export const ZONE_LABELS = ['topology.kubernetes.io/zone', 'kubernetes.io/zone'] as const;
export const REGION_LABELS = ['topology.kubernetes.io/region', 'kubernetes.io/region'] as const;

/** The first of the labels that is there and not empty. */
export function firstLabel(
  labels: Readonly<Record<string, string>>,
  keys: readonly string[],
): string | undefined {
  return keys.map((key) => labels[key]).find((value) => value !== undefined && value !== '');
}

const named = z.object({ name: z.string() });

/** Whether it is of the right family only the slice tells. */
const sliceAddress = z.string({ error: 'an address' }).transform((text) => ({ text, ...parseUnicast(text) }));

// Of an endpoint there may be 50,000: what may be missing is put in its place by one transformation, not field by field.
const endpoint = z
  .object({
    addresses: z.array(sliceAddress).min(1, { error: 'at least one address' }),
    conditions: z
      .object({
        ready: z.boolean().nullish(),
        serving: z.boolean().nullish(),
        terminating: z.boolean().nullish(),
      })
      .nullish(),
    nodeName: z.string().nullish(),
    zone: z.string().nullish(),
    deprecatedTopology: labels,
    hints: z.object({ forZones: list(named), forNodes: list(named) }).nullish(),
  })
  .transform((endpoint) => ({
    addresses: endpoint.addresses,
    ready: endpoint.conditions?.ready ?? true,
    serving: endpoint.conditions?.serving ?? true,
    terminating: endpoint.conditions?.terminating ?? false,
    nodeName: endpoint.nodeName ?? undefined,
    zone: endpoint.zone ?? firstLabel(endpoint.deprecatedTopology, ZONE_LABELS),
    region: firstLabel(endpoint.deprecatedTopology, REGION_LABELS),
    forZones: namesOf(endpoint.hints?.forZones),
    forNodes: namesOf(endpoint.hints?.forNodes),
  }));

/** Most endpoints have no hints: these share one list of none. */
const NONE: readonly string[] = [];

function namesOf(list: readonly { readonly name: string }[] = []): readonly string[] {
  return list.length === 0 ? NONE : list.map(({ name }) => name);
}

const slicePort = z
  .object({ name: optional(portName), port: optional(portNumber), protocol })
  .transform((port) => ({
    /** The API server's default is '', for an unnamed service port (`SetDefaults_EndpointPort`). */
    name: port.name ?? '',
    /** Undefined stands for "all ports", which no rule can be made for. */
    port: port.port,
    protocol: port.protocol,
  }));

const sliceSchema = z.object({
  metadata: namespacedMetadata,
  addressType: z.enum(['IPv4', 'IPv6', 'FQDN']),
  endpoints: list(endpoint),
  ports: list(slicePort),
});

export const endpointSliceSchema = withRules(sliceSchema, (known, rules) => {
  checkAddresses(known, rules);
  checkNames(known, rules);
}).transform(({ metadata, addressType, endpoints, ports }) => ({
  kind: 'EndpointSlice' as const,
  namespace: metadata.namespace,
  name: metadata.name,
  /** The Service that it belongs to, or undefined where no Service's rules depend on it. */
  serviceName:
    HEADLESS_LABEL in metadata.labels || SERVICE_PROXY_NAME_LABEL in metadata.labels || addressType === 'FQDN'
      ? undefined
      : metadata.labels[SERVICE_NAME_LABEL],
  ...skipped(metadata.labels, addressType),
  family: addressType === 'IPv6' ? ('ipv6' as const) : ('ipv4' as const),
  /** Of the addresses of each endpoint, the first is what counts. */
  endpoints:
    addressType === 'FQDN'
      ? []
      : endpoints.map(
          ({ ready, serving, terminating, nodeName, zone, region, forZones, forNodes, addresses }) => ({
            ready,
            serving,
            terminating,
            nodeName,
            zone,
            region,
            forZones,
            forNodes,
            address: addresses[0]?.address ?? '',
            ...(addresses.length > 1 && { otherAddresses: addresses.slice(1).map(({ address }) => address) }),
          }),
        ),
  ports,
}));

/** An EndpointSlice that kube-proxy does not even look at, though its label names a Service. */
interface Skipped {
  /** The name of the Service in its namespace. */
  readonly service: string;
  /** Whose doing it is: `label ...`, `addressType FQDN`. */
  readonly because: string;
}

function skipped(
  labels: Readonly<Record<string, string>>,
  addressType: string,
): { readonly skipped?: Skipped | undefined } {
  const service = labels[SERVICE_NAME_LABEL];
  if (service === undefined || service === '') return {};
  const label = [HEADLESS_LABEL, SERVICE_PROXY_NAME_LABEL].find((label) => label in labels);
  if (label !== undefined) return { skipped: { service, because: `label ${label}` } };
  return addressType === 'FQDN' ? { skipped: { service, because: 'addressType FQDN' } } : {};
}

type KnownSlice = KnownPart<z.output<typeof sliceSchema>>;

/** Checks every address, as the API server does. */
function checkAddresses(slice: KnownSlice, { complain }: Rules): void {
  if (slice?.addressType === 'FQDN') return;
  for (const [i, endpoint] of slice?.endpoints?.entries() ?? []) {
    for (const [j, one] of endpoint?.addresses?.entries() ?? []) {
      const expected = one && expectedAddress(one, slice?.addressType);
      if (expected === undefined) continue;
      complain(['endpoints', i, 'addresses', j], `expected ${expected}, got ${show(one?.text)}`);
    }
  }
}

/** What an address should be and is not. */
function expectedAddress(
  { address = '', expected }: NonNullable<KnownPart<z.output<typeof sliceAddress>>>,
  addressType: 'IPv4' | 'IPv6' | undefined,
): string | undefined {
  if (addressType === undefined) return expected;
  const ofType = address !== '' && familyOf(address) === addressType.toLowerCase();
  return ofType ? expected : `an ${addressType} address`;
}

function checkNames(slice: KnownSlice, { complain }: Rules): void {
  const names = new Set<string>();
  for (const [i, port] of slice?.ports?.entries() ?? []) {
    const name = port?.name;
    if (name === undefined) continue;
    if (names.has(name)) complain(['ports', i, 'name'], ownName(name));
    names.add(name);
  }
}

export type Endpoints = Readonly<z.output<typeof endpointsSchema>>;

const endpointsAddress = z
  .object({ ip: unicastAddress, nodeName: optional(z.string()) })
  .transform(({ ip, nodeName }) => ({ address: ip, nodeName }));

export const endpointsSchema = z
  .object({
    metadata: namespacedMetadata.extend({ name: dnsLabel }),
    subsets: list(
      z.object({
        addresses: list(endpointsAddress),
        notReadyAddresses: list(endpointsAddress),
        ports: list(
          z.object({ name: optional(portName), port: portNumber, protocol }).transform((port) => ({
            name: port.name ?? '',
            port: port.port,
            protocol: port.protocol,
          })),
        ),
      }),
    ),
  })
  .transform(({ metadata, subsets }) => ({
    kind: 'Endpoints' as const,
    namespace: metadata.namespace,
    /** The name of the Service, too. */
    name: metadata.name,
    otherProxy: HEADLESS_LABEL in metadata.labels || SERVICE_PROXY_NAME_LABEL in metadata.labels,
    subsets,
  }));
