/** Against what kube-proxy v1.36.2 wrote for the same clusters, in both families. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { PROJECT } from '../../test/support/project.ts';
import { type Chains, chainsOf, commentOf, targetOf } from '../../test/support/restore-text.ts';
import { type CompiledFixture, compileFixture, findFixtures } from '../golden/fixtures.ts';
import { runGolden } from '../golden/golden.ts';
import { FAMILIES } from '../net/address.ts';

const FIXTURES = join(PROJECT, 'fixtures');

/** The chains in which kube-proxy writes one service port after the other, in an order that is chance. */
const SHARED_CHAINS = ['KUBE-SERVICES', 'KUBE-EXTERNAL-SERVICES', 'KUBE-NODEPORTS', 'KUBE-PROXY-FIREWALL'];

const NODE_PORT_JUMPS = 'jumps to KUBE-NODEPORTS';

/** What must be the same: a shared chain as the rules of each service port, any other as it is. */
function comparable(text: string) {
  const chains = [...chainsOf(text)].sort(([a], [b]) => (a < b ? -1 : 1));
  return chains.map(([chain, rules]) =>
    SHARED_CHAINS.some((shared) => chain.endsWith(` ${shared}`))
      ? { chain, ofServicePort: Object.fromEntries(byServicePort(rules)) }
      : { chain, rules },
  );
}

function byServicePort(rules: readonly string[]): Map<string, string[]> {
  const groups = Map.groupBy(rules, (rule) =>
    targetOf(rule) === 'KUBE-NODEPORTS' ? NODE_PORT_JUMPS : (commentOf(rule).split(' ')[0] ?? ''),
  );
  // With nodePortAddresses there is one for each address of the node, which kube-proxy keeps in a set.
  groups.get(NODE_PORT_JUMPS)?.sort();
  return groups;
}

/** The rules that stand behind a jump to KUBE-NODEPORTS and are none. */
function afterNodePortJump(chains: Chains): readonly string[] {
  const rules = chains.get('nat KUBE-SERVICES') ?? [];
  const first = rules.findIndex((rule) => targetOf(rule) === 'KUBE-NODEPORTS');
  return first < 0 ? [] : rules.slice(first).filter((rule) => targetOf(rule) !== 'KUBE-NODEPORTS');
}

const tablesOf = (text: string) => text.split('\n').filter((line) => /^(\*|COMMIT)/.test(line));

describe.each(await findFixtures(join(FIXTURES, 'conformance')))('$name', (fixture) => {
  let compiled: CompiledFixture;
  beforeAll(async () => {
    compiled = await compileFixture(fixture);
  });

  test.each(FAMILIES)('%s', async (family) => {
    const ours = compiled.rules.get(`${family}.rules`) ?? '';
    const kubeProxys = await readFile(join(fixture.folder, `kube-proxy.${family}.rules`), 'utf8');
    expect(comparable(ours)).toEqual(comparable(kubeProxys));
    expect(tablesOf(ours)).toEqual(tablesOf(kubeProxys));
    expect(afterNodePortJump(chainsOf(ours))).toEqual([]);
  });
});

test('a cluster from before Kubernetes 1.13: the chain names that it had', async () => {
  const [fixture] = await findFixtures(join(FIXTURES, 'legacy-port-names'));
  const rules = fixture ? ((await compileFixture(fixture)).rules.get('ipv4.rules') ?? '') : '';
  const own = [...chainsOf(rules)].filter(([chain]) => /KUBE-S(VC|EP)-/.test(chain));
  expect(own.map(([chain, rules]) => [chain, rules.at(-1)])).toEqual([
    [
      'nat KUBE-SVC-EZC6WLOVQADP4IAW',
      '-m comment --comment "default/simpleservice: -> 172.17.0.4:9876" -j KUBE-SEP-PXYYII6AHMUWKLYX',
    ],
    [
      'nat KUBE-SEP-4SQFZS32ZVMTQEZV',
      '-m comment --comment default/simpleservice: -m tcp -p tcp -j DNAT --to-destination 172.17.0.3:9876',
    ],
    [
      'nat KUBE-SEP-PXYYII6AHMUWKLYX',
      '-m comment --comment default/simpleservice: -m tcp -p tcp -j DNAT --to-destination 172.17.0.4:9876',
    ],
  ]);
});

test('every fixture has a golden file for each family that says what it compiles to', async () => {
  const { clusters } = await runGolden(FIXTURES, join(PROJECT, 'golden'));
  const results = clusters.flatMap((cluster) => cluster.results);
  expect(clusters.flatMap(({ problems }) => problems)).toEqual([]);
  expect(results.filter(({ expected, actual }) => expected !== actual).map(({ file }) => file)).toEqual([]);
  expect(results).toHaveLength(2 * clusters.length);
});
