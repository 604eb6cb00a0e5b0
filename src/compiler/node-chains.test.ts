import { describe, expect, test } from 'vitest';
import type { Manifest } from '../../test/support/arbitrary/raw.ts';
import { chosen, type Given, rulesOf, service } from '../../test/support/rules.ts';

const iptables = (fields: Manifest): Given => ({ config: { iptables: fields } });

test('a node without a Service has the chains that every packet passes', () => {
  expect(Object.keys(rulesOf({}))).toEqual([
    'filter KUBE-SERVICES',
    'filter KUBE-EXTERNAL-SERVICES',
    'filter KUBE-NODEPORTS',
    'filter KUBE-PROXY-FIREWALL',
    'filter KUBE-FORWARD',
    'filter KUBE-FIREWALL',
    'nat KUBE-SERVICES',
    'nat KUBE-NODEPORTS',
    'nat KUBE-POSTROUTING',
    'nat KUBE-MARK-MASQ',
  ]);
});

describe('forwarding', () => {
  const marked =
    '-m comment --comment "kubernetes forwarding rules" -m mark --mark 0x00004000/0x00004000 -j ACCEPT';
  const known =
    '-m comment --comment "kubernetes forwarding conntrack rule" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT';
  const counted =
    '-m conntrack --ctstate INVALID -m nfacct --nfacct-name ct_state_invalid_dropped_pkts -j DROP';
  test.each<[string, Given, string[]]>([
    ['drops INVALID', {}, ['-m conntrack --ctstate INVALID -j DROP', marked, known]],
    ['counts what it drops', { host: { nfacct: true } }, [counted, marked, known]],
    ['not where TCP tracking is liberal', { host: { conntrackTCPBeLiberal: true } }, [marked, known]],
    ['nor counts there', { host: { conntrackTCPBeLiberal: true, nfacct: true } }, [marked, known]],
  ])('%s', (_, given, expected) => {
    expect(rulesOf(given)['filter KUBE-FORWARD']).toEqual(expected);
  });
});

describe('masquerading', () => {
  const postrouting = (mark: string, randomFully: boolean) => [
    `-m mark ! --mark ${mark}/${mark} -j RETURN`,
    `-j MARK --xor-mark ${mark}`,
    `-m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE${randomFully ? ' --random-fully' : ''}`,
  ];
  test.each<[string, Given, string, boolean]>([
    ['bit 14 unless told', {}, '0x00004000', true],
    ['an iptables without --random-fully', { host: { randomFully: false } }, '0x00004000', false],
    ['the lowest bit', iptables({ masqueradeBit: 0 }), '0x00000001', true],
    ['the highest bit', iptables({ masqueradeBit: 31 }), '0x80000000', true],
    ['IPv6', { family: 'ipv6' }, '0x00004000', true],
  ])('%s', (_, given, mark, randomFully) => {
    const rules = rulesOf(given);
    expect(rules['nat KUBE-POSTROUTING']).toEqual(postrouting(mark, randomFully));
    expect(rules['nat KUBE-MARK-MASQ']).toEqual([`-j MARK --or-mark ${mark}`]);
    expect(rules['filter KUBE-FORWARD']?.[1]).toContain(` -m mark --mark ${mark}/${mark} -j ACCEPT`);
  });
});

