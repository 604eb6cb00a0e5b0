/**
 * What one Service compiles to: resolve, plan, lower. It depends on nothing but the Service, its endpoints, the node,
 * the options and whether the cluster is a large one, which the incremental compiler stands on.
 */
import type { ServiceEntry } from '../api/cluster.ts';
import type { NodeFacts } from '../api/node.ts';
import type { Chain } from '../iptables/types.ts';
import type { UdpDestination } from '../net/flows.ts';
import { resolveEndpoints } from './endpoints.ts';
import type { LoweringContext, SharedRule } from './layout.ts';
import { LAYOUTS } from './layouts.ts';
import type { CompileOptions } from './options.ts';
import { planServicePort, type ServicePortPlan, udpDestinationsOf } from './plan.ts';
import { resolveServicePorts } from './service-ports.ts';

/** A Service's plans, in the order of its ports. */
export interface PlannedService {
  readonly entry: ServiceEntry;
  readonly plans: readonly ServicePortPlan[];
}

/** What a Service compiled to. */
export interface CompiledService {
  readonly entry: ServiceEntry;
  /** How many endpoints it has, usable or not, those of each port counted. */
  readonly endpointCount: number;
  /** Its parts of the shared chains, and its own chains: of all its ports, in the order of their names. */
  readonly shared: readonly SharedRule[];
  readonly chains: readonly Chain[];
  readonly udpDestinations: readonly UdpDestination[];
  /** Its ports whose traffic is dropped, as their policy is Local and all their endpoints are elsewhere. */
  readonly dropping: { readonly internal: number; readonly external: number };
}

/** Resolves the ports and endpoints of a Service, and plans the traffic of each port. */
export function planService(entry: ServiceEntry, node: NodeFacts, options: CompileOptions): PlannedService {
  const { family, legacyPortNames } = options;
  const plans = resolveServicePorts(entry.service, family, legacyPortNames).map((servicePort) =>
    planServicePort(servicePort, resolveEndpoints(entry, servicePort, family, node), node, options),
  );
  return { entry, plans };
}

/** How many endpoints a Service has, usable or not, those of each port counted. */
export function endpointCountOf({ plans }: PlannedService): number {
  return plans.reduce((count, { endpoints }) => count + endpoints.length, 0);
}

/** Writes the plans of a Service as chains and rules. */
export function lowerService(planned: PlannedService, context: LoweringContext): CompiledService {
  const { entry, plans } = planned;
  const layout = LAYOUTS[context.options.layout];
  const servicePorts = [...plans]
    .sort((a, b) => (a.servicePort.name < b.servicePort.name ? -1 : 1))
    .map((plan) => layout.lowerServicePort(plan, context));
  return {
    entry,
    endpointCount: endpointCountOf(planned),
    shared: joined(servicePorts.map(({ shared }) => shared)),
    chains: joined(servicePorts.map(({ chains }) => chains)),
    udpDestinations: joined(plans.map(udpDestinationsOf)),
    dropping: {
      internal: plans.filter(({ internal }) => internal.fate === 'drop').length,
      external: plans.filter(({ external }) => external?.fate === 'drop').length,
    },
  };
}

/** One list, which takes no more memory than it must: each Service's is kept, and most have one port. */
function joined<T>(lists: readonly (readonly T[])[]): readonly T[] {
  const none: T[] = [];
  return none.concat(...lists);
}
