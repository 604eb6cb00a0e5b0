import { describe, expect, test } from 'vitest';
import { parseObjects } from './objects.ts';
import { formatProblem } from './problem.ts';
import { isWorkload, WORKLOAD_KINDS, type Workload } from './workload.ts';

type Fields = Readonly<Record<string, unknown>>;

const TEMPLATE = { metadata: { labels: { app: 'web' } }, spec: { containers: [] } };

const VERSIONS: Readonly<Record<string, string>> = {
  Deployment: 'apps/v1',
  StatefulSet: 'apps/v1',
  DaemonSet: 'apps/v1',
  ReplicaSet: 'apps/v1',
  ReplicationController: 'v1',
  Job: 'batch/v1',
  CronJob: 'batch/v1',
};

function manifest(kind: string, spec: Fields = {}, rest: Fields = {}): Fields {
  const own = { template: TEMPLATE, ...spec };
  return {
    apiVersion: VERSIONS[kind],
    kind,
    metadata: { name: 'web', namespace: 'shop' },
    spec: kind === 'CronJob' ? { schedule: '* * * * *', jobTemplate: { spec: own } } : own,
    ...rest,
  };
}

function parsed(document: Fields): Workload[] {
  const { objects, problems } = parseObjects(document, [], { workloads: true });
  expect(problems).toEqual([]);
  return objects.flatMap(({ object }) => (isWorkload(object) ? [object] : []));
}

const DONE = { conditions: [{ type: 'Complete', status: 'True' }] };

describe('how many Pods run at once', () => {
  test.each<[string, Fields, number | undefined]>([
    ['a Deployment: one', manifest('Deployment'), 1],
    ['a Deployment: one, where null is written', manifest('Deployment', { replicas: null }), 1],
    ['a Deployment: as many as it says', manifest('Deployment', { replicas: 3 }), 3],
    ['a Deployment: none', manifest('Deployment', { replicas: 0 }), 0],
    ['a StatefulSet', manifest('StatefulSet', { replicas: 3 }), 3],
    ['a ReplicaSet', manifest('ReplicaSet', { replicas: 2 }), 2],
    ['a ReplicationController', manifest('ReplicationController', { replicas: 2 }), 2],
    ['a DaemonSet: one on each Node', manifest('DaemonSet'), undefined],
    ['a Job: one', manifest('Job'), 1],
    ['a Job: not more side by side than it says', manifest('Job', { parallelism: 2, completions: 5 }), 2],
    ['a Job: not more than it needs', manifest('Job', { parallelism: 5, completions: 2 }), 2],
    ['a Job with a work queue', manifest('Job', { parallelism: 3 }), 3],
    ['a Job with completions alone', manifest('Job', { completions: 5 }), 1],
    ['a Job that is suspended', manifest('Job', { suspend: true }), 0],
    ['a Job that is done', manifest('Job', {}, { status: DONE }), 0],
    ['a Job that has failed', manifest('Job', {}, { status: { conditions: [{ type: 'Failed', status: 'True' }] } }), 0], // biome-ignore format: a row
    ['a Job that was not done', manifest('Job', {}, { status: { conditions: [{ type: 'Complete', status: 'False' }] } }), 1], // biome-ignore format: a row
    ['a Job with one to go', manifest('Job', { parallelism: 2, completions: 3 }, { status: { succeeded: 2 } }), 1], // biome-ignore format: a row
    ['a CronJob: none, between its times', manifest('CronJob', { parallelism: 3 }), 0],
  ])('%s', (_, document, replicas) => {
    expect(parsed(document)).toMatchObject([{ namespace: 'shop', name: 'web', replicas }]);
  });
});

test.each<[string, Fields, number | undefined]>([
  ['a Deployment has none', manifest('Deployment'), undefined],
  ['a StatefulSet begins at 0', manifest('StatefulSet'), 0],
  ['a StatefulSet begins where it says', manifest('StatefulSet', { ordinals: { start: 5 } }), 5],
  ['a Job has none', manifest('Job'), undefined],
  ['an indexed Job begins at 0', manifest('Job', { completionMode: 'Indexed' }), 0],
])('numbers of Pods: %s', (_, document, firstOrdinal) => {
  expect(parsed(document)).toMatchObject([{ firstOrdinal }]);
});

