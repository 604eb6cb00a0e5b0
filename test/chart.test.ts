/** The chart in `deploy/chart`, rendered by helm itself: what it comes to, what it refuses, and what it is made of. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { IPodMonitor } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1';
import { Ajv } from 'ajv';
import { execa } from 'execa';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { ALERTS, alertsFile, chartFiles } from '../scripts/chart-files.ts';
import { chartSchema } from '../scripts/chart-values.ts';
import { agentSettings } from '../src/agent/settings/settings.ts';
import { DEFAULT_CONFIGURATION } from '../src/api/kube-proxy-defaults.ts';
import { givenConfigurationSchema } from '../src/api/kube-proxy-fields.ts';
import { LAYOUT_NAMES } from '../src/api/layout-names.ts';
import { printConfiguration } from '../src/api/print-configuration.ts';
import { parseConfigurationLeniently } from '../src/sources/configuration.ts';
import { givenFlags } from './support/agent-arguments.ts';
import { CHART, HELM_FOLDER, helm, rendered } from './support/helm.ts';
import { problemsOf } from './support/kubernetes-schemas.ts';
import { PROJECT } from './support/project.ts';
import { isInstalled } from './support/terminal.ts';

const read = (path: string) => readFileSync(join(PROJECT, path), 'utf8');

/** The least that somebody sets. */
const LEAST = {
  apiServer: 'https://control-plane.example:6443',
  configuration: { clusterCIDR: '10.244.0.0/16' },
};

const object = z.looseObject({
  kind: z.string(),
  metadata: z.looseObject({ name: z.string(), namespace: z.string().optional() }),
});
const pod = z.looseObject({
  containers: z.tuple([z.looseObject({ args: z.array(z.string()), ports: z.array(z.unknown()) })]),
  volumes: z.array(z.unknown()),
  affinity: z.unknown().optional(),
});
const daemonSet = z.looseObject({ spec: z.looseObject({ template: z.looseObject({ spec: pod }) }) });
const configMap = z.looseObject({ data: z.record(z.string(), z.string()) });

const ofKind = <Schema extends z.ZodType>(kind: string, schema: Schema, among: readonly unknown[]) =>
  schema.parse(among.find((one) => object.parse(one).kind === kind));
const kindsOf = (objects: readonly unknown[]) => objects.map((one) => object.parse(one).kind).sort();
const podOf = (objects: readonly unknown[]) => ofKind('DaemonSet', daemonSet, objects).spec.template.spec;

describe('what is made for it is up to date (npm run chart)', async () => {
  test.each([...(await chartFiles(PROJECT))])('%s', (path, text) => expect(read(path)).toBe(text));
});

/** An object without what only a release has. */
function withoutRelease(one: unknown): unknown {
  const own = /^(helm\.sh\/chart|app\.kubernetes\.io\/(instance|version|managed-by))$/;
  return JSON.parse(JSON.stringify(one, (key, value) => (own.test(key) ? undefined : value)));
}

/** With the texts of a ConfigMap as what they mean. */
function meaningOf(one: unknown): unknown {
  const { success, data: found } = configMap.safeParse(one);
  if (!success) return one;
  const data = Object.entries(found.data).map(([key, text]) => [
    key,
    parseAllDocuments(text).map((document): unknown => document.toJS()),
  ]);
  return { ...found, data: Object.fromEntries(data) };
}

