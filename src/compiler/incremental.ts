/** A ruleset that follows a cluster, compiling only what a change touches. */
import { ChangedServices, type ClusterState } from '../api/cluster.ts';
import type { NodeFacts } from '../api/node.ts';
import type { ServiceTable } from '../chains/names.ts';
import { present } from '../errors/invariant.ts';
import { type ChainChanges, compareChains, sameChain, sameList, sameRule } from '../iptables/compare.ts';
import type { Chain, Ruleset } from '../iptables/types.ts';
import type { UdpDestination } from '../net/flows.ts';
import {
  type CompiledService,
  endpointCountOf,
  lowerService,
  type PlannedService,
  planService,
} from './compile-service.ts';
import type { LoweringContext, SharedRule } from './layout.ts';
import { LAYOUTS } from './layouts.ts';
import { ListsInOrder } from './lists-in-order.ts';
import { NodeChains, ruleCount, type SharedChange } from './node-chains.ts';
import { type NodePlan, planNode } from './node-plan.ts';
import type { CompileOptions } from './options.ts';
import { partOfRuleset } from './part-of-ruleset.ts';

/** kube-proxy's threshold for its large-cluster mode (v1.36). */
const LARGE_CLUSTER_ENDPOINTS = 1000;

/** How a ruleset changed, by table. */
export type RulesetChanges = Readonly<Record<ServiceTable, ChainChanges>>;

/** What the rules come to in numbers. */
export interface RulesetTotals {
  readonly rules: Readonly<Record<ServiceTable, number>>;
  /** Service ports whose traffic is dropped, as their policy is Local and all their endpoints are elsewhere. */
  readonly withoutLocalEndpoints: CompiledService['dropping'];
}

/**
 * Keeps a ruleset equal to a changing cluster. What a Service compiles to depends on nothing but itself, the node and
 * whether the cluster is a large one, so a change costs what it touches. After any sequence of updates {@link ruleset}
 * is what `compile` gives for the last cluster.
 */
export class IncrementalCompiler {
  readonly #node: NodeFacts;
  readonly #options: CompileOptions;
  /** What the node itself does, which its rules go by. */
  readonly nodePlan: NodePlan;
  readonly #changed = new ChangedServices();
  readonly #services = new Map<string, CompiledService>();
  readonly #nodeChains: NodeChains;
  /** Whether there was an update. */
  #updated = false;
  /** The keys of the Services in order; undefined when one has come or gone. */
  #sortedKeys: readonly string[] | undefined;
  /** Of all Services together, as they are in {@link CompiledService}. */
  #endpointCount = 0;
  #dropping: CompiledService['dropping'] = { internal: 0, external: 0 };
  /** Rules in chains that belong to a Service. */
  #ownRules = 0;
  readonly #udpDestinations = new ListsInOrder<UdpDestination>();

  constructor(node: NodeFacts, options: CompileOptions) {
    this.#node = node;
    this.#options = options;
    this.nodePlan = planNode(node, options);
    const { nodePlan } = this;
    this.#nodeChains = new NodeChains(LAYOUTS[options.layout], { node, nodePlan, options });
  }

