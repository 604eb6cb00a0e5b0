/**
 * The metrics by name. Those that begin with `kubeproxy_` and `rest_client_` are kube-proxy v1.36's, with its labels,
 * buckets and help, so that dashboards and alerts go on; those that begin with `svc2ipt_` are ours.
 */
import { Counter, exponentialBuckets, Gauge, Histogram, type Registry } from 'prom-client';

const PREFIX = 'kubeproxy_sync_proxy_rules';

/** From a millisecond to 16 seconds. */
const SYNC_SECONDS = exponentialBuckets(0.001, 2, 15);

/** Every second to one minute, then coarser up to five; kube-proxy has a bucket for 0, too. */
const PROGRAMMING_SECONDS = [
  ...[0, 0.25, 0.5],
  ...steps(1, 60, 1),
  ...steps(65, 115, 5),
  ...steps(120, 300, 30),
];

function steps(first: number, last: number, width: number): number[] {
  return Array.from({ length: (last - first) / width + 1 }, (_, i) => first + i * width);
}

/** The metrics of kube-proxy that count packets, by the nfacct object that they are read from. */
export const PACKET_METRICS: ReadonlyMap<string, { readonly name: string; readonly help: string }> = new Map([
  [
    'ct_state_invalid_dropped_pkts',
    {
      name: 'kubeproxy_iptables_ct_state_invalid_dropped_packets_total',
      help: 'packets dropped by iptables to work around conntrack problems',
    },
  ],
  [
    'localhost_nps_accepted_pkts',
    {
      name: 'kubeproxy_iptables_localhost_nodeports_accepted_packets_total',
      help: 'Number of packets accepted on nodeports of loopback interface',
    },
  ],
]);

/** The metrics of the table of tracked connections, by what is read of it. */
export const CONNTRACK_METRICS = [
  ['entries', 'svc2ipt_conntrack_entries', 'Connections that the kernel tracks on this node.'],
  ['limit', 'svc2ipt_conntrack_limit', 'Connections that the kernel tracks at most on this node.'],
] as const;

/** Makes the metrics and registers them. */
export function defineMetrics(registry: Registry) {
  const registers = [registry];
  const counter = <L extends string>(name: string, help: string, ...labelNames: L[]) =>
    new Counter({ name, help, labelNames, registers });
  const gauge = <L extends string>(name: string, help: string, ...labelNames: L[]) =>
    new Gauge({ name, help, labelNames, registers });
  const seconds = (name: string, help: string, buckets: number[]) =>
    new Histogram({ name, help, buckets, labelNames: ['ip_family'], registers });

  return {
    syncSeconds: seconds(`${PREFIX}_duration_seconds`, 'SyncProxyRules latency in seconds', SYNC_SECONDS),
    fullSyncSeconds: seconds(
      'kubeproxy_sync_full_proxy_rules_duration_seconds',
      'SyncProxyRules latency in seconds for full resyncs',
      SYNC_SECONDS,
    ),
    partialSyncSeconds: seconds(
      'kubeproxy_sync_partial_proxy_rules_duration_seconds',
      'SyncProxyRules latency in seconds for partial resyncs',
      SYNC_SECONDS,
    ),
    programmingSeconds: seconds(
      'kubeproxy_network_programming_duration_seconds',
      'In Cluster Network Programming Latency in seconds',
      PROGRAMMING_SECONDS,
    ),
    serviceChangesPending: gauge(`${PREFIX}_service_changes_pending`, 'Pending proxy rules Service changes'),
    serviceChanges: counter(`${PREFIX}_service_changes_total`, 'Cumulative proxy rules Service changes'),
    endpointChangesPending: gauge(
      `${PREFIX}_endpoint_changes_pending`,
      'Pending proxy rules Endpoint changes',
    ),
    endpointChanges: counter(`${PREFIX}_endpoint_changes_total`, 'Cumulative proxy rules Endpoint changes'),
    rulesLast: gauge(
      `${PREFIX}_iptables_last`,
      'Number of iptables rules written by kube-proxy in last sync',
      'ip_family',
      'table',
    ),
    rulesTotal: gauge(
      `${PREFIX}_iptables_total`,
      'Total number of iptables rules owned by kube-proxy',
      'ip_family',
      'table',
    ),
    restoreFailures: counter(
      `${PREFIX}_iptables_restore_failures_total`,
      'Cumulative proxy iptables restore failures',
      'ip_family',
    ),
    partialRestoreFailures: counter(
      `${PREFIX}_iptables_partial_restore_failures_total`,
      'Cumulative proxy iptables partial restore failures',
      'ip_family',
    ),
    lastQueued: gauge(
      `${PREFIX}_last_queued_timestamp_seconds`,
      'The last time a sync of proxy rules was queued',
      'ip_family',
    ),
    lastSynced: gauge(
      `${PREFIX}_last_timestamp_seconds`,
      'The last time proxy rules were successfully synced',
      'ip_family',
    ),
    withoutLocalEndpoints: gauge(
      `${PREFIX}_no_local_endpoints_total`,
      'Number of services with a Local traffic policy and no endpoints',
      'ip_family',
      'traffic_policy',
    ),
    flowsSeconds: seconds(
      'kubeproxy_conntrack_reconciler_sync_duration_seconds',
      'ReconcileConntrackFlowsLatency latency in seconds',
      SYNC_SECONDS,
    ),
    flowsDeleted: counter(
      'kubeproxy_conntrack_reconciler_deleted_entries_total',
      'Cumulative conntrack flows deleted by conntrack reconciler',
      'ip_family',
    ),
    healthzAnswers: counter('kubeproxy_proxy_healthz_total', 'Cumulative proxy healthz HTTP status', 'code'),
    livezAnswers: counter('kubeproxy_proxy_livez_total', 'Cumulative proxy livez HTTP status', 'code'),
    apiRequests: counter(
      'rest_client_requests_total',
      'Number of HTTP requests, partitioned by status code, method, and host.',
      'code',
      'host',
      'method',
    ),

    buildInfo: gauge('svc2ipt_build_info', 'Always 1, with the version as a label.', 'version'),
    syncFailures: counter('svc2ipt_sync_failures_total', 'Failed syncs, whatever the reason.', 'ip_family'),
    restoreLines: counter('svc2ipt_restore_lines_total', 'Lines written to iptables-restore.', 'ip_family'),
    chainsWritten: counter(
      'svc2ipt_chains_written_total',
      'Chains that syncs added, changed or removed.',
      'ip_family',
      'table',
    ),
    driftFound: counter(
      'svc2ipt_drift_found_total',
      'How often the kernel differed from the rules written last.',
      'ip_family',
    ),
    sourceFailures: counter(
      'svc2ipt_source_failures_total',
      'Failed reads from the API server or the watched folder.',
      'resource',
    ),
    sourceFailing: gauge(
      'svc2ipt_source_failing',
      'How many resources cannot be read from the API server now.',
    ),
    invalidObjects: counter('svc2ipt_invalid_objects_total', 'Invalid objects that were ignored.'),
  };
}
