/**
 * What values the chart in deploy/chart takes: its own, and the agent's configuration as the agent's schema has it. Of it
 * are made `values.schema.json`, by which helm checks values, and the tables of docs/helm.md.
 */
import { z } from 'zod';
import { FLAGS } from '../src/agent/settings/flags.ts';
import { FIELDS_WITHOUT_EFFECT } from '../src/agent/settings/without-effect.ts';
import { svc2iptSectionSchema } from '../src/api/kube-proxy-configuration.ts';
import { givenConfigurationSchema } from '../src/api/kube-proxy-fields.ts';

/** A part of a JSON Schema (draft 7, which every helm reads). */
export const jsonSchema = z.looseObject({
  description: z.string().optional(),
  type: z.union([z.string(), z.array(z.string())]).optional(),
  enum: z.array(z.unknown()).optional(),
  const: z.unknown().optional(),
  get anyOf() {
    return z.array(jsonSchema).optional();
  },
  get items() {
    return jsonSchema.optional();
  },
  get properties() {
    return z.record(z.string(), jsonSchema).optional();
  },
});
export type JsonSchema = z.output<typeof jsonSchema>;

const texts = z.record(z.string(), z.string());
/** Kubernetes' own types, which the API server checks. */
const kubernetes = z.record(z.string(), z.unknown());
const text = z.string();
const flag = z.boolean();

/** The values, in the order of values.yaml. */
const valuesSchema = z.strictObject({
  image: z
    .strictObject({
      repository: text.min(1).describe('the image as the nodes pull it, without its version'),
      tag: text.describe("its version; unless given, the chart's"),
      digest: text.regex(/^(sha256:[0-9a-f]{64})?$/).describe('pins it: `sha256:...`'),
      pullPolicy: z
        .enum(['', 'Always', 'IfNotPresent', 'Never'])
        .describe("Kubernetes' default unless given"),
    })
    .describe('the image'),
  imagePullSecrets: z.array(kubernetes).describe('Secrets to pull it with'),
  fullnameOverride: text.max(63).describe('the name of all objects; unless given, from that of the release'),
  existingConfigMap: text.describe(
    "a ConfigMap with `config.conf` and `kubeconfig.conf`, such as kubeadm's `kube-proxy`; then `apiServer` and `configuration` are not used, but for the ports in `configuration`",
  ),
  apiServer: text
    .regex(/^(https?:\/\/\S+)?$/)
    .describe("the API server's address as nodes reach it, which is no Service's: `https://10.0.0.1:6443`"),
  configuration: configurationFields().describe("kube-proxy's configuration: [see below](#configuration)"),
  svc2ipt: svc2iptSectionSchema.in.shape.svc2ipt.describe(
    'options of svc2ipt: [see below](#options-of-svc2ipt)',
  ),
  backend: z
    .enum(['', 'nft', 'legacy'])
    .describe('the iptables to use; unless given, the one that the node uses'),
  extraArgs: z.array(text).describe('further options of [`svc2ipt agent`](commands/agent.md)'),
  sideBySide: z
    .strictObject({
      enabled: flag.describe('runs on nodes with the label only, beside kube-proxy on all others'),
      label: text.min(1).describe('the label of these nodes'),
      value: text.describe('and its value'),
    })
    .describe('kube-proxy on some nodes, svc2ipt on others'),
  nodeSelector: texts.describe('labels that nodes must have'),
  affinity: kubernetes.describe('as in a Pod; `sideBySide` comes on top'),
  tolerations: z.array(kubernetes).describe('taints that do not keep it off a node'),
  priorityClassName: text.describe('who gives way when a node is full'),
  resources: kubernetes.describe('of the agent'),
  updateStrategy: kubernetes.describe('how new Pods replace old ones'),
  minReadySeconds: z.int().min(0).describe('the pause after each node, in seconds'),
  podAnnotations: texts.describe('further annotations of Pods'),
  podLabels: texts.describe('further labels of Pods'),
  prepareNode: flag.describe(
    'a privileged init container that sets [sysctls](security.md#what-it-may-do); false where the node sets them',
  ),
  serviceAccount: z
    .strictObject({
      create: flag.describe('makes the ServiceAccount'),
      name: text.describe('its name; unless given, that of all objects'),
      annotations: texts.describe('its annotations'),
    })
    .describe('the ServiceAccount'),
  rbac: z.strictObject({ create: flag.describe('makes the role and its binding') }).describe('its role'),
  podMonitor: z
    .strictObject({
      enabled: flag.describe('makes a PodMonitor, and serves metrics on all addresses of the node'),
      interval: text.regex(/^\d+(ms|s|m|h)$/).describe('how often metrics are read'),
      labels: texts.describe('labels by which your Prometheus finds it, such as `release: prometheus`'),
    })
    .describe('metrics, with the Prometheus Operator'),
  alerts: z
    .strictObject({
      enabled: flag.describe('makes a PrometheusRule with the [alerts](alerts.md)'),
      labels: texts.describe('labels by which your Prometheus finds it'),
      alertLabels: texts.describe('labels that every alert gets'),
      runbooks: text.describe(
        'where `docs/alerts.md` is, as alerts link to it: a copy that your colleagues can open',
      ),
      disabled: z.array(text).describe('names of alerts that you do not want'),
      changed: z
        .record(text, z.strictObject({ expr: text, for: text, labels: texts, annotations: texts }).partial())
        .describe('fields of alerts as you want them, by the name of the alert'),
    })
    .describe('alerts, with the Prometheus Operator'),
  dashboard: z
    .strictObject({
      enabled: flag.describe('makes a ConfigMap with the [dashboard](monitoring.md#the-dashboard)'),
      labels: texts.describe("labels by which Grafana's sidecar finds it"),
      annotations: texts.describe('its annotations, such as `grafana_folder`'),
    })
    .describe('the dashboard, for Grafana'),
  networkPolicy: z
    .strictObject({
      enabled: flag.describe(
        'makes a NetworkPolicy for the port of metrics; [where it has an effect](monitoring.md#who-may-read-them)',
      ),
      from: z.array(kubernetes).describe('who may read metrics, as in `ingress.from`'),
    })
    .describe('who may reach the metrics'),
});

