import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { manifestText } from '../../test/support/arbitrary/manifest-files.ts';
import type { ServiceEntry } from '../api/cluster.ts';
import {
  ClusterAssembler,
  DEFAULT_SERVICE_RANGES,
  type LoadedCluster,
  loadCluster,
  noManifests,
} from './cluster.ts';
import { parseSource } from './object-index.ts';

/** Loads texts, called a, b, c ... in messages. */
function load(texts: readonly string[], strict = false): LoadedCluster {
  const sources = texts.map((text, i) => ({ name: 'abcdef'.charAt(i), text }));
  const loaded = loadCluster(sources, { serviceRanges: DEFAULT_SERVICE_RANGES, strict });
  // Whatever was read before makes no difference.
  expect(loadCluster(sources, { serviceRanges: DEFAULT_SERVICE_RANGES, strict, known })).toEqual(loaded);
  return loaded;
}

/** Of all clusters that are loaded here. */
const known = noManifests();

/** The endpoints of each Service, with the name of the slice that they come from. */
function endpointsOf({ cluster }: LoadedCluster): Record<string, string[]> {
  return Object.fromEntries(
    [...cluster.services].map(([name, { endpointSlices }]) => [
      name,
      endpointSlices.flatMap((slice) => slice.endpoints.map(({ address }) => `${slice.name} ${address}`)),
    ]),
  );
}

const metadata = (name: string, labels = '') =>
  `metadata: {name: ${name}, namespace: shop, labels: {${labels}}}`;

const SERVICE = `
apiVersion: v1
kind: Service
${metadata('web')}
spec: {clusterIP: 10.96.0.10, selector: {app: web}, ports: [{name: http, port: 80}]}
`;
const SLICE = `
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
${metadata('web-1', 'kubernetes.io/service-name: web')}
addressType: IPv4
ports: [{name: http, port: 80}]
endpoints: [{addresses: [10.244.1.1], nodeName: node-a}]
`;
const ENDPOINTS = `
apiVersion: v1
kind: Endpoints
${metadata('web')}
subsets: [{addresses: [{ip: 10.244.1.2}], ports: [{name: http, port: 80}]}]
`;
const POD = `
apiVersion: v1
kind: Pod
${metadata('web-1', 'app: web')}
spec: {nodeName: node-a, containers: []}
status: {podIP: 10.244.1.3, conditions: [{type: Ready, status: "True"}]}
`;
const NODE = `
apiVersion: v1
kind: Node
metadata: {name: node-a, labels: {topology.kubernetes.io/zone: zone-1, topology.kubernetes.io/region: region-1}}
`;
const UNASSIGNED = SERVICE.replace('clusterIP: 10.96.0.10, ', '');

describe('where endpoints come from', () => {
  test.each<[string, string[], Record<string, string[]>]>([
    ['nowhere', [SERVICE], { 'shop/web': [] }],
    ['slices', [SERVICE, SLICE], { 'shop/web': ['web-1 10.244.1.1'] }],
    ['Endpoints', [SERVICE, ENDPOINTS], { 'shop/web': ['web-0-ipv4 10.244.1.2'] }],
    ['Pods', [SERVICE, POD], { 'shop/web': ['web-ipv4-0 10.244.1.3'] }],
    ['slices before all else', [POD, ENDPOINTS, SLICE, SERVICE], { 'shop/web': ['web-1 10.244.1.1'] }],
    ['Endpoints before Pods', [POD, ENDPOINTS, SERVICE], { 'shop/web': ['web-0-ipv4 10.244.1.2'] }],
    [
      'slices, though there is nothing in them',
      [SERVICE, POD, SLICE.replace(/endpoints: .*/, 'endpoints: []')],
      { 'shop/web': [] },
    ],
    [
      'not slices for another proxy',
      [SERVICE, POD, SLICE.replace('name: web}', 'name: web, service.kubernetes.io/service-proxy-name: x}')],
      { 'shop/web': ['web-ipv4-0 10.244.1.3'] },
    ],
    [
      'not slices of another namespace',
      [SERVICE, POD, SLICE.replace('namespace: shop', 'namespace: other')],
      { 'shop/web': ['web-ipv4-0 10.244.1.3'] },
    ],
    [
      'not Pods, where there is no selector',
      [SERVICE.replace('selector: {app: web}, ', ''), POD],
      { 'shop/web': [] },
    ],
    [
      'Pods, of a Service whose address was assigned',
      [UNASSIGNED, POD],
      { 'shop/web': ['web-ipv4-0 10.244.1.3'] },
    ],
  ])('%s', (_, texts, expected) => {
    expect(endpointsOf(load(texts))).toEqual(expected);
  });

  test('Nodes tell zones and regions that slices do not', () => {
    const [entry] = load([SERVICE, SLICE, NODE]).cluster.services.values();
    expect(entry?.endpointSlices[0]?.endpoints).toMatchObject([{ zone: 'zone-1', region: 'region-1' }]);
  });

  test('a zone that a slice tells stays', () => {
    const zoned = SLICE.replace('nodeName: node-a', 'nodeName: node-a, zone: zone-9');
    const [entry] = load([SERVICE, zoned, NODE]).cluster.services.values();
    expect(entry?.endpointSlices[0]?.endpoints).toMatchObject([{ zone: 'zone-9', region: 'region-1' }]);
  });

  test('the order of the texts does not matter', () => {
    const texts = [SERVICE, SLICE, POD, NODE, UNASSIGNED.replace('name: web', 'name: api'), ENDPOINTS];
    expect(load(texts.toReversed()).cluster).toEqual(load(texts).cluster);
  });
});

