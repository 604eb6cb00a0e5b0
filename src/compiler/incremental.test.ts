import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { clusterHistory, loadHistory } from '../../test/support/arbitrary/cluster-history.ts';
import { load, rawCluster } from '../../test/support/arbitrary/clusters.ts';
import type { Manifest } from '../../test/support/arbitrary/raw.ts';
import { inputOf, loadBalancer, service, slice } from '../../test/support/rules.ts';
import type { ClusterState } from '../api/cluster.ts';
import type { ChainChanges } from '../iptables/compare.ts';
import { printAppend, printRule, printRuleset } from '../iptables/print.ts';
import type { Chain, Ruleset, TableName } from '../iptables/types.ts';
import { FAMILIES } from '../net/address.ts';
import { LiveCluster } from '../sources/live-cluster.ts';
import { compile } from './compile.ts';
import { IncrementalCompiler, type RulesetChanges } from './incremental.ts';

const TABLES = ['filter', 'nat'] as const satisfies readonly TableName[];

type PrintedChains = ReadonlyMap<string, string>;

const print = (chain: Chain) => chain.rules.map((rule) => printAppend(chain, rule)).join('\n');

/** The chains of a table as text, by name. */
function printed(ruleset: Ruleset, table: TableName): PrintedChains {
  const { chains } = ruleset.tables.find(({ name }) => name === table) ?? { chains: [] };
  return new Map(chains.map((chain) => [chain.name, print(chain)]));
}

function countRules(ruleset: Ruleset, table: TableName): number {
  const { chains } = ruleset.tables.find(({ name }) => name === table) ?? { chains: [] };
  return chains.reduce((count, { rules }) => count + rules.length, 0);
}

const EMPTY: Ruleset = { family: 'ipv4', tables: [] };

/** Applies changes to chains, and refuses those that change nothing. */
function applied(before: PrintedChains, { changed, removed }: ChainChanges): PrintedChains {
  const after = new Map(before);
  for (const chain of changed) {
    expect(before.get(chain.name), `${chain.name} is said to have changed`).not.toBe(print(chain));
    after.set(chain.name, print(chain));
  }
  for (const name of removed) expect(after.delete(name), `${name} is said to be removed`).toBe(true);
  const names = [...changed.map(({ name }) => name), ...removed];
  expect(new Set(names).size, 'every chain is named once').toBe(names.length);
  return after;
}

/** A cluster that tells its changes, as it is when it has become another one. */
function brought(live: LiveCluster, { services }: ClusterState): ClusterState {
  const entries = [...services.values()];
  live.replaceServices(entries.map(({ service }) => service));
  live.replaceSlices(entries.flatMap(({ endpointSlices }) => endpointSlices));
  return live.state;
}

const sorted = (chains: PrintedChains) => [...chains].sort(([a], [b]) => (a < b ? -1 : 1));

test('whatever happens to a cluster: the same as compiling anew, and the changes lead there', () => {
  fc.assert(
    fc.property(clusterHistory, fc.constantFrom(...FAMILIES), fc.boolean(), (history, family, tells) => {
      const states = loadHistory(history);
      const [{ node, options } = inputOf({})] = states;
      const compiler = new IncrementalCompiler(node, options(family));
      const live = new LiveCluster();
      let before: Ruleset = { ...EMPTY, family };
      for (const { cluster } of states) {
        const changes = compiler.update(tells ? brought(live, cluster) : cluster);
        const after = compiler.ruleset();
        const anew = new IncrementalCompiler(node, options(family));
        anew.update(cluster);
        expect(printRuleset(after)).toBe(printRuleset(anew.ruleset()));
        expect(compiler.totals).toEqual(anew.totals);
        expect(compiler.udpDestinations()).toEqual(anew.udpDestinations());
        for (const table of TABLES) {
          expect(sorted(applied(printed(before, table), changes[table]))).toEqual(
            sorted(printed(after, table)),
          );
        }
        expect(compiler.totals.rules).toEqual({
          filter: countRules(after, 'filter'),
          nat: countRules(after, 'nat'),
        });
        before = after;
      }
    }),
    { numRuns: 50 },
  );
}, 60_000);

/** Chains of trees are named by their ranges. */
const isOfTree = (name: string) => name.includes('/');

/**
 * A ruleset as lines, with the rules of trees in the chains that lead to them, in no order: of some Services, a tree has
 * the branches of the whole cluster's, which a cluster of only these may do without.
 */
