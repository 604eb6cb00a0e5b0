/**
 * `kubeproxy.config.k8s.io/v1alpha1` KubeProxyConfiguration as it is written: which fields there are and what each may
 * hold, as strict as kube-proxy v1.36. A field that is absent or null is undefined.
 */
import { z } from 'zod';
import { joinPort, parseAddress } from '../net/address.ts';
import { parseDuration } from './duration.ts';
import {
  cidr,
  integer,
  interfaceName,
  ipAddressOrNone,
  oneOfEachFamily,
  optional,
  portNumber,
} from './fields.ts';

/** A KubeProxyConfiguration as far as it is given. Durations are milliseconds. */
export type GivenConfiguration = Readonly<z.output<typeof givenConfigurationSchema>>;

const INT32 = 2 ** 31 - 1;
const text = optional(z.string());
const flag = optional(z.boolean());
const count = optional(integer(0, INT32));

/** A text for which '' stands for the default. */
const textOrDefault = text.transform((value) => value || undefined);

const DURATION = 'a duration such as 30s, 1m or 2h22m';

/** A Go duration, in milliseconds. kube-proxy refuses negative ones wherever it uses them. */
export const durationText = z.string({ error: DURATION }).transform((value, context) => {
  const milliseconds = parseDuration(value);
  if (milliseconds !== undefined && milliseconds >= 0) return milliseconds;
  const message = milliseconds === undefined ? DURATION : 'a duration that is not negative';
  context.addIssue({ code: 'custom', message, input: value });
  return 0;
});

const duration = optional(durationText);

const IP_PORT = 'an IP address and a port such as 0.0.0.0:10256 or [::]:10256';

/** Where to listen: an address with a port, or with the given one where it is written without; '' as it is. */
function ipPort(defaultPort: number) {
  return optional(
    z.string({ error: IP_PORT }).transform((value, context) => {
      if (value === '') return '';
      const address = parseAddress(value);
      const listen = address === undefined ? parseIPPort(value) : { address, port: defaultPort };
      if (listen) return joinPort(listen.address, listen.port);
      context.addIssue({ code: 'custom', message: IP_PORT, input: value });
      return '';
    }),
  );
}

/** An address to listen on. */
export interface IPPort {
  readonly address: string;
  readonly port: number;
}

/** `0.0.0.0:10256` or `[::]:10256`, taken apart (the inverse of `joinPort`); undefined where it is something else. */
export function parseIPPort(text: string): IPPort | undefined {
  const [, bracketed, plain = '', digits] = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text) ?? [];
  const address = parseAddress(bracketed ?? plain);
  const port = portNumber.safeParse(Number(digits));
  return address !== undefined && port.success ? { address, port: port.data } : undefined;
}

const syncPeriods = { syncPeriod: duration, minSyncPeriod: duration };

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
  tcpTimeout: duration,
  tcpFinTimeout: duration,
  udpTimeout: duration,
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
  tcpEstablishedTimeout: duration,
  tcpCloseWaitTimeout: duration,
  tcpBeLiberal: flag,
  udpTimeout: duration,
  udpStreamTimeout: duration,
});

const clientConnection = z.strictObject({
  kubeconfig: text,
  acceptContentTypes: text,
  contentType: textOrDefault,
  qps: optional(z.number()),
  burst: count,
});

const QUANTITY = 'a quantity such as 512 or 1Ki';

const quantity = z
  .union([z.string(), z.number()], { error: QUANTITY })
  .transform(String)
  .refine((value) => /^(\d+(\.\d*)?|\.\d+)([KMGTPE]i|[kKMGTPE])?$/.test(value), { error: QUANTITY });

const logOutput = z.strictObject({ splitStream: flag, infoBufferSize: optional(quantity) });

const FILE_PATTERN = 'a pattern of file names without "=" and ","';

const logging = z.strictObject({
  format: optional(z.enum(['', 'text', 'json'])).transform((format) => format || undefined),
  /** A number counts nanoseconds. */
  flushFrequency: optional(
    z.union(
      [
        durationText,
        z
          .int()
          .nonnegative()
          .transform((value) => value / 1e6),
      ],
      { error: DURATION },
    ),
  ),
  verbosity: count,
  vmodule: optional(
    z.array(
      z.strictObject({
        filePattern: z.string().regex(/^[^=,]+$/, { error: FILE_PATTERN }),
        verbosity: integer(0, INT32),
      }),
    ),
  ),
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

/** The keywords stand alone or with others and ranges, as from Kubernetes v1.37 on. */
const nodePortAddresses = z.array(
  z.union([z.enum(['primary', 'localhost', 'all']), cidr], {
    error: 'a CIDR range, primary, localhost or all',
  }),
);

/** As kube-proxy takes it: nodes' names are in lower case. */
const hostnameOverride = z
  .string()
  .refine((name) => name === '' || name.trim() !== '', { error: 'a name' })
  .transform((name) => name.trim().toLowerCase());

const PORT_RANGE = 'a range of ports such as 300-2000';

/** `300`, `300-2000` or `300+100`, as Kubernetes' ParsePortRange takes it; kube-proxy v1.36 makes no use of it. */
const portRange = z.string({ error: PORT_RANGE }).refine(isPortRange, { error: PORT_RANGE });

function isPortRange(value: string): boolean {
  const [, first, sign, second] = /^(\d+)(?:([-+])(\d+))?$/.exec(value.trim()) ?? [];
  if (first === undefined) return value.trim() === '';
  const low = Number(first);
  const high = sign === '+' ? low + Number(second) : Number(second ?? first);
  return low <= high && high <= 65535;
}

/** kube-proxy can show what the version before had: v1.36 takes 1.35 alone, and v1.37 takes 1.36. */
const HIDDEN_METRICS_VERSIONS = ['1.35', '1.36'] as const;

/** Rules of another mode would stay beside ours: kube-proxy alone removes them. */
const MODE =
  'iptables (svc2ipt has no other mode: keep kube-proxy for it, or run kube-proxy --cleanup and then set mode iptables)';

export const givenConfigurationSchema = z.strictObject({
  apiVersion: z.literal('kubeproxy.config.k8s.io/v1alpha1'),
  kind: z.literal('KubeProxyConfiguration'),
  featureGates: optional(z.record(z.string(), z.boolean())),
  clientConnection: optional(clientConnection),
  logging: optional(logging),
  hostnameOverride: optional(hostnameOverride),
  bindAddress: optional(ipAddressOrNone).transform((address) => address || undefined),
  healthzBindAddress: ipPort(10256),
  metricsBindAddress: ipPort(10249),
  bindAddressHardFail: flag,
  enableProfiling: flag,
  showHiddenMetricsForVersion: optional(
    z.literal(['', ...HIDDEN_METRICS_VERSIONS], {
      error: `${HIDDEN_METRICS_VERSIONS.join(', ')} or nothing`,
    }),
  ),
  mode: optional(z.literal(['', 'iptables'], { error: MODE })).transform((mode) => mode || undefined),
  iptables: optional(iptables),
  ipvs: optional(ipvs),
  nftables: optional(nftables),
  winkernel: optional(winkernel),
  detectLocalMode: optional(
    z.enum(['', 'ClusterCIDR', 'NodeCIDR', 'BridgeInterface', 'InterfaceNamePrefix'], {
      error: 'ClusterCIDR, NodeCIDR, BridgeInterface or InterfaceNamePrefix',
    }),
  ).transform((mode) => mode || undefined),
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
  configSyncPeriod: duration,
  portRange: optional(portRange),
  windowsRunAsService: flag,
});
