/** Lower: from plans to chains and rules. How is the layout's business; this is what every layout gives. */

import type { NodeFacts } from '../api/node.ts';
import type { ServiceTable, SharedChain } from '../chains/names.ts';
import type { Chain, Rule } from '../iptables/types.ts';
import type { NodePlan } from './node-plan.ts';
import type { CompileOptions } from './options.ts';
import type { ServicePortPlan } from './plan.ts';
import type { OwnRules, RuleOrder } from './rule-order.ts';

/** What is the same for all Services, whatever becomes of them. */
export interface NodeContext {
  readonly node: NodeFacts;
  readonly nodePlan: NodePlan;
  readonly options: CompileOptions;
}

/** What lowering may depend on beside the plan. */
export interface LoweringContext extends NodeContext {
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
   * How the rules that Services add to a shared chain are put in order. Without any, it has only the node's.
   * @param node what the node has in that chain
   */
  arrange(chain: SharedChain, node: OwnRules, context: NodeContext): RuleOrder;
  /** What the node adds to the shared chains as if it were a Service, the first of them. */
  nodeRules(context: NodeContext): readonly SharedRule[];
}