  /**
   * Takes the cluster as it is now and tells what that changes in the ruleset. A Service whose entry is the same
   * object as in the last update counts as unchanged; of a cluster that tells its changes, no other is looked at.
   */
  update(cluster: ClusterState): RulesetChanges {
    const { gone, planned } = this.#planChanged(cluster);
    const endpointCount = this.#endpointCountAfter(gone, planned);
    if (isLarge(endpointCount) !== isLarge(this.#endpointCount)) this.#planAll(cluster, planned);
    const context = this.#contextFor(endpointCount);

    const before: Chain[] = [];
    const after: Chain[] = [];
    const shared: SharedChange[] = [];
    const udp = new Map<string, readonly UdpDestination[]>();
    const replace = (key: string, service: CompiledService | undefined) => {
      const former = this.#services.get(key);
      for (const chain of former?.chains ?? []) before.push(chain);
      for (const chain of service?.chains ?? []) after.push(chain);
      const [had, has] = [former ?? WITHOUT_RULES, service ?? WITHOUT_RULES];
      if (differ(had.shared, has.shared))
        shared.push({ service: key, former: had.shared, rules: has.shared });
      if (differ(had.udpDestinations, has.udpDestinations)) udp.set(key, has.udpDestinations);
      this.#set(key, former, service);
    };
    for (const key of gone) replace(key, undefined);
    for (const [key, service] of planned) {
      replace(key, keepingSame(this.#services.get(key), lowerService(service, context)));
    }
    if (udp.size > 0) this.#udpDestinations.replace(udp);
    return this.#withShared(compareChains(before, after), shared);
  }

  /** What an update changes: the Services' own chains, and those that they share. */
  #withShared(own: ChainChanges, shared: readonly SharedChange[]): RulesetChanges {
    const { filter, nat } = this.#nodeChains.replace(shared);
    const first = !this.#updated;
    this.#updated = true;
    const changedIn = (table: ServiceTable, { changed }: ChainChanges) =>
      first ? this.#nodeChains.chains(table) : changed;
    return {
      filter: { changed: changedIn('filter', filter), removed: filter.removed },
      nat: {
        changed: [...changedIn('nat', nat), ...own.changed],
        removed: [...nat.removed, ...own.removed],
      },
    };
  }

  /**
   * The whole ruleset as of the last update.
   * @param only the Services to show, by `namespace/name`, beside the chains that belong to the node; all unless given
   */
  ruleset(only?: ReadonlySet<string>): Ruleset {
    const nat = this.#nodeChains.chains('nat');
    for (const { chains } of this.#inOrder()) {
      // One after the other: a call takes only so many arguments.
      for (const chain of chains) nat.push(chain);
    }
    const whole: Ruleset = {
      family: this.#options.family,
      tables: [
        { name: 'filter', chains: this.#nodeChains.chains('filter') },
        { name: 'nat', chains: nat },
      ],
    };
    return only ? partOfRuleset(whole, this.#services, only) : whole;
  }

  /** Where the rules send UDP, for each address that they redirect or refuse. The same list until one of them changes. */
  udpDestinations(): readonly UdpDestination[] {
    return this.#udpDestinations.items;
  }

  /** As of the last update. */
  get totals(): RulesetTotals {
    const { filter, nat } = this.#nodeChains.ruleCounts;
    return {
      rules: { filter, nat: nat + this.#ownRules },
      withoutLocalEndpoints: this.#dropping,
    };
  }

  /** Whether a Service, by `namespace/name`, has rules. */
  has(key: string): boolean {
    const service = this.#services.get(key);
    return service !== undefined && service.shared.length + service.chains.length > 0;
  }

  #contextFor(endpointCount: number): LoweringContext {
    return {
      node: this.#node,
      nodePlan: this.nodePlan,
      options: this.#options,
      largeCluster: isLarge(endpointCount),
    };
  }

  #planChanged(cluster: ClusterState): { gone: string[]; planned: Map<string, PlannedService> } {
    const { services } = cluster;
    const gone: string[] = [];
    const planned = new Map<string, PlannedService>();
    const changed = this.#changed.in(cluster);
    if (changed) {
      for (const key of changed) {
        const entry = services.get(key);
        if (entry && entry !== this.#services.get(key)?.entry) planned.set(key, this.#plan(entry));
        else if (!entry && this.#services.has(key)) gone.push(key);
      }
      return { gone, planned };
    }
    let kept = 0;
    // Pairs of a key and an entry, as a loop over the map would make them, are what the collector would run for.
    services.forEach((entry, key) => {
      const known = this.#services.get(key);
      if (known) kept++;
      if (entry !== known?.entry) planned.set(key, this.#plan(entry));
    });
    // All that are known are there: none has gone, and nobody need look which.
    if (kept < this.#services.size) {
      for (const key of this.#services.keys()) if (!services.has(key)) gone.push(key);
    }
    return { gone, planned };
  }

  #planAll(cluster: ClusterState, planned: Map<string, PlannedService>): void {
    for (const [key, entry] of cluster.services) {
      if (!planned.has(key)) planned.set(key, this.#plan(entry));
    }
  }

  #plan(entry: PlannedService['entry']): PlannedService {
    return planService(entry, this.#node, this.#options);
  }

  #endpointCountAfter(gone: readonly string[], planned: ReadonlyMap<string, PlannedService>): number {
    let count = this.#endpointCount;
    for (const key of [...gone, ...planned.keys()]) count -= this.#services.get(key)?.endpointCount ?? 0;
    for (const service of planned.values()) count += endpointCountOf(service);
    return count;
  }

  #set(key: string, former: CompiledService | undefined, service: CompiledService | undefined): void {
    if (!former || !service) this.#sortedKeys = undefined;
    if (former) this.#count(former, -1);
    if (service) {
      this.#services.set(key, service);
      this.#count(service, 1);
    } else this.#services.delete(key);
  }

  #count({ endpointCount, chains, dropping }: CompiledService, times: 1 | -1): void {
    this.#endpointCount += times * endpointCount;
    this.#ownRules += times * ruleCount(chains);
    const { internal, external } = this.#dropping;
    this.#dropping = {
      internal: internal + times * dropping.internal,
      external: external + times * dropping.external,
    };
  }

  #inOrder(): CompiledService[] {
    this.#sortedKeys ??= [...this.#services.keys()].sort();
    return this.#sortedKeys.map((key) => present(this.#services.get(key), 'Service of a key'));
  }
}

const WITHOUT_RULES: Pick<CompiledService, 'shared' | 'udpDestinations'> = {
  shared: [],
  udpDestinations: [],
};

function isLarge(endpointCount: number): boolean {
  return endpointCount > LARGE_CLUSTER_ENDPOINTS;
}

/** Lists of which one is kept where it is still right. */
function differ<T>(had: readonly T[], has: readonly T[]): boolean {
  return had !== has && had.length + has.length > 0;
}

/** A Service with the objects of its former self where they are still right. */
function keepingSame(former: CompiledService | undefined, service: CompiledService): CompiledService {
  if (!former) return service;
  return {
    ...service,
    shared: sameList(former.shared, service.shared, sameSharedRule) ? former.shared : service.shared,
    chains: sameChains(former.chains, service.chains),
    udpDestinations: sameList(former.udpDestinations, service.udpDestinations, sameDestination)
      ? former.udpDestinations
      : service.udpDestinations,
  };
}

function sameSharedRule(a: SharedRule, b: SharedRule): boolean {
  return a.table === b.table && a.chain === b.chain && sameRule(a.rule, b.rule);
}

function sameDestination(a: UdpDestination, b: UdpDestination): boolean {
  return (
    a.address === b.address &&
    a.port === b.port &&
    a.endpoints.size === b.endpoints.size &&
    a.endpoints.isSubsetOf(b.endpoints)
  );
}

function sameChains(before: readonly Chain[], after: readonly Chain[]): Chain[] {
  const old = new Map(before.map((chain) => [chain.name, chain]));
  return after.map((chain) => {
    const former = old.get(chain.name);
    return former && sameChain(former, chain) ? former : chain;
  });
}
