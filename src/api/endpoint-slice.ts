/** `discovery.k8s.io/v1` EndpointSlice and the older `v1` Endpoints, reduced to what decides rules. */
import { z } from 'zod';
import { type Family, familyOf } from '../net/address.ts';
import {
  dnsLabel,
  givenLabels,
  type KnownPart,
  list,
  meetsRules,
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
import { isMapping, show, withShortcut } from './problem.ts';
import { SERVICE_PROXY_NAME_LABEL } from './service.ts';
import { isFlagOrAbsent, isTextOrAbsent, usualList, usualMetadata, usualPort } from './usual.ts';

export type EndpointSlice = Readonly<z.output<typeof wholeSchema>>;
export type SliceEndpoint = EndpointSlice['endpoints'][number];
export type SlicePort = EndpointSlice['ports'][number];

export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';
const HEADLESS_LABEL = 'service.kubernetes.io/headless';

/** The labels under which a Node's zone and region are known, the older ones last. */
export const ZONE_LABELS = ['topology.kubernetes.io/zone', 'kubernetes.io/zone'] as const;
export const REGION_LABELS = ['topology.kubernetes.io/region', 'kubernetes.io/region'] as const;

/** The first of the labels that is there and not empty. */
export function firstLabel(
  labels: Readonly<Record<string, string>> | null | undefined,
  keys: readonly string[],
): string | undefined {
  if (!labels) return undefined;
  return keys.map((key) => labels[key]).find((value) => value !== undefined && value !== '');
}

const named = z.object({ name: z.string() });

/** Whether it is of the right family only the slice tells. */
const sliceAddress = z.string({ error: 'an address' }).transform((text) => ({ text, ...parseUnicast(text) }));

/** What may be absent is `nullish` here, and one function makes the endpoint of it: each schema that does so takes its time. */
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
    deprecatedTopology: givenLabels.nullish(),
    hints: z.object({ forZones: z.array(named).nullish(), forNodes: z.array(named).nullish() }).nullish(),
  })
  .transform(({ addresses, conditions, nodeName, zone, deprecatedTopology, hints }) => ({
    addresses,
    ready: conditions?.ready ?? true,
    serving: conditions?.serving ?? true,
    terminating: conditions?.terminating ?? false,
    nodeName: nodeName ?? undefined,
    zone: zone ?? firstLabel(deprecatedTopology, ZONE_LABELS),
    region: firstLabel(deprecatedTopology, REGION_LABELS),
    forZones: namesOf(hints?.forZones),
    forNodes: namesOf(hints?.forNodes),
  }));

/** Most endpoints have no hints: these share one list of none. */
const NONE: readonly string[] = [];

function namesOf(list: readonly { readonly name: string }[] | null | undefined): readonly string[] {
  return list?.length ? list.map(({ name }) => name) : NONE;
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

const wholeSchema = withRules(sliceSchema, (known, rules) => {
  checkAddresses(known, rules);
  checkNames(known?.ports, rules);
}).transform(({ endpoints, ...rest }) => ({
  ...withoutEndpoints(rest),
  /** Of the addresses of each endpoint, the first is what counts. */
  endpoints:
    rest.addressType === 'FQDN'
      ? []
      : endpoints.map(({ addresses: [first, ...others], ...endpoint }) => ({
          ...endpoint,
          address: first?.address ?? '',
          ...(others.length > 0 && { otherAddresses: others.map(({ address }) => address) }),
        })),
}));

/** All but the endpoints. */
const withoutEndpoints = ({
  metadata,
  addressType,
  ports,
}: Omit<z.output<typeof sliceSchema>, 'endpoints'>) => ({
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
  ports,
});

export const endpointSliceSchema = withShortcut(wholeSchema, usualSlice);

/** An EndpointSlice as its controller writes it; undefined for any other, and where anything is wrong with it. */
function usualSlice(value: unknown): z.output<typeof wholeSchema> | undefined {
  if (!isMapping(value)) return undefined;
  const { addressType } = value;
  if (addressType !== 'IPv4' && addressType !== 'IPv6') return undefined;
  const family = addressType === 'IPv6' ? 'ipv6' : 'ipv4';
  const metadata = usualMetadata(value.metadata);
  const ports = usualList(value.ports, usualPort);
  const endpoints = usualList(value.endpoints, (one) => usualEndpoint(one, family));
  if (!metadata || !ports || !endpoints || !meetsRules(ports, checkNames)) return undefined;
  return { ...withoutEndpoints({ metadata, addressType, ports }), endpoints };
}

function usualEndpoint(value: unknown, family: Family): SliceEndpoint | undefined {
  if (!isMapping(value)) return undefined;
  const { addresses, conditions = {}, nodeName, zone, hints = {}, deprecatedTopology } = value;
  if (!Array.isArray(addresses) || addresses.length !== 1 || deprecatedTopology !== undefined)
    return undefined;
  const [text] = addresses as readonly unknown[];
  if (typeof text !== 'string' || !isMapping(conditions) || !isMapping(hints)) return undefined;
  const { address, expected } = parseUnicast(text);
  const { ready, serving, terminating } = conditions;
  const forZones = usualNames(hints.forZones);
  const forNodes = usualNames(hints.forNodes);
  if (expected !== undefined || familyOf(address) !== family || !forZones || !forNodes) return undefined;
  if (!isTextOrAbsent(nodeName) || !isTextOrAbsent(zone)) return undefined;
  if (!isFlagOrAbsent(ready) || !isFlagOrAbsent(serving) || !isFlagOrAbsent(terminating)) {
    return undefined;
  }
  return {
    ready: ready ?? true,
    serving: serving ?? true,
    terminating: terminating ?? false,
    nodeName,
    zone,
    region: undefined,
    forZones,
    forNodes,
    address,
  };
}

function usualNames(value: unknown): readonly string[] | undefined {
  if (value === undefined) return NONE;
  const names = usualList(value, (one) =>
    isMapping(one) && typeof one.name === 'string' ? one.name : undefined,
  );
  return names?.length === 0 ? NONE : names;
}

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

function checkNames(ports: NonNullable<KnownSlice>['ports'], { complain }: Rules): void {
  const names = new Set<string>();
  for (const [i, port] of ports?.entries() ?? []) {
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
