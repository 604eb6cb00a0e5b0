/** A ruleset that follows a cluster, compiling only what a change touches. */
import type { ClusterState, ServiceEntry } from '../api/cluster.ts';
import type { NodeFacts } from '../api/node.ts';
import { isSharedChain, type ServiceTable } from '../chains/names.ts';
import { type ChainChanges, compareChains, sameChain, sameList, sameRule } from '../iptables/compare.ts';
import { printRule } from '../iptables/print.ts';
import type { Chain, Ruleset } from '../iptables/types.ts';
import type { UdpDestination } from '../net/flows.ts';
import { fastLayout } from './fast-layout.ts';
import { kubeProxyLayout } from './kube-proxy-layout.ts';
import type { Layout, LoweringContext, ServicePortRules, SharedRule } from './layout.ts';
import { type NodePlan, planNode } from './node-plan.ts';
import type { CompileOptions, LayoutName } from './options.ts';
import { type PlannedService, planService, udpDestinationsOf } from './plan.ts';

const LAYOUTS = { 'kube-proxy': kubeProxyLayout, fast: fastLayout } as const satisfies Record<
  LayoutName,
  Layout
>;

/** kube-proxy's threshold for its large-cluster mode (v1.36). */
const LARGE_CLUSTER_ENDPOINTS = 1000;

/** How a ruleset changed, by table. */
export type RulesetChanges = Readonly<Record<ServiceTable, ChainChanges>>;

/** What the rules come to in numbers. */
export interface RulesetTotals {
  readonly rules: Readonly<Record<ServiceTable, number>>;
  /** Service ports whose traffic is dropped, as their policy is Local and all their endpoints are elsewhere. */
  readonly withoutLocalEndpoints: { readonly internal: number; readonly external: number };
}

/** What a Service compiled to. */
interface CompiledService {
  readonly entry: ServiceEntry;
  readonly endpointCount: number;
  /** Its parts of the shared chains, and its own chains: of all its ports, in the order of their names. */
  readonly shared: readonly SharedRule[];
  readonly chains: readonly Chain[];
  readonly udpDestinations: readonly UdpDestination[];
  /** Its ports whose traffic is dropped for want of endpoints on this node. */
  readonly dropping: RulesetTotals['withoutLocalEndpoints'];
}

type NodeChains = Readonly<Record<ServiceTable, readonly Chain[]>>;

/**
 * Keeps a ruleset equal to a changing cluster. What a service port compiles to depends on nothing but its Service,
 * its endpoints, the node and whether the cluster is a large one, so a change costs what it touches. After any
 * sequence of updates {@link ruleset} is what `compile` gives for the last cluster.
 */
export class IncrementalCompiler {
  readonly #node: NodeFacts;
  readonly #options: CompileOptions;
  readonly #layout: Layout;
  readonly #nodePlan: NodePlan;
  readonly #services = new Map<string, CompiledService>();
  /** The keys of the Services in order; undefined when one has come or gone. */
  #sortedKeys: readonly string[] | undefined;
  #nodeChains: NodeChains | undefined;
  #endpointCount = 0;

  constructor(node: NodeFacts, options: CompileOptions) {
    this.#node = node;
    this.#options = options;
    this.#layout = LAYOUTS[options.layout];
    this.#nodePlan = planNode(node, options);
  }

