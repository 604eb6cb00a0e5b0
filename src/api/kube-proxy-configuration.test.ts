import { describe, expect, test } from 'vitest';
import {
  DEFAULT_CONFIGURATION,
  kubeProxyConfigurationSchema,
  overlaySchema,
  svc2iptSectionSchema,
} from './kube-proxy-configuration.ts';
import { check, formatProblem } from './problem.ts';

type Fields = Readonly<Record<string, unknown>>;

const configuration = (more: Fields): Fields => ({
  apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
  kind: 'KubeProxyConfiguration',
  ...more,
});

describe('defaults', () => {
  test.each<[string, Fields]>([
    ['absent', {}],
    [
      'empty',
      {
        featureGates: {},
        clientConnection: { kubeconfig: '', contentType: '' },
        logging: { format: '', vmodule: [], options: {} },
        hostnameOverride: '',
        bindAddress: '',
        healthzBindAddress: '',
        metricsBindAddress: '',
        showHiddenMetricsForVersion: '',
        mode: '',
        iptables: {},
        ipvs: { excludeCIDRs: [] },
        detectLocalMode: '',
        detectLocal: {},
        clusterCIDR: '',
        nodePortAddresses: [],
        conntrack: {},
        portRange: '',
      },
    ],
    [
      'null',
      {
        featureGates: null,
        clientConnection: null,
        logging: null,
        bindAddress: null,
        healthzBindAddress: null,
        mode: null,
        iptables: null,
        ipvs: null,
        nftables: null,
        winkernel: null,
        detectLocalMode: null,
        detectLocal: null,
        clusterCIDR: null,
        nodePortAddresses: null,
        oomScoreAdj: null,
        conntrack: null,
        configSyncPeriod: null,
      },
    ],
    [
      'null within',
      {
        clientConnection: { contentType: null, qps: null },
        logging: { flushFrequency: null, options: { json: { splitStream: null } } },
        iptables: { masqueradeBit: null, masqueradeAll: null, localhostNodePorts: null, syncPeriod: null },
        conntrack: { maxPerCore: null, tcpCloseWaitTimeout: null },
      },
    ],
    [
      '0 where Go takes that for absent',
      {
        clientConnection: { qps: 0, burst: 0 },
        logging: { flushFrequency: '0s' },
        iptables: { syncPeriod: '0s', minSyncPeriod: '0' },
        configSyncPeriod: '0s',
      },
    ],
    [
      "other modes' periods, which kube-proxy does not keep",
      {
        ipvs: { syncPeriod: '30s', minSyncPeriod: '1s' },
        nftables: { syncPeriod: '30s', minSyncPeriod: '1s', masqueradeAll: true },
      },
    ],
  ])('stand for fields that are %s', (_, fields) => {
    const result = check(kubeProxyConfigurationSchema, configuration(fields), []);
    expect(result).toEqual({ ok: true, value: DEFAULT_CONFIGURATION });
  });

  test.each<[string, Fields, Fields]>([
    [
      '0 is no default where Go can tell it from nothing',
      {
        oomScoreAdj: 0,
        iptables: { masqueradeBit: 0, localhostNodePorts: false },
        conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
      },
      {
        oomScoreAdj: 0,
        iptables: { masqueradeBit: 0, localhostNodePorts: false },
        conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0, tcpCloseWaitTimeout: 0 },
      },
    ],
    [
      'an IPv6 address makes the others IPv6',
      { bindAddress: '2001:db8::1' },
      { bindAddress: '2001:db8::1', healthzBindAddress: '[::]:10256', metricsBindAddress: '[::1]:10249' },
    ],
    [
      'but for those that are written',
      { bindAddress: '::', metricsBindAddress: '0.0.0.0:1' },
      { bindAddress: '::', healthzBindAddress: '[::]:10256', metricsBindAddress: '0.0.0.0:1' },
    ],
    [
      'an address may leave out its port',
      { healthzBindAddress: '10.0.0.1', metricsBindAddress: '::' },
      { healthzBindAddress: '10.0.0.1:10256', metricsBindAddress: '[::]:10249' },
    ],
  ])('%s', (_, fields, expected) => {
    const result = check(kubeProxyConfigurationSchema, configuration(fields), []);
    expect(result).toMatchObject({ ok: true, value: expected });
  });
});

