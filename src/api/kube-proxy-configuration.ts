/**
 * `kubeproxy.config.k8s.io/v1alpha1` KubeProxyConfiguration: the file that kube-proxy v1.36 takes, as strict as
 * kube-proxy is about unknown fields, with its defaults filled in.
 */
import { z } from 'zod';
import { parseAddress } from '../net/address.ts';
import {
  addSentence,
  cidr,
  integer,
  interfaceName,
  ipAddressOrNone,
  oneOfEachFamily,
  optional,
  portNumber,
} from './fields.ts';

export type KubeProxyConfiguration = Readonly<z.output<typeof kubeProxyConfigurationSchema>>;

const DURATION = 'a duration such as 30s, 1m or 2h22m';

/** A Go duration, kept as it is written. kube-proxy refuses negative ones wherever it uses them. */
const duration = z
  .string({ error: DURATION })
  .regex(/^\+?(0|((\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h))+)$/, { error: DURATION });

const INT32 = 2 ** 31 - 1;
const text = optional(z.string());
const flag = optional(z.boolean());
const int32 = optional(integer(-INT32 - 1, INT32));

const count = optional(integer(0, INT32));

const IP_PORT = 'an IP address and a port such as 0.0.0.0:10256 or [::]:10256';

/** Where to listen; '' stands for the default. */
const ipPort = optional(
  z.string({ error: IP_PORT }).refine((text) => text === '' || isIPPort(text), { error: IP_PORT }),
);

function isIPPort(text: string): boolean {
  const [, bracketed, plain, port] = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text) ?? [];
  return parseAddress(bracketed ?? plain ?? '') !== undefined && portNumber.safeParse(Number(port)).success;
}

const syncPeriods = { syncPeriod: optional(duration), minSyncPeriod: optional(duration) };

const iptables = z.strictObject({
  masqueradeBit: optional(integer(0, 31)),
  masqueradeAll: flag,
  localhostNodePorts: flag,
  ...syncPeriods,
});

const ipvs = z.strictObject({
  ...syncPeriods,
  scheduler: text,
  excludeCIDRs: optional(z.array(z.string())),
  strictARP: flag,
  tcpTimeout: optional(duration),
  tcpFinTimeout: optional(duration),
  udpTimeout: optional(duration),
});

const nftables = z.strictObject({
  masqueradeBit: optional(integer(0, 31)),
  masqueradeAll: flag,
  ...syncPeriods,
});

const winkernel = z.strictObject({
  networkName: text,
  sourceVip: text,
  enableDSR: flag,
  rootHnsEndpointName: text,
  forwardHealthCheckVip: flag,
});

const conntrack = z.strictObject({
  maxPerCore: count,
  min: count,
  tcpEstablishedTimeout: optional(duration),
  tcpCloseWaitTimeout: optional(duration),
  tcpBeLiberal: flag,
  udpTimeout: optional(duration),
  udpStreamTimeout: optional(duration),
});

const clientConnection = z.strictObject({
  kubeconfig: text,
  acceptContentTypes: text,
  contentType: text,
  qps: optional(z.number()),
  burst: int32,
});

const logOutput = z.strictObject({
  splitStream: flag,
  infoBufferSize: optional(z.union([z.string(), z.number()], { error: 'a quantity such as 512 or 1Ki' })),
});

const logging = z.strictObject({
  format: text,
  flushFrequency: optional(z.union([duration, z.int()], { error: DURATION })),
  verbosity: optional(integer(0, INT32)),
  vmodule: optional(z.array(z.strictObject({ filePattern: z.string(), verbosity: integer(0, INT32) }))),
  options: optional(z.strictObject({ text: optional(logOutput), json: optional(logOutput) })),
});

/** The ranges of local pods, one of each family at most, separated by a comma. */
const clusterCIDR = z.string().transform((value, context) => {
  if (value === '') return [];
  const complain = (message: string) => {
    context.addIssue({ code: 'custom', message, input: value });
    return [];
  };
  const parts = value.split(',');
  const ranges = parts.flatMap((part) => cidr.safeParse(part).data ?? []);
  if (parts.length > 2 || ranges.length < parts.length) {
    return complain('a CIDR range or two, separated by a comma');
  }
  return oneOfEachFamily(ranges) ? ranges : complain('one CIDR range of each family at most');
});

