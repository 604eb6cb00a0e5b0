/** The chains that belong to the node, not to one service port: entry points, forwarding, masquerading. */
import type { NodeFacts } from '../api/node.ts';
import type { Chain, Match, Rule } from '../iptables/types.ts';
import { compareAddresses, contains, familyOf, prefixLength } from '../net/address.ts';
import type { Arranged } from './dispatch-tree.ts';
import type { LoweringContext, ServiceTable, SharedChain, SharedRule } from './layout.ts';
import { comment, destination, jump, notDestination, TO_THIS_NODE, verdict } from './matches.ts';
import type { CompileOptions } from './options.ts';

const SHARED_CHAINS = {
  filter: [
    'KUBE-SERVICES',
    'KUBE-EXTERNAL-SERVICES',
    'KUBE-NODEPORTS',
    'KUBE-PROXY-FIREWALL',
    'KUBE-FORWARD',
  ],
  nat: ['KUBE-SERVICES', 'KUBE-NODEPORTS', 'KUBE-POSTROUTING'],
} as const satisfies Record<ServiceTable, readonly SharedChain[]>;

/** Whether a chain is shared by all service ports, by its name. */
export function isSharedChain(name: string): boolean {
  return Object.values(SHARED_CHAINS).some((names) => names.some((shared) => shared === name));
}

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
    for (const { table, chain, rule } of ofServicePort) rules[table].get(chain)?.push(rule);
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

/**
 * Whether node ports answer on 127.0.0.0/8. With `nodePortAddresses` that leave loopback out, they do not, whatever
 * the configuration says.
 */
export function localhostNodePorts({ options, node }: LoweringContext): boolean {
  if (options.family !== 'ipv4' || !options.localhostNodePorts) return false;
  return nodePortRanges(options, node).some(
    (range) => contains('127.0.0.0/8', range.slice(0, range.indexOf('/'))) || contains(range, '127.0.0.0'),
  );
}

/** Whether packets to node ports on localhost are counted, to tell who still depends on them (KEP-3178's metric). */
export function countedLocalhostNodePorts(context: LoweringContext): boolean {
  return context.node.nfacct && localhostNodePorts(context);
}

/** The jumps to KUBE-NODEPORTS, after all else: one for any address of the node, or one for each that is chosen. */
function nodePortJumps(context: LoweringContext): Rule[] {
  const { options, node } = context;
  const jumpFor = (matches: Match[]): Rule => ({
    matches: [JUMP_TO_NODE_PORTS, ...matches],
    target: jump('KUBE-NODEPORTS'),
  });
  const loopback = options.family === 'ipv6' ? '::1/128' : '127.0.0.0/8';
  const onLoopback = localhostNodePorts(context);

  const ranges = nodePortRanges(options, node);
  if (ranges.some((range) => prefixLength(range) === 0)) {
    return [jumpFor(onLoopback ? [TO_THIS_NODE] : [TO_THIS_NODE, notDestination(loopback)])];
  }
  return addressesOf(node, options)
    .filter((address) => ranges.some((range) => contains(range, address)))
    .filter((address) => onLoopback || !contains(loopback, address))
    .map((address) => jumpFor([destination(address)]));
}

/** The ranges that `nodePortAddresses` gives for this family; all addresses where it gives none. */
function nodePortRanges(options: CompileOptions, node: NodeFacts): readonly string[] {
  const bits = options.family === 'ipv4' ? 32 : 128;
  const given = options.nodePortAddresses.flatMap((range) =>
    range === 'primary' ? node.ips.map((ip) => `${ip}/${familyOf(ip) === 'ipv4' ? 32 : 128}`) : [range],
  );
  const ranges = given.filter((range) => familyOf(range) === options.family);
  return ranges.length > 0 ? ranges : [bits === 32 ? '0.0.0.0/0' : '::/0'];
}

/** The node's addresses in order, loopback among them. */
function addressesOf(node: NodeFacts, { family }: CompileOptions): string[] {
  const addresses = new Set([family === 'ipv4' ? '127.0.0.1' : '::1']);
  for (const withPrefix of node.interfaceAddresses) {
    const [address = ''] = withPrefix.split('/');
    if (familyOf(address) === family) addresses.add(address);
  }
  return [...addresses].sort(compareAddresses);
}

function forwardRules({ node, options }: LoweringContext): Rule[] {
  const rules: Rule[] = [];
  if (!node.conntrackTCPBeLiberal) {
    const invalid: Match = { match: 'conntrack', states: ['INVALID'] };
    const counted: Match = { match: 'nfacct', name: 'ct_state_invalid_dropped_pkts' };
    rules.push({ matches: node.nfacct ? [invalid, counted] : [invalid], target: verdict('DROP') });
  }
  const mark = masqueradeMark(options);
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
function localnetChain(context: LoweringContext): Chain[] {
  if (!localhostNodePorts(context)) return [];
  const matches: Match[] = [
    comment('block incoming localnet connections'),
    destination('127.0.0.0/8'),
    { match: 'source', address: '127.0.0.0/8', negated: true },
    { match: 'conntrack', states: ['RELATED', 'ESTABLISHED', 'DNAT'], negated: true },
  ];
  return [{ name: 'KUBE-FIREWALL', rules: [{ matches, target: verdict('DROP') }] }];
}

/** Masquerades marked packets; the mark is cleared first, so that a packet that passes again is not taken twice. */
function postroutingRules({ node, options }: LoweringContext): Rule[] {
  const mark = masqueradeMark(options);
  return [
    { matches: [{ match: 'mark', value: mark, mask: mark, negated: true }], target: verdict('RETURN') },
    { matches: [], target: { target: 'MARK', value: mark, mask: 0 } },
    {
      matches: [comment('kubernetes service traffic requiring SNAT')],
      target: { target: 'MASQUERADE', randomFully: node.randomFully },
    },
  ];
}

function markChain({ options }: LoweringContext): Chain {
  const mark = masqueradeMark(options);
  return {
    name: 'KUBE-MARK-MASQ',
    rules: [{ matches: [], target: { target: 'MARK', value: mark, mask: mark } }],
  };
}

/** The mark that asks for masquerading; a power of two up to 2^31, so no shift, which would be negative there. */
function masqueradeMark({ masqueradeBit }: CompileOptions): number {
  return 2 ** masqueradeBit;
}
