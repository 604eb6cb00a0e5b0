import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseObjects } from './objects.ts';
import { formatProblem } from './problem.ts';

type Fields = Readonly<Record<string, unknown>>;

const service = (name: string, more: Fields = {}): Fields => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name },
  spec: { clusterIP: 'None' },
  ...more,
});

const withoutType = { apiVersion: undefined, kind: undefined };

const SLICE = {
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name: 'web-1' },
  addressType: 'IPv4',
};

/** The names of the objects, each with where it stands. */
function objectsOf(document: unknown): string[] {
  const { objects, problems } = parseObjects(document, []);
  if (problems.length > 0) throw new Error(problems.map(formatProblem).join('\n'));
  return objects.map(({ at }) => at.join(', '));
}

describe('objects', () => {
  test.each<[string, unknown, string[]]>([
    ['a Service', service('a'), ['Service default/a']],
    ['a Service in a namespace', service('a', { metadata: { name: 'a', namespace: 'x' } }), ['Service x/a']],
    ['an EndpointSlice', SLICE, ['EndpointSlice default/web-1']],
    [
      'an Endpoints',
      { apiVersion: 'v1', kind: 'Endpoints', metadata: { name: 'a' } },
      ['Endpoints default/a'],
    ],
    ['a Pod', { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' }, spec: {} }, ['Pod default/a']],
    ['a Node', { apiVersion: 'v1', kind: 'Node', metadata: { name: 'a' } }, ['Node a']],
    [
      'a list, as kubectl prints it',
      { apiVersion: 'v1', kind: 'List', metadata: { resourceVersion: '' }, items: [service('a'), SLICE] },
      ['items[0], Service default/a', 'items[1], EndpointSlice default/web-1'],
    ],
    [
      'a list, as somebody writes it',
      { kind: 'List', items: [service('a')] },
      ['items[0], Service default/a'],
    ],
    ['a list of nothing', { kind: 'List', apiVersion: 'v1', items: [] }, []],
    ['a list of null', { kind: 'ServiceList', apiVersion: 'v1', items: null }, []],
    [
      'a typed list, as the API server prints it',
      { kind: 'ServiceList', apiVersion: 'v1', metadata: {}, items: [service('a', withoutType)] },
      ['items[0], Service default/a'],
    ],
    [
      'a typed list whose items name their type',
      { kind: 'ServiceList', apiVersion: 'v1', items: [service('a')] },
      ['items[0], Service default/a'],
    ],
    [
      'a typed list of another group',
      { kind: 'EndpointSliceList', apiVersion: 'discovery.k8s.io/v1', items: [{ ...SLICE, ...withoutType }] },
      ['items[0], EndpointSlice default/web-1'],
    ],
    [
      'lists in lists',
      { kind: 'List', items: [{ kind: 'List', items: [service('a')] }, service('b')] },
      ['items[0], items[0], Service default/a', 'items[1], Service default/b'],
    ],
  ])('%s', (_, document, expected) => {
    expect(objectsOf(document)).toEqual(expected);
  });

  test.each<[string, unknown, [string, number][]]>([
    [
      'a kind of its own',
      { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'a' } },
      [['Deployment.apps/v1', 1]],
    ],
    ['nothing but a kind', { kind: 'Foo' }, [['Foo.', 1]]],
    [
      'a Service of Knative',
      service('a', { apiVersion: 'serving.knative.dev/v1' }),
      [['Service.serving.knative.dev/v1', 1]],
    ],
    [
      'Services of Knative in a list',
      { kind: 'ServiceList', apiVersion: 'serving.knative.dev/v1', items: [{ metadata: { name: 'a' } }, {}] },
      [['Service.serving.knative.dev/v1', 2]],
    ],
    [
      'a Node of another group',
      { apiVersion: 'metal.example.com/v1', kind: 'Node', spec: 5 },
      [['Node.metal.example.com/v1', 1]],
    ],
    [
      'a kind that is almost one of ours, in a group of its own',
      { apiVersion: 'example.com/v1', kind: 'Endpoint' },
      [['Endpoint.example.com/v1', 1]],
    ],
    [
      'an Ingress',
      { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress' },
      [['Ingress.networking.k8s.io/v1', 1]],
    ],
    ['a Job', { apiVersion: 'batch/v1', kind: 'Job' }, [['Job.batch/v1', 1]]],
    ['a Namespace', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'a' } }, [['Namespace.v1', 1]]],
    ['a name of JavaScript', { apiVersion: 'v1', kind: '__proto__' }, [['__proto__.v1', 1]]],
    ['another name of JavaScript', { apiVersion: 'v1', kind: 'constructor' }, [['constructor.v1', 1]]],
    [
      'a kind that ends like a list',
      { apiVersion: 'example.com/v1', kind: 'AllowList', items: { a: 1 } },
      [['AllowList.example.com/v1', 1]],
    ],
    ['a list without items', { apiVersion: 'v1', kind: 'List' }, [['List.v1', 1]]],
  ])('ignored: %s', (_, document, expected) => {
    const { objects, problems, typos, ignored } = parseObjects(document, []);
    expect({ objects, problems, typos, ignored: [...ignored] }).toEqual({
      objects: [],
      problems: [],
      typos: [],
      ignored: expected,
    });
  });

  test.each<[string, unknown, string[]]>([
    [
      'a text',
      'Error from server (NotFound)',
      ['f: expected a Kubernetes object, got "Error from server (NotFound)"'],
    ],
    ['a number', 5, ['f: expected a Kubernetes object, got 5']],
    ['a list of YAML', [service('a')], ['f: expected a Kubernetes object, got a list of 1']],
    ['no kind', { replicas: 1 }, ['f: expected a Kubernetes object, got a mapping without kind']],
    [
      'a kustomization',
      { resources: ['web.yaml'] },
      [
        'f: expected a Kubernetes object, got a mapping without kind (a kustomization? build it with kubectl kustomize)',
      ],
    ],
    [
      'no kind in a list',
      { kind: 'List', items: [{}] },
      ['f, items[0]: expected a Kubernetes object, got a mapping without kind'],
    ],
    [
      'null in a list',
      { kind: 'List', items: [null] },
      ['f, items[0]: expected a Kubernetes object, got nothing'],
    ],
    ['a kind that is no text', { kind: 5 }, ['f, kind: expected a string, got 5']],
    [
      'items that are no list',
      { kind: 'List', items: { a: 1 } },
      ['f, items: expected a list, got a mapping'],
    ],
    [
      'no apiVersion',
      service('a', { apiVersion: undefined }),
      ['f, Service default/a, apiVersion: expected v1, got nothing'],
    ],
    [
      'another version',
      service('a', { apiVersion: 'v2' }),
      ['f, Service default/a, apiVersion: expected v1, got "v2"'],
    ],
    [
      'an older version',
      { ...SLICE, apiVersion: 'discovery.k8s.io/v1beta1' },
      [
        'f, EndpointSlice default/web-1, apiVersion: expected discovery.k8s.io/v1, got "discovery.k8s.io/v1beta1"',
      ],
    ],
    [
      'a field',
      service('a', { spec: { ports: [{ port: 70000 }] } }),
      ['f, Service default/a, spec.ports[0].port: expected 1 to 65535, got 70000'],
    ],
    [
      'a field in a list',
      { kind: 'List', items: [service('a'), service('b', { spec: null })] },
      ['f, items[1], Service default/b, spec: expected a mapping, got nothing'],
    ],
    [
      'no metadata',
      service('a', { metadata: undefined }),
      ['f, Service without a name, metadata: expected a mapping, got nothing'],
    ],
    [
      'a name that would clear the screen',
      service('a', { metadata: { name: '\u001b[2J\n', namespace: 'x' } }),
      [
        'f, Service "x/\\u001b[2J\\n", metadata.name: expected a DNS label (1 to 63 of a-z, 0-9 and "-", with a letter or digit at both ends), got "\\u001b[2J\\n"',
      ],
    ],
  ])('told: %s', (_, document, expected) => {
    const { objects, problems } = parseObjects(document, ['f']);
    expect(problems.map(formatProblem)).toEqual(expected);
    expect(objects.length).toBe(expected[0]?.includes('items[1]') ? 1 : 0);
  });

  const spec = (fields: Fields) => service('a', { spec: { clusterIP: 'None', ...fields } });

  test.each<[string, unknown, string[]]>([
    [
      'a field of a port',
      spec({ ports: [{ port: 80, targetport: 8080 }] }),
      ['f, Service default/a, spec.ports[0].targetport: unknown field (targetPort?)'],
    ],
    [
      'fields of the spec',
      spec({ selectors: {}, clusterIp: '10.96.0.1', loadBalancerSourceRange: [] }),
      [
        'f, Service default/a, spec.selectors: unknown field (selector?)',
        'f, Service default/a, spec.clusterIp: unknown field (clusterIP?)',
        'f, Service default/a, spec.loadBalancerSourceRange: unknown field (loadBalancerSourceRanges?)',
      ],
    ],
    ['a field like no other', spec({ replicas: 3 }), ['f, Service default/a, spec.replicas: unknown field']],
    [
      'a field of the object',
      service('a', { Spec: {}, 'a b': 1 }),
      ['f, Service default/a, Spec: unknown field (spec?)', 'f, Service default/a, ["a b"]: unknown field'],
    ],
    [
      'a field of the metadata',
      service('a', { metadata: { name: 'a', label: {} } }),
      ['f, Service default/a, metadata.label: unknown field (labels?)'],
    ],
    [
      'a field of an endpoint',
      { ...SLICE, endpoints: [{ addresses: ['10.0.0.1'], condition: { ready: false }, nodename: 'a' }] },
      [
        'f, EndpointSlice default/web-1, endpoints[0].condition: unknown field (conditions?)',
        'f, EndpointSlice default/web-1, endpoints[0].nodename: unknown field (nodeName?)',
      ],
    ],
    [
      'a field of a Pod that decides no rule',
      {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'a' },
        spec: { containers: [{ livenessProbe: { httpGet: { prot: 80 } } }] },
      },
      ['f, Pod default/a, spec.containers[0].livenessProbe.httpGet.prot: unknown field (port?)'],
    ],
    [
      'a field of a Namespace, which is not read',
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'a', lables: {} } },
      ['f, Namespace a, metadata.lables: unknown field (labels?)'],
    ],
    [
      'fields of a Deployment, down to the ports of its Pods',
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'web' },
        spec: {
          replica: 2,
          selectors: {},
          template: {
            metadata: { lables: { app: 'web' } },
            spec: {
              hostNetWork: true,
              nodename: 'a',
              containers: [{ name: 'web', port: [], ports: [{ containerport: 80 }] }],
            },
          },
        },
      },
      [
        'f, Deployment default/web, spec.replica: unknown field (replicas?)',
        'f, Deployment default/web, spec.selectors: unknown field (selector?)',
        'f, Deployment default/web, spec.template.metadata.lables: unknown field (labels?)',
        'f, Deployment default/web, spec.template.spec.hostNetWork: unknown field (hostNetwork?)',
        'f, Deployment default/web, spec.template.spec.nodename: unknown field (nodeName?)',
        'f, Deployment default/web, spec.template.spec.containers[0].port: unknown field (ports?)',
        'f, Deployment default/web, spec.template.spec.containers[0].ports[0].containerport: unknown field (containerPort?)',
      ],
    ],
    [
      'a name of JavaScript',
      JSON.parse('{"apiVersion":"v1","kind":"Node","metadata":{"name":"a","__proto__":{}},"constructor":1}'),
      ['f, Node a, metadata.__proto__: unknown field', 'f, Node a, constructor: unknown field'],
    ],
    [
      'a kind without its capital',
      service('a', { kind: 'service' }),
      ['f, Service default/a, kind: expected Service, got "service"'],
    ],
    [
      'a kind with two letters swapped',
      service('a', { kind: 'Servcie' }),
      ['f, Service default/a, kind: expected Service, got "Servcie"'],
    ],
    [
      'a kind with all that is wrong below',
      service('a', { kind: 'service', apiVersion: 'V1', spec: { ports: [{ port: 0, nodeport: 1 }] } }),
      [
        'f, Service default/a, kind: expected Service, got "service"',
        'f, Service default/a, apiVersion: expected v1, got "V1"',
        'f, Service default/a, spec.ports[0].nodeport: unknown field (nodePort?)',
        'f, Service default/a, spec.ports[0].port: expected 1 to 65535, got 0',
      ],
    ],
    [
      'the kind of the items of a list',
      { kind: 'serviceList', apiVersion: 'v1', items: [service('a', withoutType)] },
      ['f, items[0], Service default/a, kind: expected Service, got "service"'],
    ],
    ['the kind of a list', { kind: 'list', items: [] }, ['f, kind: expected List, got "list"']],
    [
      'a group of Kubernetes that is another',
      { ...SLICE, apiVersion: 'v1' },
      ['f, EndpointSlice default/web-1, apiVersion: expected discovery.k8s.io/v1, got "v1"'],
    ],
    [
      'a group that there is not',
      service('a', { apiVersion: 'core/v1' }),
      ['f, Service default/a, apiVersion: expected v1, got "core/v1"'],
    ],
    [
      'a group with two letters swapped',
      { ...SLICE, apiVersion: 'discovery.k8s.oi/v1' },
      ['f, EndpointSlice default/web-1, apiVersion: expected discovery.k8s.io/v1, got "discovery.k8s.oi/v1"'],
    ],
    [
      'no group',
      { ...SLICE, apiVersion: undefined },
      ['f, EndpointSlice default/web-1, apiVersion: expected discovery.k8s.io/v1, got nothing'],
    ],
  ])('misspelt: %s', (_, document, expected) => {
    const { problems, typos } = parseObjects(document, ['f']);
    expect({ problems, typos: typos.map(formatProblem) }).toEqual({ problems: [], typos: expected });
  });

  test('an object with a field that is misspelt is read; one of a kind that is misspelt is not', () => {
    expect(parseObjects(spec({ replicas: 3 }), []).objects).toHaveLength(1);
    expect(parseObjects(service('a', { kind: 'service' }), []).objects).toHaveLength(0);
  });

  test('another version does not hide what else is wrong', () => {
    const { problems } = parseObjects(service('a', { apiVersion: 'v2', spec: { type: 'nodeport' } }), []);
    expect(problems.map(formatProblem)).toEqual([
      'Service default/a, apiVersion: expected v1, got "v2"',
      'Service default/a, spec.type: expected ClusterIP, NodePort, LoadBalancer or ExternalName, got "nodeport"',
    ]);
  });

  test('lists that nest without end', () => {
    const list: { kind: string; items: unknown[] } = { kind: 'List', items: [] };
    list.items.push(list);
    const at = Array(8).fill('items[0]').join(', ');
    expect(parseObjects(list, []).problems.map(formatProblem)).toEqual([
      `${at}: expected lists at most 8 deep`,
    ]);
  });

  test('as many problems as an input has', () => {
    const externalIPs = Array.from({ length: 150_000 }, () => 'x');
    const { problems } = parseObjects(service('a', { spec: { clusterIP: 'None', externalIPs } }), []);
    expect(problems).toHaveLength(150_000);
  });
});

