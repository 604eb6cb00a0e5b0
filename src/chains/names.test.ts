import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { load } from '../../test/support/arbitrary/clusters.ts';
import { largeCluster } from '../../test/support/arbitrary/large-cluster.ts';
import { compile } from '../compiler/compile.ts';
import type { TableName } from '../iptables/types.ts';
import { FAMILIES } from '../net/address.ts';
import { type ChainKind, chainKind, compareLevels, isOwnChain } from './names.ts';

describe('whose chains', () => {
  const HASH = 'EXBNZ76JOZU7PBN2';

  test.each<[TableName, string]>([
    ['nat', 'KUBE-SERVICES'],
    ['nat', 'KUBE-NODEPORTS'],
    ['nat', 'KUBE-POSTROUTING'],
    ['nat', 'KUBE-MARK-MASQ'],
    ['nat', 'KUBE-PROXY-CANARY'],
    ['mangle', 'KUBE-PROXY-CANARY'],
    ['filter', 'KUBE-PROXY-CANARY'],
    ['filter', 'KUBE-SERVICES'],
    ['filter', 'KUBE-EXTERNAL-SERVICES'],
    ['filter', 'KUBE-NODEPORTS'],
    ['filter', 'KUBE-FORWARD'],
    ['filter', 'KUBE-PROXY-FIREWALL'],
    ['filter', 'KUBE-FIREWALL'],
    ['nat', 'KUBE-SVC-10.96.0.0/16'],
    ['nat', 'KUBE-SVC-0.0.0.0/4'],
    ['nat', 'KUBE-EXT-tcp-30208/8'],
    ['nat', 'KUBE-EXT-sctp-0/0'],
    ['nat', 'KUBE-SEP-10.244.1.0/24'],
    ['nat', 'KUBE-SEP-ABCDEFGHIJ27/108'],
    ['filter', 'KUBE-EXS-203.0.113.0/24'],
    ['filter', 'KUBE-FW-ABCDEFGHIJ27/44'],
    ['filter', 'KUBE-SEP-10.244.1.0/24'],
    ...['SVC', 'SVL', 'EXT', 'FW', 'SEP', 'XLB'].map((kind): [TableName, string] => [
      'nat',
      `KUBE-${kind}-${HASH}`,
    ]),
  ])('%s %s is ours', (table, chain) => {
    expect(isOwnChain(table, chain)).toBe(true);
  });

  test.each<[TableName, string]>([
    ['nat', 'OUTPUT'],
    ['nat', 'KUBE'],
    ['nat', 'KUBE-'],
    ['nat', 'KUBE-SERVICES-2'],
    ['nat', 'XKUBE-SERVICES'],
    ['nat', 'kube-services'],
    ['nat', 'KUBE-FORWARD'],
    ['nat', 'KUBE-MARK-DROP'],
    ['nat', 'KUBE-KUBELET-CANARY'],
    ['nat', 'KUBE-SVC-'],
    ['nat', 'KUBE-SVC-SHORT'],
    ['nat', `KUBE-SVC-${HASH}X`],
    ['nat', `KUBE-SVC-${HASH.slice(1)}`],
    ['nat', `KUBE-SVC-${HASH.slice(1)}1`],
    ['nat', `KUBE-SVC-${HASH.toLowerCase()}`],
    ['nat', `KUBE-ABC-${HASH}`],
    ['nat', 'KUBE-POD-FW-EXBNZ76JOZU7PBN2'],
    ['nat', 'KUBE-SVC-10.96.0.0'],
    ['nat', 'KUBE-SVC-10.96.0/24'],
    ['nat', 'KUBE-SVC-icmp-0/0'],
    ['nat', 'KUBE-ABC-10.96.0.0/16'],
    ['nat', 'KUBE-SVC-ABCDEFGHIJ2/44'],
    ['mangle', 'KUBE-SVC-10.96.0.0/16'],
    ['nat', 'KUBE-ROUTER-SERVICES'],
    ['filter', `KUBE-SVC-${HASH}`],
    ['filter', 'KUBE-NWPLCY-EXBNZ76JOZU7PBN2'],
    ['filter', 'KUBE-MARK-MASQ'],
    ['filter', 'KUBE-POSTROUTING'],
    ['mangle', 'KUBE-SERVICES'],
    ['mangle', 'KUBE-IPTABLES-HINT'],
    ['raw', 'KUBE-PROXY-CANARY'],
    ['security', 'KUBE-SERVICES'],
  ])('%s %s is not', (table, chain) => {
    expect(isOwnChain(table, chain)).toBe(false);
  });

  test('a chain comes after those that it may lead to', () => {
    const chains = [
      'KUBE-SERVICES',
      'KUBE-NODEPORTS',
      `KUBE-FW-${HASH}`,
      `KUBE-EXT-${HASH}`,
      `KUBE-SVL-${HASH}`,
    ];
    const leaves = [`KUBE-SEP-${HASH}`, 'KUBE-MARK-MASQ'];
    const all = [...chains, ...leaves];
    expect(all.toSorted(compareLevels)).toEqual(all.toReversed());
  });
});

test('in the fast layout too, a chain comes after those that it leads to', () => {
  fc.assert(
    fc.property(largeCluster, fc.constantFrom(...FAMILIES), (raw, family) => {
      const { cluster, node, options } = load(raw);
      for (const { chains } of compile(cluster, node, { ...options(family), layout: 'fast' }).tables) {
        const places = new Map(
          chains.toSorted((a, b) => compareLevels(a.name, b.name)).map(({ name }, i) => [name, i]),
        );
        const early = chains.flatMap(({ name, rules }) =>
          rules.flatMap(({ target }) =>
            target?.target === 'jump' && (places.get(target.chain) ?? -1) >= (places.get(name) ?? -1)
              ? [`${name} leads to ${target.chain}`]
              : [],
          ),
        );
        expect(early).toEqual([]);
      }
    }),
    { numRuns: 10 },
  );
});

describe('what a chain is there for, by its name', () => {
  test.each<[string, ChainKind | undefined]>([
    ['KUBE-PROXY-CANARY', 'canary'],
    ['KUBE-SERVICES', 'shared'],
    ['KUBE-POSTROUTING', 'shared'],
    ['KUBE-MARK-MASQ', 'node'],
    ['KUBE-FIREWALL', 'node'],
    ['KUBE-SVC-EXBNZ76JOZU7PBN2', 'cluster'],
    ['KUBE-SVL-EXBNZ76JOZU7PBN2', 'local'],
    ['KUBE-EXT-EXBNZ76JOZU7PBN2', 'external'],
    ['KUBE-XLB-EXBNZ76JOZU7PBN2', 'external'],
    ['KUBE-FW-EXBNZ76JOZU7PBN2', 'firewall'],
    ['KUBE-SEP-EXBNZ76JOZU7PBN2', 'endpoint'],
    ['KUBE-SEP-EXBNZ76JOZU7/8', 'group'],
    ['KUBE-SVC-EXBNZ76JOZU7/108', 'tree'],
    ['KUBE-SVC-10.96.0.0/16', 'tree'],
    ['KUBE-SEP-10.244.1.0/24', 'tree'],
    ['KUBE-EXT-tcp-30208/8', 'tree'],
    ['KUBE-SVC-EXBNZ76JOZU7PBN', undefined],
    ['KUBE-SVC-', undefined],
    ['KUBE-KUBELET-CANARY', undefined],
    ['PREROUTING', undefined],
    ['', undefined],
  ])('%s: %s', (chain, kind) => {
    expect(chainKind(chain)).toBe(kind);
  });
});
