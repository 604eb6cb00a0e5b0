/**
 * Rules for packets to one address or one port each, as a tree of chains: a packet walks a few rules at each level
 * instead of all of them. Rules for different addresses, or ports, never meet the same packet, so only the order of
 * those for the same ones counts, and is kept. As long as a chain has few rules, there is no tree.
 */
import { type SharedChain, treeChain } from '../chains/names.ts';
import { sameRule } from '../iptables/compare.ts';
import type { Chain, Rule } from '../iptables/types.ts';
import type { Family } from '../net/address.ts';
import { atKey } from './at-key.ts';
import { keyOfRule, keyRange, type RuleKey } from './keys.ts';
import { ListsInOrder } from './lists-in-order.ts';
import { jump } from './matches.ts';
import { branchesOf, FAN_OUT, type Keyed } from './radix.ts';
import type { ChangedRules, OwnRules, ReplacedChains, RuleOrder } from './rule-order.ts';

/** The rules of a chain, between those of the node: those that are not for one address or port first, then a tree for either. */
export class DispatchTree implements RuleOrder {
  readonly #node: OwnRules;
  readonly #family: Family;
  readonly #others = new ListsInOrder<Rule>();
  readonly #byAddress: KeyTree;
  readonly #byPort: KeyTree;

  constructor(chain: SharedChain, node: OwnRules, family: Family) {
    this.#node = node;
    this.#family = family;
    this.#byAddress = new KeyTree(chain, 'address', family);
    this.#byPort = new KeyTree(chain, 'port', family);
  }