describe.skipIf(HELM_FOLDER === undefined)('rendered by helm', () => {
  test('with no more than the address and the ranges, it is the Kustomize base', async () => {
    const base = ['serviceaccount', 'rbac', 'configmap', 'daemonset'].flatMap((name) =>
      parseAllDocuments(read(`deploy/base/manifests/${name}.yaml`)).map((document): unknown =>
        document.toJS(),
      ),
    );
    const objects = (await rendered(LEAST)).map((one) => meaningOf(withoutRelease(one)));
    const byName = (all: readonly unknown[]) =>
      new Map(all.map((one) => [`${object.parse(one).kind} ${object.parse(one).metadata.name}`, one]));
    expect(byName(objects)).toEqual(byName(base.map(meaningOf)));
  });

  const MONITORED = {
    podMonitor: { enabled: true },
    alerts: { enabled: true },
    dashboard: { enabled: true },
    networkPolicy: { enabled: true, from: [{ podSelector: {} }] },
  };
  const CASES: readonly (readonly [string, object])[] = [
    ['the least', LEAST],
    ...LAYOUT_NAMES.map((layout) => [`the ${layout} layout`, { ...LEAST, svc2ipt: { layout } }] as const),
    ['all monitoring', { ...LEAST, ...MONITORED }],
    ["kubeadm's ConfigMap", { existingConfigMap: 'kube-proxy', sideBySide: { enabled: true } }],
    [
      'everything else',
      {
        ...LEAST,
        ...MONITORED,
        image: {
          repository: 'registry.example/svc2ipt',
          tag: '9',
          digest: `sha256:${'0'.repeat(64)}`,
          pullPolicy: 'Always',
        },
        imagePullSecrets: [{ name: 'registry' }],
        fullnameOverride: 'proxy',
        svc2ipt: {
          layout: 'fast',
          rejectUnassigned: true,
          legacyPortNames: false,
          commandTimeout: '1m',
          serviceMetrics: { maxSeries: 1_000_000 },
        },
        configuration: {
          ...LEAST.configuration,
          healthzBindAddress: '0.0.0.0:11256',
          metricsBindAddress: '[::]:11249',
          nodePortAddresses: ['primary', '10.0.0.0/8'],
          logging: { format: 'json', verbosity: 2 },
          conntrack: { maxPerCore: 65_536, min: 1_048_576, tcpEstablishedTimeout: '2h' },
          hostnameOverride: null,
        },
        backend: 'nft',
        extraArgs: ['--service-cluster-ip-range=10.96.0.0/12'],
        sideBySide: { enabled: true },
        affinity: { podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [] } },
        tolerations: [{ key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' }],
        podAnnotations: { a: 'b' },
        podLabels: { c: 'd' },
        serviceAccount: { name: 'other', annotations: { e: 'f' } },
        podMonitor: { enabled: true, interval: '15s', labels: { release: 'prometheus' } },
        global: { of: 'another chart' },
      },
    ],
    [
      'nothing privileged',
      { ...LEAST, prepareNode: false, rbac: { create: false }, serviceAccount: { create: false } },
    ],
  ];

  describe.each(CASES)('%s', (_, values) => {
    test('Kubernetes takes the objects, and helm finds nothing to say against them', async () => {
      for (const one of await rendered(values)) expect(problemsOf(one)).toEqual([]);
      const { exitCode, stdout, stderr } = await helm(['lint', '--strict', CHART, '--values', '-'], values);
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
      expect(stdout).toContain('1 chart(s) linted, 0 chart(s) failed');
    });

    test('the agent takes its configuration and its options without a warning', async () => {
      const objects = await rendered(values);
      const [{ args }] = podOf(objects).containers;
      const own = kindsOf(objects).includes('ConfigMap') && !('existingConfigMap' in values);
      const text = own
        ? ofKind('ConfigMap', configMap, objects).data['config.conf']
        : ofKind('ConfigMap', configMap, kubeadmObjects()).data['config.conf'];
      const file = parseConfigurationLeniently({ name: 'config.conf', text: text ?? '' });
      const { settings, warnings } = agentSettings(givenFlags(args.slice(1)), file.configuration);
      expect([...file.warnings, ...warnings]).toEqual([]);
      expect(settings.kubeconfig).toBe('/var/lib/kube-proxy/kubeconfig.conf');
      const wanted = z.looseObject({ svc2ipt: z.looseObject({ layout: z.string().optional() }).optional() });
      expect(settings.own.layout).toBe(wanted.parse(values).svc2ipt?.layout);
    });
  });

  test('what is written is what was said, ports among it', async () => {
    const objects = await rendered(CASES.find(([name]) => name === 'everything else')?.[1] ?? {});
    const names = objects
      .map((one) => object.parse(one))
      .map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    expect(names.sort()).toEqual([
      'ClusterRole proxy',
      'ClusterRoleBinding proxy',
      'ConfigMap proxy',
      'ConfigMap proxy-dashboard',
      'DaemonSet proxy',
      'NetworkPolicy proxy',
      'PodMonitor proxy',
      'PrometheusRule proxy',
      'ServiceAccount other',
    ]);
    expect(podOf(objects).containers).toMatchObject([
      {
        image: `registry.example/svc2ipt:9@sha256:${'0'.repeat(64)}`,
        imagePullPolicy: 'Always',
        args: [
          'agent',
          '--config=/var/lib/kube-proxy/config.conf',
          '--hostname-override=$(NODE_NAME)',
          '--backend=nft',
          '--service-cluster-ip-range=10.96.0.0/12',
        ],
        ports: [
          { name: 'healthz', containerPort: 11_256, hostPort: 11_256 },
          { name: 'metrics', containerPort: 11_249, hostPort: 11_249 },
        ],
      },
    ]);
    const text = ofKind('ConfigMap', configMap, objects).data['config.conf'] ?? '';
    const { configuration } = parseConfigurationLeniently({ name: 'config.conf', text });
    expect(configuration).toMatchObject({
      kubeProxy: { healthzBindAddress: '0.0.0.0:11256', conntrack: { min: 1_048_576 }, oomScoreAdj: -997 },
      own: { layout: 'fast', commandTimeout: 60_000, serviceMetrics: { maxSeries: 1_000_000 } },
    });
  });

  describe('beside kube-proxy', () => {
    const label = { key: 'service-proxy', operator: 'In', values: ['svc2ipt'] };
    const zone = { key: 'zone', operator: 'In', values: ['a'] };
    const name = { key: 'metadata.name', operator: 'In', values: ['node-a'] };
    const required = (...nodeSelectorTerms: object[]) => ({
      nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } },
    });

    test.each<[string, object, unknown]>([
      ['nothing else', {}, required({ matchExpressions: [label] })],
      [
        'each of several terms',
        required({ matchExpressions: [zone] }, { matchFields: [name] }),
        required({ matchExpressions: [zone, label] }, { matchFields: [name], matchExpressions: [label] }),
      ],
      [
        'preferences',
        {
          nodeAffinity: {
            preferredDuringSchedulingIgnoredDuringExecution: [
              { weight: 1, preference: { matchExpressions: [zone] } },
            ],
          },
        },
        {
          nodeAffinity: {
            preferredDuringSchedulingIgnoredDuringExecution: [
              { weight: 1, preference: { matchExpressions: [zone] } },
            ],
            ...required({ matchExpressions: [label] }).nodeAffinity,
          },
        },
      ],
    ])('only nodes with the label: %s', async (_, affinity, expected) => {
      const objects = await rendered({ ...LEAST, sideBySide: { enabled: true }, affinity });
      expect(podOf(objects).affinity).toEqual(expected);
    });

    test("kubeadm's ConfigMap is used, and svc2ipt's options are those of the command line", async () => {
      const objects = await rendered({
        existingConfigMap: 'kube-proxy',
        sideBySide: { enabled: true },
        svc2ipt: { layout: 'fast', rejectUnassigned: true, legacyPortNames: true },
      });
      expect(kindsOf(objects)).not.toContain('ConfigMap');
      expect(podOf(objects).volumes).toContainEqual({ name: 'config', configMap: { name: 'kube-proxy' } });
      expect(podOf(objects).containers[0].args.slice(3)).toEqual([
        '--layout=fast',
        '--reject-unassigned',
        '--legacy-port-names',
      ]);
    });

    test('the notes patch kube-proxy as deploy/kubeadm does', async () => {
      const { stdout } = await helm(
        ['install', 'svc2ipt', CHART, '--dry-run=client', '--namespace', 'kube-system', '--values', '-'],
        { ...LEAST, sideBySide: { enabled: true } },
      );
      const [, patch = ''] = /--patch '\n([^']+)'/.exec(stdout) ?? [];
      expect(parse(patch)).toEqual(parse(read('deploy/kubeadm/kube-proxy-patch.yaml')));
    });
  });

  describe('monitoring', () => {
    test('a PodMonitor reads the port of metrics, and says which node it is', async () => {
      const objects = await rendered({
        ...LEAST,
        podMonitor: { enabled: true, labels: { release: 'prometheus' } },
      });
      const podMonitor: IPodMonitor = {
        apiVersion: 'monitoring.coreos.com/v1',
        kind: 'PodMonitor',
        metadata: {
          name: 'svc2ipt',
          namespace: 'kube-system',
          labels: { 'app.kubernetes.io/name': 'svc2ipt', release: 'prometheus' },
        },
        spec: {
          selector: { matchLabels: { 'app.kubernetes.io/name': 'svc2ipt' } },
          podMetricsEndpoints: [
            {
              port: 'metrics',
              interval: '30s',
              relabelings: [
                { sourceLabels: ['__meta_kubernetes_pod_node_name'], targetLabel: 'instance' },
                { targetLabel: 'job', replacement: 'svc2ipt' },
              ],
            },
          ],
        },
      };
      expect(objects.map(withoutRelease)).toContainEqual(podMonitor);
      const text = ofKind('ConfigMap', configMap, objects).data['config.conf'];
      expect(parse(text ?? '')).toMatchObject({ metricsBindAddress: '0.0.0.0:10249' });
    });

    const rulesOf = async (alerts: object) => {
      const objects = await rendered({ ...LEAST, alerts: { enabled: true, ...alerts } });
      const rule = ofKind('PrometheusRule', z.looseObject({ spec: alertsFile }), objects);
      return rule.spec;
    };

    test('a PrometheusRule has the alerts', async () => {
      const { groups } = alertsFile.parse(parse(read(ALERTS)));
      const rule = {
        apiVersion: 'monitoring.coreos.com/v1',
        kind: 'PrometheusRule',
        metadata: {
          name: 'svc2ipt',
          namespace: 'kube-system',
          labels: { 'app.kubernetes.io/name': 'svc2ipt' },
        },
        spec: { groups: groups.map((group) => ({ name: 'svc2ipt', ...group })) },
      };
      const objects = await rendered({ ...LEAST, alerts: { enabled: true } });
      expect(objects.map(withoutRelease)).toContainEqual(rule);
    });

    test('alerts are left out and changed by name, and get labels and links', async () => {
      const { groups } = await rulesOf({
        disabled: ['Svc2iptAbsent'],
        changed: { Svc2iptMemoryHigh: { for: '1h', labels: { severity: 'critical' } } },
        alertLabels: { team: 'network' },
        runbooks: 'https://wiki.example/alerts',
      });
      const rules = groups.flatMap((group) => group.rules);
      expect(rules.map(({ alert }) => alert)).not.toContain('Svc2iptAbsent');
      expect(rules.find(({ alert }) => alert === 'Svc2iptMemoryHigh')).toMatchObject({
        expr: 'process_resident_memory_bytes{job="svc2ipt"} > 512 * 1024 * 1024',
        for: '1h',
        labels: { severity: 'critical', team: 'network' },
        annotations: { runbook_url: 'https://wiki.example/alerts#svc2iptmemoryhigh' },
      });
    });

    test('the ConfigMap of the dashboard has the dashboard, and the label that Grafana looks for', async () => {
      const objects = await rendered({ ...LEAST, dashboard: { enabled: true } });
      const found = objects.find((one) => object.parse(one).metadata.name === 'svc2ipt-dashboard');
      expect(found).toMatchObject({ metadata: { labels: { grafana_dashboard: '1' } } });
      const { data } = configMap.parse(found);
      expect(JSON.parse(data['svc2ipt.json'] ?? '')).toEqual(
        JSON.parse(read('deploy/chart/files/dashboard.json')),
      );
    });

    test('a NetworkPolicy closes the port of metrics to others, and no other port', async () => {
      const policy = z.looseObject({
        spec: z.looseObject({
          ingress: z.array(
            z.object({
              from: z.array(z.unknown()).optional(),
              ports: z.array(
                z.object({ protocol: z.string(), port: z.int().optional(), endPort: z.int().optional() }),
              ),
            }),
          ),
        }),
      });
      const from = [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } }];
      const objects = await rendered({ ...LEAST, networkPolicy: { enabled: true, from } });
      const { ingress } = ofKind('NetworkPolicy', policy, objects).spec;
      const reachedBy = (protocol: string, port: number) =>
        ingress
          .filter(({ ports }) =>
            ports.some(
              (one) =>
                one.protocol === protocol &&
                (one.port === undefined || (port >= one.port && port <= (one.endPort ?? one.port))),
            ),
          )
          .map((rule) => rule.from ?? 'everybody');
      for (const port of [1, 22, 10_248, 10_250, 10_256, 30_000, 65_535]) {
        expect({ port, by: reachedBy('TCP', port) }).toEqual({ port, by: ['everybody'] });
      }
      expect(reachedBy('TCP', 10_249)).toEqual([from]);
      expect(reachedBy('UDP', 10_249)).toEqual(['everybody']);
    });
  });

  test.each<[string, object, RegExp]>([
    ['no address', { configuration: LEAST.configuration }, /set apiServer to the address that nodes use/],
    ['no ranges', { apiServer: LEAST.apiServer }, /set configuration\.clusterCIDR to the ranges of all Pods/],
    [
      'metrics that nobody reaches',
      {
        ...LEAST,
        podMonitor: { enabled: true },
        configuration: { ...LEAST.configuration, metricsBindAddress: '127.0.0.1:10249' },
      },
      /Prometheus reaches no metrics on 127\.0\.0\.1:10249/,
    ],
    [
      "metrics by kubeadm's ConfigMap",
      { existingConfigMap: 'kube-proxy', podMonitor: { enabled: true } },
      /set metricsBindAddress in the ConfigMap kube-proxy/,
    ],
    [
      'options that no flag has',
      { existingConfigMap: 'kube-proxy', svc2ipt: { serviceMetrics: {} } },
      /svc2ipt\.serviceMetrics has no option of the command line/,
    ],
    [
      'an alert that is not there',
      { ...LEAST, alerts: { disabled: ['Svc2iptDowm'] } },
      /there is no alert Svc2iptDowm; there are Svc2iptDown, /,
    ],
    ['a value that is not there', { ...LEAST, tolerationz: [] }, /tolerationz/],
    [
      'a field that is not there',
      { ...LEAST, configuration: { clusterCIDRs: '10.0.0.0/8' } },
      /clusterCIDRs/,
    ],
    ['a range that is none', { ...LEAST, configuration: { clusterCIDR: '10.244.0.0' } }, /clusterCIDR/],
    ['another mode', { ...LEAST, configuration: { ...LEAST.configuration, mode: 'ipvs' } }, /mode/],
    [
      'a bit that is none',
      { ...LEAST, configuration: { ...LEAST.configuration, iptables: { masqueradeBit: 32 } } },
      /masqueradeBit/,
    ],
    [
      'a duration without a unit',
      { ...LEAST, configuration: { ...LEAST.configuration, iptables: { syncPeriod: '30' } } },
      /syncPeriod/,
    ],
    ['a layout that is not there', { ...LEAST, svc2ipt: { layout: 'quick' } }, /layout/],
  ])('is refused: %s', async (_, values, words) => {
    await expect(rendered(values)).rejects.toThrow(words);
  });

  test.each([
    ['svc2ipt', 'svc2ipt'],
    ['edge', 'edge-svc2ipt'],
    ['svc2ipt-edge', 'svc2ipt-edge'],
  ])('the release %s names its objects %s', async (release, name) => {
    expect(ofKind('DaemonSet', object, await rendered(LEAST, release)).metadata.name).toBe(name);
  });
});