  /**
   * Takes the cluster as it is now and tells what that changes in the ruleset. A Service whose entry is the same
   * object as in the last update counts as unchanged.
   */
  update(cluster: ClusterState): RulesetChanges {
    const gone = this.#goneFrom(cluster);
    const planned = this.#planChanged(cluster);
    const wasLarge = this.#largeCluster;
    this.#countEndpoints(gone, planned);
    if (this.#largeCluster !== wasLarge) this.#planAll(cluster, planned);

    const before: Chain[] = [];
    const after: Chain[] = [];
    let sharedChanged = this.#nodeChains === undefined;
    const replace = (key: string, service: CompiledService | undefined) => {
      const former = this.#services.get(key);
      before.push(...(former?.chains ?? []));
      after.push(...(service?.chains ?? []));
      sharedChanged ||= former?.shared !== service?.shared;
      this.#set(key, service);
    };
    for (const key of gone) replace(key, undefined);
    for (const [key, service] of planned) replace(key, this.#lower(service, this.#services.get(key)));

    const nodeBefore = this.#nodeChains;
    if (sharedChanged) this.#nodeChains = this.#lowerShared(this.#keys());
    return {
      filter: compareChains(nodeBefore?.filter ?? [], this.#nodeChains?.filter ?? []),
      nat: compareChains(
        [...(nodeBefore?.nat ?? []), ...before],
        [...(this.#nodeChains?.nat ?? []), ...after],
      ),
    };
  }

  /**
   * The whole ruleset as of the last update.
   * @param only the Services to show, by `namespace/name`, beside the chains that belong to the node; all unless given
   */
  ruleset(only?: ReadonlySet<string>): Ruleset {
    const keys = only ? this.#keys().filter((key) => only.has(key)) : this.#keys();
    const all = this.#nodeChains ?? this.#lowerShared(this.#keys());
    const nodeChains = only ? this.#nodeChainsOf(keys, all) : all;
    const own = keys.flatMap((key) => this.#services.get(key)?.chains ?? []);
    return {
      family: this.#options.family,
      tables: [
        { name: 'filter', chains: nodeChains.filter },
        { name: 'nat', chains: [...nodeChains.nat, ...own] },
      ],
    };
  }

  /** Where the rules send UDP, for each address that they redirect or refuse. */
  udpDestinations(): UdpDestination[] {
    return this.#keys().flatMap((key) => this.#services.get(key)?.udpDestinations ?? []);
  }

  /** As of the last update. */
  get totals(): RulesetTotals {
    const services = [...this.#services.values()];
    const sum = (numberOf: (service: CompiledService) => number) =>
      services.reduce((total, service) => total + numberOf(service), 0);
    const { filter = [], nat = [] } = this.#nodeChains ?? {};
    return {
      rules: { filter: ruleCount(filter), nat: ruleCount(nat) + sum(({ chains }) => ruleCount(chains)) },
      withoutLocalEndpoints: {
        internal: sum(({ dropping }) => dropping.internal),
        external: sum(({ dropping }) => dropping.external),
      },
    };
  }

  /** Whether a Service, by `namespace/name`, has rules. */
  has(key: string): boolean {
    const { shared, chains } = this.#services.get(key) ?? { shared: [], chains: [] };
    return shared.length > 0 || chains.length > 0;
  }

  get #largeCluster(): boolean {
    return this.#endpointCount > LARGE_CLUSTER_ENDPOINTS;
  }

  get #context(): LoweringContext {
    return {
      node: this.#node,
      nodePlan: this.#nodePlan,
      options: this.#options,
      largeCluster: this.#largeCluster,
    };
  }

  #goneFrom(cluster: ClusterState): string[] {
    const gone: string[] = [];
    for (const key of this.#services.keys()) {
      if (!cluster.services.has(key)) gone.push(key);
    }
    return gone;
  }

  #planChanged(cluster: ClusterState): Map<string, PlannedService> {
    const planned = new Map<string, PlannedService>();
    for (const [key, entry] of cluster.services) {
      if (this.#services.get(key)?.entry === entry) continue;
      planned.set(key, planService(entry, this.#node, this.#options));
    }
    return planned;
  }

  #planAll(cluster: ClusterState, planned: Map<string, PlannedService>): void {
    for (const [key, entry] of cluster.services) {
      if (!planned.has(key)) planned.set(key, planService(entry, this.#node, this.#options));
    }
  }

  #countEndpoints(gone: readonly string[], planned: ReadonlyMap<string, PlannedService>): void {
    const before = (key: string) => this.#services.get(key)?.endpointCount ?? 0;
    for (const key of gone) this.#endpointCount -= before(key);
    for (const [key, { endpointCount }] of planned) this.#endpointCount += endpointCount - before(key);
  }

  /** Compiles a planned Service, keeping the objects of its former self where they are still right. */
  #lower(
    { entry, plans, endpointCount }: PlannedService,
    former: CompiledService | undefined,
  ): CompiledService {
    const context = this.#context;
    const servicePorts = [...plans]
      .sort((a, b) => (a.servicePort.name < b.servicePort.name ? -1 : 1))
      .map((plan): ServicePortRules => this.#layout.lowerServicePort(plan, context));
    const shared = servicePorts.flatMap((rules) => rules.shared);
    const chains = servicePorts.flatMap((rules) => rules.chains);
    const udpDestinations = plans.flatMap(udpDestinationsOf);
    const dropping = {
      internal: plans.filter(({ internal }) => internal.fate === 'drop').length,
      external: plans.filter(({ external }) => external?.fate === 'drop').length,
    };
    const compiled = { entry, endpointCount, shared, chains, udpDestinations, dropping };
    if (!former) return compiled;
    return {
      ...compiled,
      shared: sameList(former.shared, shared, sameSharedRule) ? former.shared : shared,
      chains: keepSame(former.chains, chains),
    };
  }

  #set(key: string, service: CompiledService | undefined): void {
    if (service === undefined || !this.#services.has(key)) this.#sortedKeys = undefined;
    if (service) this.#services.set(key, service);
    else this.#services.delete(key);
  }

  #keys(): readonly string[] {
    this.#sortedKeys ??= [...this.#services.keys()].sort();
    return this.#sortedKeys;
  }

  /** The node's chains without the rules of all Services but some, and without the chains of trees that leaves empty. */
  #nodeChainsOf(keys: readonly string[], all: NodeChains): NodeChains {
    const sharedRules = (keys: readonly string[]) =>
      keys.flatMap((key) => this.#services.get(key)?.shared.map(({ rule }) => rule) ?? []);
    const ofServices = new Set(sharedRules(this.#keys()));
    // Of two rules that are the same, a chain has only one.
    const wanted = new Set(sharedRules(keys).map(printRule));
    const prune = (chains: readonly Chain[]): Chain[] => {
      const byName = new Map(chains.map((chain) => [chain.name, chain]));
      const pruned = new Map<string, Chain>();
      const keep = ({ name, rules }: Chain): Chain => {
        const known = pruned.get(name);
        if (known) return known;
        const kept = rules.filter((rule) => {
          if (ofServices.has(rule)) return wanted.has(printRule(rule));
          const next = rule.target?.target === 'jump' ? byName.get(rule.target.chain) : undefined;
          return !next || isSharedChain(next.name) || keep(next).rules.length > 0 || next.rules.length === 0;
        });
        const chain = { name, rules: kept };
        pruned.set(name, chain);
        return chain;
      };
      return chains
        .map(keep)
        .filter(
          ({ name, rules }) =>
            rules.length > 0 || byName.get(name)?.rules.length === 0 || isSharedChain(name),
        );
    };
    return { filter: prune(all.filter), nat: prune(all.nat) };
  }

  #lowerShared(keys: readonly string[]): NodeChains {
    const shared = keys.map((key) => this.#services.get(key)?.shared ?? []);
    return this.#layout.lowerShared(shared, this.#context);
  }
}

function ruleCount(chains: readonly Chain[]): number {
  return chains.reduce((count, { rules }) => count + rules.length, 0);
}

function sameSharedRule(a: SharedRule, b: SharedRule): boolean {
  return a.table === b.table && a.chain === b.chain && sameRule(a.rule, b.rule);
}

function keepSame(before: readonly Chain[], after: readonly Chain[]): Chain[] {
  const old = new Map(before.map((chain) => [chain.name, chain]));
  return after.map((chain) => {
    const former = old.get(chain.name);
    return former && sameChain(former, chain) ? former : chain;
  });
}
