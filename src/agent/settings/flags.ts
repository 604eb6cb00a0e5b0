/** The flags of the agent: those of kube-proxy v1.36, each under its own name, and a few of svc2ipt's own. */
import { LAYOUT_CHOICE } from '../../api/layout-names.ts';

export type Flag = FlagBase & (FlagWithEffect | FlagWithoutEffect);

interface FlagBase {
  readonly name: string;
  /** The spelling with one letter. */
  readonly short?: string;
  readonly takes: 'switch' | 'text' | 'number' | 'list' | 'gates' | 'patterns';
  /** What its value is called in the help. */
  readonly value?: string;
  /** The field of a KubeProxyConfiguration that it stands for; with `--config`, the file decides. */
  readonly field?: string;
  /** It counts beside a file, too, and more than that. */
  readonly besideFile?: true;
  /** The setting of the agent's own that it stands for. */
  readonly setting?: string;
  /** An empty value is one; for other flags it means none. */
  readonly takesEmpty?: true;
  readonly hidden?: true;
}

interface FlagWithEffect {
  readonly help: string;
}

/** A flag that is taken because kube-proxy takes it. */
interface FlagWithoutEffect {
  readonly whyNoEffect: string;
}

export interface FlagGroup {
  readonly heading: string;
  readonly flags: readonly Flag[];
}

const ADDRESS = '<address:port>';
const DURATION = '<duration>';
const FILE = '<file>';

const NO_IPVS = 'svc2ipt has no ipvs mode';
const UNBUFFERED = 'svc2ipt writes each log line immediately';
const FEW_REQUESTS = 'svc2ipt only keeps a few watches open';
const NO_IDENTITY = 'svc2ipt reads no machine ID';

