/** Lower: from plans to chains and rules. How is the layout's business; this is what every layout gives. */

import type { NodeFacts } from '../api/node.ts';
import type { ServiceTable, SharedChain } from '../chains/names.ts';
import type { Chain, Rule } from '../iptables/types.ts';
import type { NodePlan } from './node-plan.ts';
import type { CompileOptions } from './options.ts';
import type { ServicePortPlan } from './plan.ts';

/** What lowering may depend on beside the plan. */
export interface LoweringContext {
  readonly node: NodeFacts;
  readonly nodePlan: NodePlan;
  readonly options: CompileOptions;
  /** More than 1000 endpoints in all: kube-proxy leaves out the comments that there would be one of per endpoint. */
  readonly largeCluster: boolean;
}

/** What one service port adds to the ruleset. */
export interface ServicePortRules {
  /** Its part of the chains that all service ports share, in order. */
  readonly shared: readonly SharedRule[];
  /** The chains that are its own, in the nat table. */
  readonly chains: readonly Chain[];
}

export interface SharedRule {
  readonly table: ServiceTable;
  readonly chain: SharedChain;
  readonly rule: Rule;
}

export interface Layout {
  /** Depends on nothing but the plan and the context. */
  lowerServicePort(plan: ServicePortPlan, context: LoweringContext): ServicePortRules;
  /**
   * The chains that do not belong to one service port, for each table, from what all service ports add to them.
   * @param shared in the order of the service ports' names
   */
  lowerShared(
    shared: Iterable<readonly SharedRule[]>,
    context: LoweringContext,
  ): Record<ServiceTable, Chain[]>;
}