function kubeadmObjects(): unknown[] {
  return parseAllDocuments(read('test/data/kubeadm/kube-proxy.yaml')).map((document): unknown =>
    document.toJS(),
  );
}

test('the chart and what it installs are of this version', () => {
  const { version } = z.object({ version: z.string() }).parse(JSON.parse(read('package.json')));
  expect(parse(read('deploy/chart/Chart.yaml'))).toMatchObject({ version, appVersion: version });
});

describe('the schema of values', () => {
  const { $schema: _, ...schema } = chartSchema();
  const takes = new Ajv({ strict: false }).compile(schema);
  const values: unknown = parse(read('deploy/chart/values.yaml'));
  const withConfiguration = (configuration: unknown) => ({ ...Object(values), configuration });

  test('takes the defaults of the chart, and those of kube-proxy', () => {
    expect(takes(values)).toBe(true);
    const { apiVersion, kind, ...fields } = printConfiguration(DEFAULT_CONFIGURATION);
    expect([takes(withConfiguration(fields)), takes.errors]).toEqual([true, null]);
    expect([apiVersion, kind]).not.toContain(undefined);
  });

  const duration = fc.constantFrom(
    '0',
    '0s',
    '30s',
    '1m30s',
    '2h22m',
    '1.5h',
    '.5s',
    '100ms',
    '+1s',
    '1µs',
    '1',
    's',
    '-1s',
    '1d',
  );
  const address = fc.constantFrom(
    '',
    '0.0.0.0',
    '::',
    '0.0.0.0:1',
    '[::]:10249',
    ':80',
    '127.0.0.1:99999',
    'here',
  );
  const range = fc.constantFrom(
    '10.0.0.0/8',
    ' 10.0.0.0/8',
    'fd00::/64',
    '10.0.0.0',
    'all',
    '::ffff:10.0.0.0/104',
  );

  test('refuses nothing that the agent takes', () => {
    fc.assert(
      fc.property(
        fc.record(
          {
            healthzBindAddress: address,
            metricsBindAddress: address,
            bindAddress: address,
            clusterCIDR: fc.array(range, { maxLength: 2 }).map((ranges) => ranges.join(',')),
            nodePortAddresses: fc.array(fc.oneof(range, fc.constant('primary')), { maxLength: 2 }),
            configSyncPeriod: duration,
            oomScoreAdj: fc.integer({ min: -1001, max: 1001 }),
            iptables: fc.record(
              {
                syncPeriod: duration,
                masqueradeBit: fc.oneof(fc.integer({ min: -1, max: 32 }), fc.double()),
              },
              { requiredKeys: [] },
            ),
            logging: fc.record({ flushFrequency: fc.oneof(duration, fc.nat()), verbosity: fc.integer() }),
            mode: fc.constantFrom('', 'iptables', 'ipvs', null),
          },
          { requiredKeys: [] },
        ),
        (fields) => {
          const taken = givenConfigurationSchema.safeParse({
            apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
            kind: 'KubeProxyConfiguration',
            ...fields,
          }).success;
          fc.pre(taken);
          expect([takes(withConfiguration(fields)), takes.errors]).toEqual([true, null]);
        },
      ),
    );
  });
});