function withoutTrees({ tables }: Ruleset): string[] {
  return tables.flatMap(({ name: table, chains }) => {
    const named = new Map(chains.map((chain) => [chain.name, chain]));
    const linesOf = (chain: Chain, within: string): string[] =>
      chain.rules.flatMap((rule) => {
        const { target } = rule;
        const branch =
          target?.target === 'jump' && isOfTree(target.chain) ? named.get(target.chain) : undefined;
        return branch ? linesOf(branch, within) : [`${table}: -A ${within}${printRule(rule)}`];
      });
    return chains
      .filter(({ name }) => !isOfTree(name))
      .flatMap((chain) => [`${table}: ${chain.name}`, ...linesOf(chain, chain.name).sort()]);
  });
}

const hasTrees = ({ tables }: Ruleset) =>
  tables.some(({ chains }) => chains.some(({ name }) => isOfTree(name)));

test('the rules of some Services are what a cluster of only these compiles to', () => {
  const some = rawCluster.chain((raw) =>
    fc.record({ raw: fc.constant(raw), services: fc.subarray([...raw.services]) }),
  );
  fc.assert(
    fc.property(some, fc.constantFrom(...FAMILIES), ({ raw, services }, family) => {
      const { cluster, node, options } = load(raw);
      const keys = new Set(load({ ...raw, services }).cluster.services.keys());
      const only = new Map([...cluster.services].filter(([key]) => keys.has(key)));
      const compiler = new IncrementalCompiler(node, options(family));
      compiler.update(cluster);
      const expected = compile({ services: only }, node, options(family));
      const shown = compiler.ruleset(keys);
      if (hasTrees(shown)) expect(withoutTrees(shown)).toEqual(withoutTrees(expected));
      else expect(printRuleset(shown)).toBe(printRuleset(expected));
    }),
    { numRuns: 40 },
  );
}, 60_000);

test.each<[string, Manifest[], boolean]>([
  ['with endpoints', [service(), slice(['10.0.0.1'])], true],
  ['without', [service()], true],
  ['headless', [service({ clusterIP: 'None' }), slice(['10.0.0.1'])], false],
  ['of the other family', [service({ clusterIP: 'fd00::1' })], false],
  ['that is not there', [], false],
])('whether a Service has rules: one %s', (_, objects, expected) => {
  const { cluster, node, options } = inputOf({ objects });
  const compiler = new IncrementalCompiler(node, options('ipv4'));
  compiler.update(cluster);
  expect(compiler.has('shop/web')).toBe(expected);
});

test('a Service may have more chains than a call takes arguments', () => {
  const full = (n: number) =>
    slice(
      Array.from({ length: 1000 }, (_, i) => `10.${n}.${i >> 8}.${i & 255}`),
      { name: `web-${n}` },
    );
  const objects = [service(), ...Array.from({ length: 150 }, (_, n) => full(n))];
  const { cluster, node, options } = inputOf({ objects });
  const compiler = new IncrementalCompiler(node, options('ipv4'));
  compiler.update(cluster);
  expect(countRules(compiler.ruleset(), 'nat')).toBe(compiler.totals.rules.nat);
  expect(compiler.totals.rules.nat).toBeGreaterThan(3 * 150_000);
});

const dns = (spec: Manifest = {}) =>
  service({ ports: [{ name: 'dns', protocol: 'UDP', port: 53 }], ...spec });
const ofDNS = (addresses: readonly string[]) =>
  slice(addresses, { ports: [{ name: 'dns', protocol: 'UDP', port: 53 }] });

test.each<[string, Manifest[], boolean]>([
  ['nothing', [dns(), ofDNS(['10.0.0.1'])], true],
  ['a field that no rule depends on', [dns({ selector: { app: 'dns' } }), ofDNS(['10.0.0.1'])], true],
  ['an endpoint', [dns(), ofDNS(['10.0.0.2'])], false],
  ['one more endpoint', [dns(), ofDNS(['10.0.0.1', '10.0.0.2'])], false],
  ['an address', [dns({ externalIPs: ['203.0.113.9'] }), ofDNS(['10.0.0.1'])], false],
  ['a Service that goes', [], false],
])('where UDP goes is the same list until it changes: %s', (_, objects, same) => {
  const first = inputOf({ objects: [dns(), ofDNS(['10.0.0.1'])] });
  const compiler = new IncrementalCompiler(first.node, first.options('ipv4'));
  compiler.update(first.cluster);
  const before = compiler.udpDestinations();
  expect(before).toHaveLength(1);
  compiler.update(inputOf({ objects }).cluster);
  expect(compiler.udpDestinations() === before).toBe(same);
});

