/** From a ruleset to its graph. */

import { withJumps } from '../chains/jumps.ts';
import { packetsLabel, targetLabel } from '../iptables/labels.ts';
import type { Chain, Rule, Ruleset, Table, Target } from '../iptables/types.ts';
import { printable } from '../text/printable.ts';
import { type Fraction, printFraction } from './fraction.ts';
import { serviceOfRule, servicesOfChains } from './services.ts';
import { sharesOf } from './shares.ts';
import type { ChainNode, GraphEdge, RuleGraph, TargetNode } from './types.ts';

/**
 * The graph of a ruleset: a node for each chain and for each final target, an edge for each rule that has a target. The
 * built-in chains are in it, with our jumps where the ruleset has none of its own, as one that is compiled.
 */
export function graphOf(ruleset: Ruleset): RuleGraph {
  const isOfKernel = ruleset.tables.some(({ chains }) => chains.some(({ policy }) => policy !== undefined));
  const { family, tables } = isOfKernel ? ruleset : withJumps(ruleset);
  const graphs = tables.map(tableGraph);
  return {
    family,
    nodes: graphs.flatMap(({ nodes }) => nodes),
    edges: graphs.flatMap(({ edges }) => edges),
  };
}

function tableGraph(table: Table): Omit<RuleGraph, 'family'> {
  const services = servicesOfChains(table);
  const chains = new Map(
    table.chains.map((chain) => [chain.name, chainNode(table, chain, services.get(chain.name))]),
  );
  const targets = new Map<string, TargetNode>();
  const destination = (rule: Rule, target: Target, from: ChainNode) => {
    const chain = target.target === 'jump' ? chains.get(target.chain) : undefined;
    if (chain) return chain;
    // A Service's refusals stand in chains that all Services share.
    const node = targetNode(from, target, from.service ?? serviceOfRule(rule));
    targets.set(node.id, node);
    return node;
  };

  const edges: GraphEdge[] = [];
  for (const from of chains.values()) {
    const shares = sharesOf(from.chain);
    for (const [i, rule] of from.chain.rules.entries()) {
      const { target } = rule;
      if (!target) continue;
      const to = destination(rule, target, from).id;
      edges.push({ from: from.id, to, label: edgeLabel(rule, shares[i]), share: shares[i], rules: [rule] });
    }
  }
  return { nodes: [...chains.values(), ...targets.values()], edges };
}

function chainNode({ name: table }: Table, chain: Chain, service: string | undefined): ChainNode {
  const id = `${table} ${chain.name}`;
  return {
    kind: 'chain',
    id,
    label: printable(chain.name),
    service,
    table,
    chain,
    builtIn: chain.policy !== undefined,
  };
}

/** Each Service, and each chain that belongs to none, has its own. */
function targetNode(
  { table, id: chain }: ChainNode,
  target: Target,
  service: string | undefined,
): TargetNode {
  const label = printable(targetLabel(target));
  const id = `target ${service === undefined ? chain : `${table} ${service}`} ${label}`;
  return { kind: 'target', id, label, service, table, target: target.target };
}

function edgeLabel({ matches }: Rule, share: Fraction | undefined): string {
  const packets = packetsLabel(matches, share !== undefined);
  if (!share) return printable(packets);
  return printable(packets === '' ? printFraction(share) : `${packets}, ${printFraction(share)}`);
}
