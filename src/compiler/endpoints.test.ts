import { describe, expect, test } from 'vitest';
import type { Manifest } from '../../test/support/arbitrary/raw.ts';
import {
  DUAL_STACK,
  endpoint,
  inputOf,
  NOT_READY,
  ON_NODE_A,
  ON_NODE_B,
  service,
  slice,
  TERMINATING,
} from '../../test/support/rules.ts';
import type { Family } from '../net/address.ts';
import { resolveEndpoints, usableEndpoints } from './endpoints.ts';
import { resolveServicePorts } from './service-ports.ts';

interface Case {
  /** The objects beside the Service. */
  readonly objects: readonly Manifest[];
  readonly spec?: Manifest;
  readonly host?: Manifest;
  readonly family?: Family;
}

/** The endpoints of the Service's first port: all of them, and those that node-a may use. */
function endpointsOf({ objects, spec, host, family = 'ipv4' }: Case) {
  const input = inputOf({ objects: [service({ ...DUAL_STACK, ...spec }), ...objects], host: host ?? {} });
  const entry = input.cluster.services.get('shop/web');
  const [servicePort] = entry ? resolveServicePorts(entry.service, family, false) : [];
  if (!entry || !servicePort) throw new Error('the Service has no port');
  const all = resolveEndpoints(entry, servicePort, family, input.node);
  const { cluster, local, exist } = usableEndpoints(servicePort, all, input.node);
  return {
    all: all.map(({ text }) => text),
    localOnes: all.filter(({ local }) => local).map(({ text }) => text),
    cluster: cluster.map(({ text }) => text),
    local: local.map(({ text }) => text),
    exist,
  };
}

/** So that tables can speak of addresses alone. */
const on8080 = (addresses: readonly string[]) => addresses.map((address) => `${address}:8080`);

const ports = (...ports: Manifest[]) => ({ ports });

describe('which endpoints a service port has', () => {
  test.each<[string, Case, string[]]>([
    ['none', { objects: [] }, []],
    ['those of its slices', { objects: [slice(['10.0.0.1', '10.0.0.2'])] }, on8080(['10.0.0.1', '10.0.0.2'])],
    [
      'sorted as text',
      { objects: [slice(['10.0.0.9', '10.0.0.10', '9.0.0.1'])] },
      on8080(['10.0.0.10', '10.0.0.9', '9.0.0.1']),
    ],
    [
      'sorted with the port',
      {
        objects: [
          slice(['10.0.0.1'], ports({ name: 'http', port: 9 })),
          slice(['10.0.0.1'], { name: 'web-2', ...ports({ name: 'http', port: 80 }) }),
          slice(['10.0.0.1'], { name: 'web-3', ...ports({ name: 'http', port: 10 }) }),
        ],
      },
      ['10.0.0.1:10', '10.0.0.1:80', '10.0.0.1:9'],
    ],
    [
      'the first address of each endpoint',
      { objects: [slice([{ addresses: ['10.0.0.2', '10.0.0.1'] }])] },
      on8080(['10.0.0.2']),
    ],
    ['leading zeros are decimal', { objects: [slice(['172.30.0.041'])] }, on8080(['172.30.0.41'])],
    [
      'an IPv6 address in brackets',
      { objects: [slice(['FD00::0:1'], { addressType: 'IPv6' })], family: 'ipv6' },
      ['[fd00::1]:8080'],
    ],
    ['of its family only', { objects: [slice(['fd00::1'], { addressType: 'IPv6' })] }, []],
    ['no names of hosts', { objects: [slice(['pod.example.com'], { addressType: 'FQDN' })] }, []],
    [
      'of several slices',
      { objects: [slice(['10.0.0.2']), slice(['10.0.0.1'], { name: 'web-2' })] },
      on8080(['10.0.0.1', '10.0.0.2']),
    ],
    [
      'once where two slices have it',
      { objects: [slice(['10.0.0.1']), slice(['10.0.0.1', '10.0.0.2'], { name: 'web-2' })] },
      on8080(['10.0.0.1', '10.0.0.2']),
    ],
    ['by the name of the port', { objects: [slice(['10.0.0.1'], ports({ name: 'other', port: 8080 }))] }, []],
    [
      'by the protocol of the port',
      { objects: [slice(['10.0.0.1'], ports({ name: 'http', port: 8080, protocol: 'UDP' }))] },
      [],
    ],
    [
      'by both, where a name is there under two protocols',
      {
        objects: [
          slice(['10.0.0.1'], ports({ name: 'http', port: 53, protocol: 'UDP' })),
          slice(['10.0.0.1'], { name: 'web-2', ...ports({ name: 'http', port: 80, protocol: 'TCP' }) }),
        ],
      },
      ['10.0.0.1:80'],
    ],
    [
      'an unnamed port of the Service: the port named ""',
      { objects: [slice(['10.0.0.1'], ports({ name: '', port: 8080 }))], spec: ports({ port: 80 }) },
      on8080(['10.0.0.1']),
    ],
    [
      "a slice's port without a name is an unnamed one, as the API server would have it",
      { objects: [slice(['10.0.0.1'], ports({ port: 8080 }))], spec: ports({ port: 80 }) },
      on8080(['10.0.0.1']),
    ],
    [
      "a slice's port without a number is nobody's",
      { objects: [slice(['10.0.0.1'], ports({ name: 'http' }))] },
      [],
    ],
    ['a slice without ports has none', { objects: [slice(['10.0.0.1'], ports())] }, []],
    [
      'not of slices for headless Services',
      { objects: [slice(['10.0.0.1'], labelled('service.kubernetes.io/headless'))] },
      [],
    ],
    [
      'not of slices for another proxy',
      { objects: [slice(['10.0.0.1'], labelled('service.kubernetes.io/service-proxy-name'))] },
      [],
    ],
    ['not of another namespace', { objects: [slice(['10.0.0.1'], inNamespace('other'))] }, []],
  ])('%s', (_, given, expected) => {
    expect(endpointsOf(given).all).toEqual(expected);
  });
});