export const FLAG_GROUPS: readonly FlagGroup[] = [
  {
    heading: 'Where the cluster comes from:',
    flags: [
      {
        name: 'config',
        takes: 'text',
        value: FILE,
        setting: 'configFile',
        help: 'a KubeProxyConfiguration; it overrides all flags that it has a field for',
      },
      {
        name: 'kubeconfig',
        takes: 'text',
        value: FILE,
        field: 'clientConnection.kubeconfig',
        help: "how to reach the API server (default: the Pod's service account)",
      },
      {
        name: 'master',
        takes: 'text',
        value: '<URL>',
        setting: 'master',
        help: 'the address of the API server; overrides the kubeconfig',
      },
      {
        name: 'manifests',
        takes: 'text',
        value: '<folder>',
        setting: 'manifests',
        help: 'read manifests from this folder and follow its changes, without an API server',
      },
      {
        name: 'hostname-override',
        takes: 'text',
        value: '<name>',
        field: 'hostnameOverride',
        besideFile: true,
        help: 'the name of the Node object (default: the host name)',
      },
      {
        name: 'bind-address',
        takes: 'text',
        value: '<IP>',
        field: 'bindAddress',
        help: 'the primary IP of this node; 0.0.0.0 takes the one in its Node object',
      },
    ],
  },
  {
    heading: 'Rules:',
    flags: [
      {
        name: 'proxy-mode',
        takes: 'text',
        value: '<mode>',
        field: 'mode',
        help: 'iptables, the only mode that svc2ipt has',
      },
      {
        name: 'detect-local-mode',
        takes: 'text',
        value: '<mode>',
        field: 'detectLocalMode',
        help: "how to recognize traffic from this node's Pods: ClusterCIDR, NodeCIDR, BridgeInterface or InterfaceNamePrefix",
      },
      {
        name: 'cluster-cidr',
        takes: 'text',
        value: '<ranges>',
        field: 'clusterCIDR',
        help: 'the range of all Pod IPs, or one of each IP family (for ClusterCIDR)',
      },
      {
        name: 'pod-bridge-interface',
        takes: 'text',
        value: '<name>',
        field: 'detectLocal.bridgeInterface',
        help: "the bridge of this node's Pods (for BridgeInterface)",
      },
      {
        name: 'pod-interface-name-prefix',
        takes: 'text',
        value: '<prefix>',
        field: 'detectLocal.interfaceNamePrefix',
        help: 'the prefix of the names of Pod interfaces (for InterfaceNamePrefix)',
      },
      {
        name: 'masquerade-all',
        takes: 'switch',
        field: 'iptables.masqueradeAll',
        help: 'masquerade all traffic to cluster IPs',
      },
      {
        name: 'iptables-masquerade-bit',
        takes: 'number',
        field: 'iptables.masqueradeBit',
        help: 'the bit of the packet mark that means "masquerade", 0 to 31',
      },
      {
        name: 'nodeport-addresses',
        takes: 'list',
        value: '<ranges>',
        field: 'nodePortAddresses',
        help: "serve node ports on addresses in these ranges, on this node's IPs (primary), on loopback (localhost) or everywhere (all, the default)",
      },
      {
        name: 'iptables-localhost-nodeports',
        takes: 'switch',
        field: 'iptables.localhostNodePorts',
        help: 'serve node ports on 127.0.0.1 too',
      },
      {
        name: 'iptables-sync-period',
        takes: 'text',
        value: DURATION,
        field: 'iptables.syncPeriod',
        help: 'check this often that the rules are still in the kernel',
      },
      {
        name: 'iptables-min-sync-period',
        takes: 'text',
        value: DURATION,
        field: 'iptables.minSyncPeriod',
        help: 'write changes no more often than this',
      },
      {
        name: 'backend',
        takes: 'text',
        value: '<name>',
        setting: 'backend',
        help: 'the iptables to use, nft or legacy (default: the one that the node already uses)',
      },
      {
        name: 'layout',
        takes: 'text',
        value: '<name>',
        setting: 'layout',
        help: `the layout of the rules: that of kube-proxy (default), or one with fewer rules for the same traffic; ${LAYOUT_CHOICE}`,
      },
      {
        name: 'reject-unassigned',
        takes: 'switch',
        setting: 'rejectUnassigned',
        help: 'refuse what no Service serves in the range of cluster IPs, instead of letting it leave the node',
      },
      {
        name: 'service-cluster-ip-range',
        takes: 'list',
        value: '<ranges>',
        setting: 'serviceRanges',
        help: "the range of cluster IPs, or one of each IP family, for --reject-unassigned (default: those of the cluster's ServiceCIDRs)",
      },
      {
        name: 'legacy-port-names',
        takes: 'switch',
        setting: 'legacyPortNames',
        help: 'print an unnamed port as namespace/name: (Kubernetes before 1.13)',
      },
    ],
  },
  {
    heading: 'The kernel and the process:',
    flags: [
      {
        name: 'conntrack-max-per-core',
        takes: 'number',
        field: 'conntrack.maxPerCore',
        help: "limit of tracked connections per CPU core; 0 keeps the kernel's limit",
      },
      {
        name: 'conntrack-min',
        takes: 'number',
        field: 'conntrack.min',
        help: 'lower bound of that limit, however few the cores',
      },
      {
        name: 'conntrack-tcp-timeout-established',
        takes: 'text',
        value: DURATION,
        field: 'conntrack.tcpEstablishedTimeout',
        help: "forget an idle TCP connection after this; 0 keeps the kernel's value",
      },
      {
        name: 'conntrack-tcp-timeout-close-wait',
        takes: 'text',
        value: DURATION,
        field: 'conntrack.tcpCloseWaitTimeout',
        help: "forget a TCP connection in CLOSE_WAIT after this; 0 keeps the kernel's value",
      },
      {
        name: 'conntrack-tcp-be-liberal',
        takes: 'switch',
        field: 'conntrack.tcpBeLiberal',
        help: 'set nf_conntrack_tcp_be_liberal',
      },
      {
        name: 'conntrack-udp-timeout',
        takes: 'text',
        value: DURATION,
        field: 'conntrack.udpTimeout',
        help: "forget a UDP flow without reply after this; 0 keeps the kernel's value",
      },
      {
        name: 'conntrack-udp-timeout-stream',
        takes: 'text',
        value: DURATION,
        field: 'conntrack.udpStreamTimeout',
        help: "forget a UDP flow with replies after this; 0 keeps the kernel's value",
      },
      {
        name: 'oom-score-adj',
        takes: 'number',
        field: 'oomScoreAdj',
        help: 'how readily the kernel kills the agent when memory runs out, -1000 (never) to 1000',
      },
    ],
  },
  {
    heading: 'Health, metrics and logs:',
    flags: [
      {
        name: 'healthz-bind-address',
        takes: 'text',
        value: ADDRESS,
        field: 'healthzBindAddress',
        help: 'where to serve /healthz and /livez',
      },
      {
        name: 'metrics-bind-address',
        takes: 'text',
        value: ADDRESS,
        field: 'metricsBindAddress',
        takesEmpty: true,
        help: "where to serve /metrics; '' serves none",
      },
      {
        name: 'bind-address-hard-fail',
        takes: 'switch',
        field: 'bindAddressHardFail',
        help: 'exit if one of these addresses cannot be bound',
      },
      {
        name: 'logging-format',
        takes: 'text',
        value: '<format>',
        field: 'logging.format',
        besideFile: true,
        help: 'text or json',
      },
      {
        name: 'v',
        short: 'v',
        takes: 'number',
        value: '<level>',
        field: 'logging.verbosity',
        besideFile: true,
        help: 'how much to log',
      },
      {
        name: 'profiling',
        takes: 'switch',
        field: 'enableProfiling',
        help: 'let PUT /debug/flags/v change how much is logged; there is no /debug/pprof (node --inspect has a profiler)',
      },
      ...(['text', 'json'] as const).map(
        (format): Flag => ({
          name: `log-${format}-split-stream`,
          takes: 'switch',
          field: `logging.options.${format}.splitStream`,
          besideFile: true,
          help: `in ${format} format, write errors to standard error and the rest to standard output`,
        }),
      ),
    ],
  },
  {
    heading: 'Instead of running:',
    flags: [
      {
        name: 'dry-run',
        takes: 'switch',
        setting: 'dryRun',
        help: 'log what would change, but write nothing to the kernel',
      },
      {
        name: 'init-only',
        takes: 'switch',
        setting: 'initOnly',
        help: 'do what needs full root privileges, then exit; CAP_NET_ADMIN is enough afterwards',
      },
      {
        name: 'cleanup',
        takes: 'switch',
        setting: 'cleanup',
        help: 'remove all rules of svc2ipt and kube-proxy from the kernel, then exit',
      },
      {
        name: 'write-config-to',
        takes: 'text',
        value: FILE,
        setting: 'writeConfigTo',
        help: 'write the configuration to this file, with all defaults, then exit',
      },
    ],
  },
  {
    heading: 'Accepted because kube-proxy has them, but without effect:',
    flags: [
      {
        name: 'feature-gates',
        takes: 'gates',
        value: '<name=bool,...>',
        field: 'featureGates',
        whyNoEffect: 'feature gates switch code of kube-proxy only',
      },
      {
        name: 'config-sync-period',
        takes: 'text',
        value: DURATION,
        field: 'configSyncPeriod',
        whyNoEffect: 'watches report every change',
      },
      { name: 'kube-api-burst', takes: 'number', field: 'clientConnection.burst', whyNoEffect: FEW_REQUESTS },
      { name: 'kube-api-qps', takes: 'number', field: 'clientConnection.qps', whyNoEffect: FEW_REQUESTS },
      {
        name: 'kube-api-content-type',
        takes: 'text',
        field: 'clientConnection.contentType',
        whyNoEffect: 'svc2ipt speaks JSON with the API server',
      },
      {
        name: 'show-hidden-metrics-for-version',
        takes: 'text',
        value: '<version>',
        field: 'showHiddenMetricsForVersion',
        whyNoEffect: 'no metric is hidden',
      },
      {
        name: 'vmodule',
        takes: 'patterns',
        value: '<pattern=level,...>',
        field: 'logging.vmodule',
        besideFile: true,
        whyNoEffect: "it names files of kube-proxy's code; -v applies to all of svc2ipt",
      },
      {
        name: 'log-flush-frequency',
        takes: 'text',
        value: DURATION,
        field: 'logging.flushFrequency',
        besideFile: true,
        whyNoEffect: UNBUFFERED,
      },
      ...(['text', 'json'] as const).map(
        (format): Flag => ({
          name: `log-${format}-info-buffer-size`,
          takes: 'text',
          value: '<size>',
          field: `logging.options.${format}.infoBufferSize`,
          besideFile: true,
          whyNoEffect: UNBUFFERED,
        }),
      ),
      { name: 'machine-id-file', takes: 'text', value: '<files>', whyNoEffect: NO_IDENTITY },
      { name: 'boot-id-file', takes: 'text', value: '<files>', whyNoEffect: NO_IDENTITY },
      { name: 'ipvs-scheduler', takes: 'text', field: 'ipvs.scheduler', whyNoEffect: NO_IPVS },
      {
        name: 'ipvs-exclude-cidrs',
        takes: 'list',
        value: '<ranges>',
        field: 'ipvs.excludeCIDRs',
        whyNoEffect: NO_IPVS,
      },
      { name: 'ipvs-strict-arp', takes: 'switch', field: 'ipvs.strictARP', whyNoEffect: NO_IPVS },
      ...(
        [
          ['ipvs-sync-period', 'ipvs.syncPeriod'],
          ['ipvs-min-sync-period', 'ipvs.minSyncPeriod'],
          ['ipvs-tcp-timeout', 'ipvs.tcpTimeout'],
          ['ipvs-tcpfin-timeout', 'ipvs.tcpFinTimeout'],
          ['ipvs-udp-timeout', 'ipvs.udpTimeout'],
        ] as const
      ).map(([name, field]): Flag => ({ name, takes: 'text', value: DURATION, field, whyNoEffect: NO_IPVS })),
      {
        name: 'healthz-port',
        takes: 'text',
        hidden: true,
        whyNoEffect: 'it is deprecated; set the port in --healthz-bind-address',
      },
      {
        name: 'metrics-port',
        takes: 'text',
        hidden: true,
        whyNoEffect: 'it is deprecated; set the port in --metrics-bind-address',
      },
    ],
  },
];

export const FLAGS: readonly Flag[] = FLAG_GROUPS.flatMap(({ flags }) => flags);

/** How a flag is spelled in messages: `--masquerade-all`, `-v`. */
export function spelled({ name, short }: Flag): string {
  return short ? `-${short}` : `--${name}`;
}
