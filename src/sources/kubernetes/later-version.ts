/**
 * What an API server of a later version may say that no schema of today knows. A Service must not stay without rules
 * for it, so it is read as kube-proxy v1.36 reads it, which looks for the values that it knows and takes any other one
 * for none of them.
 */
import { type Problem, show } from '../../api/problem.ts';
import { mappingAt, mappingOf } from './raw-object.ts';

/** An object as the schemas know it, and what it loses by that. */
export interface KnownObject {
  readonly value: unknown;
  /** Each is about a part that is left out, and that somebody should know of. */
  readonly leftOut: readonly Problem[];
}

type Mapping = Readonly<Record<string, unknown>>;

/** A Service without the fields that decide no rule, and without values that are not known. */
export function knownService(raw: unknown): KnownObject {
  const object = mappingOf(raw);
  const given = mappingAt(object, 'spec');
  if (!object || !given) return { value: raw, leftOut: [] };
  const { trafficDistribution: _, ipFamilyPolicy: __, ipFamilies: ___, ...others } = given;
  const spec: Record<string, unknown> = others;
  if (isForeign(spec.type, SERVICE_TYPES)) {
    // It has a cluster IP like any other, but it is none that external traffic policies are for.
    delete spec.type;
    delete spec.externalTrafficPolicy;
  }
  if (isForeign(spec.externalTrafficPolicy, TRAFFIC_POLICIES)) delete spec.externalTrafficPolicy;
  if (isForeign(spec.internalTrafficPolicy, TRAFFIC_POLICIES)) delete spec.internalTrafficPolicy;
  if (isForeign(spec.sessionAffinity, SESSION_AFFINITIES)) delete spec.sessionAffinity;
  const { kept, leftOut } = knownPorts(spec.ports);
  // Of a Service with no other port, nothing is left: then the schema says what is wrong.
  const ports = kept.length > 0 ? { ports: kept } : {};
  return {
    value: { ...withKnownModes(object), spec: { ...spec, ...ports } },
    leftOut: kept.length > 0 ? leftOut : [],
  };
}

/** An EndpointSlice without the ports of unknown protocols, which no Service has, and none of an unknown address type. */
export function knownSlice(raw: unknown): KnownObject {
  const object = mappingOf(raw);
  if (!object) return { value: raw, leftOut: [] };
  const { kept, leftOut } = knownPorts(object.ports);
  const foreign = isForeign(object.addressType, ADDRESS_TYPES);
  if (!foreign && leftOut.length === 0) return { value: raw, leftOut: [] };
  return {
    value: {
      ...object,
      ...(leftOut.length > 0 ? { ports: kept } : {}),
      // The one that has no rules, whatever its addresses are.
      ...(foreign ? { addressType: 'FQDN' } : {}),
    },
    leftOut: [],
  };
}

const SERVICE_TYPES: ReadonlySet<string> = new Set([
  'ClusterIP',
  'NodePort',
  'LoadBalancer',
  'ExternalName',
  '',
]);
const TRAFFIC_POLICIES: ReadonlySet<string> = new Set(['Cluster', 'Local', '']);
const SESSION_AFFINITIES: ReadonlySet<string> = new Set(['None', 'ClientIP', '']);
const PROTOCOLS: ReadonlySet<string> = new Set(['TCP', 'UDP', 'SCTP', '']);
const ADDRESS_TYPES: ReadonlySet<string> = new Set(['IPv4', 'IPv6', 'FQDN']);
const IP_MODES: ReadonlySet<string> = new Set(['VIP', 'Proxy']);

function knownPorts(ports: unknown): { kept: readonly unknown[]; leftOut: readonly Problem[] } {
  if (!Array.isArray(ports)) return { kept: [], leftOut: [] };
  const protocols = ports.map((port: unknown) => mappingOf(port)?.protocol);
  return {
    kept: ports.filter((_, i) => !isForeign(protocols[i], PROTOCOLS)),
    leftOut: protocols.flatMap((protocol, i) =>
      isForeign(protocol, PROTOCOLS)
        ? [
            {
              at: [`spec.ports[${i}].protocol`],
              message: `expected TCP, UDP or SCTP, got ${show(protocol)}; ignoring this port`,
            },
          ]
        : [],
    ),
  };
}

/** Only `VIP` asks for rules. */
function withKnownModes(service: Mapping): Mapping {
  const status = mappingAt(service, 'status');
  const loadBalancer = mappingAt(status, 'loadBalancer');
  if (!status || !loadBalancer || !Array.isArray(loadBalancer.ingress)) return service;
  const ingress = loadBalancer.ingress.map((one: unknown) =>
    isForeign(mappingOf(one)?.ipMode, IP_MODES) ? { ...mappingOf(one), ipMode: 'Proxy' } : one,
  );
  return { ...service, status: { ...status, loadBalancer: { ...loadBalancer, ingress } } };
}

/** Whether a value is a word, and none of those that are known. Anything else is a mistake, and not for us to mend. */
function isForeign(value: unknown, known: ReadonlySet<string>): boolean {
  return typeof value === 'string' && !known.has(value);
}