function inNamespace(namespace: string): Manifest {
  return { metadata: { name: 'web-1', namespace, labels: { 'kubernetes.io/service-name': 'web' } } };
}

function labelled(label: string): Manifest {
  const labels = { 'kubernetes.io/service-name': 'web', [label]: '' };
  return { metadata: { name: 'web-1', namespace: 'shop', labels } };
}

describe('local endpoints', () => {
  const objects = [
    slice([endpoint('10.0.0.1', ON_NODE_A), endpoint('10.0.0.2', ON_NODE_B), endpoint('10.0.0.3')]),
  ];
  test.each<[string, Case, string[]]>([
    ['those whose nodeName is this node', { objects }, on8080(['10.0.0.1'])],
    ['none where the node is not known', { objects, host: { name: '' } }, []],
    ['none elsewhere', { objects, host: { name: 'node-c' } }, []],
    [
      'an empty nodeName is no node',
      { objects: [slice([endpoint('10.0.0.1', { nodeName: '' })])], host: { name: '' } },
      [],
    ],
  ])('%s', (_, given, expected) => {
    expect(endpointsOf(given).localOnes).toEqual(expected);
  });
});

describe('of two endpoints with the same address', () => {
  const running = endpoint('10.0.0.1', ON_NODE_A);
  const leaving = endpoint('10.0.0.1', { ...TERMINATING, ...ON_NODE_B });
  const second = { name: 'web-2' };
  test.each<[string, Manifest[], string[]]>([
    [
      'the one that is not terminating wins, if it comes first',
      [slice([running]), slice([leaving], second)],
      on8080(['10.0.0.1']),
    ],
    ['and if it comes second', [slice([leaving]), slice([running], second)], on8080(['10.0.0.1'])],
    ['and in the same slice', [slice([leaving, running])], on8080(['10.0.0.1'])],
    ['of two that are not, the first slice by name', [slice([running], second), slice(['10.0.0.1'])], []],
    [
      'of two that are, the first slice by name',
      [slice([leaving]), slice([{ ...leaving, ...ON_NODE_A }], second)],
      [],
    ],
  ])('%s', (_, objects, localOnes) => {
    expect(endpointsOf({ objects })).toMatchObject({ all: on8080(['10.0.0.1']), localOnes });
  });
});

