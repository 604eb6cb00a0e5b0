/** The chains that belong to the node, not to one service port: entry points, forwarding, masquerading. */
import { UNASSIGNED } from '../chains/comments.ts';
import {
  KUBELET_CHAIN,
  MARK_CHAIN,
  SERVICE_TABLES,
  type ServiceTable,
  SHARED_CHAINS,
  type SharedChain,
} from '../chains/names.ts';
import { present } from '../errors/invariant.ts';
import { type ChainChanges, compareChains } from '../iptables/compare.ts';
import type { Chain, Match, Rule } from '../iptables/types.ts';
import { LOOPBACK } from '../net/address.ts';
import { atKey } from './at-key.ts';
import type { Layout, NodeContext, SharedRule } from './layout.ts';
import {
  comment,
  destination,
  jump,
  NOT_TO_THIS_NODE,
  notDestination,
  TO_THIS_NODE,
  verdict,
} from './matches.ts';
import type { OwnRules, ReplacedChains, RuleOrder } from './rule-order.ts';

const JUMP_TO_NODE_PORTS = comment(
  'kubernetes service nodeports; NOTE: this must be the last rule in this chain',
);

/** The rules that a Service had in shared chains, and those that it has now. */
export interface SharedChange {
  /** `namespace/name` */
  readonly service: string;
  readonly former: readonly SharedRule[];
  readonly rules: readonly SharedRule[];
}

/** What the node has rules by, which comes before all Services. */
const NODE = '';

/** A chain that all service ports share. */
interface Shared {
  readonly name: SharedChain;
  readonly arrangement: RuleOrder;
  chain: Chain;
}

type SharedOfTable = ReadonlyMap<SharedChain, Shared>;

/** The chains that do not belong to one service port: they follow the Services that change. */
export class NodeChains {
  readonly #shared: Readonly<Record<ServiceTable, SharedOfTable>>;
  readonly #own: Readonly<Record<ServiceTable, readonly Chain[]>>;
  readonly #ruleCounts: Record<ServiceTable, number> = { filter: 0, nat: 0 };

  /** Those of a node without Services. */
  constructor(layout: Layout, context: NodeContext) {
    this.#own = { filter: localnetChain(context), nat: [markChain(context)] };
    const sharedOf = (table: ServiceTable): SharedOfTable =>
      new Map(
        SHARED_CHAINS[table].map((name) => {
          const arrangement = layout.arrange(name, nodeRules(table, name, context), context);
          return [name, { name, arrangement, chain: { name, rules: arrangement.rules } }];
        }),
      );
    this.#shared = { filter: sharedOf('filter'), nat: sharedOf('nat') };
    for (const table of SERVICE_TABLES) this.#count(table, [], this.chains(table));
    this.replace([{ service: NODE, former: [], rules: layout.nodeRules(context) }]);
  }

  /** How many rules the chains of each table have. */
  get ruleCounts(): Readonly<Record<ServiceTable, number>> {
    return this.#ruleCounts;
  }

  /** All of a table, in the order in which they are written. */
  chains(table: ServiceTable): Chain[] {
    const shared = [...this.#shared[table].values()];
    return [
      ...shared.map(({ chain }) => chain),
      ...shared.flatMap(({ arrangement }) => arrangement.chains()),
      ...this.#own[table],
    ];
  }

  /** Takes the rules of some Services, each named once, for others, and tells what that changes. */
  replace(changes: readonly SharedChange[]): Record<ServiceTable, ChainChanges> {
    const changed = new Map<Shared, Map<string, { former: Rule[]; rules: Rule[] }>>();
    const of = (service: string, { table, chain }: SharedRule) => {
      const shared = present(this.#shared[table].get(chain), `shared chain ${chain} in ${table}`);
      const services = atKey(changed, shared, () => new Map<string, { former: Rule[]; rules: Rule[] }>());
      return atKey(services, service, () => ({ former: [], rules: [] }));
    };
    for (const { service, former, rules } of changes) {
      for (const one of former) of(service, one).former.push(one.rule);
      for (const one of rules) of(service, one).rules.push(one.rule);
    }
    const inTable = (table: ServiceTable): ChainChanges => {
      const [before, after]: [Chain[], Chain[]] = [[], []];
      const trees: ReplacedChains[] = [];
      for (const shared of this.#shared[table].values()) {
        const services = changed.get(shared);
        if (!services) continue;
        trees.push(shared.arrangement.replace(services));
        before.push(shared.chain);
        shared.chain = { name: shared.name, rules: shared.arrangement.rules };
        after.push(shared.chain);
      }
      for (const tree of trees) {
        for (const chain of tree.before) before.push(chain);
        for (const chain of tree.after) after.push(chain);
      }
      this.#count(table, before, after);
      return compareChains(before, after);
    };
    return { filter: inTable('filter'), nat: inTable('nat') };
  }

  #count(table: ServiceTable, before: readonly Chain[], after: readonly Chain[]): void {
    this.#ruleCounts[table] += ruleCount(after) - ruleCount(before);
  }
}

/** How many rules some chains have. */
export function ruleCount(chains: readonly Chain[]): number {
  return chains.reduce((count, { rules }) => count + rules.length, 0);
}

/** What the node adds to a shared chain. */
function nodeRules(table: ServiceTable, chain: SharedChain, context: NodeContext): OwnRules {
  return {
    before: chain === 'KUBE-FORWARD' ? forwardRules(context) : [],
    after: rulesAfter(table, chain, context),
  };
}

function rulesAfter(table: ServiceTable, chain: SharedChain, context: NodeContext): Rule[] {
  if (chain === 'KUBE-POSTROUTING') return postroutingRules(context);
  if (chain !== 'KUBE-SERVICES') return [];
  return table === 'nat' ? nodePortJumps(context) : unassignedRules(context);
}

/**
 * Refuses what nobody serves (see `unassigned.ts`). What is served has another destination when it comes here, and what a
 * Service itself refuses or drops has met its rules. An address that the node has itself is somebody's, whatever range it
 * is in: a DNS cache may listen on the cluster IP that it stands in for. What comes from elsewhere to such an address does
 * not pass this chain, and what is not tracked is no new connection.
 */
function unassignedRules({ options }: NodeContext): Rule[] {
  return options.rejectUnassigned.map((range) => ({
    matches: [destination(range), comment(UNASSIGNED), NOT_TO_THIS_NODE],
    target: verdict('REJECT'),
  }));
}

/** The jumps to KUBE-NODEPORTS, after all else: one for any address of the node, or one for each that is chosen. */
function nodePortJumps({ options, nodePlan: { nodePortsAt } }: NodeContext): Rule[] {
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

function forwardRules({ nodePlan: { counted, dropsInvalid, masqueradeMark: mark } }: NodeContext): Rule[] {
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
function localnetChain({ nodePlan }: NodeContext): Chain[] {
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
function postroutingRules({ node, nodePlan: { masqueradeMark: mark } }: NodeContext): Rule[] {
  return [
    { matches: [{ match: 'mark', value: mark, mask: mark, negated: true }], target: verdict('RETURN') },
    { matches: [], target: { target: 'MARK', value: mark, mask: 0 } },
    {
      matches: [comment('kubernetes service traffic requiring SNAT')],
      target: { target: 'MASQUERADE', randomFully: node.randomFully },
    },
  ];
}

function markChain({ nodePlan: { masqueradeMark: mark } }: NodeContext): Chain {
  return {
    name: MARK_CHAIN,
    rules: [{ matches: [], target: { target: 'MARK', value: mark, mask: mark } }],
  };
}
