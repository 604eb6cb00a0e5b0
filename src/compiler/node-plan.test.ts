import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { load } from '../../test/support/arbitrary/clusters.ts';
import { largeCluster } from '../../test/support/arbitrary/large-cluster.ts';
import { inputOf } from '../../test/support/rules.ts';
import { FAMILIES } from '../net/address.ts';
import { compile } from './compile.ts';
import { type NodePlan, type NodePortsAt, planNode } from './node-plan.ts';

const HOST = {
  ips: ['192.168.0.2', '2001:db8::2'],
  interfaceAddresses: ['192.168.0.2/24', '10.1.0.2/16', '2001:db8::2/64'],
};

type Fields = Readonly<Record<string, unknown>>;

function plansOf(config: Fields, host: Fields = HOST): Record<'ipv4' | 'ipv6', NodePlan> {
  const { node, options } = inputOf({ objects: [], config, host });
  return { ipv4: planNode(node, options('ipv4')), ipv6: planNode(node, options('ipv6')) };
}

describe('where node ports are served', () => {
  test.each<[readonly string[], boolean, NodePortsAt, NodePortsAt]>([
    // Ranges and keywords, whether they are on localhost, then the addresses of IPv4 and of IPv6.
    [[], true, 'all', 'all but loopback'],
    [['all'], true, 'all', 'all but loopback'],
    [['0.0.0.0/0'], true, 'all', 'all but loopback'],
    [['10.1.0.0/16'], false, ['10.1.0.2'], 'all but loopback'],
    [['172.16.0.0/12'], false, [], 'all but loopback'],
    [['::/0'], true, 'all', 'all but loopback'],
    [['2001:db8::/64'], true, 'all', ['2001:db8::2']],
    [['primary'], false, ['192.168.0.2'], ['2001:db8::2']],
    [['localhost'], true, ['127.0.0.1'], []],
    [['primary', 'localhost'], true, ['127.0.0.1', '192.168.0.2'], ['2001:db8::2']],
    [['primary', '10.0.0.0/8'], false, ['10.1.0.2', '192.168.0.2'], ['2001:db8::2']],
    [['localhost', '10.0.0.0/8'], true, ['10.1.0.2', '127.0.0.1'], []],
    [['primary', 'all'], true, 'all', 'all but loopback'],
    [['127.0.0.0/8'], true, ['127.0.0.1'], 'all but loopback'],
    [['127.0.0.1/32'], true, ['127.0.0.1'], 'all but loopback'],
    [['0.0.0.0/1', '128.0.0.0/1'], true, ['10.1.0.2', '127.0.0.1', '192.168.0.2'], 'all but loopback'],
    [['128.0.0.0/1'], false, ['192.168.0.2'], 'all but loopback'],
  ])('%j', (nodePortAddresses, onLocalhost, ipv4, ipv6) => {
    const open = plansOf({ nodePortAddresses });
    expect([open.ipv4.nodePortsAt, open.ipv6.nodePortsAt]).toEqual([ipv4, ipv6]);
    expect([open.ipv4.localhostNodePorts, open.ipv6.localhostNodePorts]).toEqual([onLocalhost, false]);
    const closed = plansOf({ nodePortAddresses, iptables: { localhostNodePorts: false } });
    const withoutLoopback =
      ipv4 === 'all' || ipv4 === 'all but loopback'
        ? 'all but loopback'
        : ipv4.filter((address) => address !== '127.0.0.1');
    expect([closed.ipv4.nodePortsAt, closed.ipv6.nodePortsAt]).toEqual([withoutLoopback, ipv6]);
    expect(closed.ipv4.localhostNodePorts).toBe(false);
  });

  test.each<[readonly string[], boolean]>([
    [[], true],
    [['all'], true],
    [['localhost'], true],
    [['primary', 'localhost'], true],
    [['primary'], false],
    [['primary', '10.0.0.0/8'], false],
    [['192.168.0.0/24'], false],
    [['127.0.0.0/8'], true],
  ])('on localhost, before anything is known of the node: %j, %s', (nodePortAddresses, onLocalhost) => {
    const { options } = inputOf({ objects: [], config: { nodePortAddresses } });
    expect(planNode(undefined, options('ipv4')).localhostNodePorts).toBe(onLocalhost);
  });
});

test.each([0, 14, 31])('the mark of bit %i is a power of two', (masqueradeBit) => {
  expect(plansOf({ iptables: { masqueradeBit } }).ipv4.masqueradeMark).toBe(2 ** masqueradeBit);
});

test.each([
  [{ nfacct: true }, [], { invalid: true, localhostNodePorts: true }],
  [{ nfacct: true }, ['10.0.0.0/8'], { invalid: true, localhostNodePorts: false }],
  [{ nfacct: false }, [], { invalid: false, localhostNodePorts: false }],
])('what is counted: %j, node ports at %j', (host, nodePortAddresses, counted) => {
  expect(plansOf({ nodePortAddresses }, { ...HOST, ...host }).ipv4.counted).toEqual(counted);
});

test('whatever the node: 127.0.0.0/8 is opened if and only if the rules close it to the network', () => {
  fc.assert(
    fc.property(largeCluster, fc.constantFrom(...FAMILIES), (raw, family) => {
      const { cluster, node, options } = load(raw);
      const { tables } = compile(cluster, node, options(family));
      const closes = tables.some(({ chains }) => chains.some(({ name }) => name === 'KUBE-FIREWALL'));
      expect(planNode(node, options(family)).localhostNodePorts).toBe(closes);
    }),
    { numRuns: 30 },
  );
});
