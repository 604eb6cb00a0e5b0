/**
 * The metrics by name. Those that begin with `kubeproxy_` and `rest_client_` are kube-proxy v1.36's, with its labels
 * and buckets, so that dashboards and alerts go on; those that begin with `svc2ipt_` are ours.
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
      help: 'Packets dropped because conntrack could make nothing of them.',
    },
  ],
  [
    'localhost_nps_accepted_pkts',
    {
      name: 'kubeproxy_iptables_localhost_nodeports_accepted_packets_total',
      help: 'Packets to node ports on a loopback address.',
    },
  ],
]);

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
    syncSeconds: seconds(`${PREFIX}_duration_seconds`, 'How long syncs took, in seconds.', SYNC_SECONDS),
    fullSyncSeconds: seconds(
      'kubeproxy_sync_full_proxy_rules_duration_seconds',
      'How long syncs took that looked at everything, in seconds.',
      SYNC_SECONDS,
    ),
    partialSyncSeconds: seconds(
      'kubeproxy_sync_partial_proxy_rules_duration_seconds',
      'How long syncs took that looked only at what had changed, in seconds.',
      SYNC_SECONDS,
    ),
    programmingSeconds: seconds(
      'kubeproxy_network_programming_duration_seconds',
      'From the change of a Pod or Service to the rules for it, in seconds, by the clocks of both machines.',
      PROGRAMMING_SECONDS,
    ),
    serviceChangesPending: gauge(`${PREFIX}_service_changes_pending`, 'Changes of Services not written yet.'),
    serviceChanges: counter(`${PREFIX}_service_changes_total`, 'Changes of Services.'),
    endpointChangesPending: gauge(
      `${PREFIX}_endpoint_changes_pending`,
      'Changes of EndpointSlices not written yet.',
    ),
    endpointChanges: counter(`${PREFIX}_endpoint_changes_total`, 'Changes of EndpointSlices.'),
    rulesLast: gauge(`${PREFIX}_iptables_last`, 'Rules that the last sync wrote.', 'ip_family', 'table'),
    rulesTotal: gauge(`${PREFIX}_iptables_total`, 'Rules in the chains that are ours.', 'ip_family', 'table'),
    restoreFailures: counter(
      `${PREFIX}_iptables_restore_failures_total`,
      'Syncs that failed because iptables-restore refused the rules.',
      'ip_family',
    ),
    partialRestoreFailures: counter(
      `${PREFIX}_iptables_partial_restore_failures_total`,
      'Of those, the syncs of only what had changed.',
      'ip_family',
    ),
    lastQueued: gauge(
      `${PREFIX}_last_queued_timestamp_seconds`,
      'When a sync was last asked for, in seconds since 1970.',
      'ip_family',
    ),
    lastSynced: gauge(
      `${PREFIX}_last_timestamp_seconds`,
      'When a sync last succeeded, in seconds since 1970.',
      'ip_family',
    ),
    withoutLocalEndpoints: gauge(
      `${PREFIX}_no_local_endpoints_total`,
      'Service ports with a Local traffic policy whose endpoints are all on other nodes.',
      'ip_family',
      'traffic_policy',
    ),
    healthzAnswers: counter('kubeproxy_proxy_healthz_total', 'Answers of /healthz by HTTP status.', 'code'),
    livezAnswers: counter('kubeproxy_proxy_livez_total', 'Answers of /livez by HTTP status.', 'code'),
    apiRequests: counter(
      'rest_client_requests_total',
      'Requests to the Kubernetes API, by HTTP status, method and host.',
      'code',
      'host',
      'method',
    ),

    buildInfo: gauge('svc2ipt_build_info', 'Always 1; the version is in the label.', 'version'),
    syncFailures: counter(
      'svc2ipt_sync_failures_total',
      'Syncs that failed, for whatever reason.',
      'ip_family',
    ),
    restoreLines: counter('svc2ipt_restore_lines_total', 'Lines given to iptables-restore.', 'ip_family'),
    chainsWritten: counter(
      'svc2ipt_chains_written_total',
      'Chains that syncs made, changed or removed.',
      'ip_family',
      'table',
    ),
    driftFound: counter(
      'svc2ipt_drift_found_total',
      'How often the kernel did not hold what had been written.',
      'ip_family',
    ),
    sourceFailures: counter(
      'svc2ipt_source_failures_total',
      'How often what the cluster is read from could not be read.',
      'resource',
    ),
    invalidObjects: counter('svc2ipt_invalid_objects_total', 'Objects that could not be used.'),
  };
}
