/** kube-proxy's defaults (v1.36): what holds where a configuration says nothing. */
import { familyOf, joinPort } from '../net/address.ts';
import type { KnownPart } from './fields.ts';
import type { GivenConfiguration } from './kube-proxy-fields.ts';

/**
 * A KubeProxyConfiguration with nothing left open, its fields in the order in which kube-proxy prints them. Durations
 * are milliseconds; addresses to listen on are `0.0.0.0:10256`, or '' for none.
 */
export type KubeProxyConfiguration = Complete<GivenConfiguration>;

type Complete<T> = { readonly [Field in keyof T]-?: CompleteValue<NonNullable<T[Field]>> };

type CompleteValue<T> = T extends string | number | boolean
  ? T
  : T extends readonly (infer Item)[]
    ? readonly Item[]
    : Complete<T>;

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** kube-proxy's configuration where none is given. */
export const DEFAULT_CONFIGURATION: KubeProxyConfiguration = {
  kind: 'KubeProxyConfiguration',
  apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
  featureGates: {},
  clientConnection: {
    kubeconfig: '',
    acceptContentTypes: '',
    contentType: 'application/vnd.kubernetes.protobuf',
    qps: 5,
    burst: 10,
  },
  logging: {
    format: 'text',
    flushFrequency: 5 * SECOND,
    verbosity: 0,
    vmodule: [],
    options: {
      text: { splitStream: false, infoBufferSize: '0' },
      json: { splitStream: false, infoBufferSize: '0' },
    },
  },
  hostnameOverride: '',
  bindAddress: '0.0.0.0',
  healthzBindAddress: '0.0.0.0:10256',
  metricsBindAddress: '127.0.0.1:10249',
  bindAddressHardFail: false,
  enableProfiling: false,
  showHiddenMetricsForVersion: '',
  mode: 'iptables',
  iptables: {
    masqueradeBit: 14,
    masqueradeAll: false,
    localhostNodePorts: true,
    syncPeriod: 30 * SECOND,
    minSyncPeriod: SECOND,
  },
  ipvs: {
    syncPeriod: 0,
    minSyncPeriod: 0,
    scheduler: '',
    excludeCIDRs: [],
    strictARP: false,
    tcpTimeout: 0,
    tcpFinTimeout: 0,
    udpTimeout: 0,
  },
  nftables: { masqueradeBit: 14, masqueradeAll: false, syncPeriod: 0, minSyncPeriod: 0 },
  winkernel: {
    networkName: '',
    sourceVip: '',
    enableDSR: false,
    rootHnsEndpointName: '',
    forwardHealthCheckVip: false,
  },
  detectLocalMode: 'ClusterCIDR',
  detectLocal: { bridgeInterface: '', interfaceNamePrefix: '' },
  clusterCIDR: [],
  nodePortAddresses: [],
  oomScoreAdj: -999,
  conntrack: {
    maxPerCore: 32_768,
    min: 131_072,
    tcpEstablishedTimeout: 24 * HOUR,
    tcpCloseWaitTimeout: HOUR,
    tcpBeLiberal: false,
    udpTimeout: 0,
    udpStreamTimeout: 0,
  },
  configSyncPeriod: 15 * MINUTE,
  portRange: '',
  windowsRunAsService: false,
};

/** The configuration that a file stands for. */
export function fromFile(given: GivenConfiguration): KubeProxyConfiguration {
  return overlaid(withAddressesOf(given.bindAddress), {
    ...zerosAsAbsent(given),
    healthzBindAddress: given.healthzBindAddress || undefined,
    metricsBindAddress: given.metricsBindAddress || undefined,
  });
}

/** A configuration of a file as Go takes it there: it cannot tell 0 from a field that is not written. */
export function zerosAsAbsent<Given extends NonNullable<KnownPart<GivenConfiguration>>>(given: Given) {
  const { clientConnection, logging, iptables, configSyncPeriod } = given;
  return {
    ...given,
    clientConnection: clientConnection && {
      ...clientConnection,
      qps: clientConnection.qps || undefined,
      burst: clientConnection.burst || undefined,
    },
    logging: logging && { ...logging, flushFrequency: logging.flushFrequency || undefined },
    iptables: iptables && {
      ...iptables,
      syncPeriod: iptables.syncPeriod || undefined,
      minSyncPeriod: iptables.minSyncPeriod || undefined,
    },
    configSyncPeriod: configSyncPeriod || undefined,
  };
}

/** The defaults, which listen on addresses of the family of `bindAddress`. */
function withAddressesOf(bindAddress = '0.0.0.0'): KubeProxyConfiguration {
  if (familyOf(bindAddress) === 'ipv4') return DEFAULT_CONFIGURATION;
  return {
    ...DEFAULT_CONFIGURATION,
    healthzBindAddress: joinPort('::', 10256),
    metricsBindAddress: joinPort('::1', 10249),
  };
}

/** A configuration with what is given in its place. */
export function overlaid(base: KubeProxyConfiguration, given: GivenConfiguration): KubeProxyConfiguration {
  const {
    clientConnection,
    logging,
    iptables,
    ipvs,
    nftables,
    winkernel,
    detectLocal,
    conntrack,
    ...fields
  } = given;
  const { options, ...loggingFields } = logging ?? {};
  return {
    ...replaced(base, fields),
    clientConnection: replaced(base.clientConnection, clientConnection),
    logging: {
      ...replaced(base.logging, loggingFields),
      options: {
        text: replaced(base.logging.options.text, options?.text),
        json: replaced(base.logging.options.json, options?.json),
      },
    },
    iptables: replaced(base.iptables, iptables),
    // kube-proxy keeps one pair of periods and one masqueradeAll, those of its mode.
    ipvs: { ...replaced(base.ipvs, ipvs), syncPeriod: 0, minSyncPeriod: 0 },
    nftables: {
      ...replaced(base.nftables, nftables),
      masqueradeAll: false,
      syncPeriod: 0,
      minSyncPeriod: 0,
    },
    winkernel: replaced(base.winkernel, winkernel),
    detectLocal: replaced(base.detectLocal, detectLocal),
    conntrack: replaced(base.conntrack, conntrack),
  };
}

/** Fields as they are given, or as they were where they are not. */
function replaced<T extends object>(
  base: T,
  given: { readonly [Field in keyof T]?: T[Field] | undefined } = {},
): T {
  const fields = Object.entries(given).filter(([, value]) => value !== undefined);
  return { ...base, ...Object.fromEntries(fields) };
}
