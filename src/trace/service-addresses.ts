/** Where Services can be reached: by their manifests, or by what the rules say of themselves. */
import { isServicePortChain } from '../applier/own.ts';
import type { ServicePort } from '../compiler/service-ports.ts';
import type { PreparedRule, PreparedRuleset } from '../iptables/simulator/prepare.ts';
import type { Rule, TableName } from '../iptables/types.ts';
import { joinPort } from '../net/address.ts';
import type { Way } from './place.ts';
import { commentOf } from './spell.ts';

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

function wayName({ way }: Pick<ServiceAddress, 'way'>): string {
  return WAY_NAMES[way];
}

/** `cluster IP 10.96.0.10:80`, `node port 30080` */
export function describeAddress(address: ServiceAddress): string {
  const place = address.address === undefined ? address.port : joinPort(address.address, address.port);
  return `${wayName(address)} ${place}`;
}

/** The addresses of a service port, the cluster IP first. */
export function addressesOfServicePort({
  name,
  protocol,
  clusterIP,
  externalIPs,
  loadBalancerIPs,
  port,
  nodePort,
}: ServicePort): ServiceAddress[] {
  const at = (way: Way, address: string | undefined, number = port): ServiceAddress => ({
    servicePort: name,
    protocol,
    way,
    address,
    port: number,
  });
  return [
    at('cluster-ip', clusterIP),
    ...externalIPs.map((address) => at('external-ip', address)),
    ...loadBalancerIPs.map((address) => at('load-balancer-ip', address)),
    ...(nodePort === 0 ? [] : [at('node-port', undefined, nodePort)]),
  ];
}

/**
 * The addresses of all service ports, as the comments say of the rules that packets to them meet first. Comments of
 * these rules are there in clusters of any size, by kube-proxy and by svc2ipt.
 */
export function addressesInRules(ruleset: PreparedRuleset): ServiceAddress[] {
  const addresses = new Map<string, ServiceAddress>();
  for (const shared of sharedRules(ruleset)) {
    const address = addressOfRule(shared);
    if (!address) continue;
    const key = `${address.protocol} ${address.address} ${address.port}`;
    if (!addresses.has(key)) addresses.set(key, address);
  }
  return [...addresses.values()];
}

/** Where the rules for all Services begin; those that tell the ways apart come first. */
const ROOTS: readonly (readonly [TableName, string])[] = [
  ['nat', 'KUBE-SERVICES'],
  ['nat', 'KUBE-NODEPORTS'],
  ['filter', 'KUBE-SERVICES'],
  ['filter', 'KUBE-EXTERNAL-SERVICES'],
];

/** A rule that is there for one of all Services, and the chain that it is part of, however that is split. */
export interface SharedRule {
  readonly table: TableName;
  readonly root: string;
  readonly rule: PreparedRule;
}

/** The rules of the chains that traffic of all Services passes, and of those that they are split into. */
export function* sharedRules(ruleset: PreparedRuleset): Generator<SharedRule> {
  const seen = new Set(ROOTS.map(([table, name]) => `${table} ${name}`));
  for (const [table, root] of ROOTS) {
    const chains = [root];
    for (const name of chains) {
      for (const rule of ruleset.chain(table, name)?.rules ?? []) {
        const { effect } = rule;
        yield { table, root, rule };
        if (effect.effect !== 'jump' || isServicePortChain(effect.chain)) continue;
        if (seen.has(`${table} ${effect.chain}`)) continue;
        seen.add(`${table} ${effect.chain}`);
        chains.push(effect.chain);
      }
    }
  }
}

export interface About {
  /** As rules print it. */
  readonly servicePort: string;
  readonly what: string;
}

/** The service port that a comment is about, and what it says of it. */
const ABOUT = /^([^/:\s]+\/[^/:\s]+(?::[^\s:]*)?)(?: (.+))?$/;

/** What a rule in a shared chain says that it is for; undefined for the node's own. */
export function aboutOf(rule: Rule): About | undefined {
  return aboutText(commentOf(rule) ?? '');
}

/** What a comment in a shared chain says. */
export function aboutText(comment: string): About | undefined {
  const [, servicePort, what = ''] = ABOUT.exec(comment) ?? [];
  return servicePort === undefined ? undefined : { servicePort, what };
}

function addressOfRule({ table, root, rule: { rule } }: SharedRule): ServiceAddress | undefined {
  const about = aboutOf(rule);
  const { protocol, address, port } = destinationOf(rule);
  if (!about || protocol === undefined || port === undefined) return undefined;
  const way = wayOf(about.what, root, table, address);
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
  what: string,
  root: string,
  table: TableName,
  address: string | undefined,
): ServiceAddress['way'] | undefined {
  switch (what) {
    case 'cluster IP':
      return 'cluster-ip';
    case 'external IP':
      return 'external-ip';
    case 'loadbalancer IP':
      return 'load-balancer-ip';
    case 'has no endpoints':
    case 'has no local endpoints':
      if (address === undefined) return 'node-port';
      return root === 'KUBE-SERVICES' ? 'cluster-ip' : 'outside-ip';
    case '':
      return table === 'nat' ? 'node-port' : undefined;
    default:
      return undefined;
  }
}

/** The one destination that a rule is for, as far as it says so. */
function destinationOf({ matches }: Rule) {
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