describe('Pods of workloads', () => {
  const DEPLOYMENT = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 2
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{ports: [{name: web, containerPort: 8080}]}]}
`;
  const WAITING = POD.replace('10.244.1.3', '""');
  const node = { name: '', ips: [], podCIDRs: [] };
  const loadWith = (texts: readonly string[]) =>
    loadCluster(
      texts.map((text, i) => ({ name: `${i}`, text })),
      {
        serviceRanges: DEFAULT_SERVICE_RANGES,
        strict: false,
        workloads: { node, podRanges: ['10.9.0.0/16'] },
      },
    );

  test.each<[string, string[], string[]]>([
    ['nothing', [SERVICE, DEPLOYMENT], ['10.9.', '10.9.']],
    ['an EndpointSlice', [SERVICE, DEPLOYMENT, SLICE], ['10.244.1.1']],
    ['Endpoints', [SERVICE, DEPLOYMENT, ENDPOINTS], ['10.244.1.2']],
    ['a Pod', [SERVICE, DEPLOYMENT, POD], ['10.244.1.3']],
    ['a Pod without an address', [SERVICE, DEPLOYMENT, WAITING], ['10.9.', '10.9.']],
    [
      'a Pod of another Service',
      [SERVICE, DEPLOYMENT, POD.replace('app: web', 'app: api')],
      ['10.9.', '10.9.'],
    ],
    ['no selector', [SERVICE.replace('selector: {app: web}, ', ''), DEPLOYMENT], []],
  ])('what is given wins: %s', (_, texts, expected) => {
    for (const order of [texts, texts.toReversed()]) {
      const { cluster } = loadWith(order);
      const entry = cluster.services.get('shop/web');
      const addresses = entry?.endpointSlices.flatMap(({ endpoints }) =>
        endpoints.map(({ address }) => address),
      );
      expect(addresses?.map((address) => address.replace(/^10\.9\..*/, '10.9.'))).toEqual(expected);
    }
  });

  test('none where nobody asks for them', () => {
    const { cluster, made, pods } = load([SERVICE, DEPLOYMENT]);
    expect([cluster.services.get('shop/web')?.endpointSlices, made.pods, pods.size]).toEqual([[], [], 0]);
  });

  test('one without a Node is told of', () => {
    const chosen = DEPLOYMENT.replace('spec: {containers', 'spec: {nodeSelector: {disk: ssd}, containers');
    expect(loadWith([SERVICE, chosen, NODE]).warnings).toEqual([
      '1, document 1, Deployment shop/web: no Node in the input can run its Pods',
    ]);
  });

  test('a workload that is there twice, and differs', () => {
    expect(() => loadWith([DEPLOYMENT, DEPLOYMENT.replace('replicas: 2', 'replicas: 3')])).toThrow(
      '1, document 1, Deployment shop/web: is defined twice, and differs from 0, document 1',
    );
  });
});

describe('objects that are there twice', () => {
  test.each<[string, string[], string]>([
    ['the same', [SERVICE, SERVICE], ''],
    ['the same, in other words', [SERVICE, SERVICE.replace('name: http,', 'name: http, protocol: TCP,')], ''],
    ['the same in one text', [`${SERVICE}---${SERVICE}`], ''],
    ['another kind by the same name', [SERVICE, ENDPOINTS, POD.replace('name: web-1', 'name: web')], ''],
    ['another namespace', [SERVICE, SERVICE.replace('shop', 'other').replace('0.10', '0.11')], ''],
    [
      'another',
      [SERVICE, SERVICE.replace('port: 80', 'port: 81')],
      'b, document 1, Service shop/web: is defined twice, and differs from a, document 1',
    ],
    [
      'another in one text',
      [`${SLICE}---${SLICE.replace('10.244.1.1', '10.244.1.9')}`],
      'a, document 2, EndpointSlice shop/web-1: is defined twice, and differs from a, document 1',
    ],
    [
      'another in a list',
      [
        `kind: List\nitems: [{apiVersion: v1, kind: Node, metadata: {name: a}}]`,
        'apiVersion: v1\nkind: Node\nmetadata: {name: a}\nspec: {podCIDR: 10.0.0.0/8}',
      ],
      'b, document 1, Node a: is defined twice, and differs from a, document 1, items[0]',
    ],
  ])('%s', (_, texts, expected) => {
    const attempt = () => load(texts).warnings.join('\n');
    if (expected === '') expect(attempt()).toBe('');
    else expect(attempt).toThrow(expected);
  });
});

describe('what is told', () => {
  test.each<[string, string[], (string | RegExp)[]]>([
    ['nothing', [SERVICE, SLICE], []],
    [
      'an address that was assigned',
      [UNASSIGNED],
      [/^a, document 1, Service shop\/web: has no cluster IP yet; assigned cluster IP 10\.[\d.]+$/],
    ],
    [
      'a cluster IP that two have',
      [SERVICE, SERVICE.replace('name: web', 'name: api')],
      [
        'a, document 1, Service shop/web, spec.clusterIP: 10.96.0.10 is already the cluster IP of Service shop/api',
      ],
    ],
    ["a slice's port without a name, which the API server gives an empty one", [SERVICE, SLICE.replace('name: http, ', '')], []], // biome-ignore format: a row
    ["a slice's port with an empty name", [SERVICE, SLICE.replace('name: http', 'name: ""')], []],
  ])('%s', (_, texts, expected) => {
    expect(load(texts).warnings).toEqual(
      expected.map((line) => (typeof line === 'string' ? line : expect.stringMatching(line))),
    );
  });

  test('kinds that have no rules, by number', () => {
    const deployment = 'apiVersion: apps/v1\nkind: Deployment\nspec: 1\n';
    const { ignored } = load([
      `${deployment}---\n${SERVICE}---\n${deployment}`,
      'kind: Gateway\napiVersion: x/v1',
    ]);
    expect([...ignored]).toEqual([
      ['Deployment.apps/v1', 2],
      ['Gateway.x/v1', 1],
    ]);
  });
});

describe('what is an error', () => {
  test('everything at once, from all texts', () => {
    const texts = [
      `${SERVICE.replace('port: 80', 'port: 70000')}---\nkind: [\n---\n${SLICE.replace('IPv4', 'IPv5')}`,
      'hello',
      UNASSIGNED.replace('spec: {', 'spec: {ipFamilies: [IPv6, IPv4], '),
      SERVICE,
      SERVICE.replace('port: 80', 'port: 81'),
    ];
    expect(() => load(texts)).toThrow(
      [
        'a, document 2, line 8, column 1: the list before it is not closed by "]"',
        'a, document 1, Service shop/web, spec.ports[0].port: expected 1 to 65535, got 70000',
        'a, document 3, EndpointSlice shop/web-1, addressType: expected IPv4, IPv6 or FQDN, got "IPv5"',
        'b, document 1: expected a Kubernetes object, got "hello"',
        'c, document 1, Service shop/web, spec.ipFamilyPolicy: expected PreferDualStack or RequireDualStack, as there are two families, got nothing',
        'e, document 1, Service shop/web: is defined twice, and differs from d, document 1',
      ].join('\n'),
    );
  });

  test('a range that has no address left', () => {
    const attempt = () =>
      loadCluster([{ name: 'a', text: UNASSIGNED }], { serviceRanges: ['10.0.0.0/31'], strict: false });
    expect(attempt).toThrow('a, document 1, Service shop/web: no free cluster IP in 10.0.0.0/31');
  });

  test.each<[string, string[], string]>([
    [
      'a missing cluster IP',
      [UNASSIGNED],
      'a, document 1, Service shop/web: has no cluster IP yet, which --strict requires',
    ],
    [
      'a cluster IP that two have',
      [SERVICE, SERVICE.replace('name: web', 'name: api')],
      'a, document 1, Service shop/web, spec.clusterIP: 10.96.0.10 is already the cluster IP of Service shop/api',
    ],
  ])('for who is strict: %s', (_, texts, expected) => {
    expect(() => load(texts, true)).toThrow(expected);
  });

  test('for who is strict: what is misspelt', () => {
    const misspelt = SERVICE.replace('selector:', 'selectors:');
    expect(load([misspelt]).typos).toMatchObject([{ code: 'unknown-field' }]);
    expect(() => load([misspelt], true)).toThrow(
      'a, document 1, Service shop/web, spec.selectors: unknown field (selector?)',
    );
  });

  test('a key that is there twice does not hide what else is wrong', () => {
    const twice = SERVICE.replace('port: 80', 'port: 0, port: 80').replace('selector: {app: web}', 'type: x');
    expect(() => load([twice])).toThrow(
      [
        'a, document 1, line 5, column 70: duplicate key "port"',
        'a, document 1, Service shop/web, spec.type: expected ClusterIP, NodePort, LoadBalancer or ExternalName, got "x"',
        'a, document 1, Service shop/web, spec.ports[0].port: expected 1 to 65535, got 0',
      ].join('\n'),
    );
  });

  test('nothing, where all is as an API server has it', () => {
    expect(load([SERVICE, SLICE], true).warnings).toEqual([]);
  });
});

test('what a real API server answers is a cluster', async () => {
  const files = ['services.list.json', 'endpointslices.list.json', 'nodes.list.json'];
  const folder = join(import.meta.dirname, '../../test/data/api-server');
  const loaded = load(await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8'))), true);
  expect(endpointsOf(loaded)).toEqual({
    'default/ext': [],
    'default/headless': [],
    'default/kubernetes': ['kubernetes 192.168.77.1'],
    'default/legacy': ['legacy-pw9jg 192.0.2.42'],
    'default/web': ['web-a 10.244.1.5', 'web-a 10.244.2.6'],
  });
  expect({ warnings: loaded.warnings, ignored: loaded.ignored, nodes: [...loaded.nodes.keys()] }).toEqual({
    warnings: [],
    ignored: new Map(),
    nodes: ['node1'],
  });
});

describe('texts that change', () => {
  const OPTIONS = { serviceRanges: DEFAULT_SERVICE_RANGES, strict: false };

  /** What an assembler keeps of each Service while one text after the other takes the place of the last. */
  function keeps(...versions: readonly (readonly string[])[]): boolean[] {
    const assembler = new ClusterAssembler(OPTIONS);
    const parsed = new Map<string, ReturnType<typeof parseSource>>();
    const assemble = (texts: readonly string[]) =>
      assembler.assemble(
        texts.map((text) => {
          const known = parsed.get(text) ?? parseSource({ name: 'a', text });
          parsed.set(text, known);
          return known;
        }),
      );
    const states = versions.map((texts) => assemble(texts).cluster.services);
    return [...(states[0] ?? [])].map(([key, entry]) => states.at(-1)?.get(key) === entry);
  }

  const api = UNASSIGNED.replaceAll('web', 'api');

  test.each<[string, string[], string[], boolean[]]>([
    ['nothing', [SERVICE, SLICE], [SERVICE, SLICE], [true]],
    ['the order of the texts', [SERVICE, SLICE], [SLICE, SERVICE], [true]],
    ['the words of a text', [SERVICE, SLICE], [`# The web\n${SERVICE}`, `# Its endpoints\n${SLICE}`], [true]],
    ['the Service', [SERVICE, SLICE], [SERVICE.replace('80', '81'), SLICE], [false]],
    ['an endpoint', [SERVICE, SLICE], [SERVICE, SLICE.replace('1.1', '1.9')], [false]],
    ['the texts around a Service without a cluster IP', [UNASSIGNED], [UNASSIGNED, api], [true]],
    ['another Service', [api, SERVICE, POD], [api, SERVICE.replace('80', '81'), POD], [true, false]],
    ['Pods that it does not select', [SERVICE, POD], [SERVICE, POD, POD.replaceAll('web', 'api')], [true]],
    ['a Pod that it selects', [SERVICE, POD], [SERVICE, POD.replace('1.3', '1.4')], [false]],
    ['its Endpoints', [SERVICE, ENDPOINTS], [SERVICE, ENDPOINTS.replace('1.2', '1.4')], [false]],
    ['a zone', [SERVICE, SLICE, NODE], [SERVICE, SLICE, NODE.replace('zone-1', 'zone-2')], [false]],
    ['a zone of Pods', [SERVICE, POD, NODE], [SERVICE, POD, NODE.replace('zone-1', 'zone-2')], [false]],
    [
      'a Node, but not where it is',
      [SERVICE, SLICE, api, POD, NODE],
      [SERVICE, SLICE, api, POD, `${NODE}status: {addresses: [{type: InternalIP, address: 192.168.0.1}]}`],
      [true, true],
    ],
  ])('which Services keep their entries when they change %s', (_, before, after, expected) => {
    expect(keeps(before, after)).toEqual(expected);
  });

  test('are what they would be without a past', () => {
    const step = fc.record({ file: fc.nat(4), text: fc.option(manifestText, { freq: 6, nil: undefined }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), fc.boolean(), (steps, strict) => {
        const options = { ...OPTIONS, strict };
        const assembler = new ClusterAssembler(options);
        const sources = new Map<number, { name: string; text: string }>();
        const parsed = new Map<number, ReturnType<typeof parseSource>>();
        let entries: ReadonlyMap<string, ServiceEntry> = new Map();
        for (const { file, text } of steps) {
          sources.delete(file);
          parsed.delete(file);
          if (text !== undefined) {
            const source = { name: `${file}.yaml`, text };
            sources.set(file, source);
            parsed.set(file, parseSource(source));
          }
          const fresh = outcome(() => loadCluster([...sources.values()], options));
          const kept = outcome(() => assembler.assemble([...parsed.values()]));
          expect(kept).toEqual(fresh);
          if (typeof kept === 'string' || typeof fresh === 'string') continue;
          expect([...kept.cluster.services.keys()]).toEqual([...fresh.cluster.services.keys()]);
          for (const [key, entry] of kept.cluster.services) {
            const former = entries.get(key);
            if (former !== entry) expect(entry).not.toEqual(former);
          }
          entries = kept.cluster.services;
        }
      }),
      { numRuns: 200 },
    );
  });

  /** What comes out, or what is wrong. */
  function outcome(load: () => LoadedCluster): LoadedCluster | string {
    try {
      return load();
    } catch (error) {
      return String(error);
    }
  }
});

test('what stands in manifests that were read before is the same object', () => {
  const known = noManifests();
  const options = { serviceRanges: DEFAULT_SERVICE_RANGES, strict: false, known };
  const other = SERVICE.replace('name: web,', 'name: api,').replace('10.96.0.10', '10.96.0.11');
  const [before, after] = [
    [SERVICE, SLICE, other],
    [other.replace('port: 80', 'port: 81'), SLICE, SERVICE],
  ].map((texts, i) => loadCluster([{ name: `${i}`, text: texts.join('---\n') }], options).cluster.services);
  expect(after?.get('shop/web')).toBe(before?.get('shop/web'));
  expect(after?.get('shop/api')?.service.ports[0]?.port).toBe(81);
});