describe('who gets to the node ports', () => {
  const NOTE =
    '-m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain"';
  const any = `${NOTE} -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS`;
  const anyBut = (loopback: string) =>
    `${NOTE} -m addrtype --dst-type LOCAL ! -d ${loopback} -j KUBE-NODEPORTS`;
  const at = (...addresses: string[]) =>
    addresses.map((address) => `${NOTE} -d ${address} -j KUBE-NODEPORTS`);

  const host = {
    interfaceAddresses: [
      '192.168.7.9/24',
      '192.168.0.2/24',
      '10.0.0.5/8',
      '2001:db8::2/64',
      '2001:db8:1::2/64',
    ],
  };
  const ranges = (...nodePortAddresses: string[]): Given => ({ config: { nodePortAddresses }, host });
  const inIPv6 = (given: Given): Given => ({ ...given, family: 'ipv6' });
  const without = (given: Given): Given => ({
    ...given,
    config: { ...given.config, iptables: { localhostNodePorts: false } },
  });

  test.each<[string, Given, string[]]>([
    ['everybody', {}, [any]],
    ['not on localhost, if told so', without({}), [anyBut('127.0.0.0/8')]],
    ['never on localhost in IPv6', { family: 'ipv6' }, [anyBut('::1/128')]],
    ['a range of all addresses', ranges('0.0.0.0/0'), [any]],
    ['a range of all addresses among others', ranges('192.168.0.0/24', '0.0.0.0/0'), [any]],
    ['a range of all addresses, not on localhost', without(ranges('0.0.0.0/0')), [anyBut('127.0.0.0/8')]],
    ['ranges of the other family only', ranges('2001:db8::/64'), [any]],
    ['ranges of the other family only, IPv6', inIPv6(ranges('192.168.0.0/24')), [anyBut('::1/128')]],
    ['a range', ranges('192.168.0.0/24'), at('192.168.0.2')],
    [
      'a range of several addresses, in their order',
      ranges('192.168.0.0/16'),
      at('192.168.0.2', '192.168.7.9'),
    ],
    ['several ranges', ranges('192.168.7.0/24', '10.0.0.0/8'), at('10.0.0.5', '192.168.7.9')],
    ['ranges that overlap', ranges('192.168.0.0/16', '192.168.0.0/24'), at('192.168.0.2', '192.168.7.9')],
    ['a single address', ranges('192.168.7.9/32'), at('192.168.7.9')],
    ['a range that the node has no address in', ranges('172.16.0.0/12'), []],
    ['a range with loopback', ranges('127.0.0.0/8', '192.168.0.0/24'), at('127.0.0.1', '192.168.0.2')],
    [
      'a range with loopback, not on localhost',
      without(ranges('127.0.0.0/8', '192.168.0.0/24')),
      at('192.168.0.2'),
    ],
    ['primary', ranges('primary'), at('192.168.0.2')],
    ['primary, IPv6', inIPv6(ranges('primary')), at('2001:db8::2')],
    ['a range, IPv6', inIPv6(ranges('2001:db8::/32')), at('2001:db8::2', '2001:db8:1::2')],
    ['a range with loopback, IPv6', inIPv6(ranges('::/64', '2001:db8::/64')), at('2001:db8::2')],
  ])('%s', (_, given, expected) => {
    expect(rulesOf(given)['nat KUBE-SERVICES']).toEqual(expected);
  });

  test('the jump stands behind the rules of all Services', () => {
    const objects = [
      service({ externalIPs: ['198.51.100.1'] }),
      service({ clusterIP: '10.96.0.11' }, { metadata: { name: 'zzz' } }),
    ];
    expect(rulesOf({ objects })['nat KUBE-SERVICES']?.at(-1)).toBe(any);
  });
});

describe('localhost node ports and what closes 127.0.0.0/8 again', () => {
  const block =
    '-m comment --comment "block incoming localnet connections" -d 127.0.0.0/8 ! -s 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP';
  const ranges = (...nodePortAddresses: string[]): Given => ({ config: { nodePortAddresses } });
  test.each<[string, Given, string[] | undefined]>([
    ['on by default', {}, [block]],
    ['off', iptables({ localhostNodePorts: false }), undefined],
    ['never in IPv6', { family: 'ipv6' }, undefined],
    ['off where node ports have addresses without loopback', ranges('192.168.0.0/24'), undefined],
    ['off for primary', ranges('primary'), undefined],
    ['on where they have loopback', ranges('127.0.0.0/8'), [block]],
    ['on where they have one address of loopback', ranges('127.0.0.1/32'), [block]],
    ['on where a wider range holds loopback', ranges('0.0.0.0/1'), [block]],
    ['on where the addresses are of the other family', ranges('2001:db8::/64'), [block]],
  ])('%s', (_, given, expected) => {
    const chains = { 'filter KUBE-FIREWALL': expected };
    expect(chosen(rulesOf(given), chains)).toEqual(chains);
  });
});
