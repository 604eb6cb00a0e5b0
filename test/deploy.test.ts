/** The manifests in `deploy`: valid by Kubernetes' schemas, complete, and with the privileges that are used. */
import { readdirSync, readFileSync } from 'node:fs';
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { Events } from '../src/agent/events.ts';
import { Log } from '../src/agent/log.ts';
import { agentSettings } from '../src/agent/settings/settings.ts';
import { parseConfigurationLeniently } from '../src/sources/configuration.ts';
import { ApiError, type Connection } from '../src/sources/kubernetes/connection.ts';
import { KubernetesSource } from '../src/sources/kubernetes/kubernetes-source.ts';
import { DEFAULT_TIMES } from '../src/sources/kubernetes/list-watch.ts';
import { givenFlags } from './support/agent-arguments.ts';
import { patched } from './support/json-patch.ts';
import { HAS_KUSTOMIZE } from './support/kubectl.ts';
import { problemsOf } from './support/kubernetes-schemas.ts';

const FOLDER = new URL('../deploy/', import.meta.url);

const parse = (text: string): unknown[] =>
  parseAllDocuments(text).map((document): unknown => document.toJS());
const read = (path: string): unknown[] => parse(readFileSync(new URL(path, FOLDER), 'utf8'));

const kustomization = z
  .object({
    resources: z.array(z.string()),
    images: z.array(z.object({ name: z.string(), newTag: z.string() })).default([]),
    patches: z
      .array(z.object({ target: z.object({ kind: z.string(), name: z.string() }), patch: z.string() }))
      .default([]),
  })
  .loose();

const BASE = kustomization.parse(read('base/kustomization.yaml')[0]);
const OBJECTS = BASE.resources.flatMap((path) => read(`base/${path}`));

const object = z.looseObject({ kind: z.string(), metadata: z.looseObject({ name: z.string() }) });
const nameOf = (one: unknown) => `${object.parse(one).kind} ${object.parse(one).metadata.name}`;
const ofKind = <Schema extends z.ZodType>(kind: string, schema: Schema, among = OBJECTS): z.output<Schema> =>
  schema.parse(among.find((one) => object.parse(one).kind === kind));

