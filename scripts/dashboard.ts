/** The dashboard of the agents' metrics, as Grafana takes it: deploy/chart/files/dashboard.json is made of it. */
import { type Dashboard, type Panel, ThresholdsMode } from '@grafana/schema';

/** What a panel shows. */
interface View {
  readonly title: string;
  /** What it says, and when to worry. */
  readonly description: string;
  /** Queries by what their series are called: `{{instance}}` is the node. */
  readonly queries: Readonly<Record<string, string>>;
  /** Grafana's name of a unit. */
  readonly unit?: string;
  /** One number instead of lines: from these values on it is orange and red. */
  readonly stat?: { readonly orange?: number; readonly red?: number };
}

interface Row {
  readonly title: string;
  readonly collapsed?: boolean;
  readonly views: readonly View[];
}

/** The agents that are looked at. */
const OF = 'job="svc2ipt", instance=~"$instance"';
const KUBE_PROXY = 'kubeproxy_sync_proxy_rules';
const perSecond = (metric: string, by: string) => `sum by (${by}) (rate(${metric}{${OF}}[$__rate_interval]))`;
const quantile = (share: number, metric: string, by: string) =>
  `histogram_quantile(${share}, sum by (${by}) (rate(${metric}_bucket{${OF}}[$__rate_interval])))`;

