/** What a change of rules comes to, Service by Service, in sentences for people who do not read rules. */
import { servicePortsOfChains } from '../chains/chain-owners.ts';
import { aboutOf, serviceOf } from '../chains/comments.ts';
import { isServicePortChain, leadsToEndpoints } from '../chains/names.ts';
import { addressesIn, describeAddress, entriesOf } from '../chains/service-addresses.ts';
import { printRule } from '../iptables/print.ts';
import type { Rule, Ruleset } from '../iptables/types.ts';
import { enumerate } from '../text/lists.ts';

/** What changes of a Service. */
export interface ServiceSummary {
  /** `namespace/name`, or '' for what is the node's own. */
  readonly service: string;
  readonly sentences: readonly string[];
}

/**
 * How the rules of a node differ, by what they say of themselves and lead to. No packet is sent through them.
 * @returns Services by name, and the node's own rules last; nothing where the rules are the same
 */
export function summaryOfRules(before: Ruleset, after: Ruleset): readonly ServiceSummary[] {
  const [old, now] = [rulesByOwner(before), rulesByOwner(after)];
  const servicePorts = [...new Set([...old.servicePorts.keys(), ...now.servicePorts.keys()])].sort();
  const sentences = servicePorts.flatMap((name) => {
    const told = servicePortSentences(name, old.servicePorts.get(name), now.servicePorts.get(name));
    return told.map((sentence) => ({ service: serviceOf(name), sentence }));
  });
  const changes = [...Map.groupBy(sentences, ({ service }) => service)].map(([service, told]) => ({
    service,
    sentences: told.map(({ sentence }) => sentence),
  }));
  const node = nodeSentences(old.node, now.node);
  return node.length === 0 ? changes : [...changes, { service: '', sentences: node }];
}

/** The rules that are there for one service port, in their order. */
interface ServicePortRules {
  /** `cluster IP 10.96.0.10:80/tcp` */
  readonly addresses: ReadonlySet<string>;
  /** `address:port` */
  readonly endpoints: ReadonlySet<string>;
  /** For so many seconds clients are sent to the endpoint that they had; none where they are not. */
  readonly affinity: ReadonlySet<string>;
  /** What leads neither to it nor to an endpoint, without the addresses and ports that it is reached at. */
  readonly others: readonly string[];
  readonly all: readonly string[];
}

interface OwnedRule {
  readonly place: string;
  readonly rule: Rule;
}

function rulesByOwner(ruleset: Ruleset) {
  const owned = new Map<string, OwnedRule[]>();
  const node = new Map<string, string[]>();
  for (const table of ruleset.tables) {
    const owners = servicePortsOfChains(table);
    for (const { name, rules } of table.chains) {
      for (const rule of rules) {
        const place = `${table.name} ${name}`;
        const owner = isServicePortChain(name) ? owners.get(name) : aboutOf(rule)?.servicePort;
        if (owner === undefined) node.set(place, [...(node.get(place) ?? []), printRule(rule)]);
        else owned.set(owner, [...(owned.get(owner) ?? []), { place, rule }]);
      }
    }
  }
  const addresses = addressesByServicePort(ruleset);
  const servicePorts = new Map(
    [...owned].map(([name, rules]) => [name, servicePortRules(rules, addresses.get(name) ?? [])]),
  );
  return { servicePorts, node };
}

function addressesByServicePort({ tables }: Ruleset): ReadonlyMap<string, readonly string[]> {
  const chains = new Map(
    tables.flatMap((table) => table.chains.map((chain) => [`${table.name} ${chain.name}`, chain.rules])),
  );
  const entries = entriesOf<Rule>(
    (table, chain) => chains.get(`${table} ${chain}`) ?? [],
    ({ target }) => (target?.target === 'jump' ? target.chain : undefined),
  );
  const grouped = Map.groupBy(addressesIn(entries), ({ servicePort }) => servicePort);
  return new Map(
    [...grouped].map(([name, all]) => [name, all.map((one) => `${describeAddress(one)}/${one.protocol}`)]),
  );
}

function servicePortRules(rules: readonly OwnedRule[], addresses: readonly string[]): ServicePortRules {
  const matches = rules.flatMap(({ rule }) => rule.matches);
  return {
    addresses: new Set(addresses),
    endpoints: new Set(
      rules.flatMap(({ rule: { target } }) => (target?.target === 'DNAT' ? [target.to] : [])),
    ),
    affinity: new Set(
      matches.flatMap((match) =>
        match.match === 'recent' && match.operation === 'rcheck' ? [`${match.seconds} s`] : [],
      ),
    ),
    others: rules.flatMap(({ place, rule }) =>
      isOfAddressOrEndpoint(place, rule) ? [] : [place + printRule(withoutDestination(rule))],
    ),
    all: rules.map(({ place, rule }) => place + printRule(rule)),
  };
}

/** Whether the addresses and endpoints of a service port tell of a rule already. */
function isOfAddressOrEndpoint(place: string, { matches, target }: Rule): boolean {
  const [, chain = ''] = place.split(' ');
  if (leadsToEndpoints(chain) || target?.target === 'DNAT') return true;
  if (target?.target === 'jump' && leadsToEndpoints(target.chain)) return true;
  return !isServicePortChain(chain) && matches.some(({ match }) => match === 'destination-port');
}