test('of a cluster that tells its changes, only what it tells is looked at', () => {
  const { cluster, node, options } = inputOf({ objects: [service(), slice(['10.0.0.1'])] });
  const live = new LiveCluster();
  const compiler = new IncrementalCompiler(node, options('ipv4'));
  compiler.update(brought(live, cluster));
  const { lastChange, services } = live.state;
  const looked: string[] = [];
  const watched = new Map(services);
  watched.get = (key) => {
    looked.push(key);
    return services.get(key);
  };
  watched.keys = () => expect.fail('all Services were looked at');
  const state = { services: watched, ...(lastChange && { lastChange }) };
  compiler.update(state);
  expect(looked).toEqual([]);
  brought(live, inputOf({ objects: [service(), slice(['10.0.0.2'])] }).cluster);
  compiler.update({ ...live.state, services: watched });
  expect(looked).toEqual(['shop/web']);
});

test.each<[string, Manifest, { internal: number; external: number }]>([
  ['Cluster', { externalIPs: ['203.0.113.9'] }, { internal: 0, external: 0 }],
  ['Local inside', { internalTrafficPolicy: 'Local' }, { internal: 1, external: 0 }],
  [
    'Local outside',
    { externalIPs: ['203.0.113.9'], externalTrafficPolicy: 'Local' },
    { internal: 0, external: 1 },
  ],
])('service ports without local endpoints: %s', (_, spec, expected) => {
  const { cluster, node, options } = inputOf({ objects: [service(spec), slice(['10.244.9.9'])] });
  const compiler = new IncrementalCompiler(node, options('ipv4'));
  compiler.update(cluster);
  expect(compiler.totals.withoutLocalEndpoints).toEqual(expected);
  compiler.update({ services: new Map() });
  expect(compiler.totals.withoutLocalEndpoints).toEqual({ internal: 0, external: 0 });
});

