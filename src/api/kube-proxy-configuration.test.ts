import { describe, expect, test } from 'vitest';
import {
  DEFAULT_CONFIGURATION,
  kubeProxyConfigurationSchema,
  svc2iptSectionSchema,
} from './kube-proxy-configuration.ts';
import { check, formatProblem } from './problem.ts';

type Fields = Readonly<Record<string, unknown>>;

const configuration = (more: Fields): Fields => ({
  apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
  kind: 'KubeProxyConfiguration',
  ...more,
});

describe('what decides rules', () => {
  test('kube-proxy has defaults for', () => {
    expect(DEFAULT_CONFIGURATION).toMatchObject({
      iptables: { masqueradeBit: 14, masqueradeAll: false, localhostNodePorts: true },
      detectLocalMode: 'ClusterCIDR',
      clusterCIDR: [],
      nodePortAddresses: [],
    });
  });

  test.each<[string, Fields]>([
    [
      'empty',
      {
        detectLocalMode: '',
        clusterCIDR: '',
        nodePortAddresses: [],
        mode: '',
        iptables: {},
        detectLocal: {},
      },
    ],
    [
      'null',
      { detectLocalMode: null, clusterCIDR: null, nodePortAddresses: null, mode: null, iptables: null },
    ],
    ['null within', { iptables: { masqueradeBit: null, masqueradeAll: null, localhostNodePorts: null } }],
  ])('so do fields that are %s', (_, fields) => {
    const { iptables, detectLocalMode, clusterCIDR, nodePortAddresses } = DEFAULT_CONFIGURATION;
    const result = check(kubeProxyConfigurationSchema, configuration(fields), []);
    expect(result).toMatchObject({
      ok: true,
      value: { iptables, detectLocalMode, clusterCIDR, nodePortAddresses },
    });
  });

  test.each<[string, Fields, Fields]>([
    ['one range', { clusterCIDR: '10.244.3.4/16' }, { clusterCIDR: ['10.244.0.0/16'] }],
    [
      'two ranges',
      { clusterCIDR: '10.244.0.0/16,FD00::/56' },
      { clusterCIDR: ['10.244.0.0/16', 'fd00::/56'] },
    ],
    ['the primary address', { nodePortAddresses: ['primary'] }, { nodePortAddresses: ['primary'] }],
    [
      'ranges of addresses',
      { nodePortAddresses: ['10.1.2.3/8', '::/0'] },
      { nodePortAddresses: ['10.0.0.0/8', '::/0'] },
    ],
    [
      'the lowest bit',
      { iptables: { masqueradeBit: 0 } },
      { iptables: { masqueradeBit: 0, masqueradeAll: false, localhostNodePorts: true } },
    ],
    [
      'a name of a host, as kube-proxy takes it',
      { hostnameOverride: ' Node-A\n' },
      { hostnameOverride: 'node-a' },
    ],
    [
      'a bridge',
      { detectLocalMode: 'BridgeInterface', detectLocal: { bridgeInterface: 'cni0' } },
      {
        detectLocalMode: 'BridgeInterface',
        detectLocal: { bridgeInterface: 'cni0' },
      },
    ],
    [
      'a prefix of interfaces',
      {
        detectLocalMode: 'InterfaceNamePrefix',
        detectLocal: { interfaceNamePrefix: 'veth', bridgeInterface: '' },
      },
      {
        detectLocalMode: 'InterfaceNamePrefix',
        detectLocal: { interfaceNamePrefix: 'veth', bridgeInterface: '' },
      },
    ],
  ])('%s', (_, fields, expected) => {
    const result = check(kubeProxyConfigurationSchema, configuration(fields), []);
    expect(result).toMatchObject({ ok: true, value: expected });
  });
});

const DURATION = 'a duration such as 30s, 1m or 2h22m';
const IP_PORT = 'an IP address and a port such as 0.0.0.0:10256 or [::]:10256';
const INTERFACE = 'the name of a network interface (1 to 15 of letters, digits, ".", "_" and "-")';

describe('accepted', () => {
  test.each<[string, Fields]>([
    ['durations', { configSyncPeriod: '15m0s', iptables: { syncPeriod: '1h2m3.5s', minSyncPeriod: '0' } }],
    ['durations of small units', { conntrack: { udpTimeout: '1ms2us3µs4ns', udpStreamTimeout: '.5s' } }],
    [
      'addresses to listen on',
      { healthzBindAddress: '[::]:10256', metricsBindAddress: '127.0.0.1:10249', bindAddress: '::' },
    ],
    ['no addresses to listen on', { healthzBindAddress: '', metricsBindAddress: '', bindAddress: '' }],
    [
      'the other modes',
      {
        ipvs: { scheduler: 'rr', excludeCIDRs: ['10.0.0.0/8'] },
        nftables: { masqueradeBit: 1 },
        winkernel: { enableDSR: true },
      },
    ],
    ['feature gates', { featureGates: { AllAlpha: true, AllBeta: false } }],
    [
      'logging',
      {
        logging: {
          format: 'json',
          flushFrequency: 5_000_000_000,
          verbosity: 2,
          vmodule: [{ filePattern: 'a*', verbosity: 3 }],
          options: { json: { infoBufferSize: '1Ki', splitStream: true }, text: { infoBufferSize: 0 } },
        },
      },
    ],
    [
      'an interface with the longest name',
      { detectLocalMode: 'BridgeInterface', detectLocal: { bridgeInterface: 'a23456789012345' } },
    ],
  ])('%s', (_, fields) => {
    expect(check(kubeProxyConfigurationSchema, configuration(fields), [])).toMatchObject({ ok: true });
  });
});