test('what is taken from a template', () => {
  const ports = [{ name: 'http', containerPort: 8080 }];
  const terms = [{ matchExpressions: [{ key: 'disk', operator: 'In', values: ['ssd'] }] }];
  const spec = {
    containers: [{ ports }],
    initContainers: [
      { ports: [{ containerPort: 1 }] },
      { restartPolicy: 'Always', ports: [{ name: 'dns', containerPort: 53, protocol: 'UDP' }] },
    ],
    hostNetwork: true,
    nodeSelector: { zone: 'a' },
    affinity: {
      nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms } },
      podAntiAffinity: {},
    },
    tolerations: [{ operator: 'Exists' }],
  };
  expect(parsed(manifest('Deployment', { template: { metadata: TEMPLATE.metadata, spec } }))).toMatchObject([
    {
      template: {
        labels: { app: 'web' },
        containerPorts: [
          { name: 'http', port: 8080, protocol: 'TCP' },
          { name: 'dns', port: 53, protocol: 'UDP' },
        ],
        hostNetwork: true,
        nodeName: undefined,
        nodeSelector: { zone: 'a' },
        nodeSelectorTerms: [{ ...terms[0], matchFields: [] }],
        tolerations: [{ operator: 'Exists' }],
      },
    },
  ]);
});