describe('what a real API server answers to LIST', () => {
  const service = (name: string, clusterIPs: string[], ports: Fields[], more: Fields = {}) => ({
    kind: 'Service',
    namespace: 'default',
    name,
    clusterIPs,
    ports: ports.map((port) => ({ protocol: 'TCP', nodePort: 0, ...port })),
    ...more,
  });
  const slice = (name: string, serviceName: string, addresses: string[], port: Fields) => ({
    kind: 'EndpointSlice',
    name,
    serviceName,
    family: 'ipv4',
    endpoints: addresses.map((address) => ({ address, ready: true, serving: true, terminating: false })),
    ports: [{ protocol: 'TCP', ...port }],
  });
  const FIRST_PAGE = [
    service('ext', [], [], { type: 'ExternalName' }),
    service('headless', ['None'], [{ name: 'http', port: 80, targetPort: 80 }]),
  ];

  test.each<[string, readonly Fields[]]>([
    [
      'services.list.json',
      [
        ...FIRST_PAGE,
        service('kubernetes', ['10.96.0.1'], [{ name: 'https', port: 443, targetPort: 6443 }]),
        service('legacy', ['10.100.183.11'], [{ name: '', port: 80, targetPort: 9376 }]),
        service('web', ['10.104.60.54'], [{ name: 'http', port: 80, targetPort: 8080, nodePort: 32243 }], {
          type: 'NodePort',
        }),
      ],
    ],
    ['services.list-page1.json', FIRST_PAGE],
    [
      'endpointslices.list.json',
      [
        slice('kubernetes', 'kubernetes', ['192.168.77.1'], { name: 'https', port: 6443 }),
        slice('legacy-pw9jg', 'legacy', ['192.0.2.42'], { name: '', port: 9376 }),
        slice('web-a', 'web', ['10.244.1.5', '10.244.2.6'], { name: 'http', port: 8080 }),
      ],
    ],
    [
      'nodes.list.json',
      [
        {
          kind: 'Node',
          name: 'node1',
          zone: 'zone-1',
          region: 'region-1',
          podCIDRs: ['10.244.1.0/24'],
          ips: ['192.168.77.1'],
        },
      ],
    ],
  ])('%s', async (file, expected) => {
    const text = await readFile(join(import.meta.dirname, '../../test/data/api-server', file), 'utf8');
    const { objects, problems, typos, ignored } = parseObjects(JSON.parse(text), []);
    expect({ problems, typos, ignored: [...ignored] }).toEqual({ problems: [], typos: [], ignored: [] });
    expect(objects.map(({ object }) => object)).toMatchObject(expected);
    expect(objects).toHaveLength(expected.length);
  });
});
