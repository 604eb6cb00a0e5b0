/** The chains that belong to the node, not to one service port: entry points, forwarding, masquerading. */
import {
  KUBELET_CHAIN,
  MARK_CHAIN,
  type ServiceTable,
  SHARED_CHAINS,
  type SharedChain,
} from '../chains/names.ts';
import { present } from '../errors/invariant.ts';
import type { Chain, Match, Rule } from '../iptables/types.ts';
import { LOOPBACK } from '../net/address.ts';
import type { Arranged } from './dispatch-tree.ts';
import type { LoweringContext, SharedRule } from './layout.ts';
import { comment, destination, jump, notDestination, TO_THIS_NODE, verdict } from './matches.ts';

const JUMP_TO_NODE_PORTS = comment(
  'kubernetes service nodeports; NOTE: this must be the last rule in this chain',
);

/** How a layout orders the rules that service ports add to a chain. */
type Arrange = (chain: SharedChain, rules: Rule[]) => Arranged;

/**
 * The shared chains with every service port's rules, and the node's own chains.
 * @param arrange one after the other unless given
 */
export function nodeChains(
  shared: Iterable<readonly SharedRule[]>,
  context: LoweringContext,
  arrange: Arrange = (_, rules) => ({ rules, chains: [] }),
): Record<ServiceTable, Chain[]> {
  const rules = {
    filter: new Map<SharedChain, Rule[]>(SHARED_CHAINS.filter.map((name) => [name, []])),
    nat: new Map<SharedChain, Rule[]>(SHARED_CHAINS.nat.map((name) => [name, []])),
  };
  for (const ofServicePort of shared) {
    for (const { table, chain, rule } of ofServicePort) {
      present(rules[table].get(chain), `shared chain ${chain} in ${table}`).push(rule);
    }
  }
  const chainsOf = (table: ServiceTable): Chain[] => {
    const arranged = [...rules[table]].map(([name, rules]) => ({ name, ...arrange(name, rules) }));
    return [
      ...arranged.map(({ name, rules }) => ({ name, rules: withNodeRules(table, name, rules, context) })),
      ...arranged.flatMap(({ chains }) => chains),
    ];
  };
  return {
    filter: [...chainsOf('filter'), ...localnetChain(context)],
    nat: [...chainsOf('nat'), markChain(context)],
  };
}

/** What the node adds to a shared chain. */
function withNodeRules(
  table: ServiceTable,
  chain: SharedChain,
  rules: Rule[],
  context: LoweringContext,
): Rule[] {
  if (chain === 'KUBE-FORWARD') return [...forwardRules(context), ...rules];
  if (chain === 'KUBE-POSTROUTING') return [...rules, ...postroutingRules(context)];
  if (chain === 'KUBE-SERVICES' && table === 'nat') return [...rules, ...nodePortJumps(context)];
  return rules;
}

/** The jumps to KUBE-NODEPORTS, after all else: one for any address of the node, or one for each that is chosen. */
function nodePortJumps({ options, nodePlan: { nodePortsAt } }: LoweringContext): Rule[] {
  const jumpFor = (matches: readonly Match[]): Rule => ({
    matches: [JUMP_TO_NODE_PORTS, ...matches],
    target: jump('KUBE-NODEPORTS'),
  });
  switch (nodePortsAt) {
    case 'all':
      return [jumpFor([TO_THIS_NODE])];
    case 'all but loopback':
      return [jumpFor([TO_THIS_NODE, notDestination(LOOPBACK[options.family])])];
    default:
      return nodePortsAt.map((address) => jumpFor([destination(address)]));
  }
}

function forwardRules({
  nodePlan: { counted, dropsInvalid, masqueradeMark: mark },
}: LoweringContext): Rule[] {
  const rules: Rule[] = [];
  if (dropsInvalid) {
    const invalid: Match = { match: 'conntrack', states: ['INVALID'] };
    const count: Match = { match: 'nfacct', name: 'ct_state_invalid_dropped_pkts' };
    rules.push({ matches: counted.invalid ? [invalid, count] : [invalid], target: verdict('DROP') });
  }
  rules.push(
    {
      matches: [comment('kubernetes forwarding rules'), { match: 'mark', value: mark, mask: mark }],
      target: verdict('ACCEPT'),
    },
    {
      matches: [
        comment('kubernetes forwarding conntrack rule'),
        { match: 'conntrack', states: ['RELATED', 'ESTABLISHED'] },
      ],
      target: verdict('ACCEPT'),
    },
  );
  return rules;
}

/** route_localnet=1 opens 127.0.0.0/8 to the network; this closes it again to all but node ports (CVE-2020-8558). */
function localnetChain({ nodePlan }: LoweringContext): Chain[] {
  if (!nodePlan.localhostNodePorts) return [];
  const matches: Match[] = [
    comment('block incoming localnet connections'),
    destination(LOOPBACK.ipv4),
    { match: 'source', address: LOOPBACK.ipv4, negated: true },
    { match: 'conntrack', states: ['RELATED', 'ESTABLISHED', 'DNAT'], negated: true },
  ];
  return [{ name: KUBELET_CHAIN, rules: [{ matches, target: verdict('DROP') }] }];
}

/** Masquerades marked packets; the mark is cleared first, so that a packet that passes again is not taken twice. */
function postroutingRules({ node, nodePlan: { masqueradeMark: mark } }: LoweringContext): Rule[] {
  return [
    { matches: [{ match: 'mark', value: mark, mask: mark, negated: true }], target: verdict('RETURN') },
    { matches: [], target: { target: 'MARK', value: mark, mask: 0 } },
    {
      matches: [comment('kubernetes service traffic requiring SNAT')],
      target: { target: 'MASQUERADE', randomFully: node.randomFully },
    },
  ];
}

function markChain({ nodePlan: { masqueradeMark: mark } }: LoweringContext): Chain {
  return {
    name: MARK_CHAIN,
    rules: [{ matches: [], target: { target: 'MARK', value: mark, mask: mark } }],
  };
}
