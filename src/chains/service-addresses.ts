/** Where Services can be reached, by what the rules say of themselves. */
import type { PreparedRule, PreparedRuleset } from '../iptables/simulator/prepare.ts';
import type { Rule, TableName } from '../iptables/types.ts';
import { joinPort } from '../net/address.ts';
import { aboutOf, type CommentForm } from './comments.ts';
import { isServicePortChain } from './names.ts';

/** One of the ways to reach a Service. */
export const WAYS = ['cluster-ip', 'external-ip', 'load-balancer-ip', 'node-port'] as const;

export type Way = (typeof WAYS)[number];

/** An address of a service port. */
export interface ServiceAddress {
  /** The service port, as rules print it: `namespace/name:port`. */
  readonly servicePort: string;
  readonly protocol: string;
  /** `outside-ip` where it is an external IP or a load-balancer IP, and the rules do not tell which. */
  readonly way: Way | 'outside-ip';
  /** Undefined for a node port, which is at the addresses of the node. */
  readonly address: string | undefined;
  readonly port: number;
}

/** What the ways are called in a sentence. */
const WAY_NAMES: Readonly<Record<ServiceAddress['way'], string>> = {
  'cluster-ip': 'cluster IP',
  'external-ip': 'external IP',
  'load-balancer-ip': 'load-balancer IP',
  'outside-ip': 'external or load-balancer IP',
  'node-port': 'node port',
};

/** A way as it is called in a sentence: `cluster IP`. */
export function wayName({ way }: Pick<ServiceAddress, 'way'>): string {
  return WAY_NAMES[way];
}

/** The order in which the ways to a Service are told: the usual one first. */
export function byWay(a: Pick<ServiceAddress, 'way'>, b: Pick<ServiceAddress, 'way'>): number {
  return WAY_ORDER.indexOf(a.way) - WAY_ORDER.indexOf(b.way);
}

const WAY_ORDER: readonly ServiceAddress['way'][] = [
  'cluster-ip',
  'external-ip',
  'load-balancer-ip',
  'outside-ip',
  'node-port',
];

/** `cluster IP 10.96.0.10:80`, `node port 30080` */
export function describeAddress(address: ServiceAddress): string {
  const place = address.address === undefined ? address.port : joinPort(address.address, address.port);
  return `${wayName(address)} ${place}`;
}

/**
 * The addresses of all service ports, as the comments say of the rules that packets to them meet first. Comments of
 * these rules are there in clusters of any size, by kube-proxy and by svc2ipt.
 */
export function addressesInRules(ruleset: PreparedRuleset): ServiceAddress[] {
  return addressesIn(entryRules(ruleset).map(({ table, root, rule }) => ({ table, root, rule: rule.rule })));
}

/** The addresses that rules for all Services name, each once; see {@link addressesInRules}. */
export function addressesIn(rules: Iterable<EntryRule<Rule>>): ServiceAddress[] {
  const addresses = new Map<string, ServiceAddress>();
  for (const shared of rules) {
    const address = addressOfRule(shared);
    if (!address) continue;
    const key = `${address.protocol} ${address.address} ${address.port}`;
    if (!addresses.has(key)) addresses.set(key, address);
  }
  return [...addresses.values()];
}

/** A chain of a table. */
type Root = readonly [TableName, string];

/** Where the rules for all Services begin; those that tell the ways apart come first. */
const ROOTS: readonly Root[] = [
  ['nat', 'KUBE-SERVICES'],
  ['nat', 'KUBE-NODEPORTS'],
  ['filter', 'KUBE-SERVICES'],
  ['filter', 'KUBE-EXTERNAL-SERVICES'],
];

/** Where what load balancers' source ranges leave out is dropped. */
export const FIREWALL_ROOTS: readonly Root[] = [['filter', 'KUBE-PROXY-FIREWALL']];

/** A rule that is there for one of all Services, and the chain that it is part of, however that is split. */
export interface EntryRule<R = PreparedRule> {
  readonly table: TableName;
  readonly root: string;
  readonly rule: R;
}

/** The rules of the chains that traffic of all Services passes, and of those that they are split into. */
export function entryRules(ruleset: PreparedRuleset): Generator<EntryRule> {
  return entriesOf(
    (table, chain) => ruleset.chain(table, chain)?.rules ?? [],
    ({ effect }) => (effect.effect === 'jump' ? effect.chain : undefined),
  );
}

/**
 * As {@link entryRules}, of rules in whatever form.
 * @param rulesOf the rules of a chain, none where there is no such chain
 * @param targetOf the chain or target that a rule leads to
 * @param roots the chains to begin with; those that all Services can be found by, unless given
 */
export function* entriesOf<R>(
  rulesOf: (table: TableName, chain: string) => Iterable<R>,
  targetOf: (rule: R) => string | undefined,
  roots: readonly Root[] = ROOTS,
): Generator<EntryRule<R>> {
  const seen = new Set(roots.map(([table, name]) => `${table} ${name}`));
  for (const [table, root] of roots) {
    const chains = [root];
    for (const name of chains) {
      for (const rule of rulesOf(table, name)) {
        yield { table, root, rule };
        const target = targetOf(rule);
        if (target === undefined || isServicePortChain(target)) continue;
        if (seen.has(`${table} ${target}`)) continue;
        seen.add(`${table} ${target}`);
        chains.push(target);
      }
    }
  }
}

/** The address that a rule for all Services is there for; undefined for one that is there for none. */
export function addressOfRule({ table, root, rule }: EntryRule<Rule>): ServiceAddress | undefined {
  const about = aboutOf(rule);
  const { protocol, address, port } = destinationOfRule(rule);
  if (!about || protocol === undefined || port === undefined) return undefined;
  const way = wayOf(about.form, root, table, address);
  if (!way) return undefined;
  return {
    servicePort: about.servicePort,
    protocol,
    way,
    address: way === 'node-port' ? undefined : address,
    port,
  };
}

function wayOf(
  form: CommentForm | 'other',
  root: string,
  table: TableName,
  address: string | undefined,
): ServiceAddress['way'] | undefined {
  switch (form) {
    case 'cluster IP':
      return 'cluster-ip';
    case 'external IP':
      return 'external-ip';
    case 'load-balancer IP':
      return 'load-balancer-ip';
    case 'no endpoints':
    case 'no local endpoints':
      if (address === undefined) return 'node-port';
      return root === 'KUBE-SERVICES' ? 'cluster-ip' : 'outside-ip';
    case 'itself':
      return table === 'nat' ? 'node-port' : undefined;
    case 'health check node port':
    case 'not accepted':
    case 'endpoint':
    case 'masquerade external':
    case 'pods to external':
    case 'masquerade local to external':
    case 'route local to external':
    case 'other traffic':
    case 'other':
      return undefined;
  }
}

/** The one destination that a rule is for, as far as it says so. */
export function destinationOfRule({ matches }: Rule) {
  let [protocol, address, port]: [string | undefined, string | undefined, number | undefined] = [
    undefined,
    undefined,
    undefined,
  ];
  for (const match of matches) {
    if (match.match === 'protocol') protocol = match.protocol;
    if (match.match === 'destination' && !match.negated && !match.address.includes('/'))
      address = match.address;
    if (match.match === 'destination-port') port = match.port;
  }
  return { protocol, address, port };
}