describe('conditions: what is used under the Cluster policy', () => {
  const conditions = (ready?: boolean | null, serving?: boolean | null, terminating?: boolean | null) =>
    endpoint('10.0.0.1', { conditions: { ready, serving, terminating } });
  const ready = endpoint('10.0.0.9');
  test.each<[string, Manifest[], string[]]>([
    ['no conditions mean ready', [endpoint('10.0.0.1')], ['10.0.0.1']],
    ['empty conditions mean ready', [endpoint('10.0.0.1', { conditions: {} })], ['10.0.0.1']],
    ['null means ready', [conditions(null, null, null)], ['10.0.0.1']],
    ['ready', [conditions(true)], ['10.0.0.1']],
    ['ready although terminating (publishNotReadyAddresses)', [conditions(true, false, true)], ['10.0.0.1']],
    ['not ready', [conditions(false)], []],
    ['not ready, serving, not terminating', [conditions(false, true, false)], []],
    ['terminating, absent serving means true', [conditions(false, undefined, true)], ['10.0.0.1']],
    ['terminating, no longer serving', [conditions(false, false, true)], []],
    ['terminating is left out while another is ready', [conditions(false, true, true), ready], ['10.0.0.9']],
    ['not ready is left out while another is ready', [conditions(false), ready], ['10.0.0.9']],
    [
      'all terminating: those that serve',
      [
        conditions(false, true, true),
        endpoint('10.0.0.2', { conditions: { ready: false, serving: false, terminating: true } }),
        endpoint('10.0.0.3', NOT_READY),
        endpoint('10.0.0.4', TERMINATING),
      ],
      ['10.0.0.1', '10.0.0.4'],
    ],
  ])('%s', (_, endpoints, expected) => {
    expect(endpointsOf({ objects: [slice(endpoints)] })).toMatchObject({
      cluster: on8080(expected),
      exist: expected.length > 0,
    });
  });
});

describe('which sets are needed, and whether there are endpoints at all', () => {
  const here = endpoint('10.0.0.1', ON_NODE_A);
  const there = endpoint('10.0.0.2', ON_NODE_B);
  const nodePort = { type: 'NodePort', ...ports({ name: 'http', port: 80, nodePort: 30080 }) };
  const internal = { internalTrafficPolicy: 'Local' };
  const external = { ...nodePort, externalTrafficPolicy: 'Local' };
  const leaving = (place: Manifest) => ({ ...TERMINATING, ...place });

  test.each<[string, Manifest, Manifest[], string[], string[], boolean]>([
    ['Cluster', {}, [here, there], ['10.0.0.1', '10.0.0.2'], [], true],
    ['internal Local', internal, [here, there], [], ['10.0.0.1'], true],
    ['internal Local, none here', internal, [there], [], [], true],
    ['internal Local, none at all', internal, [], [], [], false],
    ['external Local', external, [here, there], ['10.0.0.1', '10.0.0.2'], ['10.0.0.1'], true],
    ['external Local, none here', external, [there], ['10.0.0.2'], [], true],
    [
      'external Local, not reachable',
      { externalTrafficPolicy: 'Local' },
      [here, there],
      ['10.0.0.1', '10.0.0.2'],
      [],
      true,
    ],
    ['both Local', { ...external, ...internal }, [here, there], ['10.0.0.1', '10.0.0.2'], ['10.0.0.1'], true],
    [
      'internal Local, reachable under Cluster',
      { ...nodePort, ...internal },
      [here, there],
      ['10.0.0.1', '10.0.0.2'],
      ['10.0.0.1'],
      true,
    ],
    [
      'fallback of the local set alone',
      external,
      [endpoint('10.0.0.1', leaving(ON_NODE_A)), there],
      ['10.0.0.2'],
      ['10.0.0.1'],
      true,
    ],
    [
      'no fallback of the local set',
      external,
      [endpoint('10.0.0.1', leaving(ON_NODE_A)), endpoint('10.0.0.3', ON_NODE_A), there],
      ['10.0.0.2', '10.0.0.3'],
      ['10.0.0.3'],
      true,
    ],
    [
      'fallback of both',
      external,
      [endpoint('10.0.0.1', leaving(ON_NODE_A)), endpoint('10.0.0.2', leaving(ON_NODE_B))],
      ['10.0.0.1', '10.0.0.2'],
      ['10.0.0.1'],
      true,
    ],
    [
      'internal Local, only one that leaves elsewhere',
      internal,
      [endpoint('10.0.0.2', leaving(ON_NODE_B))],
      [],
      [],
      true,
    ],
    [
      'internal Local, only one that is not ready',
      internal,
      [endpoint('10.0.0.1', { ...NOT_READY, ...ON_NODE_A })],
      [],
      [],
      false,
    ],
  ])('%s', (_, spec, endpoints, cluster, local, exist) => {
    expect(endpointsOf({ objects: [slice(endpoints)], spec })).toMatchObject({
      cluster: on8080(cluster),
      local: on8080(local),
      exist,
    });
  });
});