const hasPromtool = await isInstalled('promtool');

describe('alerts', () => {
  const rules = alertsFile.parse(parse(read(ALERTS))).groups.flatMap((group) => group.rules);
  const tested = z
    .object({
      tests: z.array(
        z.object({
          alert_rule_test: z.array(z.object({ alertname: z.string(), exp_alerts: z.array(z.unknown()) })),
        }),
      ),
    })
    .parse(parse(read('test/data/alerts.test.yaml')))
    .tests.flatMap((one) => one.alert_rule_test);

  test.skipIf(!hasPromtool)('promtool finds them right, and they fire when they should', async () => {
    for (const args of [
      ['check', 'rules', join(PROJECT, ALERTS)],
      ['test', 'rules', join(PROJECT, 'test/data/alerts.test.yaml')],
    ]) {
      const { exitCode, stdout, stderr } = await execa('promtool', args, { reject: false });
      expect({ exitCode, stdout, stderr }).toMatchObject({ exitCode: 0 });
    }
  });

  test.each(rules.map((rule) => [rule.alert, rule] as const))(
    '%s: it is tested when it fires and when not, and a page says what to do',
    (alert, { annotations }) => {
      const counts = tested
        .filter(({ alertname }) => alertname === alert)
        .map(({ exp_alerts }) => exp_alerts.length);
      expect(counts).toEqual(expect.arrayContaining([0, 1]));
      expect(annotations.runbook_url).toMatch(new RegExp(`/docs/alerts\\.md#${alert.toLowerCase()}$`));
      expect(read('docs/alerts.md')).toContain(`\n## ${alert}\n`);
    },
  );
});