const { version } = z
  .object({ version: z.string() })
  .parse(JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')));

const container = z.looseObject({ name: z.string(), image: z.string(), args: z.array(z.string()) });
const daemonSet = z.looseObject({
  spec: z.looseObject({
    template: z.looseObject({
      spec: z.looseObject({
        initContainers: z.array(container),
        containers: z.array(container),
        nodeSelector: z.record(z.string(), z.string()),
        volumes: z.array(z.unknown()),
      }),
    }),
  }),
});
const DAEMON_SET = ofKind('DaemonSet', daemonSet);
const POD = DAEMON_SET.spec.template.spec;
const CONTAINERS = [...POD.initContainers, ...POD.containers];

describe('the schemas of Kubernetes', () => {
  test.each(OBJECTS.map((one) => [nameOf(one), one]))('take the %s', (_, one) =>
    expect(problemsOf(one)).toEqual([]),
  );

  test('find what is wrong', () => {
    const broken = structuredClone(DAEMON_SET);
    Object.assign(broken.spec.template.spec, { hostNetwrok: true, priorityClassName: 7 });
    expect(problemsOf(broken)).toEqual([
      expect.stringContaining('priorityClassName must be string'),
      'DaemonSet.spec.template.spec.hostNetwrok: no such field',
    ]);
  });
});

test('all manifests are in the Kustomize base', () => {
  const files = readdirSync(new URL('base/manifests', FOLDER)).map((name) => `manifests/${name}`);
  expect(files.sort()).toEqual([...BASE.resources].sort());
});

test('the images are of this version', () => {
  expect(BASE.images).toEqual([{ name: 'svc2ipt', newTag: version }]);
  for (const { image } of CONTAINERS) expect(image).toBe(`svc2ipt:${version}`);
});

test.each(CONTAINERS.map(({ name, args }) => [name, args] as const))(
  '%s: the agent takes the configuration and the flags without a warning',
  (name, [command, ...flags]) => {
    const { data } = ofKind('ConfigMap', z.looseObject({ data: z.record(z.string(), z.string()) }));
    const file = parseConfigurationLeniently({ name: 'config.conf', text: data['config.conf'] ?? '' });
    const { settings, warnings } = agentSettings(givenFlags(flags), file.configuration);
    expect(command).toBe('agent');
    expect([...file.warnings, ...warnings]).toEqual([]);
    expect(settings).toMatchObject({
      initOnly: name === 'prepare-node',
      kubeconfig: '/var/lib/kube-proxy/kubeconfig.conf',
    });
    expect(Object.keys(data)).toContain('kubeconfig.conf');
  },
);

/** `verb group/resource` of a request, as RBAC names it. */
function asked(verb: string, path: string): string {
  const [, group = '', resource] =
    /^\/(?:api|apis\/([^/]+))\/v1\/(?:namespaces\/[^/]+\/)?(\w+)$/.exec(path) ?? [];
  return `${verb} ${group}/${resource}`;
}

/** A LIST of something that has a uid; a watch that tells nothing until the signal ends it. */
function answerTo(watching: boolean, signal: AbortSignal): IncomingMessage {
  const answer = new IncomingMessage(new Socket());
  signal.addEventListener('abort', () => answer.destroy());
  if (watching) return answer;
  answer.push(
    JSON.stringify({ kind: 'List', metadata: { resourceVersion: '1' }, items: [{ metadata: { uid: '1' } }] }),
  );
  answer.push(null);
  return answer;
}

test('roles allow what the agent asks the API server for, and nothing else', async () => {
  const requests = new Set<string>();
  const posted: string[] = [];
  const connection: Connection = {
    get: async (path, { watch, sendInitialEvents }, signal) => {
      requests.add(asked(watch === undefined ? 'list' : 'watch', path));
      // So that it lists in pages.
      if (sendInitialEvents) throw new ApiError(422, 'no streams');
      return answerTo(watch !== undefined, signal);
    },
    post: async (path) => {
      requests.add(asked('create', path));
      posted.push(path);
    },
  };
  const stop = new AbortController();
  const nothing = () => {};
  const listener = {
    changed: nothing,
    failed: nothing,
    recovered: nothing,
    invalid: nothing,
    warned: nothing,
  };
  // With rejectUnassigned, which asks for the most.
  const followed = { serviceCIDRs: true };
  const running = new KubernetesSource(connection, 'node-a', listener, DEFAULT_TIMES, followed).run(
    stop.signal,
  );
  const log = new Log({
    format: 'text',
    verbosity: 0,
    streams: { error: process.stderr, info: process.stderr },
  });
  const events = new Events(connection, 'node-a', log);
  const event = { type: 'Normal', reason: 'Starting', note: '' } as const;
  await events.tell(event);
  await events.tell({ ...event, service: { namespace: 'shop', name: 'web' } });
  expect(posted).toEqual(
    ['default', 'shop'].map((name) => `/apis/events.k8s.io/v1/namespaces/${name}/events`),
  );
  await expect.poll(() => requests.size, { timeout: 10_000 }).toBe(9);
  stop.abort();
  await running;

  const role = z.looseObject({
    rules: z.array(
      z.strictObject({
        apiGroups: z.array(z.string()),
        resources: z.array(z.string()),
        verbs: z.array(z.string()),
      }),
    ),
  });
  // Services are in all namespaces, and so are Events on them: only a ClusterRole is for them all.
  const allowed = ofKind('ClusterRole', role).rules.flatMap(
    ({ apiGroups: [group = ''], resources: [resource = ''], verbs }) =>
      verbs.map((verb) => `${verb} ${group}/${resource}`),
  );
  expect(allowed.sort()).toEqual([...requests].sort());
});

describe('on a cluster that kubeadm made', () => {
  const overlay = kustomization.parse(read('kubeadm/kustomization.yaml')[0]);

  test("kube-proxy's ConfigMap is used, on nodes with the label, and kube-proxy stays off these", () => {
    expect(overlay.resources).toEqual(['../base']);
    const [forDaemonSet, forConfigMap] = overlay.patches;
    const result = patched(DAEMON_SET, parse(forDaemonSet?.patch ?? '')[0]);
    expect(problemsOf(result)).toEqual([]);
    const pod = daemonSet.parse(result).spec.template.spec;
    expect(pod.volumes).toContainEqual({ name: 'config', configMap: { name: 'kube-proxy' } });
    const [[label = '', value]] = [Object.entries(pod.nodeSelector).at(-1) ?? []];
    expect(forConfigMap?.target).toEqual({ kind: 'ConfigMap', name: 'svc2ipt' });

    const [keptOff] = read('kubeadm/kube-proxy-patch.yaml');
    expect(JSON.stringify(keptOff)).toContain(
      JSON.stringify({ matchExpressions: [{ key: label, operator: 'NotIn', values: [value] }] }),
    );
    const kubeProxy = z
      .object({ spec: z.object({ template: z.object({ spec: z.unknown() }) }) })
      .parse(keptOff);
    const whole = structuredClone(DAEMON_SET);
    Object.assign(whole.spec.template.spec, kubeProxy.spec.template.spec);
    expect(problemsOf(whole)).toEqual([]);
  });
});

describe.skipIf(!HAS_KUSTOMIZE).each(['base', 'kubeadm'])('kubectl kustomize deploy/%s', (folder) => {
  const rendered = async () => {
    const { stdout } = await execa('kubectl', ['kustomize', fileURLToPath(new URL(folder, FOLDER))]);
    return parse(stdout);
  };

  test('renders what the schemas take, with the images of this version', async () => {
    const objects = await rendered();
    expect(objects.map((one) => [nameOf(one), problemsOf(one)])).toEqual(
      objects.map((one) => [nameOf(one), []]),
    );
    const { initContainers, containers } = ofKind('DaemonSet', daemonSet, objects).spec.template.spec;
    const images = [...initContainers, ...containers].map(({ image }) => image);
    expect(images).toEqual(images.map(() => `svc2ipt:${version}`));
  });

  test('renders the manifests, with what is different here and nothing else', async () => {
    const objects = await rendered();
    const expected =
      folder === 'base' ? OBJECTS : OBJECTS.filter((one) => object.parse(one).kind !== 'ConfigMap');
    expect(objects.map(nameOf).sort()).toEqual(expected.map(nameOf).sort());
    const others = (all: readonly unknown[]) => all.filter((one) => object.parse(one).kind !== 'DaemonSet');
    expect(others(objects)).toEqual(expect.arrayContaining(others(expected)));

    const whole = structuredClone(DAEMON_SET);
    if (folder === 'kubeadm') {
      const pod = whole.spec.template.spec;
      Object.assign(pod.nodeSelector, { 'service-proxy': 'svc2ipt' });
      pod.volumes = pod.volumes.map((volume) =>
        JSON.stringify(volume).includes('configMap')
          ? { name: 'config', configMap: { name: 'kube-proxy' } }
          : volume,
      );
    }
    expect(ofKind('DaemonSet', daemonSet, objects)).toEqual(whole);
  });
});