const named = (names: readonly string[]) => names.map((name) => ({ name }));
const hinted = (address: string, hints: { zones?: string[]; nodes?: string[] }, rest: Manifest = {}) =>
  endpoint(address, {
    hints: { forZones: named(hints.zones ?? []), forNodes: named(hints.nodes ?? []) },
    ...rest,
  });

describe('topology hints, seen from node-a in zone-1', () => {
  const zone1 = hinted('10.0.0.1', { zones: ['zone-1'] });
  const zone2 = hinted('10.0.0.2', { zones: ['zone-2'] });
  const nodeA = hinted('10.0.0.3', { nodes: ['node-a'], zones: ['zone-2'] });
  const nodeB = hinted('10.0.0.4', { nodes: ['node-b'], zones: ['zone-1'] });

  test.each<[string, Manifest[], string[], Manifest?]>([
    ['those for this zone', [zone1, zone2], ['10.0.0.1']],
    ['for several zones', [hinted('10.0.0.1', { zones: ['zone-2', 'zone-1'] }), zone2], ['10.0.0.1']],
    ['none for this zone: all', [zone2, hinted('10.0.0.5', { zones: ['zone-3'] })], ['10.0.0.2', '10.0.0.5']],
    ['one has no hint: all', [zone1, zone2, endpoint('10.0.0.5')], ['10.0.0.1', '10.0.0.2', '10.0.0.5']],
    [
      'one has an empty list: all',
      [zone1, zone2, hinted('10.0.0.5', {})],
      ['10.0.0.1', '10.0.0.2', '10.0.0.5'],
    ],
    ['one that is not ready has no hint', [zone1, zone2, endpoint('10.0.0.5', NOT_READY)], ['10.0.0.1']],
    ['the zone is not known: all', [zone1, zone2], ['10.0.0.1', '10.0.0.2'], { zone: '' }],
    ['those for this node, before those for the zone', [nodeA, nodeB], ['10.0.0.3']],
    [
      'none for this node: those for the zone',
      [nodeB, hinted('10.0.0.5', { nodes: ['node-c'], zones: ['zone-2'] })],
      ['10.0.0.4'],
    ],
    ['not all have a node: those for the zone', [nodeA, zone1], ['10.0.0.1']],
    [
      'none for this node or zone: all',
      [nodeB, nodeA],
      ['10.0.0.3', '10.0.0.4'],
      { name: 'node-c', zone: 'zone-3' },
    ],
    [
      'terminating ones know no hints',
      [
        hinted('10.0.0.1', { zones: ['zone-1'] }, TERMINATING),
        hinted('10.0.0.2', { zones: ['zone-2'] }, TERMINATING),
      ],
      ['10.0.0.1', '10.0.0.2'],
    ],
  ])('%s', (_, endpoints, expected, host = {}) => {
    expect(endpointsOf({ objects: [slice(endpoints)], host }).cluster).toEqual(on8080(expected));
  });

  test('the local set does not care for hints', () => {
    const endpoints = [hinted('10.0.0.1', { zones: ['zone-2'] }, ON_NODE_A), zone1];
    const { local } = endpointsOf({ objects: [slice(endpoints)], spec: { internalTrafficPolicy: 'Local' } });
    expect(local).toEqual(on8080(['10.0.0.1']));
  });
});

