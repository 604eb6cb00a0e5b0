/** Rules with all of their parts in words. */

import { servicePortsOfChains } from '../chains/chain-owners.ts';
import { aboutOf, serviceOf } from '../chains/comments.ts';
import { wayName } from '../chains/service-addresses.ts';
import { addressesOfServices } from '../compiler/service-ports.ts';
import type { Rule, Ruleset, Table, TableName } from '../iptables/types.ts';
import type { ShownTable } from './answers.ts';
import type { LoadedInput } from './compiled.ts';
import { chainWords, type Meanings, rulePartsOf } from './rule-parts.ts';

/**
 * The rules of a Service, or of all, and those that packets to all Services pass.
 * @param service `namespace/name`; '' for all
 */
export function shownTables(ruleset: Ruleset, input: LoadedInput, service: string): ShownTable[] {
  const meanings = meaningsIn(ruleset, input);
  return onlyService(ruleset, service).map(({ name: table, chains }) => ({
    table,
    chains: chains.map(({ name: chain, rules }) => ({
      chain,
      words: chainWords(table, chain, meanings),
      rules: rules.map((rule) => rulePartsOf(table, chain, rule, meanings)),
    })),
  }));
}

const TABLE_ORDER: readonly TableName[] = ['nat', 'filter', 'mangle', 'raw', 'security'];

/** The tables without what is there for other Services alone. */
export function onlyService({ tables }: Ruleset, service: string): Table[] {
  // Where packets go comes first: it is what one asks.
  const inOrder = tables
    .filter(({ chains }) => chains.length > 0)
    .toSorted((a, b) => TABLE_ORDER.indexOf(a.name) - TABLE_ORDER.indexOf(b.name));
  if (service === '') return inOrder;
  return inOrder.map((table) => {
    const owners = servicePortsOfChains(table);
    const isOf = (servicePort: string | undefined) =>
      servicePort === undefined || serviceOf(servicePort) === service;
    return {
      ...table,
      chains: table.chains
        .filter(({ name }) => isOf(owners.get(name)))
        .map((chain) => ({
          ...chain,
          rules: chain.rules.filter((rule) => isOf(aboutOf(rule)?.servicePort)),
        })),
    };
  });
}

/** What the names and addresses in rules stand for. */
export function meaningsIn(ruleset: Ruleset, { cluster, pods, node, options }: LoadedInput): Meanings {
  const { family } = ruleset;
  const { legacyPortNames, detectLocal, masqueradeBit } = options(family);
  const [known, nodePorts] = [new Map<string, string>(), new Map<number, string>()];
  if (detectLocal?.by === 'source') known.set(detectLocal.range, 'the range of Pods');
  for (const range of node.podCIDRs) known.set(range, `the range of Pods on ${node.name}`);
  for (const ip of node.ips) known.set(ip, `node ${node.name}`);
  for (const address of addressesOfServices(cluster, family, legacyPortNames)) {
    const words = `${wayName(address)} of ${address.servicePort}`;
    if (address.address === undefined) nodePorts.set(address.port, words);
    else known.set(address.address, words);
  }
  for (const [name, { ips, nodeName }] of pods) {
    for (const ip of ips) known.set(ip, `Pod ${name}${nodeName === undefined ? '' : ` on ${nodeName}`}`);
  }
  const owners = new Map(ruleset.tables.map((table) => [table.name, servicePortsOfChains(table)]));
  const endpoints = endpointsOfChains(ruleset);
  return {
    address: (address) => known.get(address) ?? known.get(withoutPort(address)),
    nodePort: (port) => nodePorts.get(port),
    servicePort: (table, chain) => owners.get(table)?.get(chain),
    endpoint: (table, chain) => endpoints.get(`${table} ${chain}`),
    masqueradeMark: 2 ** masqueradeBit,
  };
}

function withoutPort(address: string): string {
  return address.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
}

/** The endpoint of each chain that rewrites destinations to one. */
function endpointsOfChains({ tables }: Ruleset): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const { name: table, chains } of tables) {
    for (const { name, rules } of chains) {
      const to = [...new Set(rules.flatMap(dnatOf))];
      if (to.length === 1 && to[0] !== undefined) found.set(`${table} ${name}`, to[0]);
    }
  }
  return found;
}

function dnatOf({ target }: Rule): string[] {
  return target?.target === 'DNAT' ? [target.to] : [];
}