test('the owner is the controller', () => {
  const ownerReferences = [
    { apiVersion: 'v1', kind: 'ConfigMap', name: 'x' },
    { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', controller: true },
  ];
  const document = manifest('ReplicaSet', {}, { metadata: { name: 'web-1', ownerReferences } });
  expect(parsed(document)).toMatchObject([{ owner: { kind: 'Deployment', name: 'web' } }]);
});

test.each<[string, Fields, boolean]>([
  ['where nobody asks for workloads', manifest('Deployment'), false],
  ['of an older version', manifest('CronJob', {}, { apiVersion: 'batch/v1beta1' }), true],
  ['of another group', manifest('Deployment', {}, { apiVersion: 'apps.example/v1' }), true],
])('another kind: %s', (_, document, workloads) => {
  const { objects, problems, ignored } = parseObjects(document, [], { workloads });
  expect({ objects, problems, ignored: ignored.size }).toEqual({ objects: [], problems: [], ignored: 1 });
});

describe('a field that is misspelt is told, and keeps nothing from being read', () => {
  const container = { ports: [{ containerPort: 80, nmae: 'http' }] };
  const template = {
    metadata: { labels: {}, lables: {} },
    spec: { hostnetwork: true, nodeNmae: 'a', containers: [container] },
  };
  const fields = [
    'metadata.lables: unknown field (labels?)',
    'spec.hostnetwork: unknown field (hostNetwork?)',
    'spec.nodeNmae: unknown field (nodeName?)',
    'spec.containers[0].ports[0].nmae: unknown field (name?)',
  ];

  test.each(WORKLOAD_KINDS.flatMap((kind) => [true, false].map((workloads) => ({ kind, workloads }))))(
    'in a $kind, workloads asked for: $workloads',
    ({ kind, workloads }) => {
      const { objects, problems, typos } = parseObjects(manifest(kind, { template }), ['f'], { workloads });
      const path = kind === 'CronJob' ? 'spec.jobTemplate.spec.template' : 'spec.template';
      expect({ objects: objects.length, problems, typos: typos.map(formatProblem) }).toEqual({
        objects: workloads ? 1 : 0,
        problems: [],
        typos: fields.map((field) => `f, ${kind} shop/web, ${path}.${field}`),
      });
    },
  );

  test('but not in an older version, which has fields of its own', () => {
    const document = manifest('CronJob', { template }, { apiVersion: 'batch/v1beta1' });
    expect(parseObjects(document, [], { workloads: true }).typos).toEqual([]);
  });
});

describe('a kind or an apiVersion that is misspelt is told, and the object is not read', () => {
  const of = (apiVersion: string | undefined, kind: string) => ({
    ...manifest('Deployment'),
    apiVersion,
    kind,
  });
  const kindOf = (kind: string, got: string) => `${kind} shop/web, kind: expected ${kind}, got "${got}"`;
  const versionOf = (kind: string, expected: string, got: string) =>
    `${kind} shop/web, apiVersion: expected ${expected}, got ${got}`;

  test.each<[string, Fields, string[]]>([
    ['no capital', of('apps/v1', 'deployment'), [kindOf('Deployment', 'deployment')]],
    ['a capital too few', of('apps/v1', 'Statefulset'), [kindOf('StatefulSet', 'Statefulset')]],
    ['a letter too few', of('apps/v1', 'Deploymnt'), [kindOf('Deployment', 'Deploymnt')]],
    ['two letters swapped', of('apps/v1', 'StatfeulSet'), [kindOf('StatefulSet', 'StatfeulSet')]],
    [
      'a letter too many',
      of('v1', 'ReplicationControllers'),
      [kindOf('ReplicationController', 'ReplicationControllers')],
    ],
    [
      'no capital, in a group of another kind',
      of('v1', 'deployment'),
      [kindOf('Deployment', 'deployment'), versionOf('Deployment', 'apps/v1', '"v1"')],
    ],
    [
      'no capital, in a version of long ago',
      of('extensions/v1beta1', 'daemonset'),
      [kindOf('DaemonSet', 'daemonset'), versionOf('DaemonSet', 'apps/v1', '"extensions/v1beta1"')],
    ],
    ['a group of another kind', of('v1', 'Deployment'), [versionOf('Deployment', 'apps/v1', '"v1"')]],
    [
      'a group of Kubernetes',
      of('batch.k8s.io/v1', 'Job'),
      [versionOf('Job', 'batch/v1', '"batch.k8s.io/v1"')],
    ],
    [
      'a group that is misspelt',
      of('app/v1', 'Deployment'),
      [versionOf('Deployment', 'apps/v1', '"app/v1"')],
    ],
    ['no apiVersion', of(undefined, 'StatefulSet'), [versionOf('StatefulSet', 'apps/v1', 'nothing')]],
    [
      'a version that there never was',
      of('apps/v2', 'ReplicaSet'),
      [versionOf('ReplicaSet', 'apps/v1', '"apps/v2"')],
    ],
    ['capitals in the version', of('Apps/V1', 'DaemonSet'), [versionOf('DaemonSet', 'apps/v1', '"Apps/V1"')]],
    [
      'the version alone',
      of(undefined, 'ReplicationController'),
      [versionOf('ReplicationController', 'v1', 'nothing')],
    ],
  ])('%s', (_, document, expected) => {
    for (const workloads of [true, false]) {
      const { objects, problems, typos, ignored } = parseObjects(document, [], { workloads });
      expect({ objects, problems, typos: typos.map(formatProblem), ignored: [...ignored] }).toEqual({
        objects: [],
        problems: [],
        typos: expected,
        ignored: [],
      });
    }
  });

  test('with all that is wrong below, of which nothing keeps other objects from being read', () => {
    const document = { ...manifest('Deployment', { replica: 2, replicas: -1 }), kind: 'deployment' };
    const { problems, typos } = parseObjects(document, [], { workloads: true });
    expect({ problems, typos: typos.map(formatProblem) }).toEqual({
      problems: [],
      typos: [
        kindOf('Deployment', 'deployment'),
        'Deployment shop/web, spec.replica: unknown field (replicas?)',
        'Deployment shop/web, spec.replicas: expected 0 to 2147483647, got -1',
      ],
    });
  });

  test.each<[string, string]>([
    ['apps.openshift.io/v1', 'DeploymentConfig'],
    ['v1', 'DeploymentConfig'],
    ['argoproj.io/v1alpha1', 'Rollout'],
    ['argoproj.io/v1alpha1', 'CronWorkflow'],
    ['batch.volcano.sh/v1alpha1', 'Job'],
    ['batch.volcano.sh/v1alpha1', 'job'],
    ['apps.kruise.io/v1beta1', 'StatefulSet'],
    ['apps.kruise.io/v1alpha1', 'DaemonSet'],
    ['apps.kruise.io/v1alpha1', 'AdvancedCronJob'],
    ['jobset.x-k8s.io/v1alpha2', 'JobSet'],
    ['kubeflow.org/v1', 'MPIJob'],
    ['example.com/v1', 'CronJob'],
    ['example.com/v1', 'Cronjob'],
    ['example.com/v1', 'Jobs'],
    ['v1', 'Jobs'],
    ['v1', 'ConfigMap'],
    ['networking.k8s.io/v1', 'Ingress'],
    ['apps/v1', 'ControllerRevision'],
    ['autoscaling/v2', 'HorizontalPodAutoscaler'],
    ['apps/v1beta1', 'Deployment'],
    ['apps/v1beta2', 'StatefulSet'],
    ['batch/v2alpha1', 'CronJob'],
    ['extensions/v1beta1', 'DaemonSet'],
  ])('but not another kind: %s %s', (apiVersion, kind) => {
    const { problems, typos, ignored } = parseObjects(of(apiVersion, kind), [], { workloads: true });
    expect({ problems, typos, ignored: [...ignored] }).toEqual({
      problems: [],
      typos: [],
      ignored: [[`${kind}.${apiVersion}`, 1]],
    });
  });
});

test.each<[string, Fields, string]>([
  [
    'no template',
    manifest('Deployment', { template: undefined }),
    'spec.template: expected a mapping, got nothing',
  ],
  ['no spec', manifest('Deployment', {}, { spec: 1 }), 'spec: expected a mapping, got 1'],
  [
    'less than none',
    manifest('StatefulSet', { replicas: -1 }),
    'spec.replicas: expected 0 to 2147483647, got -1',
  ],
  [
    'a number in quotes',
    manifest('Job', { parallelism: '2' }),
    'spec.parallelism: expected 0 to 2147483647, got "2"',
  ],
])('what is wrong: %s', (_, document, expected) => {
  const { problems } = parseObjects(document, [], { workloads: true });
  expect(problems.map(formatProblem)).toEqual([`${document.kind} shop/web, ${expected}`]);
});