const ROWS: readonly Row[] = [
  {
    title: 'Is all well?',
    views: [
      {
        title: 'Agents',
        description: 'Agents that answer, of all that Prometheus knows.',
        queries: { up: `sum(up{${OF}})`, known: `count(up{${OF}})` },
        stat: {},
      },
      {
        title: 'Nodes with changes that wait',
        description: 'More than 0 for minutes: changes of Services are not written.',
        queries: {
          nodes: `sum(max by (instance) (${KUBE_PROXY}_last_queued_timestamp_seconds{${OF}} > bool ${KUBE_PROXY}_last_timestamp_seconds{${OF}}))`,
        },
        stat: { orange: 1 },
      },
      {
        title: 'Failed syncs in an hour',
        description: 'The log of the agent says why.',
        queries: { syncs: `sum(increase(svc2ipt_sync_failures_total{${OF}}[1h]))` },
        stat: { orange: 1, red: 10 },
      },
      {
        title: 'Nodes without the API server',
        description: 'Their rules stay as they are, and follow no change.',
        queries: { nodes: `sum(svc2ipt_source_failing{${OF}} > bool 0)` },
        stat: { red: 1 },
      },
      {
        title: 'Fullest table of connections',
        description: 'Of all nodes. When it is full, the kernel drops packets of new connections.',
        queries: { full: `max(svc2ipt_conntrack_entries{${OF}} / svc2ipt_conntrack_limit{${OF}})` },
        unit: 'percentunit',
        stat: { orange: 0.7, red: 0.9 },
      },
      {
        title: 'Versions',
        description: 'Agents by version of svc2ipt.',
        queries: { '{{version}}': `count by (version) (svc2ipt_build_info{${OF}})` },
        stat: {},
      },
    ],
  },
  {
    title: 'From a change to its rules',
    views: [
      {
        title: 'From a change of endpoints to its rules',
        description:
          'As the cluster feels it: from the Pod that changed to rules on the node. 99 % are faster than p99.',
        queries: {
          p99: quantile(0.99, 'kubeproxy_network_programming_duration_seconds', 'le'),
          p50: quantile(0.5, 'kubeproxy_network_programming_duration_seconds', 'le'),
        },
        unit: 's',
      },
      {
        title: 'How long a sync takes (p99)',
        description: 'Compiling and writing.',
        queries: { '{{instance}}': quantile(0.99, `${KUBE_PROXY}_duration_seconds`, 'le, instance') },
        unit: 's',
      },
      {
        title: 'Syncs',
        description: 'A full one looks at all rules, a partial one at those that changed.',
        queries: {
          'full {{ip_family}}': perSecond(
            'kubeproxy_sync_full_proxy_rules_duration_seconds_count',
            'ip_family',
          ),
          'partial {{ip_family}}': perSecond(
            'kubeproxy_sync_partial_proxy_rules_duration_seconds_count',
            'ip_family',
          ),
        },
        unit: 'ops',
      },
      {
        title: 'Changes of the cluster',
        description: 'As the agents see them: each change comes to each node.',
        queries: {
          Services: `sum(rate(${KUBE_PROXY}_service_changes_total{${OF}}[$__rate_interval]))`,
          EndpointSlices: `sum(rate(${KUBE_PROXY}_endpoint_changes_total{${OF}}[$__rate_interval]))`,
        },
        unit: 'ops',
      },
      {
        title: 'Changes that wait',
        description: 'Not written yet. A line that stays above 0 is a node to look at.',
        queries: {
          '{{instance}}': `${KUBE_PROXY}_service_changes_pending{${OF}} + ${KUBE_PROXY}_endpoint_changes_pending{${OF}}`,
        },
      },
    ],
  },
  {
    title: 'Rules',
    views: [
      {
        title: 'Rules in the kernel',
        description: 'On the node with most of them.',
        queries: {
          '{{ip_family}} {{table}}': `max by (ip_family, table) (${KUBE_PROXY}_iptables_total{${OF}})`,
        },
      },
      {
        title: 'Lines written to iptables-restore',
        description: 'What changes cost.',
        queries: { '{{instance}}': perSecond('svc2ipt_restore_lines_total', 'instance') },
        unit: 'ops',
      },
      {
        title: 'Chains added, changed or removed',
        description: 'By table, on all nodes.',
        queries: { '{{ip_family}} {{table}}': perSecond('svc2ipt_chains_written_total', 'ip_family, table') },
        unit: 'ops',
      },
      {
        title: 'Service ports that drop traffic on a node',
        description: 'Their policy is Local, and all their endpoints are on other nodes.',
        queries: {
          '{{traffic_policy}} {{ip_family}}': `max by (traffic_policy, ip_family) (${KUBE_PROXY}_no_local_endpoints_total{${OF}})`,
        },
      },
    ],
  },
  {
    title: 'What goes wrong',
    views: [
      {
        title: 'Failed syncs',
        description: 'Whatever the reason; the next attempt comes after a second to a minute.',
        queries: {
          '{{instance}}': `sum by (instance) (increase(svc2ipt_sync_failures_total{${OF}}[$__rate_interval]))`,
        },
      },
      {
        title: 'Refused rules',
        description: 'How often iptables-restore refused what it was given.',
        queries: {
          '{{instance}}': `sum by (instance) (increase(${KUBE_PROXY}_iptables_restore_failures_total{${OF}}[$__rate_interval]))`,
        },
      },
      {
        title: 'Rules that others changed',
        description: 'How often another program changed our rules, and the agent repaired them.',
        queries: {
          '{{instance}}': `sum by (instance) (increase(svc2ipt_drift_found_total{${OF}}[$__rate_interval]))`,
        },
      },
      {
        title: 'Resources that cannot be read',
        description: 'Of the API server, now.',
        queries: { '{{instance}}': `svc2ipt_source_failing{${OF}}` },
      },
      {
        title: 'Invalid objects',
        description: 'Ignored; an Event on the Service says what is wrong.',
        queries: {
          '{{instance}}': `increase(svc2ipt_invalid_objects_total{${OF}}[$__rate_interval])`,
        },
      },
      {
        title: 'Answers of the API server',
        description: 'By status; `<error>` where none came.',
        queries: { '{{code}}': perSecond('rest_client_requests_total', 'code') },
        unit: 'reqps',
      },
    ],
  },
  {
    title: 'Node and process',
    views: [
      {
        title: 'Connections that the kernel tracks',
        description: 'The limit is `net.netfilter.nf_conntrack_max`, which the configuration can raise.',
        queries: {
          '{{instance}}': `svc2ipt_conntrack_entries{${OF}}`,
          'least limit': `min(svc2ipt_conntrack_limit{${OF}})`,
        },
      },
      {
        title: 'Memory',
        description: 'Resident, of the agent itself.',
        queries: { '{{instance}}': `process_resident_memory_bytes{${OF}}` },
        unit: 'bytes',
      },
      {
        title: 'Processor',
        description: 'Cores in use by the agent itself, without the programs that it runs.',
        queries: { '{{instance}}': `rate(process_cpu_seconds_total{${OF}}[$__rate_interval])` },
      },
      {
        title: 'How late the agent is (p99)',
        description: 'Of its event loop. Seconds mean that the node is short of processor time.',
        queries: { '{{instance}}': `nodejs_eventloop_lag_p99_seconds{${OF}}` },
        unit: 's',
      },
    ],
  },
  {
    title: 'Services (with svc2ipt.serviceMetrics)',
    collapsed: true,
    views: [
      {
        title: 'New connections: the ten busiest Services',
        description: 'As rules have counted them on all nodes.',
        queries: {
          '{{namespace}}/{{service}}': `topk(10, ${perSecond('svc2ipt_service_connections_total', 'namespace, service')})`,
        },
        unit: 'cps',
      },
      {
        title: 'Refused packets',
        description: 'The Service has no endpoints.',
        queries: {
          '{{namespace}}/{{service}}': `topk(10, ${perSecond('svc2ipt_service_refused_packets_total', 'namespace, service')})`,
        },
        unit: 'pps',
      },
      {
        title: 'Dropped packets',
        description: 'No endpoint is on the node (policy Local), or no source range has the sender.',
        queries: {
          '{{namespace}}/{{service}}': `topk(10, ${perSecond('svc2ipt_service_dropped_packets_total', 'namespace, service')})`,
        },
        unit: 'pps',
      },
      {
        title: 'Fewest usable endpoints',
        description: 'Services that are next to have none.',
        queries: {
          '{{namespace}}/{{service}}:{{port}}': `bottomk(10, min by (namespace, service, port) (svc2ipt_service_endpoints_usable{${OF}}))`,
        },
      },
    ],
  },
];