describe('refused, as kube-proxy does', () => {
  test.each<[string, unknown, string[]]>([
    ['nothing', null, ['expected a mapping, got nothing']],
    [
      'another object',
      { apiVersion: 'v1', kind: 'ConfigMap', data: {} },
      [
        'apiVersion: expected kubeproxy.config.k8s.io/v1alpha1, got "v1"',
        'kind: expected KubeProxyConfiguration, got "ConfigMap"',
        'data: unknown field',
      ],
    ],
    [
      'another version',
      configuration({ apiVersion: 'kubeproxy.config.k8s.io/v1' }),
      ['apiVersion: expected kubeproxy.config.k8s.io/v1alpha1, got "kubeproxy.config.k8s.io/v1"'],
    ],
    [
      'unknown fields',
      configuration({
        clusterCidr: 'x',
        iptables: { masqueradeall: true },
        conntrack: { max: 1 },
        detectLocal: { bridge: 'x' },
      }),
      [
        'iptables.masqueradeall: unknown field',
        'detectLocal.bridge: unknown field',
        'conntrack.max: unknown field',
        'clusterCidr: unknown field',
      ],
    ],
    [
      'a field of JavaScript',
      JSON.parse(JSON.stringify(configuration({})).replace('{', '{"__proto__":{"mode":"ipvs"},')),
      ['__proto__: unknown field'],
    ],
    [
      'another mode',
      configuration({ mode: 'ipvs' }),
      ['mode: expected iptables (svc2ipt has no other mode), got "ipvs"'],
    ],
    [
      'another way to tell pods',
      configuration({ detectLocalMode: 'clusterCIDR' }),
      [
        'detectLocalMode: expected ClusterCIDR, NodeCIDR, BridgeInterface or InterfaceNamePrefix, got "clusterCIDR"',
      ],
    ],
    [
      'a bridge without a name',
      configuration({ detectLocalMode: 'BridgeInterface' }),
      ['detectLocal.bridgeInterface: expected a name, as detectLocalMode is BridgeInterface, got nothing'],
    ],
    [
      'a prefix without letters',
      configuration({ detectLocalMode: 'InterfaceNamePrefix', detectLocal: { interfaceNamePrefix: '' } }),
      [
        'detectLocal.interfaceNamePrefix: expected a name, as detectLocalMode is InterfaceNamePrefix, got nothing',
      ],
    ],
    [
      'a bridge of another kind',
      configuration({ detectLocal: { bridgeInterface: 5 } }),
      [`detectLocal.bridgeInterface: expected ${INTERFACE}, got 5`],
    ],
    [
      'a bridge with a long name',
      configuration({ detectLocal: { bridgeInterface: 'a234567890123456' } }),
      [`detectLocal.bridgeInterface: expected ${INTERFACE}, got "a234567890123456"`],
    ],
    [
      'a bridge that is an option',
      configuration({ detectLocal: { bridgeInterface: '-j' } }),
      [`detectLocal.bridgeInterface: expected ${INTERFACE}, got "-j"`],
    ],
    [
      'a bridge with a rule in it',
      configuration({ detectLocal: { bridgeInterface: 'a -j X' } }),
      [`detectLocal.bridgeInterface: expected ${INTERFACE}, got "a -j X"`],
    ],
    [
      'a prefix with a line in it',
      configuration({ detectLocal: { interfaceNamePrefix: 'a\nb' } }),
      [`detectLocal.interfaceNamePrefix: expected ${INTERFACE}, got "a\\nb"`],
    ],
    [
      'a prefix with a plus',
      configuration({ detectLocal: { interfaceNamePrefix: 'veth+' } }),
      [`detectLocal.interfaceNamePrefix: expected ${INTERFACE}, got "veth+"`],
    ],
    [
      'a range',
      configuration({ clusterCIDR: '10.244.0.0' }),
      ['clusterCIDR: expected a CIDR range or two, separated by a comma, got "10.244.0.0"'],
    ],
    [
      'two ranges that are none',
      configuration({ clusterCIDR: 'x,y' }),
      ['clusterCIDR: expected a CIDR range or two, separated by a comma, got "x,y"'],
    ],
    [
      'three ranges',
      configuration({ clusterCIDR: '10.0.0.0/8,fd00::/8,11.0.0.0/8' }),
      [
        'clusterCIDR: expected a CIDR range or two, separated by a comma, got "10.0.0.0/8,fd00::/8,11.0.0.0/8"',
      ],
    ],
    [
      'two ranges of a family',
      configuration({ clusterCIDR: '10.0.0.0/8,11.0.0.0/8' }),
      ['clusterCIDR: expected one CIDR range of each family at most, got "10.0.0.0/8,11.0.0.0/8"'],
    ],
    [
      'addresses without a range',
      configuration({ nodePortAddresses: ['10.0.0.1'] }),
      ['nodePortAddresses[0]: expected a CIDR range or primary, got "10.0.0.1"'],
    ],
    [
      'the primary address and others',
      configuration({ nodePortAddresses: ['primary', '10.0.0.0/8'] }),
      ['nodePortAddresses: expected primary alone or CIDR ranges, got a list of 2'],
    ],
    [
      'a bit of 32',
      configuration({ iptables: { masqueradeBit: 32 } }),
      ['iptables.masqueradeBit: expected 0 to 31, got 32'],
    ],
    [
      'a bit below 0',
      configuration({ nftables: { masqueradeBit: -1 } }),
      ['nftables.masqueradeBit: expected 0 to 31, got -1'],
    ],
    [
      'a bit that is text',
      configuration({ iptables: { masqueradeBit: '14' } }),
      ['iptables.masqueradeBit: expected 0 to 31, got "14"'],
    ],
    [
      'a flag that is text',
      configuration({ iptables: { masqueradeAll: 'yes' } }),
      ['iptables.masqueradeAll: expected true or false, got "yes"'],
    ],
    [
      'durations',
      configuration({ configSyncPeriod: '30', iptables: { syncPeriod: 30, minSyncPeriod: '-1s' } }),
      [
        `iptables.syncPeriod: expected ${DURATION}, got 30`,
        `iptables.minSyncPeriod: expected ${DURATION}, got "-1s"`,
        `configSyncPeriod: expected ${DURATION}, got "30"`,
      ],
    ],
    [
      'addresses to listen on',
      configuration({ healthzBindAddress: '10256', metricsBindAddress: 'localhost:10249', bindAddress: 'x' }),
      [
        'bindAddress: expected an IP address, got "x"',
        `healthzBindAddress: expected ${IP_PORT}, got "10256"`,
        `metricsBindAddress: expected ${IP_PORT}, got "localhost:10249"`,
      ],
    ],
    [
      'ports to listen on',
      configuration({ healthzBindAddress: '0.0.0.0:0', metricsBindAddress: '::1:10249' }),
      [
        `healthzBindAddress: expected ${IP_PORT}, got "0.0.0.0:0"`,
        `metricsBindAddress: expected ${IP_PORT}, got "::1:10249"`,
      ],
    ],
    [
      'an adjustment',
      configuration({ oomScoreAdj: -1001 }),
      ['oomScoreAdj: expected -1000 to 1000, got -1001'],
    ],
    [
      'a count below 0',
      configuration({ conntrack: { maxPerCore: -1 } }),
      ['conntrack.maxPerCore: expected 0 to 2147483647, got -1'],
    ],
    [
      'a duration that nobody has the time to read',
      configuration({ configSyncPeriod: '1'.repeat(200_000) }),
      [`configSyncPeriod: expected ${DURATION}, got "${'1'.repeat(59)}...`],
    ],
    [
      'a gate that is text',
      configuration({ featureGates: { A: 'true' } }),
      ['featureGates.A: expected true or false, got "true"'],
    ],
  ])('%s', (_, value, expected) => {
    const result = check(kubeProxyConfigurationSchema, value, []);
    expect(result.ok ? [] : result.problems.map(formatProblem)).toEqual(expected);
  });
});

describe("svc2ipt's own section", () => {
  test.each<[string, unknown, string[]]>([
    ['nothing in it', { svc2ipt: {} }, []],
    ['a flag', { svc2ipt: { legacyPortNames: true } }, []],
    ['null', { svc2ipt: null }, ['svc2ipt: expected a mapping, got nothing']],
    ['an unknown flag', { svc2ipt: { legacyPortName: true } }, ['svc2ipt.legacyPortName: unknown field']],
    ['something beside it', { svc2ipt: {}, mode: 'iptables' }, ['mode: unknown field']],
    [
      'a text',
      { svc2ipt: { legacyPortNames: 'true' } },
      ['svc2ipt.legacyPortNames: expected true or false, got "true"'],
    ],
  ])('%s', (_, value, expected) => {
    const result = check(svc2iptSectionSchema, value, []);
    expect(result.ok ? [] : result.problems.map(formatProblem)).toEqual(expected);
  });
});
