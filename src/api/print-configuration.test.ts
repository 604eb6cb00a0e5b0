import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DEFAULT_CONFIGURATION, kubeProxyConfigurationSchema } from './kube-proxy-configuration.ts';
import { printConfiguration } from './print-configuration.ts';

/** Any of the fields, now and then null. */
const some = <T>(fields: { [Name in keyof T]: fc.Arbitrary<T[Name]> }) =>
  fc.record(
    Object.fromEntries(
      Object.entries<fc.Arbitrary<unknown>>(fields).map(([name, value]) => [
        name,
        fc.option(value, { freq: 8 }),
      ]),
    ),
    { requiredKeys: [] },
  );

const text = fc.string({ unit: 'grapheme', maxLength: 8 });
const flag = fc.boolean();
const count = fc.nat({ max: 2 ** 31 - 1 });
const duration = fc.oneof(
  fc.constantFrom('0', '0s', '1s', '30s', '1m', '2h22m', '100ms', '1.5s', '15m0s', '3µs'),
  fc.nat().map((milliseconds) => `${milliseconds}ms`),
);
const size = fc.oneof(fc.constantFrom('0', '512', '1Ki', '1.5M'), fc.nat());
const ipPort = fc.constantFrom('', '0.0.0.0', '::', '0.0.0.0:10256', '[::1]:1', '10.0.0.1:65535');
const mark = { masqueradeBit: fc.nat({ max: 31 }), masqueradeAll: flag };

const document = some({
  featureGates: fc.dictionary(text, flag, { maxKeys: 3 }),
  clientConnection: some({
    kubeconfig: text,
    acceptContentTypes: text,
    contentType: text,
    qps: fc.double({ noNaN: true, noDefaultInfinity: true }),
    burst: count,
  }),
  logging: some({
    format: fc.constantFrom('', 'text'),
    flushFrequency: fc.oneof(duration, fc.nat()),
    verbosity: count,
    vmodule: fc.array(fc.record({ filePattern: fc.constantFrom('a', 'b*', 'c/d'), verbosity: count }), {
      maxLength: 2,
    }),
    options: some({
      text: some({ splitStream: flag, infoBufferSize: size }),
      json: some({ splitStream: flag, infoBufferSize: size }),
    }),
  }),
  hostnameOverride: fc.constantFrom('', 'node-a', ' Node-B '),
  bindAddress: fc.constantFrom('', '0.0.0.0', '::', '192.168.0.2', 'FD00::1'),
  healthzBindAddress: ipPort,
  metricsBindAddress: ipPort,
  bindAddressHardFail: flag,
  enableProfiling: flag,
  showHiddenMetricsForVersion: fc.constantFrom('', '1.35', '1.36'),
  mode: fc.constantFrom('', 'iptables'),
  iptables: some({
    ...mark,
    localhostNodePorts: flag,
    // Never shorter than the other one, nor than its default.
    syncPeriod: fc.constantFrom('0s', '30s', '1h', '90s'),
    minSyncPeriod: fc.constantFrom('0s', '100ms', '1s', '30s'),
  }),
  ipvs: some({
    syncPeriod: duration,
    minSyncPeriod: duration,
    scheduler: text,
    excludeCIDRs: fc.array(text, { maxLength: 2 }),
    strictARP: flag,
    tcpTimeout: duration,
    tcpFinTimeout: duration,
    udpTimeout: duration,
  }),
  nftables: some({ ...mark, syncPeriod: duration, minSyncPeriod: duration }),
  winkernel: some({
    networkName: text,
    sourceVip: text,
    enableDSR: flag,
    rootHnsEndpointName: text,
    forwardHealthCheckVip: flag,
  }),
  detectLocalMode: fc.constantFrom('', 'ClusterCIDR', 'NodeCIDR'),
  detectLocal: some({
    bridgeInterface: fc.constantFrom('', 'cni0'),
    interfaceNamePrefix: fc.constantFrom('', 'veth'),
  }),
  clusterCIDR: fc.constantFrom('', '10.244.0.0/16', '10.244.1.1/16,FD00::/56'),
  nodePortAddresses: fc.constantFrom(
    [],
    ['primary'],
    ['localhost', 'primary'],
    ['all'],
    ['10.0.0.0/8', '::/0'],
  ),
  oomScoreAdj: fc.integer({ min: -1000, max: 1000 }),
  conntrack: some({
    maxPerCore: count,
    min: count,
    tcpEstablishedTimeout: duration,
    tcpCloseWaitTimeout: duration,
    tcpBeLiberal: flag,
    udpTimeout: duration,
    udpStreamTimeout: duration,
  }),
  configSyncPeriod: duration,
  portRange: fc.constantFrom('', '1-2'),
  windowsRunAsService: flag,
}).map((fields) => ({
  apiVersion: DEFAULT_CONFIGURATION.apiVersion,
  kind: DEFAULT_CONFIGURATION.kind,
  ...fields,
}));

test('every configuration is printed so that it is read as the same again, in one order', () => {
  const order = JSON.stringify(Object.keys(printConfiguration(DEFAULT_CONFIGURATION)));
  fc.assert(
    fc.property(document, (written) => {
      const configuration = kubeProxyConfigurationSchema.parse(written);
      const printed: unknown = JSON.parse(JSON.stringify(printConfiguration(configuration)));
      expect(kubeProxyConfigurationSchema.parse(printed)).toEqual(configuration);
      const fields = Object.keys(printConfiguration(configuration));
      const always = fields.filter((field) => field !== 'featureGates' && field !== 'windowsRunAsService');
      expect(JSON.stringify(always)).toBe(order);
    }),
  );
});

test('what is empty as a rule is printed where it is not', () => {
  const printed = printConfiguration({
    ...DEFAULT_CONFIGURATION,
    featureGates: { A: true },
    windowsRunAsService: true,
    logging: {
      ...DEFAULT_CONFIGURATION.logging,
      vmodule: [{ filePattern: 'a', verbosity: 1 }],
      options: {
        text: { splitStream: true, infoBufferSize: '1Ki' },
        json: { splitStream: false, infoBufferSize: '0' },
      },
    },
    ipvs: { ...DEFAULT_CONFIGURATION.ipvs, excludeCIDRs: ['10.0.0.0/8'] },
    clusterCIDR: ['10.0.0.0/8', 'fd00::/8'],
  });
  expect(printed).toMatchObject({
    featureGates: { A: true },
    windowsRunAsService: true,
    logging: {
      vmodule: [{ filePattern: 'a', verbosity: 1 }],
      options: { text: { splitStream: true, infoBufferSize: '1Ki' }, json: { infoBufferSize: '0' } },
    },
    ipvs: { excludeCIDRs: ['10.0.0.0/8'] },
    clusterCIDR: '10.0.0.0/8,fd00::/8',
  });
  expect(Object.keys(printed).slice(0, 4)).toEqual([
    'kind',
    'apiVersion',
    'featureGates',
    'clientConnection',
  ]);
});