/** Grafana's grid has 24 columns. */
const COLUMNS = 24;
const HEIGHTS = { row: 1, stat: 4, graph: 8 };

// biome-ignore lint/suspicious/noTemplateCurlyInString: it is Grafana that replaces it.
const DATASOURCE = { type: 'prometheus', uid: '${datasource}' };

/** The dashboard, for Grafana 10 and later. */
export function dashboard(): Dashboard {
  const panels: NonNullable<Dashboard['panels']> = [];
  let id = 0;
  let y = 0;
  for (const { title, collapsed = false, views } of ROWS) {
    id++;
    const rowAt = { h: HEIGHTS.row, w: COLUMNS, x: 0, y };
    y += HEIGHTS.row;
    const width = COLUMNS / (views.some(({ stat }) => stat) ? 6 : views.length % 2 === 0 ? 2 : 3);
    const height = views.some(({ stat }) => stat) ? HEIGHTS.stat : HEIGHTS.graph;
    const inside = views.map((view, i) => {
      const x = (i * width) % COLUMNS;
      if (i > 0 && x === 0) y += height;
      return panel(view, ++id, { h: height, w: width, x, y });
    });
    y += height;
    panels.push({
      type: 'row',
      id: id - inside.length,
      title,
      collapsed,
      gridPos: rowAt,
      panels: collapsed ? inside : [],
    });
    if (!collapsed) panels.push(...inside);
  }
  return {
    title: 'svc2ipt',
    uid: 'svc2ipt',
    description: 'The agents that write the rules of Services on nodes.',
    tags: ['kubernetes', 'networking'],
    schemaVersion: 39,
    editable: true,
    timezone: 'browser',
    refresh: '1m',
    time: { from: 'now-6h', to: 'now' },
    templating: {
      list: [
        { type: 'datasource', name: 'datasource', label: 'Prometheus', query: 'prometheus' },
        {
          type: 'query',
          name: 'instance',
          label: 'Node',
          datasource: DATASOURCE,
          query: 'label_values(svc2ipt_build_info{job="svc2ipt"}, instance)',
          multi: true,
          includeAll: true,
          allValue: '.*',
          current: { selected: true, text: 'All', value: '$__all' },
        },
      ],
    },
    panels,
  };
}

function panel(
  { title, description, queries, unit, stat }: View,
  id: number,
  gridPos: NonNullable<Panel['gridPos']>,
): Panel {
  return {
    id,
    type: stat ? 'stat' : 'timeseries',
    title,
    description,
    datasource: DATASOURCE,
    gridPos,
    targets: Object.entries(queries).map(([legendFormat, expr], i) => ({
      refId: String.fromCharCode('A'.charCodeAt(0) + i),
      expr,
      legendFormat,
      ...(stat && { instant: true }),
    })),
    fieldConfig: {
      defaults: {
        unit: unit ?? 'short',
        min: 0,
        ...(stat && { thresholds: thresholds(stat) }),
      },
      overrides: [],
    },
    ...(stat && { options: { colorMode: 'background', graphMode: 'none', textMode: 'auto' } }),
  };
}

function thresholds({ orange, red }: NonNullable<View['stat']>) {
  const steps = [
    { color: 'green', value: null },
    ...(orange === undefined ? [] : [{ color: 'orange', value: orange }]),
    ...(red === undefined ? [] : [{ color: 'red', value: red }]),
  ];
  return { mode: ThresholdsMode.Absolute, steps };
}
