/** `discovery.k8s.io/v1` EndpointSlice and the older `v1` Endpoints, reduced to what decides rules. */
import { z } from 'zod';
import { familyOf } from '../net/address.ts';
import {
  addSentence,
  dnsLabel,
  labels,
  list,
  namespacedMetadata,
  optional,
  ownName,
  parseUnicast,
  portName,
  portNumber,
  protocol,
  unicastAddress,
} from './fields.ts';
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

const endpoint = z
  .object({
    addresses: z.array(z.string({ error: 'an address' })).min(1, { error: 'at least one address' }),
    conditions: optional(
      z.object({
        ready: optional(z.boolean()),
        serving: optional(z.boolean()),
        terminating: optional(z.boolean()),
      }),
    ),
    nodeName: optional(z.string()),
    zone: optional(z.string()),
    deprecatedTopology: labels,
    hints: optional(z.object({ forZones: list(named), forNodes: list(named) })),
  })
  .transform((endpoint) => ({
    addresses: endpoint.addresses,
    ready: endpoint.conditions?.ready ?? true,
    serving: endpoint.conditions?.serving ?? true,
    terminating: endpoint.conditions?.terminating ?? false,
    nodeName: endpoint.nodeName,
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
    /** Undefined where the slice gives none: such a port is ignored, as kube-proxy does. */
    name: port.name,
    /** Undefined stands for "all ports", which no rule can be made for. */
    port: port.port,
    protocol: port.protocol,
  }));

export const endpointSliceSchema = z
  .object({
    metadata: namespacedMetadata,
    addressType: z.enum(['IPv4', 'IPv6', 'FQDN']),
    endpoints: list(endpoint),
    ports: list(slicePort),
  })
  .superRefine(({ ports }, context) => {
    const names = new Set<string>();
    for (const [i, { name }] of ports.entries()) {
      if (name === undefined) continue;
      if (names.has(name)) addSentence(context, ['ports', i, 'name'], ownName(name));
      names.add(name);
    }
  })
  .transform(({ metadata, addressType, endpoints, ports }, context) => ({
    kind: 'EndpointSlice' as const,
    namespace: metadata.namespace,
    name: metadata.name,
    /** The Service that it belongs to, or undefined where no Service's rules depend on it. */
    serviceName:
      HEADLESS_LABEL in metadata.labels ||
      SERVICE_PROXY_NAME_LABEL in metadata.labels ||
      addressType === 'FQDN'
        ? undefined
        : metadata.labels[SERVICE_NAME_LABEL],
    family: addressType === 'IPv6' ? ('ipv6' as const) : ('ipv4' as const),
    endpoints: addressType === 'FQDN' ? [] : firstAddresses(endpoints, addressType, context),
    ports,
  }));

/** Checks every address, as the API server does; the first of each endpoint is what is kept of them. */
function firstAddresses<E extends { readonly addresses: readonly string[] }>(
  endpoints: readonly E[],
  addressType: 'IPv4' | 'IPv6',
  context: z.core.$RefinementCtx,
): (Omit<E, 'addresses'> & { address: string })[] {
  return endpoints.map(({ addresses, ...endpoint }, i) => {
    const canonical = addresses.map((text, j) => {
      const { address, expected } = parseUnicast(text);
      const ofType = address !== '' && familyOf(address) === addressType.toLowerCase();
      const message = ofType ? expected : `an ${addressType} address`;
      if (message !== undefined) {
        context.addIssue({ code: 'custom', path: ['endpoints', i, 'addresses', j], message, input: text });
      }
      return address;
    });
    return { ...endpoint, address: canonical[0] ?? '' };
  });
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