  get rules(): readonly Rule[] {
    const { before, after } = this.#node;
    return [...before, ...this.#others.items, ...this.#byAddress.rules, ...this.#byPort.rules, ...after];
  }

  chains(): Chain[] {
    return [...this.#byAddress.chains(), ...this.#byPort.chains()];
  }

  replace(services: ChangedRules): ReplacedChains {
    const others = new Map<string, Rule[]>();
    const byAddress: KeyedRules = new Map();
    const byPort: KeyedRules = new Map();
    const rulesAt = (service: string, rule: Rule): Rule[] => {
      const known = knownKey(rule, this.#family);
      if (!known) return atKey(others, service, () => []);
      const keyed = known.by === 'address' ? byAddress : byPort;
      return atKey(
        atKey(keyed, known.key, () => new Map<string, Rule[]>()),
        service,
        () => [],
      );
    };
    for (const [service, { former, rules }] of services) {
      for (const rule of former) rulesAt(service, rule);
      for (const rule of rules) rulesAt(service, rule).push(rule);
    }
    if (others.size > 0) this.#others.replace(others);
    const trees = [this.#byAddress.replace(byAddress), this.#byPort.replace(byPort)];
    return {
      before: trees.flatMap(({ before }) => before),
      after: trees.flatMap(({ after }) => after),
    };
  }
}

/** By key, then by Service: the rules that a Service has for a key now; none where it had some before. */
type KeyedRules = Map<string, Map<string, Rule[]>>;

/** All rules for one key. */
interface RulesOfKey extends Keyed {
  /** Each once, in the order of their Services. */
  readonly rules: readonly Rule[];
}

/** What a chain of the tree holds. */
interface Node {
  /** How many rules there are below it. */
  readonly size: number;
  /** Those in the chain itself. */
  readonly rules: readonly Rule[];
  /** What the keys of all branches begin with, as far as that is the same; undefined for a leaf. */
  readonly common: string | undefined;
  readonly branches: readonly Branch[];
  /** Of a leaf, in the order of their keys. */
  readonly members: readonly RulesOfKey[];
}

interface RuleOfService {
  readonly service: string;
  readonly rule: Rule;
}

interface Branch {
  readonly prefix: string;
  readonly node: Node;
  /** What leads to it: a jump, or its only rule. */
  readonly rule: Rule;
  /** Undefined where there is only one rule. */
  readonly chain: Chain | undefined;
}

/**
 * A tree that follows its rules. What it is depends on nothing but the rules: a change makes the way from the root to it
 * anew, and leaves all other branches the same objects.
 */
class KeyTree {
  readonly #chain: SharedChain;
  readonly #by: RuleKey['by'];
  readonly #family: Family;
  /** All rules for each key, in the order of their Services. */
  readonly #rules = new Map<string, readonly RuleOfService[]>();
  #root = EMPTY;

  constructor(chain: SharedChain, by: RuleKey['by'], family: Family) {
    this.#chain = chain;
    this.#by = by;
    this.#family = family;
  }

  get rules(): readonly Rule[] {
    return this.#root.rules;
  }

  chains(): Chain[] {
    return chainsOf(this.#root, () => true);
  }

  replace(changes: KeyedRules): ReplacedChains {
    const members = [...changes].map(([key, services]) => this.#replaceKey(key, services));
    members.sort(byKey);
    const former = this.#root;
    const made = new Set<Branch>();
    this.#root = this.#changed(former, members, made);

    const kept = new Set<Branch>();
    const isNew = (branch: Branch) => {
      const isNew = made.has(branch);
      if (!isNew) kept.add(branch);
      return isNew;
    };
    const after = chainsOf(this.#root, isNew);
    return { before: chainsOf(former, (branch) => !kept.has(branch)), after };
  }

  #replaceKey(key: string, services: ReadonlyMap<string, readonly Rule[]>): RulesOfKey {
    const all = this.#rules.get(key)?.filter(({ service }) => !services.has(service)) ?? [];
    for (const [service, rules] of services) for (const rule of rules) all.push({ service, rule });
    if (all.length > 1) all.sort((a, b) => (a.service < b.service ? -1 : a.service > b.service ? 1 : 0));
    if (all.length === 0) this.#rules.delete(key);
    else this.#rules.set(key, all);
    return { key, rules: unique(all.map(({ rule }) => rule)) };
  }

  /** The node with other rules for some keys, in their order; those without rules are gone. */
  #changed(node: Node, changes: readonly RulesOfKey[], made: Set<Branch>): Node {
    const { common } = node;
    if (common === undefined) return this.#grown(withChanges(node.members, changes), made);
    const length = changes.reduce((length, { key }) => sharedLength(key, common, length), common.length);
    // A key from elsewhere makes a fork above this one.
    const branches = length < common.length ? [{ prefix: common.slice(0, length + 1), node }] : node.branches;
    const nodes = new Map(branches.map(({ prefix, node }) => [prefix, node]));
    for (const [prefix, some] of Map.groupBy(changes, ({ key }) => key.slice(0, length + 1))) {
      nodes.set(prefix, this.#changed(nodes.get(prefix) ?? EMPTY, some, made));
    }
    const left = [...nodes].filter(([, { size }]) => size > 0).sort(([a], [b]) => (a < b ? -1 : 1));
    const [first, second] = left;
    if (!first) return EMPTY;
    if (!second) return first[1];
    if (sum(left, ([, { size }]) => size) <= FAN_OUT)
      return leaf(left.flatMap(([, node]) => membersOf(node)));
    const formers = new Map(node.branches.map((branch) => [branch.prefix, branch]));
    return fork(
      left.map(([prefix, node]) => this.#branch(prefix, node, formers.get(prefix), made)),
      common.slice(0, length),
    );
  }

  /** The node of these members, in the order of their keys. */
  #grown(members: readonly RulesOfKey[], made: Set<Branch>): Node {
    const branches = branchesOf(
      members,
      sum(members, ({ rules }) => rules.length),
    );
    const [first] = branches ?? [];
    if (!branches || !first) return leaf(members);
    return fork(
      branches.map(({ prefix, members }) =>
        this.#branch(prefix, this.#grown(members, made), undefined, made),
      ),
      first.prefix.slice(0, -1),
    );
  }

  #branch(prefix: string, node: Node, former: Branch | undefined, made: Set<Branch>): Branch {
    if (former?.node === node) return former;
    const branch = { prefix, node, ...this.#wayTo(prefix, node, former) };
    made.add(branch);
    return branch;
  }

  #wayTo(prefix: string, { size, rules }: Node, former: Branch | undefined): Pick<Branch, 'rule' | 'chain'> {
    const [first] = rules;
    if (size === 1 && first) return { rule: first, chain: undefined };
    if (former?.chain) {
      const { rule, chain } = former;
      return { rule, chain: sameItems(chain.rules, rules) ? chain : { name: chain.name, rules } };
    }
    const range = keyRange(prefix, this.#by, this.#family);
    const name = treeChain(this.#chain, prefix, range);
    return { rule: { matches: range.matches, target: jump(name) }, chain: { name, rules } };
  }
}

function leaf(members: readonly RulesOfKey[]): Node {
  const rules = members.flatMap(({ rules }) => rules);
  return { size: rules.length, rules, common: undefined, branches: [], members };
}

function fork(branches: readonly Branch[], common: string): Node {
  const rules = branches.map(({ rule }) => rule);
  return { size: sum(branches, ({ node }) => node.size), rules, common, branches, members: [] };
}

const EMPTY = leaf([]);

/** The chains below a node, each after those that it leads to, of the branches that are asked for and those above. */
function chainsOf({ branches }: Node, wanted: (branch: Branch) => boolean): Chain[] {
  return branches.filter(wanted).flatMap(({ node, chain }) => {
    const below = chainsOf(node, wanted);
    return chain ? [...below, chain] : below;
  });
}

function membersOf({ members, branches }: Node): readonly RulesOfKey[] {
  return branches.length === 0 ? members : branches.flatMap(({ node }) => membersOf(node));
}

/** Members with other rules for some keys, in their order. */
function withChanges(members: readonly RulesOfKey[], changes: readonly RulesOfKey[]): readonly RulesOfKey[] {
  const changed = new Set(changes.map(({ key }) => key));
  const left = members.filter(({ key }) => !changed.has(key));
  return [...left, ...changes.filter(({ rules }) => rules.length > 0)].sort(byKey);
}

function byKey(a: Keyed, b: Keyed): number {
  return a.key < b.key ? -1 : 1;
}

/** How many characters two texts have in common at their beginning, of so many at most. */
function sharedLength(a: string, b: string, most: number): number {
  let length = 0;
  while (length < most && a[length] === b[length]) length++;
  return length;
}

/** Different service ports may ask for the same: an endpoint can be one of several. */
function unique(rules: readonly Rule[]): readonly Rule[] {
  if (rules.length < 2) return rules;
  return rules.filter((rule, i) => {
    const before = rules[i - 1];
    return !before || !sameRule(before, rule);
  });
}

function sameItems<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((item, i) => item === b[i]);
}

function sum<T>(items: readonly T[], number: (item: T) => number): number {
  return items.reduce((total, item) => total + number(item), 0);
}

/** Rules stay the same objects while nothing about their Service changes. */
const KEYS = new WeakMap<Rule, RuleKey>();

function knownKey(rule: Rule, family: Family): RuleKey | undefined {
  const known = KEYS.get(rule) ?? keyOfRule(rule, family);
  if (known) KEYS.set(rule, known);
  return known;
}