describe('topologyKeys, seen from node-a in zone-1 of region-1', () => {
  const HOSTNAME = 'kubernetes.io/hostname';
  const ZONE = 'topology.kubernetes.io/zone';
  const REGION = 'topology.kubernetes.io/region';
  const place = (address: string, nodeName: string, zone: string, region: string, rest: Manifest = {}) =>
    endpoint(address, { nodeName, zone, deprecatedTopology: { [REGION]: region }, ...rest });

  const sameNode = place('10.0.0.1', 'node-a', 'zone-1', 'region-1');
  const sameZone = place('10.0.0.2', 'node-b', 'zone-1', 'region-1');
  const sameRegion = place('10.0.0.3', 'node-c', 'zone-2', 'region-1');
  const elsewhere = place('10.0.0.4', 'node-d', 'zone-4', 'region-2');
  const nowhere = endpoint('10.0.0.5');
  const all = [sameNode, sameZone, sameRegion, elsewhere, nowhere];

  test.each<[string, string[], Manifest[], string[], Manifest?]>([
    ['no keys: all', [], all, ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5']],
    ['hostname', [HOSTNAME], all, ['10.0.0.1']],
    ['zone', [ZONE], all, ['10.0.0.1', '10.0.0.2']],
    ['zone by its older label', ['kubernetes.io/zone'], all, ['10.0.0.1', '10.0.0.2']],
    ['region', [REGION], all, ['10.0.0.1', '10.0.0.2', '10.0.0.3']],
    ['region by its older label', ['kubernetes.io/region'], all, ['10.0.0.1', '10.0.0.2', '10.0.0.3']],
    ['any', ['*'], all, ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5']],
    [
      'the first key that matches something',
      [HOSTNAME, ZONE, '*'],
      [sameZone, sameRegion, elsewhere],
      ['10.0.0.2'],
    ],
    ['the order of the keys counts', [REGION, HOSTNAME], all, ['10.0.0.1', '10.0.0.2', '10.0.0.3']],
    ['any as the last resort', [HOSTNAME, ZONE, '*'], [elsewhere, nowhere], ['10.0.0.4', '10.0.0.5']],
    ['no match: none', [HOSTNAME, ZONE, REGION], [elsewhere, nowhere], []],
    ['another key matches nothing', ['example.com/rack'], all, []],
    ['a node of unknown zone matches no zone', [ZONE], all, [], { zone: '' }],
    ['a node of unknown region matches no region', [REGION], all, [], { region: '' }],
    ['a node of unknown name matches no name', [HOSTNAME], all, [], { name: '' }],
    ['nor an endpoint of none', [HOSTNAME], [endpoint('10.0.0.5', { nodeName: '' })], [], { name: '' }],
    [
      'hints are ignored',
      [REGION],
      [
        hinted('10.0.0.1', { zones: ['zone-9'] }, ON_NODE_A),
        { ...sameZone, hints: { forZones: named(['zone-1']) } },
        { ...sameRegion, hints: { forZones: named(['zone-2']) } },
      ],
      ['10.0.0.2', '10.0.0.3'],
    ],
    [
      'those that are not ready do not count',
      [HOSTNAME, ZONE],
      [{ ...sameNode, ...NOT_READY }, sameZone],
      ['10.0.0.2'],
    ],
    [
      'terminating ones do not count while one is ready anywhere',
      [HOSTNAME],
      [{ ...sameNode, ...TERMINATING }, elsewhere],
      [],
    ],
    [
      'if all are terminating, they are narrowed, too',
      [HOSTNAME, '*'],
      [
        { ...sameNode, ...TERMINATING },
        { ...elsewhere, ...TERMINATING },
      ],
      ['10.0.0.1'],
    ],
  ])('%s', (_, topologyKeys, endpoints, expected, host = {}) => {
    expect(endpointsOf({ objects: [slice(endpoints)], spec: { topologyKeys }, host })).toMatchObject({
      cluster: on8080(expected),
      exist: expected.length > 0,
    });
  });

  test.each<[string, Manifest, string[]]>([
    ['a zone', { 'topology.kubernetes.io/zone': 'zone-1' }, ['10.0.0.4']],
    ['a region', { 'topology.kubernetes.io/region': 'region-1' }, ['10.0.0.4']],
    ['neither', {}, []],
  ])('an endpoint is in %s of its Node', (_, labels, expected) => {
    const nodes = ['node-a', 'node-d'].map((name) => ({
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name, labels },
    }));
    const objects = [slice([endpoint('10.0.0.4', { nodeName: 'node-d' })]), ...nodes];
    expect(endpointsOf({ objects, spec: { topologyKeys: [ZONE, REGION] } }).cluster).toEqual(
      on8080(expected),
    );
  });

  test('the local set does not care for keys', () => {
    const spec = { internalTrafficPolicy: 'Local', topologyKeys: ['example.com/rack'] };
    expect(endpointsOf({ objects: [slice(all)], spec })).toMatchObject({
      cluster: [],
      local: on8080(['10.0.0.1']),
      exist: true,
    });
  });
});

describe('the older Endpoints', () => {
  const endpoints = (...subsets: Manifest[]) => ({
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: { name: 'web', namespace: 'shop' },
    subsets,
  });
  const http = { name: 'http', port: 8080 };

  test.each<[string, Manifest[], string[], string[]]>([
    [
      'addresses are ready, notReadyAddresses are not',
      [
        endpoints({
          addresses: [{ ip: '10.0.0.1' }],
          notReadyAddresses: [{ ip: '10.0.0.2' }],
          ports: [http],
        }),
      ],
      on8080(['10.0.0.1', '10.0.0.2']),
      on8080(['10.0.0.1']),
    ],
    [
      'several subsets',
      [
        endpoints(
          { addresses: [{ ip: '10.0.0.1' }], ports: [http] },
          { addresses: [{ ip: '10.0.0.1' }], ports: [{ name: 'http', port: 9090 }] },
        ),
      ],
      ['10.0.0.1:8080', '10.0.0.1:9090'],
      ['10.0.0.1:8080', '10.0.0.1:9090'],
    ],
    [
      'no fallback to those that are not ready',
      [endpoints({ notReadyAddresses: [{ ip: '10.0.0.2' }], ports: [http] })],
      on8080(['10.0.0.2']),
      [],
    ],
    [
      'only where no slice names the Service',
      [endpoints({ addresses: [{ ip: '10.0.0.1' }], ports: [http] }), slice(['10.0.0.9'])],
      on8080(['10.0.0.9']),
      on8080(['10.0.0.9']),
    ],
    [
      'an empty slice names it, too',
      [endpoints({ addresses: [{ ip: '10.0.0.1' }], ports: [http] }), slice([])],
      [],
      [],
    ],
  ])('%s', (_, objects, all, cluster) => {
    expect(endpointsOf({ objects })).toMatchObject({ all, cluster });
  });

  test('nodeName makes an address local', () => {
    const objects = [
      endpoints({ addresses: [{ ip: '10.0.0.1', nodeName: 'node-a' }, { ip: '10.0.0.2' }], ports: [http] }),
    ];
    const { local } = endpointsOf({ objects, spec: { internalTrafficPolicy: 'Local' } });
    expect(local).toEqual(on8080(['10.0.0.1']));
  });

  test('an unnamed port', () => {
    const objects = [endpoints({ addresses: [{ ip: '10.0.0.1' }], ports: [{ port: 8080 }] })];
    expect(endpointsOf({ objects, spec: ports({ port: 80 }) }).all).toEqual(on8080(['10.0.0.1']));
  });
});