describe('what a change touches', () => {
  const second = (spec: Manifest = {}) =>
    service({ clusterIP: '10.96.0.11', ...spec }, { metadata: { name: 'other' } });
  const ofSecond = (endpoints: readonly string[]) =>
    slice(endpoints, {
      metadata: { name: 'other-1', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'other' } },
    });
  const spread = (count: number) => Array.from({ length: count }, (_, i) => `10.100.${i >> 8}.${i & 255}`);
  const unchanged = [second(), ofSecond(['10.244.1.9'])];

  /** The names of chains without their hashes, and how many there are of each. */
  interface Touched {
    readonly changed: Readonly<Record<string, number>>;
    readonly removed: Readonly<Record<string, number>>;
  }
  const count = (names: readonly string[]) =>
    Object.fromEntries(
      [...Map.groupBy(names, (name) => name.replace(/-[A-Z2-7]{16}$/, ''))].map(([name, all]) => [
        name,
        all.length,
      ]),
    );
  const touched = ({ changed, removed }: ChainChanges): Touched => ({
    changed: count(changed.map(({ name }) => name)),
    removed: count(removed),
  });
  const NOTHING: Touched = { changed: {}, removed: {} };

  test.each<[string, Manifest[], Manifest[], Touched, Touched]>([
    ['nothing', [service(), slice(['10.0.0.1'])], [service(), slice(['10.0.0.1'])], NOTHING, NOTHING],
    [
      'a field that no rule depends on',
      [service(), slice(['10.0.0.1'])],
      [service({ selector: { app: 'web' } }), slice(['10.0.0.1'])],
      NOTHING,
      NOTHING,
    ],
    [
      'one more endpoint',
      [service(), slice(['10.0.0.1'])],
      [service(), slice(['10.0.0.1', '10.0.0.2'])],
      NOTHING,
      { changed: { 'KUBE-SVC': 1, 'KUBE-SEP': 1 }, removed: {} },
    ],
    [
      'another endpoint',
      [service(), slice(['10.0.0.1'])],
      [service(), slice(['10.0.0.2'])],
      NOTHING,
      { changed: { 'KUBE-SVC': 1, 'KUBE-SEP': 1 }, removed: { 'KUBE-SEP': 1 } },
    ],
    [
      'one less endpoint',
      [service(), slice(['10.0.0.1', '10.0.0.2'])],
      [service(), slice(['10.0.0.1'])],
      NOTHING,
      { changed: { 'KUBE-SVC': 1 }, removed: { 'KUBE-SEP': 1 } },
    ],
    [
      'the first endpoint',
      [service()],
      [service(), slice(['10.0.0.1'])],
      { changed: { 'KUBE-SERVICES': 1 }, removed: {} },
      { changed: { 'KUBE-SERVICES': 1, 'KUBE-SVC': 1, 'KUBE-SEP': 1 }, removed: {} },
    ],
    [
      'the last endpoint',
      [service(), slice(['10.0.0.1'])],
      [service()],
      { changed: { 'KUBE-SERVICES': 1 }, removed: {} },
      { changed: { 'KUBE-SERVICES': 1 }, removed: { 'KUBE-SVC': 1, 'KUBE-SEP': 1 } },
    ],
    [
      'a new Service',
      [],
      [loadBalancer(), slice(['10.0.0.1'])],
      NOTHING,
      { changed: { 'KUBE-SERVICES': 1, 'KUBE-EXT': 1, 'KUBE-SVC': 1, 'KUBE-SEP': 1 }, removed: {} },
    ],
    [
      'a Service that goes',
      [loadBalancer(), slice(['10.0.0.1'])],
      [],
      NOTHING,
      { changed: { 'KUBE-SERVICES': 1 }, removed: { 'KUBE-EXT': 1, 'KUBE-SVC': 1, 'KUBE-SEP': 1 } },
    ],
    [
      'a Service that has no rules',
      [],
      [service({ clusterIP: 'None' }), slice(['10.0.0.1'])],
      NOTHING,
      NOTHING,
    ],
    [
      'a large cluster: all that loses its comments',
      [service(), slice(spread(999))],
      [service(), slice(spread(1000))],
      NOTHING,
      { changed: { 'KUBE-SVC': 2, 'KUBE-SEP': 1001 }, removed: {} },
    ],
    [
      'and back',
      [service(), slice(spread(1000))],
      [service(), slice(spread(999))],
      NOTHING,
      { changed: { 'KUBE-SVC': 2, 'KUBE-SEP': 1000 }, removed: { 'KUBE-SEP': 1 } },
    ],
    [
      'a large cluster: an endpoint of its own comments only',
      [service(), slice(spread(1500))],
      [service(), slice(spread(1501))],
      NOTHING,
      { changed: { 'KUBE-SVC': 1, 'KUBE-SEP': 1 }, removed: {} },
    ],
  ])('%s', (_, before, after, filter, nat) => {
    const first = inputOf({ objects: [...before, ...unchanged] });
    const compiler = new IncrementalCompiler(first.node, first.options('ipv4'));
    compiler.update(first.cluster);
    const changes: RulesetChanges = compiler.update(inputOf({ objects: [...after, ...unchanged] }).cluster);
    expect(touched(changes.filter)).toEqual(filter);
    expect(touched(changes.nat)).toEqual(nat);
  });

  test('at first, everything', () => {
    const { cluster, node, options } = inputOf({ objects: unchanged });
    const compiler = new IncrementalCompiler(node, options('ipv4'));
    const changes = compiler.update(cluster);
    for (const { name, chains } of compiler.ruleset().tables) {
      expect(changes[name === 'filter' ? 'filter' : 'nat']).toEqual({ changed: chains, removed: [] });
    }
  });

  test('the same cluster again: nothing, and the same objects', () => {
    const { cluster, node, options } = inputOf({ objects: unchanged });
    const compiler = new IncrementalCompiler(node, options('ipv4'));
    compiler.update(cluster);
    const chains = () => compiler.ruleset().tables.flatMap(({ chains }) => chains);
    const before = chains();
    const none: ChainChanges = { changed: [], removed: [] };
    expect(compiler.update(cluster)).toEqual({ filter: none, nat: none });
    expect(chains().every((chain, i) => chain === before[i])).toBe(true);
  });

  test('a Service that changes leaves the chains of the others as the same objects', () => {
    const first = inputOf({ objects: [service(), slice(['10.0.0.1']), ...unchanged] });
    const compiler = new IncrementalCompiler(first.node, first.options('ipv4'));
    compiler.update(first.cluster);
    const chainsOfOther = () =>
      compiler
        .ruleset(new Set(['shop/other']))
        .tables.flatMap(({ chains }) => chains.filter(({ name }) => /-S(VC|EP)-/.test(name)));
    const before = chainsOfOther();
    compiler.update(inputOf({ objects: [service(), slice(['10.0.0.2']), ...unchanged] }).cluster);
    expect(before).toHaveLength(2);
    expect(chainsOfOther().every((chain, i) => chain === before[i])).toBe(true);
  });
});
