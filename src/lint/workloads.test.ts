import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Manifest } from '../../test/support/arbitrary/raw.ts';
import { told } from '../../test/support/lint.ts';
import { PROJECT } from '../../test/support/project.ts';
import { service, slice } from '../../test/support/rules.ts';
import { isWorkload } from '../api/workload.ts';
import { DEFAULT_SERVICE_RANGES, loadCluster } from '../sources/cluster.ts';
import { workloadOptions } from '../sources/control-plane/from-workloads.ts';
import { completeFacts } from '../sources/node.ts';
import type { ObjectFinding } from './finding.ts';
import { lintCluster } from './lint.ts';

/** As the command line has it: workloads make Pods. */
function findingsOf(text: string): ObjectFinding[] {
  const node = completeFacts([{ name: 'node-a' }]);
  const workloads = workloadOptions(node, { clusterCIDR: [] });
  const options = { serviceRanges: DEFAULT_SERVICE_RANGES, strict: false, workloads };
  const { cluster, nodes, pods, objects } = loadCluster([{ name: 'objects', text }], options);
  return lintCluster(cluster, node, {
    nodes,
    endpointSlices: objects.flatMap(({ object }) => (object.kind === 'EndpointSlice' ? [object] : [])),
    pods: [...pods.values()],
    workloads: objects.flatMap(({ object }) => (isWorkload(object) ? [object] : [])),
  });
}

const list = (items: readonly Manifest[]) => JSON.stringify({ kind: 'List', apiVersion: 'v1', items });

const PORTS = [{ name: 'http', containerPort: 8080 }];

function deployment(labels: Manifest, fields: Manifest = {}): Manifest {
  const { name = 'web', namespace = 'shop', ports = PORTS, ...spec } = fields;
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace },
    spec: { template: { metadata: { labels }, spec: { containers: [{ ports }] } }, ...spec },
  };
}

function cronJob(labels: Manifest): Manifest {
  const { metadata, spec } = deployment(labels);
  return { apiVersion: 'batch/v1', kind: 'CronJob', metadata, spec: { jobTemplate: { spec } } };
}

const pod = (labels: Manifest, ports: readonly Manifest[] = PORTS): Manifest => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web-1', namespace: 'shop', labels },
  spec: { containers: [{ ports }] },
  status: { podIP: '10.244.1.5', conditions: [{ type: 'Ready', status: 'True' }] },
});

const to = (targetPort: number | string, spec: Manifest = {}) =>
  service({ selector: { app: 'web' }, ports: [{ name: 'http', port: 80, targetPort }], ...spec });
const WEB = to('http');
const HEADLESS = { clusterIP: 'None' };
const UNFIT = ['selector-without-workload spec.selector'];
const UNKNOWN = ['target-port-name-unknown spec.ports[0].targetPort'];
const UNDECLARED = ['target-port-undeclared spec.ports[0].targetPort'];

test.each<[string, Manifest[], string[]]>([
  ['a selector that fits', [WEB, deployment({ app: 'web', tier: 'front' })], []],
  ['a selector that fits none', [WEB, deployment({ app: 'wbe' })], UNFIT],
  ['a selector that fits in part', [to('http', { selector: { app: 'web', tier: 'front' } }), deployment({ app: 'web' })], UNFIT], // biome-ignore format: a row
  ['a selector that fits in another namespace', [WEB, deployment({ app: 'web' }, { namespace: 'else' })], UNFIT], // biome-ignore format: a row
  ['a selector that fits a Pod beside a workload', [WEB, deployment({ app: 'wbe' }), pod({ app: 'web' })], []], // biome-ignore format: a row
  ['a selector that fits no workload, for a headless Service', [to('http', HEADLESS), deployment({ app: 'wbe' })], UNFIT], // biome-ignore format: a row
  ['a selector that fits what its controller adds', [to('http', { selector: { 'pod-template-hash': '1' } }), deployment({ app: 'web' })], UNFIT], // biome-ignore format: a row
  ['a selector, where there is no workload', [WEB], ['no-endpoint-slices spec.selector']],
  ['a selector, where there are EndpointSlices', [WEB, slice(['10.244.1.5']), deployment({ app: 'wbe' })], []], // biome-ignore format: a row
  ['no selector', [service(), deployment({ app: 'web' })], ['no-endpoints spec.selector']],
  ['an alias', [service({ type: 'ExternalName', clusterIP: undefined, selector: { app: 'web' } }), deployment({ app: 'wbe' })], []], // biome-ignore format: a row
  ['a workload without a Pod', [WEB, deployment({ app: 'web' }, { replicas: 0 })], ['no-endpoints spec.selector']], // biome-ignore format: a row
  ['a workload that runs at times', [WEB, cronJob({ app: 'web' })], ['no-endpoints spec.selector']],
  ['a name that no container has', [to('htp'), deployment({ app: 'web' })], UNKNOWN],
  ['a name that no container has, for a headless Service', [to('htp', HEADLESS), deployment({ app: 'web' })], UNKNOWN], // biome-ignore format: a row
  ['a name for another protocol', [WEB, deployment({ app: 'web' }, { ports: [{ name: 'http', containerPort: 8080, protocol: 'UDP' }] })], UNKNOWN], // biome-ignore format: a row
  ['a name that one of two workloads has', [WEB, deployment({ app: 'web' }), deployment({ app: 'web' }, { name: 'canary', ports: [] })], ['target-port-missing-in-pod spec.ports[0].targetPort']], // biome-ignore format: a row
  ['two applications, told by their labels', [to('http', { selector: { tier: 'front' } }), deployment({ tier: 'front', app: 'web' }), deployment({ tier: 'front', app: 'api' }, { name: 'api' })], ['selector-of-several-applications spec.selector']], // biome-ignore format: a row
  ['one of them without a label', [to('http', { selector: { tier: 'front' } }), deployment({ tier: 'front', 'app.kubernetes.io/name': 'web' }), deployment({ tier: 'front' }, { name: 'api' })], ['selector-of-several-applications spec.selector']], // biome-ignore format: a row
  ['a canary of one application', [to('http', { selector: { app: 'web' } }), deployment({ app: 'web' }), deployment({ app: 'web', track: 'canary' }, { name: 'canary' })], []], // biome-ignore format: a row
  ['a job beside an application', [to('http', { selector: { tier: 'front' } }), deployment({ tier: 'front', app: 'web' }), cronJob({ tier: 'front', app: 'backup' })], []], // biome-ignore format: a row
  ['a name that no Pod has', [to('htp'), pod({ app: 'web' })], UNKNOWN],
  ['a name that EndpointSlices decide', [to('htp'), slice(['10.244.1.5']), deployment({ app: 'web' })], []],
  ['a number that a container declares', [to(8080), deployment({ app: 'web' })], []],
  ['a number that no container declares', [to(8081), deployment({ app: 'web' })], UNDECLARED],
  ['a number for another protocol', [to(8080, { ports: [{ port: 80, targetPort: 8080, protocol: 'UDP' }] }), deployment({ app: 'web' })], UNDECLARED], // biome-ignore format: a row
  ['a number, where no port is declared', [to(8081), deployment({ app: 'web' }, { ports: [] })], UNDECLARED],
  ['a number that no Pod declares', [to(8081), pod({ app: 'web' })], UNDECLARED],
  ['a number, where a Pod declares no port', [to(8081), pod({ app: 'web' }, [])], []],
])('%s', (_, objects, expected) => {
  expect(told(findingsOf(list(objects)))).toEqual(expected);
});

