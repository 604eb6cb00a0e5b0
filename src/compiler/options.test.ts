import { describe, expect, test } from 'vitest';
import type { Manifest } from '../../test/support/arbitrary/raw.ts';
import { inputOf } from '../../test/support/rules.ts';
import { DEFAULT_CONFIGURATION } from '../api/kube-proxy-configuration.ts';
import { type CompileOptions, compileOptions, type DetectLocal } from './options.ts';

describe('how local pods are told', () => {
  const range = (range: string): DetectLocal => ({ by: 'source', range });
  const interfaceName = (name: string): DetectLocal => ({ by: 'interface', name });
  const CIDRS = { clusterCIDR: '10.244.0.0/16,fd00:10:244::/56' };

  test.each<[string, Manifest, Manifest, DetectLocal | undefined, DetectLocal | undefined]>([
    [
      'ClusterCIDR',
      { detectLocalMode: 'ClusterCIDR', ...CIDRS },
      {},
      range('10.244.0.0/16'),
      range('fd00:10:244::/56'),
    ],
    ['no mode is ClusterCIDR', CIDRS, {}, range('10.244.0.0/16'), range('fd00:10:244::/56')],
    ['ClusterCIDR without a range', { clusterCIDR: '' }, {}, undefined, undefined],
    [
      'ClusterCIDR of one family',
      { clusterCIDR: 'fd00:10:244::/56' },
      {},
      undefined,
      range('fd00:10:244::/56'),
    ],
    [
      'NodeCIDR',
      { detectLocalMode: 'NodeCIDR', ...CIDRS },
      { podCIDRs: ['fd00:10:244:1::/64', '10.244.1.0/24'] },
      range('10.244.1.0/24'),
      range('fd00:10:244:1::/64'),
    ],
    ['NodeCIDR without a range', { detectLocalMode: 'NodeCIDR' }, { podCIDRs: [] }, undefined, undefined],
    [
      'NodeCIDR of one family',
      { detectLocalMode: 'NodeCIDR' },
      { podCIDRs: ['10.244.1.0/24'] },
      range('10.244.1.0/24'),
      undefined,
    ],
    [
      'BridgeInterface',
      { detectLocalMode: 'BridgeInterface', detectLocal: { bridgeInterface: 'cbr0' } },
      {},
      interfaceName('cbr0'),
      interfaceName('cbr0'),
    ],
    [
      'InterfaceNamePrefix',
      { detectLocalMode: 'InterfaceNamePrefix', detectLocal: { interfaceNamePrefix: 'veth' } },
      {},
      interfaceName('veth+'),
      interfaceName('veth+'),
    ],
    [
      // A longer name than this cannot be: the prefix is the name, and with a plus iptables would not take it.
      'InterfaceNamePrefix of 15 characters',
      { detectLocalMode: 'InterfaceNamePrefix', detectLocal: { interfaceNamePrefix: 'abcdefghijklmno' } },
      {},
      interfaceName('abcdefghijklmno'),
      interfaceName('abcdefghijklmno'),
    ],
  ])('%s', (_, config, host, ipv4, ipv6) => {
    const { options } = inputOf({ config, host });
    expect([options('ipv4').detectLocal, options('ipv6').detectLocal]).toEqual([ipv4, ipv6]);
  });
});

describe('the other options', () => {
  test.each<[string, Manifest, Partial<CompileOptions>]>([
    [
      'the defaults of kube-proxy',
      {},
      { masqueradeAll: false, masqueradeBit: 14, localhostNodePorts: true, nodePortAddresses: [] },
    ],
    ['an empty section has the defaults', { iptables: {} }, { masqueradeBit: 14, localhostNodePorts: true }],
    [
      'as given',
      { iptables: { masqueradeAll: true, masqueradeBit: 0, localhostNodePorts: false } },
      { masqueradeAll: true, masqueradeBit: 0, localhostNodePorts: false },
    ],
    ['primary', { nodePortAddresses: ['primary'] }, { nodePortAddresses: ['primary'] }],
    ['ranges', { nodePortAddresses: ['192.168.7.9/24'] }, { nodePortAddresses: ['192.168.7.0/24'] }],
  ])('%s', (_, config, expected) => {
    expect(inputOf({ config }).options('ipv4')).toMatchObject(expected);
  });

  test.each([
    [true, true],
    [false, false],
    [undefined, false],
  ])('legacyPortNames %s', (legacyPortNames, expected) => {
    const { node } = inputOf({});
    const options = compileOptions('ipv4', DEFAULT_CONFIGURATION, node, { legacyPortNames });
    expect(options.legacyPortNames).toBe(expected);
  });
});