function withoutDestination({ matches, ...rest }: Rule): Rule {
  const asked = ['destination', 'destination-port', 'comment'];
  return { ...rest, matches: matches.filter(({ match }) => !asked.includes(match)) };
}

function servicePortSentences(
  name: string,
  before: ServicePortRules | undefined,
  after: ServicePortRules | undefined,
): string[] {
  if (before === undefined || after === undefined) {
    const one = before ?? after;
    return one === undefined ? [] : [`${name} ${before ? 'goes' : 'comes'}: ${reach(one)}`];
  }
  // Who has no endpoints has hardly any rules: all others come and go with them.
  const isServed = before.endpoints.size > 0 && after.endpoints.size > 0;
  const told = [
    change('', before.addresses, after.addresses),
    ...endpointSentences(before.endpoints, after.endpoints),
    change('session affinity of ', before.affinity, after.affinity),
    isServed ? counted('other rules', before.others, after.others) : undefined,
  ].filter((sentence) => sentence !== undefined);
  if (told.length > 0) return told.map((sentence) => `${name}: ${sentence}`);
  if (before.all.join('\n') === after.all.join('\n')) return [];
  const words = counted('rules', before.all, after.all) ?? 'the same rules, in another order';
  return [`${name}: ${words}`];
}

/** `cluster IP 10.96.0.10:80/tcp, endpoints 10.244.1.5:8080 and 10.244.2.5:8080` */
function reach({ addresses, endpoints }: ServicePortRules): string {
  const few = enumerate([...endpoints]);
  const targets =
    endpoints.size === 0 ? 'no endpoints' : `${endpoints.size === 1 ? 'endpoint' : 'endpoints'} ${few}`;
  return [...(addresses.size === 0 ? [] : [enumerate([...addresses])]), targets].join(', ');
}

function endpointSentences(before: ReadonlySet<string>, after: ReadonlySet<string>): string[] {
  const [gone, come] = [before.difference(after), after.difference(before)];
  if (gone.size > 0 && come.size > 0) {
    return [`endpoints ${enumerate([...gone])} -> ${enumerate([...come])}`];
  }
  const which = come.size > 0 ? come : gone;
  if (which.size === 0) return [];
  const [noun, verb] = which.size === 1 ? ['endpoint', ['comes', 'goes']] : ['endpoints', ['come', 'go']];
  const none = after.size === 0 ? '; none is left' : before.size === 0 ? '; it had none' : '';
  return [`${noun} ${enumerate([...which])} ${come.size > 0 ? verb[0] : verb[1]}${none}`];
}

/** What goes, what comes, or what becomes what; undefined where nothing does. */
function change(what: string, before: ReadonlySet<string>, after: ReadonlySet<string>): string | undefined {
  const [gone, come] = [before.difference(after), after.difference(before)].map((some) =>
    enumerate([...some]),
  );
  if (gone && come) return `${what}${gone} -> ${come}`;
  if (!gone && !come) return undefined;
  const many = before.symmetricDifference(after).size > 1;
  return gone ? `${what}${gone} ${many ? 'go' : 'goes'}` : `${what}${come} ${many ? 'come' : 'comes'}`;
}

/** `other rules: 1 goes, 2 come`; undefined where the same are there, in whatever order. */
function counted(what: string, before: readonly string[], after: readonly string[]): string | undefined {
  const [gone, come] = [surplus(before, after), surplus(after, before)];
  const parts = [
    ...(gone === 0 ? [] : [`${gone} ${gone === 1 ? 'goes' : 'go'}`]),
    ...(come === 0 ? [] : [`${come} ${come === 1 ? 'comes' : 'come'}`]),
  ];
  return parts.length === 0 ? undefined : `${what}: ${parts.join(', ')}`;
}

/** How many lines there are that the others have not, or have less often. */
function surplus(lines: readonly string[], others: readonly string[]): number {
  const left = new Map<string, number>();
  for (const line of others) left.set(line, (left.get(line) ?? 0) + 1);
  let count = 0;
  for (const line of lines) {
    const of = left.get(line) ?? 0;
    if (of === 0) count++;
    else left.set(line, of - 1);
  }
  return count;
}

/** Of the rules that are no single Service's, chain by chain. */
function nodeSentences(
  before: ReadonlyMap<string, readonly string[]>,
  after: ReadonlyMap<string, readonly string[]>,
): string[] {
  const places = [...new Set([...before.keys(), ...after.keys()])];
  const changed = places.filter((place) => before.get(place)?.join('\n') !== after.get(place)?.join('\n'));
  if (changed.length === 0) return [];
  const all = (rules: ReadonlyMap<string, readonly string[]>) =>
    changed.flatMap((place) => (rules.get(place) ?? []).map((rule) => place + rule));
  const words = counted('rules', all(before), all(after)) ?? 'the same rules, in another order';
  return [`${words} (${enumerate(changed)})`];
}