describe('values', () => {
  test.each<[string, Fields, Fields]>([
    ['one range', { clusterCIDR: '10.244.3.4/16' }, { clusterCIDR: ['10.244.0.0/16'] }],
    [
      'two ranges',
      { clusterCIDR: '10.244.0.0/16,FD00::/56' },
      { clusterCIDR: ['10.244.0.0/16', 'fd00::/56'] },
    ],
    ...[['primary'], ['localhost'], ['all'], ['primary', 'localhost', '10.0.0.0/8']].map(
      (nodePortAddresses): [string, Fields, Fields] => [
        `node ports at ${nodePortAddresses}`,
        { nodePortAddresses },
        { nodePortAddresses },
      ],
    ),
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
      'durations, in milliseconds',
      {
        configSyncPeriod: '15m0s',
        iptables: { syncPeriod: '1h2m3.5s', minSyncPeriod: '100ms' },
        conntrack: { udpTimeout: '1ms2us3µs4ns', udpStreamTimeout: '.5s' },
        logging: { flushFrequency: 1_500_000 },
      },
      {
        configSyncPeriod: 900_000,
        iptables: { syncPeriod: 3_723_500, minSyncPeriod: 100 },
        conntrack: { udpTimeout: 1.005004, udpStreamTimeout: 500 },
        logging: { flushFrequency: 1.5 },
      },
    ],
    [
      'sizes of buffers, as they are written',
      {
        logging: {
          options: { json: { infoBufferSize: '1Ki', splitStream: true }, text: { infoBufferSize: 512 } },
        },
      },
      {
        logging: {
          options: {
            text: { splitStream: false, infoBufferSize: '512' },
            json: { splitStream: true, infoBufferSize: '1Ki' },
          },
        },
      },
    ],
    [
      'addresses to listen on, made canonical',
      { bindAddress: '010.0.0.1', healthzBindAddress: '010.0.0.1:080', metricsBindAddress: '[FD00::0]:1' },
      { bindAddress: '10.0.0.1', healthzBindAddress: '10.0.0.1:80', metricsBindAddress: '[fd00::]:1' },
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
    ['a port', { portRange: '80' }],
    ['a range of ports', { portRange: ' 300-2000 ' }],
    ['a range of ports by its size', { portRange: '300+100' }],
    ...['1.35', '1.36'].map((showHiddenMetricsForVersion): [string, Fields] => [
      `the version before v1.36 or v1.37: ${showHiddenMetricsForVersion}`,
      { showHiddenMetricsForVersion },
    ]),
    ['no limit', { clientConnection: { qps: -1 } }],
    ['the shortest period as long as the other', { iptables: { syncPeriod: '1s', minSyncPeriod: '1s' } }],
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
      'feature gates of v1.37',
      {
        featureGates: {
          KubeProxyIPVS: false,
          KubeProxyNFTablesLocalhostNodePorts: true,
          NFTablesNetlink: false,
        },
      },
    ],
    [
      'logging',
      {
        logging: {
          format: 'text',
          verbosity: 2,
          vmodule: [{ filePattern: 'a*', verbosity: 3 }],
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
        'iptables.masqueradeall: unknown field (masqueradeAll?)',
        'detectLocal.bridge: unknown field',
        'conntrack.max: unknown field',
        'clusterCidr: unknown field (clusterCIDR?)',
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
      [
        'mode: expected iptables (svc2ipt has no other mode: keep kube-proxy for it, or run kube-proxy --cleanup and then set mode iptables), got "ipvs"',
      ],
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
      ['nodePortAddresses[0]: expected a CIDR range, primary, localhost or all, got "10.0.0.1"'],
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
        'iptables.minSyncPeriod: expected a duration that is not negative, got "-1s"',
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
      'a number of nanoseconds that is none',
      configuration({ logging: { flushFrequency: -5 } }),
      [`logging.flushFrequency: expected ${DURATION}, got -5`],
    ],
    [
      'periods that cannot both be kept',
      configuration({ iptables: { syncPeriod: '30s', minSyncPeriod: '1m' } }),
      ['iptables.minSyncPeriod: expected at most 30s, the sync period, got 1m0s'],
    ],
    [
      'a period below the default of the shortest',
      configuration({ iptables: { syncPeriod: '500ms' } }),
      ['iptables.minSyncPeriod: expected at most 500ms, the sync period, got 1s'],
    ],
    [
      'a burst below 0',
      configuration({ clientConnection: { burst: -1 } }),
      ['clientConnection.burst: expected 0 to 2147483647, got -1'],
    ],
    [
      'another format of logs',
      configuration({ logging: { format: 'xml' } }),
      ['logging.format: expected text or json, got "xml"'],
    ],
    [
      "files' verbosity in JSON",
      configuration({ logging: { format: 'json', vmodule: [{ filePattern: 'a', verbosity: 1 }] } }),
      ['logging.vmodule: expected none, as the format of logs is json, got a list of 1'],
    ],
    [
      'a pattern of files',
      configuration({ logging: { vmodule: [{ filePattern: 'a=b', verbosity: 1 }] } }),
      ['logging.vmodule[0].filePattern: expected a pattern of file names without "=" and ",", got "a=b"'],
    ],
    [
      'the size of a buffer',
      configuration({ logging: { options: { text: { infoBufferSize: 'much' } } } }),
      ['logging.options.text.infoBufferSize: expected a quantity such as 512 or 1Ki, got "much"'],
    ],
    [
      'a name of nothing but white space',
      configuration({ hostnameOverride: ' ' }),
      ['hostnameOverride: expected a name, got " "'],
    ],
    [
      'an older version',
      configuration({ showHiddenMetricsForVersion: '1.34' }),
      ['showHiddenMetricsForVersion: expected 1.35, 1.36 or nothing, got "1.34"'],
    ],
    ...['2000-300', '70000', '65000+1000', '-5', '1-2-3', 'x'].map(
      (portRange): [string, Fields, string[]] => [
        `a range of ports: ${portRange}`,
        configuration({ portRange }),
        [`portRange: expected a range of ports such as 300-2000, got "${portRange}"`],
      ],
    ),
    [
      'a duration that nobody has the time to read',
      configuration({ configSyncPeriod: '1'.repeat(200_000) }),
      [`configSyncPeriod: expected ${DURATION}, got "${'1'.repeat(59)}...`],
    ],
    [
      'fields, and rules between others',
      configuration({
        mode: 'ipvs',
        iptables: { masqueradeBit: 99, minSyncPeriod: '1h' },
        logging: { format: 'json', flushFrequency: 'x', vmodule: [{ filePattern: 'a', verbosity: 1 }] },
        detectLocalMode: 'BridgeInterface',
        unknown: 1,
      }),
      [
        'logging.flushFrequency: expected a duration such as 30s, 1m or 2h22m, got "x"',
        'mode: expected iptables (svc2ipt has no other mode: keep kube-proxy for it, or run kube-proxy --cleanup and then set mode iptables), got "ipvs"',
        'iptables.masqueradeBit: expected 0 to 31, got 99',
        'unknown: unknown field',
        'iptables.minSyncPeriod: expected at most 30s, the sync period, got 1h0m0s',
        'logging.vmodule: expected none, as the format of logs is json, got a list of 1',
        'detectLocal.bridgeInterface: expected a name, as detectLocalMode is BridgeInterface, got nothing',
      ],
    ],
    [
      'fields that a rule needs, of which it then says nothing',
      configuration({
        iptables: { syncPeriod: 'x', minSyncPeriod: '1h' },
        logging: { format: 'json', vmodule: [{ filePattern: '=', verbosity: 1 }] },
        detectLocalMode: 'BridgeInterface',
        detectLocal: 'br0',
      }),
      [
        'logging.vmodule[0].filePattern: expected a pattern of file names without "=" and ",", got "="',
        'iptables.syncPeriod: expected a duration such as 30s, 1m or 2h22m, got "x"',
        'detectLocal: expected a mapping, got "br0"',
      ],
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

describe('what is given beside a configuration', () => {
  const base = {
    ...DEFAULT_CONFIGURATION,
    clusterCIDR: ['10.0.0.0/8'],
    logging: { ...DEFAULT_CONFIGURATION.logging, format: 'json' as const },
  };

  test.each<[string, Fields, Fields]>([
    ['nothing', {}, {}],
    ['a field', { hostnameOverride: 'b' }, { hostnameOverride: 'b' }],
    ['a field of a mapping', { logging: { verbosity: 3 } }, { logging: { ...base.logging, verbosity: 3 } }],
    [
      'an address, which makes no other one IPv6',
      { bindAddress: '::' },
      { bindAddress: '::', healthzBindAddress: '0.0.0.0:10256' },
    ],
    ['0', { iptables: { minSyncPeriod: '0s' } }, { iptables: { ...base.iptables, minSyncPeriod: 0 } }],
    ['no address', { metricsBindAddress: '' }, { metricsBindAddress: '' }],
  ])('%s', (_, fields, expected) => {
    const result = check(overlaySchema(base), configuration(fields), []);
    expect(result).toEqual({ ok: true, value: { ...base, ...expected } });
  });

  test.each<[string, Fields, string[]]>([
    [
      'a field',
      { mode: 'ipvs' },
      [
        'mode: expected iptables (svc2ipt has no other mode: keep kube-proxy for it, or run kube-proxy --cleanup and then set mode iptables), got "ipvs"',
      ],
    ],
    [
      'no periods',
      { iptables: { syncPeriod: '0s' }, configSyncPeriod: '0' },
      [
        'iptables.syncPeriod: expected more than 0s, got 0s',
        'configSyncPeriod: expected more than 0s, got 0s',
      ],
    ],
    [
      'a field, and what does not go together with the configuration',
      { iptables: { masqueradeBit: 99, minSyncPeriod: '1h' } },
      [
        'iptables.masqueradeBit: expected 0 to 31, got 99',
        'iptables.minSyncPeriod: expected at most 30s, the sync period, got 1h0m0s',
      ],
    ],
    [
      'what does not go together with the configuration',
      { logging: { vmodule: [{ filePattern: 'a', verbosity: 1 }] } },
      ['logging.vmodule: expected none, as the format of logs is json, got a list of 1'],
    ],
  ])('refused: %s', (_, fields, expected) => {
    const result = check(overlaySchema(base), configuration(fields), []);
    expect(result.ok ? [] : result.problems.map(formatProblem)).toEqual(expected);
  });
});

describe("svc2ipt's own section", () => {
  test.each<[string, unknown, string[]]>([
    ['nothing in it', { svc2ipt: {} }, []],
    ['a flag', { svc2ipt: { legacyPortNames: true } }, []],
    ['a layout', { svc2ipt: { layout: 'fast' } }, []],
    ['what nobody serves', { svc2ipt: { rejectUnassigned: true } }, []],
    ['how long programs may take', { svc2ipt: { commandTimeout: '90s' } }, []],
    [
      'no time at all',
      { svc2ipt: { commandTimeout: '0s' } },
      ['svc2ipt.commandTimeout: expected a duration longer than 0, got 0'],
    ],
    ['metrics of Services', { svc2ipt: { serviceMetrics: {} } }, []],
    ['in so many series', { svc2ipt: { serviceMetrics: { maxSeries: 500 } } }, []],
    [
      'in none',
      { svc2ipt: { serviceMetrics: { maxSeries: 0 } } },
      ['svc2ipt.serviceMetrics.maxSeries: expected 1 to 1000000, got 0'],
    ],
    [
      'a layout that there is not',
      { svc2ipt: { layout: 'nft' } },
      ['svc2ipt.layout: expected kube-proxy or fast, got "nft"'],
    ],
    ['null', { svc2ipt: null }, ['svc2ipt: expected a mapping, got nothing']],
    [
      'an unknown flag',
      { svc2ipt: { legacyPortName: true } },
      ['svc2ipt.legacyPortName: unknown field (legacyPortNames?)'],
    ],
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
