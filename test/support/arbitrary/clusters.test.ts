/** That random clusters are as varied as the tests that use them believe. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compile } from '../../../src/compiler/compile.ts';
import type { Rule } from '../../../src/iptables/types.ts';
import { FAMILIES } from '../../../src/net/address.ts';
import { clusterHistory, loadHistory } from './cluster-history.ts';
import { type CompilerInput, load, rawCluster } from './clusters.ts';

const SEED = 20240229;

/** What they come to in the layout that has a chain for everything. */
function rulesOf({ cluster, node, options }: CompilerInput): { chain: string; rule: Rule }[] {
  return FAMILIES.flatMap((family) =>
    compile(cluster, node, { ...options(family), layout: 'kube-proxy' }).tables.flatMap(({ chains }) =>
      chains.flatMap(({ name, rules }) => rules.map((rule) => ({ chain: kindOf(name), rule }))),
    ),
  );
}

/** A chain's name without the hash. */
const kindOf = (chain: string) => chain.replace(/-[A-Z2-7]{16}$/, '');

test('every kind of rule comes up in them, in every chain', () => {
  const rules = fc.sample(rawCluster, { seed: SEED, numRuns: 200 }).flatMap((raw) => rulesOf(load(raw)));
  const targets = rules.map(({ chain, rule: { target } }) => {
    if (!target) return `${chain} only counts`;
    return `${chain} ${target.target === 'jump' ? `to ${kindOf(target.chain)}` : target.target}`;
  });
  const matches = rules.flatMap(({ rule }) =>
    rule.matches.map((match) => `${'negated' in match ? 'not ' : ''}${match.match}`),
  );
  expect([...new Set(targets)].sort()).toEqual([
    'KUBE-EXT to KUBE-MARK-MASQ',
    'KUBE-EXT to KUBE-SVC',
    'KUBE-EXT to KUBE-SVL',
    'KUBE-EXTERNAL-SERVICES DROP',
    'KUBE-EXTERNAL-SERVICES REJECT',
    'KUBE-FIREWALL DROP',
    'KUBE-FORWARD ACCEPT',
    'KUBE-FORWARD DROP',
    'KUBE-FW only counts',
    'KUBE-FW to KUBE-EXT',
    'KUBE-MARK-MASQ MARK',
    'KUBE-NODEPORTS ACCEPT',
    'KUBE-NODEPORTS to KUBE-EXT',
    'KUBE-POSTROUTING MARK',
    'KUBE-POSTROUTING MASQUERADE',
    'KUBE-POSTROUTING RETURN',
    'KUBE-PROXY-FIREWALL DROP',
    'KUBE-SEP DNAT',
    'KUBE-SEP to KUBE-MARK-MASQ',
    'KUBE-SERVICES DROP',
    'KUBE-SERVICES REJECT',
    'KUBE-SERVICES to KUBE-EXT',
    'KUBE-SERVICES to KUBE-FW',
    'KUBE-SERVICES to KUBE-NODEPORTS',
    'KUBE-SERVICES to KUBE-SVC',
    'KUBE-SERVICES to KUBE-SVL',
    'KUBE-SVC to KUBE-MARK-MASQ',
    'KUBE-SVC to KUBE-SEP',
    'KUBE-SVL to KUBE-MARK-MASQ',
    'KUBE-SVL to KUBE-SEP',
  ]);
  expect([...new Set(matches)].sort()).toEqual([
    'addrtype',
    'comment',
    'conntrack',
    'destination',
    'destination-port',
    'in-interface',
    'mark',
    'nfacct',
    'not addrtype',
    'not conntrack',
    'not destination',
    'not in-interface',
    'not mark',
    'not source',
    'protocol',
    'recent',
    'source',
    'statistic',
  ]);
});

test('histories make clusters large and small again', () => {
  const isLarge = (input: CompilerInput) =>
    rulesOf(input).some(
      ({ chain, rule }) => chain === 'KUBE-SEP' && rule.matches.every(({ match }) => match !== 'comment'),
    );
  const turns = new Set<string>();
  for (const history of fc.sample(clusterHistory, { seed: SEED, numRuns: 150 })) {
    if (turns.size === 2) break;
    const large = loadHistory(history).map(isLarge);
    for (const [i, now] of large.entries()) {
      if (i > 0 && now !== large[i - 1]) turns.add(now ? 'large' : 'small');
    }
  }
  expect([...turns].sort()).toEqual(['large', 'small']);
});