test.each<[string, Manifest[], string]>([
  [
    'which of several Pods lacks the name of a port',
    [WEB, pod({ app: 'web' }), { ...pod({ app: 'web' }, [{ name: 'web', containerPort: 8080 }]), metadata: { name: 'web-2', namespace: 'shop', labels: { app: 'web' } } }], // biome-ignore format: a row
    'Pod shop/web-2 has no container port named "http" for TCP, so gets no traffic.',
  ],
  [
    'which applications a selector fits',
    [to('http', { selector: { tier: 'front' } }), deployment({ tier: 'front', app: 'web' }), deployment({ tier: 'front', app: 'api' }, { name: 'api' })], // biome-ignore format: a row
    'Its selector matches Deployment shop/web (app "web") and Deployment shop/api (app "api"): each gets a share of the traffic.',
  ],
  [
    'which workload is nearest, and what differs',
    [WEB, deployment({ app: 'database' }, { name: 'db' }), deployment({ app: 'wbe' })],
    'Its selector matches no workload of namespace shop; the nearest, Deployment shop/web, has label app "wbe" and not "web".',
  ],
  [
    'which label is missing',
    [to('http', { selector: { app: 'web', tier: 'front' } }), deployment({ app: 'wbe', teir: 'front' })],
    'Its selector matches no workload of namespace shop; the nearest, Deployment shop/web, has label app "wbe" and not "web", and no label tier.',
  ],
  [
    'that the namespace is another',
    [
      WEB,
      deployment({ app: 'web' }, { namespace: 'shopp' }),
      deployment({ app: 'other' }, { name: 'other' }),
    ],
    'Its selector matches no workload of namespace shop; the nearest, Deployment shopp/web, has these labels in another namespace.',
  ],
  [
    'the name that is nearest',
    [to('htp'), deployment({ app: 'web' }, { ports: [{ name: 'dns', containerPort: 53 }, ...PORTS] })],
    'No container of Deployment shop/web has a port named "htp" for TCP, so this port has no endpoint; the nearest name is "http".',
  ],
  [
    'that there are no names',
    [to('http'), deployment({ app: 'web' }, { ports: [] }), deployment({ app: 'web' }, { name: 'b', ports: [] })], // biome-ignore format: a row
    'No container of Deployment shop/web and 1 other has a port named "http" for TCP, so this port has no endpoint; it names none for this protocol.',
  ],
  [
    'the numbers that there are',
    [to(81), deployment({ app: 'web' })],
    'No container of Deployment shop/web declares port 81/TCP, but 8080/TCP: traffic goes there all the same.',
  ],
  [
    'that there are no numbers',
    [to(81), deployment({ app: 'web' }, { ports: [] })],
    'No container of Deployment shop/web declares port 81/TCP, nor any other: traffic goes there all the same.',
  ],
])('tells %s', (_, objects, cause) => {
  expect(findingsOf(list(objects)).map((finding) => finding.cause)).toEqual([cause]);
});

test('the order of documents does not matter', () => {
  const objects = [WEB, ...['wba', 'wbe', 'wbb'].map((app) => deployment({ app }, { name: app }))];
  expect(findingsOf(list(objects.toReversed()))).toEqual(findingsOf(list(objects)));
});

test.each<[string, string[]]>([
  ['web', []],
  ['database', ['affinity-list-size Service default/ledger-read spec.sessionAffinity']],
  ['node-agent', []],
])('of chart %s', (chart, expected) => {
  const text = readFileSync(join(PROJECT, 'fixtures/charts', chart, 'objects.yaml'), 'utf8');
  expect(told(findingsOf(text))).toEqual(expected);
});
