/** From a Service's name to its explanation, by manifests or by rules alone. */
import type { ClusterState } from '../api/cluster.ts';
import type { EndpointSlice } from '../api/endpoint-slice.ts';
import { addressesOfNode, type NodeFacts } from '../api/node.ts';
import type { Pod } from '../api/pod.ts';
import type { Service } from '../api/service.ts';
import { unknownService } from '../api/unknown-service.ts';
import { serviceOf } from '../chains/comments.ts';
import { addressesInRules, byWay } from '../chains/service-addresses.ts';
import { planService } from '../compiler/compile-service.ts';
import type { CompileOptions } from '../compiler/options.ts';
import { addressesOfServicePort } from '../compiler/service-ports.ts';
import type { PreparedRuleset } from '../iptables/simulator/prepare.ts';
import { type ExplainedPort, explainPort } from './explain.ts';
import type { Explanation } from './explanation.ts';
import type { Surroundings } from './origins.ts';
import { podsOfPort } from './pods.ts';

/** What manifests tell of what is behind a Service. */
export interface Behind {
  /** The Pods that its selector fits, whatever state they are in. */
  readonly selected: readonly Pod[];
  /** Its EndpointSlices that kube-proxy passes over. */
  readonly skippedSlices: readonly EndpointSlice[];
}

/**
 * Explains a Service of manifests.
 * @param ruleset what is compiled from them, or what is in a kernel
 * @param behind what else manifests tell of what is behind it
 * @throws InputError where there is no such Service
 */
export function explainService(
  name: string,
  cluster: ClusterState,
  node: NodeFacts,
  options: CompileOptions,
  ruleset: PreparedRuleset,
  { selected = [], skippedSlices = [] }: Partial<Behind> = {},
): Explanation {
  const entry = cluster.services.get(name);
  if (!entry) throw unknownService(name, cluster.services.keys(), 'in the input');
  const { service } = entry;
  const place = placeOf(node, ruleset, options);
  const { plans } = planService(entry, node, options);
  const ports = plans.map((plan): ExplainedPort => {
    const pods = podsOfPort(selected, service, plan.servicePort, plan.endpoints);
    return explainPort(addressesOfServicePort(plan.servicePort), ruleset, place, { plan, node, pods });
  });
  return {
    name,
    service,
    nodeName: node.name,
    ports,
    skippedSlices,
    none: ports.length > 0 ? undefined : whyNone(service, options),
  };
}

/**
 * Explains a Service by what the rules say of it.
 * @throws InputError where they say nothing
 */
export function explainByRules(name: string, node: NodeFacts, ruleset: PreparedRuleset): Explanation {
  const all = addressesInRules(ruleset);
  const own = all.filter(({ servicePort }) => serviceOf(servicePort) === name);
  if (own.length === 0) {
    throw unknownService(
      name,
      all.map(({ servicePort }) => serviceOf(servicePort)),
      'in the rules',
    );
  }
  const place = placeOf(node, ruleset, undefined);
  const ports = Map.groupBy(own, ({ servicePort, protocol }) => `${servicePort} ${protocol}`);
  return {
    name,
    service: undefined,
    nodeName: node.name,
    ports: [...ports.values()].map((addresses) =>
      explainPort(addresses.toSorted(byWay), ruleset, place, undefined),
    ),
    skippedSlices: [],
    none: undefined,
  };
}

function placeOf(
  node: NodeFacts,
  { family }: PreparedRuleset,
  options: Pick<CompileOptions, 'detectLocal'> | undefined,
): Surroundings {
  const detectLocal = options?.detectLocal;
  return {
    family,
    addresses: addressesOfNode(node),
    podRange: detectLocal?.by === 'source' ? detectLocal.range : undefined,
    podInterface: detectLocal?.by === 'interface' ? detectLocal.name : undefined,
  };
}

function whyNone({ type, otherProxy, clusterIPs }: Service, { family }: CompileOptions): string {
  if (type === 'ExternalName')
    return 'It has type ExternalName: DNS answers with another name, and no rules are made for it.';
  if (otherProxy)
    return 'It has the label service.kubernetes.io/service-proxy-name: another proxy serves it.';
  if (clusterIPs[0] === 'None')
    return 'It is headless: DNS answers with its endpoints, and no rules are made for it.';
  return `It has no cluster IP of ${family}, so that no rules are made for it in this family.`;
}