/** kube-proxy's configuration without what the chart writes itself. */
function configurationFields() {
  const { apiVersion: _, kind: __, ...fields } = givenConfigurationSchema.shape;
  return z.strictObject(fields);
}

const DURATION = String.raw`^\+?(0|((\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h))+)$`;
const CIDR = String.raw`\s*[0-9a-fA-F.:]+/\d{1,3}\s*`;

/** What our checks take that a JSON Schema can say as well, by the words in which they refuse. */
const PATTERNS: readonly (readonly [words: RegExp, pattern: string])[] = [
  [/^a duration/, DURATION],
  [/^a CIDR range/, `^${CIDR}$`],
  [
    /^an IP address and a port/,
    String.raw`^(|[0-9a-fA-F.:]+|[0-9.]+:\d{1,5}|\[[0-9a-fA-F.:]*\]:\d{1,5}|:\d{1,5})$`,
  ],
];

/** Its check has no words of its own. */
const CLUSTER_CIDR = `^(${CIDR}(,${CIDR})?)?$`;

/** What each field of the configuration is, by its path: as the help of its flag has it. */
const CONFIGURATION_WORDS: ReadonlyMap<string, string> = new Map([
  ...FLAGS.flatMap((flag) =>
    flag.field !== undefined && 'help' in flag ? [[flag.field, flag.help] as const] : [],
  ),
  ...FIELDS_WITHOUT_EFFECT.map(([field, why]) => [field, `without effect: ${why}`] as const),
]);

/** And each of svc2ipt's own. */
const OPTION_WORDS: ReadonlyMap<string, string> = new Map([
  ...FLAGS.flatMap((flag) =>
    flag.setting !== undefined && 'help' in flag ? [[flag.setting, flag.help] as const] : [],
  ),
  ['commandTimeout', 'the agent gives up a program that takes longer, by default 2m'],
  ['serviceMetrics.maxSeries', 'the most series of [metrics by Service](traffic.md#the-agents-metrics)'],
]);

/** The JSON Schema of values.yaml. */
export function chartSchema(): JsonSchema {
  const schema = z.toJSONSchema(valuesSchema, {
    io: 'input',
    target: 'draft-7',
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => {
      const refusal = wordsOf(zodSchema);
      const [, min, max] = /^(-?\d+) to (-?\d+)$/.exec(refusal) ?? [];
      if (jsonSchema.type === 'number' && min !== undefined) {
        Object.assign(jsonSchema, { type: 'integer', minimum: Number(min), maximum: Number(max) });
      }
      if (jsonSchema.type === 'string' && jsonSchema.pattern === undefined) {
        const [, pattern] = PATTERNS.find(([known]) => known.test(refusal)) ?? [];
        if (pattern !== undefined) Object.assign(jsonSchema, { pattern, description: refusal });
      }
    },
  });
  const { properties, ...whole } = jsonSchema.parse(schema);
  const { configuration, svc2ipt, ...own } = properties ?? {};
  if (!configuration || !svc2ipt) throw new Error('the schema of values has lost its sections');
  return {
    ...whole,
    title: 'Values of the chart svc2ipt',
    properties: {
      ...own,
      configuration: described(configuration, CONFIGURATION_WORDS),
      svc2ipt: described(svc2ipt, OPTION_WORDS),
      global: { type: 'object', description: 'values of a chart around this one' },
    },
  };
}

/** With what is said of each field. (zod itself has one schema for many fields.) */
function described(schema: JsonSchema, words: ReadonlyMap<string, string>, above = ''): JsonSchema {
  const inside = (field: JsonSchema, name: string): JsonSchema => {
    const path = `${above}${name}`;
    const description = words.get(path);
    return {
      ...(description === undefined ? {} : { description }),
      ...described(field, words, `${path}.`),
      ...(path === 'clusterCIDR' ? { pattern: CLUSTER_CIDR } : {}),
    };
  };
  const { properties, anyOf } = schema;
  return {
    ...schema,
    ...(anyOf && { anyOf: anyOf.map((one) => described(one, words, above)) }),
    ...(properties && {
      properties: Object.fromEntries(
        Object.entries(properties).map(([name, field]) => [name, inside(field, name)]),
      ),
    }),
  };
}

/** In which words a schema of a text or a number refuses others; empty where zod's own. */
function wordsOf(schema: z.core.$ZodType): string {
  if (!(schema instanceof z.ZodString || schema instanceof z.ZodNumber)) return '';
  const error = schema.safeParse(undefined).error?.issues[0]?.message ?? '';
  return error.startsWith('Invalid') ? '' : error;
}
