import { describe, expect, test } from 'vitest';
import type { TableName } from '../iptables/types.ts';
import { compareLevels, isOwnChain } from './own.ts';

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