const nodePortAddresses = z
  .array(z.union([z.literal('primary'), cidr], { error: 'a CIDR range or primary' }))
  .refine((list) => list.length === 1 || !list.includes('primary'), {
    error: 'primary alone or CIDR ranges',
  });

export const kubeProxyConfigurationSchema = z
  .strictObject({
    apiVersion: z.literal('kubeproxy.config.k8s.io/v1alpha1'),
    kind: z.literal('KubeProxyConfiguration'),
    featureGates: optional(z.record(z.string(), z.boolean())),
    clientConnection: optional(clientConnection),
    logging: optional(logging),
    // As kube-proxy takes it: nodes' names are in lower case.
    hostnameOverride: text.transform((name) => name?.trim().toLowerCase()),
    bindAddress: optional(ipAddressOrNone),
    healthzBindAddress: ipPort,
    metricsBindAddress: ipPort,
    bindAddressHardFail: flag,
    enableProfiling: flag,
    showHiddenMetricsForVersion: text,
    mode: optional(z.literal(['', 'iptables'], { error: 'iptables (svc2ipt has no other mode)' })),
    iptables: optional(iptables),
    ipvs: optional(ipvs),
    nftables: optional(nftables),
    winkernel: optional(winkernel),
    detectLocalMode: optional(
      z.enum(['', 'ClusterCIDR', 'NodeCIDR', 'BridgeInterface', 'InterfaceNamePrefix'], {
        error: 'ClusterCIDR, NodeCIDR, BridgeInterface or InterfaceNamePrefix',
      }),
    ),
    detectLocal: optional(
      z.strictObject({
        bridgeInterface: optional(interfaceName),
        interfaceNamePrefix: optional(interfaceName),
      }),
    ),
    clusterCIDR: optional(clusterCIDR),
    nodePortAddresses: optional(nodePortAddresses),
    oomScoreAdj: optional(integer(-1000, 1000)),
    conntrack: optional(conntrack),
    configSyncPeriod: optional(duration),
    portRange: text,
    windowsRunAsService: flag,
  })
  .superRefine((config, context) => {
    const need = { BridgeInterface: 'bridgeInterface', InterfaceNamePrefix: 'interfaceNamePrefix' } as const;
    const mode = config.detectLocalMode;
    if (mode !== 'BridgeInterface' && mode !== 'InterfaceNamePrefix') return;
    if (!config.detectLocal?.[need[mode]]) {
      addSentence(
        context,
        ['detectLocal', need[mode]],
        `expected a name, as detectLocalMode is ${mode}, got nothing`,
      );
    }
  })
  .transform((config) => ({
    ...config,
    iptables: {
      ...config.iptables,
      masqueradeBit: config.iptables?.masqueradeBit ?? 14,
      masqueradeAll: config.iptables?.masqueradeAll ?? false,
      localhostNodePorts: config.iptables?.localhostNodePorts ?? true,
    },
    detectLocalMode: config.detectLocalMode || ('ClusterCIDR' as const),
    clusterCIDR: config.clusterCIDR ?? [],
    nodePortAddresses: config.nodePortAddresses ?? [],
  }));

/** kube-proxy's configuration where none is given. */
export const DEFAULT_CONFIGURATION: KubeProxyConfiguration = kubeProxyConfigurationSchema.parse({
  apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
  kind: 'KubeProxyConfiguration',
});

export type Svc2iptSection = Readonly<z.output<typeof svc2iptSectionSchema>>;

/** Options of svc2ipt's own, in a second YAML document of the configuration file, which kube-proxy does not read. */
export const svc2iptSectionSchema = z
  .strictObject({ svc2ipt: z.strictObject({ legacyPortNames: flag }) })
  .transform(({ svc2ipt }) => svc2ipt);
