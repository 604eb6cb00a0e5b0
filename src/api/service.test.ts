import { describe, expect, test } from 'vitest';
import { check, formatProblem } from './problem.ts';
import { hasClusterIP, type Service, serviceSchema } from './service.ts';

type Fields = Readonly<Record<string, unknown>>;

/** A Service in which nothing is wrong, but for what a case puts into its spec. */
function manifest(spec: Fields, more: Fields = {}): Fields {
  return {
    metadata: { name: 'web' },
    spec: { clusterIP: '10.96.0.10', ports: [{ port: 80 }], ...spec },
    ...more,
  };
}

function problemsOf(value: unknown): string[] {
  const result = check(serviceSchema, value, []);
  return result.ok ? [] : result.problems.map(formatProblem);
}

function parse(value: unknown): Service {
  const result = check(serviceSchema, value, []);
  if (!result.ok) throw new Error(result.problems.map(formatProblem).join('\n'));
  return result.value;
}

const port = (...ports: unknown[]) => ({ ports });

const DNS_LABEL = 'a DNS label (1 to 63 of a-z, 0-9 and "-", with a letter or digit at both ends)';
const TARGET_PORT =
  '1 to 65535 or the name of a container port (1 to 15 of a-z, 0-9 and "-", at least one letter)';
const LABEL_KEY = 'a label (1 to 63 of A-Z, a-z, 0-9, "-", "_" and ".", or DNS subdomain/name)';
const LABEL_VALUE =
  'the value of a label (up to 63 of A-Z, a-z, 0-9, "-", "_" and ".", with a letter or digit at both ends)';

describe('what a Service without more has', () => {
  test('the defaults of the API server', () => {
    expect(parse({ metadata: { name: 'web' }, spec: { ports: [{ port: 80 }] } })).toEqual({
      kind: 'Service',
      namespace: 'default',
      name: 'web',
      otherProxy: false,
      type: 'ClusterIP',
      clusterIPs: [],
      ipFamilies: [],
      ipFamilyPolicy: undefined,
      ports: [{ name: '', protocol: 'TCP', port: 80, targetPort: 80, nodePort: 0 }],
      selector: {},
      externalIPs: [],
      loadBalancerIPs: [],
      otherIngress: [],
      loadBalancerSourceRanges: [],
      externalTrafficPolicy: 'Cluster',
      internalTrafficPolicy: 'Cluster',
      trafficDistribution: undefined,
      healthCheckNodePort: 0,
      allocateLoadBalancerNodePorts: true,
      publishNotReadyAddresses: false,
      sessionAffinitySeconds: undefined,
      topologyKeys: [],
    });
  });

  const EMPTY = {
    type: '',
    clusterIP: '',
    clusterIPs: [''],
    externalTrafficPolicy: '',
    sessionAffinity: '',
    healthCheckNodePort: 0,
    ports: [{ name: '', protocol: '', port: 80, targetPort: '', nodePort: 0 }],
  };
  const NULL = Object.fromEntries(
    [
      ...['type', 'clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy', 'selector', 'externalIPs'],
      ...[
        'loadBalancerSourceRanges',
        'externalTrafficPolicy',
        'internalTrafficPolicy',
        'trafficDistribution',
      ],
      ...[
        'healthCheckNodePort',
        'allocateLoadBalancerNodePorts',
        'publishNotReadyAddresses',
        'sessionAffinity',
      ],
      ...['sessionAffinityConfig', 'topologyKeys'],
    ].map((field) => [field, null]),
  );

  test.each<[string, Fields]>([
    ['empty', { metadata: { name: 'web', namespace: '', labels: {} }, spec: EMPTY, status: {} }],
    [
      'null',
      {
        metadata: { name: 'web', namespace: null, labels: null },
        spec: {
          ...NULL,
          ports: [{ port: 80, name: null, protocol: null, targetPort: null, nodePort: null }],
        },
        status: null,
      },
    ],
    [
      'unknown',
      {
        metadata: { name: 'web', annotations: { a: 1 }, uid: 5 },
        spec: {
          ports: [{ port: 80, appProtocol: 'http' }],
          externalName: 5,
          loadBalancerClass: 'x',
          future: {},
        },
        status: { loadBalancer: { ingress: null }, conditions: [] },
      },
    ],
  ])('so do fields that are %s', (_, value) => {
    expect(parse(value)).toEqual(parse({ metadata: { name: 'web' }, spec: { ports: [{ port: 80 }] } }));
  });
});

describe('what is made of fields', () => {
  test.each<[string, Fields, Partial<Service>]>([
    ['clusterIP', { clusterIP: '10.96.0.10' }, { clusterIPs: ['10.96.0.10'] }],
    [
      'clusterIPs',
      { clusterIP: '10.96.0.10', clusterIPs: ['10.96.0.10', 'FD00:0::A'] },
      { clusterIPs: ['10.96.0.10', 'fd00::a'] },
    ],
    [
      'clusterIPs without clusterIP',
      { clusterIP: undefined, clusterIPs: ['fd00::a'] },
      { clusterIPs: ['fd00::a'] },
    ],
    ['headless', { clusterIP: 'None', clusterIPs: ['None'] }, { clusterIPs: ['None'] }],
    ['headless without ports', { clusterIP: 'None', ports: undefined }, { clusterIPs: ['None'], ports: [] }],
    [
      'an alias',
      { type: 'ExternalName', clusterIP: undefined, ports: undefined },
      { type: 'ExternalName', ports: [] },
    ],
    ['leading zeros are decimal', { clusterIP: '172.030.000.041' }, { clusterIPs: ['172.30.0.41'] }],
    ['an IPv4 address as IPv6', { clusterIP: '::ffff:10.96.0.10' }, { clusterIPs: ['10.96.0.10'] }],
    [
      'source ranges, canonical and without white space',
      { loadBalancerSourceRanges: [' 10.0.0.1/8', 'FD00::/8\n'] },
      { loadBalancerSourceRanges: ['10.0.0.0/8', 'fd00::/8'] },
    ],
    ['affinity', { sessionAffinity: 'ClientIP' }, { sessionAffinitySeconds: 10800 }],
    [
      'affinity for so long',
      { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 86400 } } },
      { sessionAffinitySeconds: 86400 },
    ],
    [
      'a time without affinity',
      { sessionAffinity: 'None', sessionAffinityConfig: { clientIP: { timeoutSeconds: 1 } } },
      { sessionAffinitySeconds: undefined },
    ],
    [
      'a port with all it may have',
      port({ name: 'http', protocol: 'UDP', port: 80, targetPort: 'web-1', nodePort: 30080 }),
      { ports: [{ name: 'http', protocol: 'UDP', port: 80, targetPort: 'web-1', nodePort: 30080 }] },
    ],
    [
      'target port 0 is the port',
      port({ port: 80, targetPort: 0 }),
      { ports: [{ name: '', protocol: 'TCP', port: 80, targetPort: 80, nodePort: 0 }] },
    ],
    ['a selector with a null', { selector: { a: null } }, { selector: { a: '' } }],
    [
      'a selector with names of JavaScript',
      { selector: { constructor: 'x', toString: 'y' } },
      { selector: { constructor: 'x', toString: 'y' } },
    ],
  ])('%s', (_, spec, expected) => {
    expect(parse(manifest(spec))).toMatchObject(expected);
  });

  test.each<[string, unknown, string[]]>([
    ['no status', undefined, []],
    [
      'addresses',
      { loadBalancer: { ingress: [{ ip: '192.0.2.1' }, { ip: 'FD00::1' }] } },
      ['192.0.2.1', 'fd00::1'],
    ],
    ['a mode', { loadBalancer: { ingress: [{ ip: '192.0.2.1', ipMode: 'VIP' }] } }, ['192.0.2.1']],
    ['a proxy', { loadBalancer: { ingress: [{ ip: '192.0.2.1', ipMode: 'Proxy' }] } }, []],
    ['a hostname', { loadBalancer: { ingress: [{ hostname: 'lb.example.com' }, { ip: '' }] } }, []],
  ])('load-balancer IPs: %s', (_, status, expected) => {
    expect(parse(manifest({ type: 'LoadBalancer' }, { status })).loadBalancerIPs).toEqual(expected);
  });

  test.each<[string, Fields, boolean]>([
    ['with a cluster IP', manifest({}), true],
    ['without', manifest({ clusterIP: undefined }), false],
    ['headless', manifest({ clusterIP: 'None' }), false],
    ['an alias', manifest({ type: 'ExternalName' }), false],
    [
      "another proxy's",
      manifest({}, { metadata: { name: 'web', labels: { 'service.kubernetes.io/service-proxy-name': '' } } }),
      false,
    ],
  ])('whether it is served: %s', (_, value, expected) => {
    expect(hasClusterIP(parse(value))).toBe(expected);
  });
});

describe('names', () => {
  test.each<[string, string[]]>([
    ['web', []],
    ['0-web-1', []],
    ['a'.repeat(63), []],
    ['a'.repeat(64), [`metadata.name: expected ${DNS_LABEL}, got "${'a'.repeat(59)}...`]],
    ['Web', [`metadata.name: expected ${DNS_LABEL}, got "Web"`]],
    ['-web', [`metadata.name: expected ${DNS_LABEL}, got "-web"`]],
    ['web-', [`metadata.name: expected ${DNS_LABEL}, got "web-"`]],
    ['web.shop', [`metadata.name: expected ${DNS_LABEL}, got "web.shop"`]],
    ['web shop', [`metadata.name: expected ${DNS_LABEL}, got "web shop"`]],
    ['web\n-j ACCEPT', [`metadata.name: expected ${DNS_LABEL}, got "web\\n-j ACCEPT"`]],
    ['web\n', [`metadata.name: expected ${DNS_LABEL}, got "web\\n"`]],
    ['web"', [`metadata.name: expected ${DNS_LABEL}, got "web\\""`]],
    ['wéb', [`metadata.name: expected ${DNS_LABEL}, got "wéb"`]],
    ['', [`metadata.name: expected ${DNS_LABEL}, got ""`]],
  ])('a Service named %j', (name, expected) => {
    expect(problemsOf(manifest({}, { metadata: { name } }))).toEqual(expected);
  });

  test.each<[unknown, string[]]>([
    ['shop', []],
    ['Shop', [`metadata.namespace: expected ${DNS_LABEL}, got "Shop"`]],
    ['a/b', [`metadata.namespace: expected ${DNS_LABEL}, got "a/b"`]],
    [5, [`metadata.namespace: expected ${DNS_LABEL}, got 5`]],
  ])('a namespace named %j', (namespace, expected) => {
    expect(problemsOf(manifest({}, { metadata: { name: 'web', namespace } }))).toEqual(expected);
  });

  test.each<[string, unknown, string[]]>([
    ['plain', { app: 'web', 'app.kubernetes.io/name': 'Web_1.2-x', empty: '' }, []],
    ['a number', { app: 1 }, ['spec.selector.app: expected a string, got 1']],
    ['true', { app: true }, ['spec.selector.app: expected a string, got true']],
    ['a list', { app: [] }, ['spec.selector.app: expected a string, got a list of 0']],
    ['a bad value', { app: 'a b' }, [`spec.selector.app: expected ${LABEL_VALUE}, got "a b"`]],
    [
      'a long value',
      { app: 'a'.repeat(64) },
      [`spec.selector.app: expected ${LABEL_VALUE}, got "${'a'.repeat(59)}...`],
    ],
    ['a bad key', { 'a b': 'x' }, [`spec.selector["a b"]: expected ${LABEL_KEY}`]],
    ['a key with two slashes', { 'a/b/c': 'x' }, [`spec.selector["a/b/c"]: expected ${LABEL_KEY}`]],
    ['a key of nothing', { '': 'x' }, [`spec.selector[""]: expected ${LABEL_KEY}`]],
    [
      'a bad key of a bad value',
      { 'a b': 'c d' },
      [
        `spec.selector["a b"]: expected ${LABEL_KEY}`,
        `spec.selector["a b"]: expected ${LABEL_VALUE}, got "c d"`,
      ],
    ],
    ['a prefix that is no domain', { 'A/b': 'x' }, [`spec.selector["A/b"]: expected ${LABEL_KEY}`]],
    [
      'a key of JavaScript',
      JSON.parse('{"__proto__": "x"}'),
      [`spec.selector.__proto__: expected ${LABEL_KEY}`],
    ],
    ['a list instead', ['app'], ['spec.selector: expected a mapping, got a list of 1']],
    ['a text instead', 'app=web', ['spec.selector: expected a mapping, got "app=web"']],
  ])('a selector: %s', (_, selector, expected) => {
    expect(problemsOf(manifest({ selector }))).toEqual(expected);
  });
});

describe('bad values', () => {
  test.each<[string, Fields, string[]]>([
    [
      'type',
      { type: 'Nodeport' },
      ['spec.type: expected ClusterIP, NodePort, LoadBalancer or ExternalName, got "Nodeport"'],
    ],
    [
      'clusterIP',
      { clusterIP: '10.96.0' },
      ['spec.clusterIP: expected an IP address, or None, got "10.96.0"'],
    ],
    ['clusterIP as a number', { clusterIP: 10 }, ['spec.clusterIP: expected an IP address or None, got 10']],
    [
      'clusterIP with a line',
      { clusterIP: '10.96.0.1\n' },
      ['spec.clusterIP: expected an IP address, or None, got "10.96.0.1\\n"'],
    ],
    [
      'clusterIP with a range',
      { clusterIP: '10.96.0.1/32' },
      ['spec.clusterIP: expected an IP address, or None, got "10.96.0.1/32"'],
    ],
    [
      'clusterIP with a zone',
      { clusterIP: 'fd00::1%eth0' },
      ['spec.clusterIP: expected an IP address, or None, got "fd00::1%eth0"'],
    ],
    [
      'clusterIP in other digits',
      { clusterIP: '١٠.96.0.1' },
      ['spec.clusterIP: expected an IP address, or None, got "١٠.96.0.1"'],
    ],
    [
      'clusterIP on loopback',
      { clusterIP: '127.0.0.1' },
      ['spec.clusterIP: expected an IP address that is not loopback, or None, got "127.0.0.1"'],
    ],
    [
      'clusterIP anywhere',
      { clusterIP: '0.0.0.0' },
      ['spec.clusterIP: expected an IP address that is not unspecified, or None, got "0.0.0.0"'],
    ],
    [
      'clusterIPs',
      { clusterIP: undefined, clusterIPs: ['x'] },
      ['spec.clusterIPs[0]: expected an IP address, or None, got "x"'],
    ],
    [
      'clusterIPs as a text',
      { clusterIPs: '10.96.0.10' },
      ['spec.clusterIPs: expected a list, got "10.96.0.10"'],
    ],
    ['ipFamilies', { ipFamilies: ['ipv4'] }, ['spec.ipFamilies[0]: expected IPv4 or IPv6, got "ipv4"']],
    [
      'ipFamilyPolicy',
      { ipFamilyPolicy: 'DualStack' },
      ['spec.ipFamilyPolicy: expected SingleStack, PreferDualStack or RequireDualStack, got "DualStack"'],
    ],
    [
      'externalIPs',
      { externalIPs: ['192.0.2.1', 'example.com'] },
      ['spec.externalIPs[1]: expected an IP address, got "example.com"'],
    ],
    [
      'externalIPs on loopback',
      { externalIPs: ['127.1.2.3', '::1'] },
      [
        'spec.externalIPs[0]: expected an IP address that is not loopback, got "127.1.2.3"',
        'spec.externalIPs[1]: expected an IP address that is not loopback, got "::1"',
      ],
    ],
    [
      'externalIPs on loopback, in disguise',
      { externalIPs: ['::ffff:127.0.0.1', '0127.0.0.1'] },
      [
        'spec.externalIPs[0]: expected an IP address that is not loopback, got "::ffff:127.0.0.1"',
        'spec.externalIPs[1]: expected an IP address that is not loopback, got "0127.0.0.1"',
      ],
    ],
    [
      'externalIPs anywhere',
      { externalIPs: ['0.0.0.0', '::'] },
      [
        'spec.externalIPs[0]: expected an IP address that is not unspecified, got "0.0.0.0"',
        'spec.externalIPs[1]: expected an IP address that is not unspecified, got "::"',
      ],
    ],
    [
      'externalIPs on the link',
      { externalIPs: ['169.254.169.254', 'fe80::1', 'FEBF::1'] },
      [
        'spec.externalIPs[0]: expected an IP address that is not link-local, got "169.254.169.254"',
        'spec.externalIPs[1]: expected an IP address that is not link-local, got "fe80::1"',
        'spec.externalIPs[2]: expected an IP address that is not link-local, got "FEBF::1"',
      ],
    ],
    [
      'externalIPs for many',
      { externalIPs: ['224.0.0.251', 'ff02::fb'] },
      [
        'spec.externalIPs[0]: expected an IP address that is not link-local multicast, got "224.0.0.251"',
        'spec.externalIPs[1]: expected an IP address that is not link-local multicast, got "ff02::fb"',
      ],
    ],
    [
      'loadBalancerSourceRanges',
      { loadBalancerSourceRanges: ['10.0.0.0'] },
      ['spec.loadBalancerSourceRanges[0]: expected a CIDR range such as 10.0.0.0/8, got "10.0.0.0"'],
    ],
    [
      'loadBalancerSourceRanges too long',
      { loadBalancerSourceRanges: ['10.0.0.0/33', 'fd00::/129'] },
      [
        'spec.loadBalancerSourceRanges[0]: expected a CIDR range such as 10.0.0.0/8, got "10.0.0.0/33"',
        'spec.loadBalancerSourceRanges[1]: expected a CIDR range such as 10.0.0.0/8, got "fd00::/129"',
      ],
    ],
    [
      'loadBalancerSourceRanges with a rule',
      { loadBalancerSourceRanges: ['10.0.0.0/8 -j ACCEPT'] },
      [
        'spec.loadBalancerSourceRanges[0]: expected a CIDR range such as 10.0.0.0/8, got "10.0.0.0/8 -j ACCEPT"',
      ],
    ],
    [
      'externalTrafficPolicy',
      { externalTrafficPolicy: 'local' },
      ['spec.externalTrafficPolicy: expected Cluster or Local, got "local"'],
    ],
    [
      'internalTrafficPolicy',
      { internalTrafficPolicy: '' },
      ['spec.internalTrafficPolicy: expected Cluster or Local, got ""'],
    ],
    [
      'trafficDistribution',
      { trafficDistribution: 'PreferZone' },
      ['spec.trafficDistribution: expected PreferSameZone, PreferSameNode or PreferClose, got "PreferZone"'],
    ],
    [
      'healthCheckNodePort',
      { healthCheckNodePort: 65536 },
      ['spec.healthCheckNodePort: expected 0 to 65535, got 65536'],
    ],
    [
      'allocateLoadBalancerNodePorts',
      { allocateLoadBalancerNodePorts: 'false' },
      ['spec.allocateLoadBalancerNodePorts: expected true or false, got "false"'],
    ],
    [
      'publishNotReadyAddresses',
      { publishNotReadyAddresses: 1 },
      ['spec.publishNotReadyAddresses: expected true or false, got 1'],
    ],
    [
      'sessionAffinity',
      { sessionAffinity: 'ClientIp' },
      ['spec.sessionAffinity: expected None or ClientIP, got "ClientIp"'],
    ],
    [
      'timeoutSeconds',
      { sessionAffinityConfig: { clientIP: { timeoutSeconds: 0 } } },
      ['spec.sessionAffinityConfig.clientIP.timeoutSeconds: expected 1 to 86400, got 0'],
    ],
    [
      'timeoutSeconds too long',
      { sessionAffinityConfig: { clientIP: { timeoutSeconds: 86401 } } },
      ['spec.sessionAffinityConfig.clientIP.timeoutSeconds: expected 1 to 86400, got 86401'],
    ],
    ['topologyKeys', { topologyKeys: [1] }, ['spec.topologyKeys[0]: expected a string, got 1']],
    ['ports missing', { ports: undefined }, ['spec.ports: expected at least one port, got none']],
    ['ports as a mapping', { ports: { port: 80 } }, ['spec.ports: expected a list, got a mapping']],
    ['a port that is null', port(null), ['spec.ports[0]: expected a mapping, got nothing']],
    [
      'a port without number',
      port({ name: 'http' }),
      ['spec.ports[0].port: expected 1 to 65535, got nothing'],
    ],
    ['a port as text', port({ port: '80' }), ['spec.ports[0].port: expected 1 to 65535, got "80"']],
    ['port 0', port({ port: 0 }), ['spec.ports[0].port: expected 1 to 65535, got 0']],
    ['port 70000', port({ port: 70000 }), ['spec.ports[0].port: expected 1 to 65535, got 70000']],
    ['port -1', port({ port: -1 }), ['spec.ports[0].port: expected 1 to 65535, got -1']],
    ['port 80.5', port({ port: 80.5 }), ['spec.ports[0].port: expected 1 to 65535, got 80.5']],
    ['port 1e300', port({ port: 1e300 }), ['spec.ports[0].port: expected 1 to 65535, got 1e+300']],
    ['no number', port({ port: Number.NaN }), ['spec.ports[0].port: expected 1 to 65535, got NaN']],
    [
      'protocol',
      port({ port: 80, protocol: 'tcp' }),
      ['spec.ports[0].protocol: expected TCP, UDP or SCTP, got "tcp"'],
    ],
    [
      'protocol with an option',
      port({ port: 80, protocol: 'TCP -j ACCEPT' }),
      ['spec.ports[0].protocol: expected TCP, UDP or SCTP, got "TCP -j ACCEPT"'],
    ],
    [
      'name of a port',
      port({ port: 80, name: 'HTTP' }),
      [`spec.ports[0].name: expected ${DNS_LABEL}, got "HTTP"`],
    ],
    [
      'name of a port with a line',
      port({ port: 80, name: 'a\nb' }),
      [`spec.ports[0].name: expected ${DNS_LABEL}, got "a\\nb"`],
    ],
    [
      'name of a port as a number',
      port({ port: 80, name: 80 }),
      [`spec.ports[0].name: expected ${DNS_LABEL}, got 80`],
    ],
    [
      'target port of a number',
      port({ port: 80, targetPort: 65536 }),
      [`spec.ports[0].targetPort: expected ${TARGET_PORT}, got 65536`],
    ],
    [
      'target port of digits',
      port({ port: 80, targetPort: '8080' }),
      [`spec.ports[0].targetPort: expected ${TARGET_PORT}, got "8080"`],
    ],
    [
      'target port with two dashes',
      port({ port: 80, targetPort: 'a--b' }),
      [`spec.ports[0].targetPort: expected ${TARGET_PORT}, got "a--b"`],
    ],
    [
      'target port with a long name',
      port({ port: 80, targetPort: 'a'.repeat(16) }),
      [`spec.ports[0].targetPort: expected ${TARGET_PORT}, got "${'a'.repeat(16)}"`],
    ],
    [
      'target port of a flag',
      port({ port: 80, targetPort: true }),
      [`spec.ports[0].targetPort: expected ${TARGET_PORT}, got true`],
    ],
    [
      'node port',
      port({ port: 80, nodePort: 65536 }),
      ['spec.ports[0].nodePort: expected 0 to 65535, got 65536'],
    ],
  ])('%s', (_, spec, expected) => {
    expect(problemsOf(manifest(spec))).toEqual(expected);
  });

  test.each<[string, unknown, string[]]>([
    ['an address', { ip: 'x' }, ['status.loadBalancer.ingress[0].ip: expected an IP address, got "x"']],
    [
      'a mode',
      { ip: '192.0.2.1', ipMode: 'vip' },
      ['status.loadBalancer.ingress[0].ipMode: expected VIP or Proxy, got "vip"'],
    ],
    ['nothing', null, ['status.loadBalancer.ingress[0]: expected a mapping, got nothing']],
  ])('a load balancer with a bad value: %s', (_, ingress, expected) => {
    expect(problemsOf(manifest({}, { status: { loadBalancer: { ingress: [ingress] } } }))).toEqual(expected);
  });

  test.each<[string, unknown, string[]]>([
    ['no metadata', { spec: { ports: [{ port: 80 }] } }, ['metadata: expected a mapping, got nothing']],
    [
      'no name',
      { metadata: {}, spec: { ports: [{ port: 80 }] } },
      [`metadata.name: expected ${DNS_LABEL}, got nothing`],
    ],
    ['no spec', { metadata: { name: 'web' } }, ['spec: expected a mapping, got nothing']],
    [
      'a spec that is a list',
      { metadata: { name: 'web' }, spec: [] },
      ['spec: expected a mapping, got a list of 0'],
    ],
    [
      'several things wrong',
      {
        metadata: { name: 'Web', namespace: 'A' },
        spec: { type: 'X', clusterIP: 'y', ports: [{ port: 0 }, { port: 'z' }] },
      },
      [
        `metadata.name: expected ${DNS_LABEL}, got "Web"`,
        `metadata.namespace: expected ${DNS_LABEL}, got "A"`,
        'spec.type: expected ClusterIP, NodePort, LoadBalancer or ExternalName, got "X"',
        'spec.clusterIP: expected an IP address, or None, got "y"',
        'spec.ports[0].name: expected a name, as the Service has several ports, got nothing',
        'spec.ports[0].port: expected 1 to 65535, got 0',
        'spec.ports[1].name: expected a name, as the Service has several ports, got nothing',
        'spec.ports[1].port: expected 1 to 65535, got "z"',
      ],
    ],
  ])('%s', (_, value, expected) => {
    expect(problemsOf(value).toSorted()).toEqual(expected.toSorted());
  });
});

describe('fields that do not go together', () => {
  const DUAL =
    'spec.ipFamilyPolicy: expected PreferDualStack or RequireDualStack, as there are two families, got';

  test.each<[string, Fields, string[]]>([
    [
      'clusterIPs that begin with another',
      { clusterIPs: ['10.96.0.11'] },
      ['spec.clusterIPs: expected to begin with spec.clusterIP "10.96.0.10", got "10.96.0.11"'],
    ],
    [
      'clusterIPs that begin with None',
      { clusterIPs: ['None'] },
      ['spec.clusterIPs: expected to begin with spec.clusterIP "10.96.0.10", got "None"'],
    ],
    ['the same address in two spellings', { clusterIP: '010.096.0.10', clusterIPs: ['10.96.0.10'] }, []],
    [
      'two cluster IPs of a family',
      { clusterIPs: ['10.96.0.10', '10.96.0.11'] },
      ['spec.clusterIPs: expected at most one address of each family'],
    ],
    [
      'three cluster IPs',
      { clusterIPs: ['10.96.0.10', 'fd00::1', 'fd00::2'] },
      ['spec.clusterIPs: expected at most one address of each family'],
    ],
    [
      'None and an address',
      { clusterIP: 'None', clusterIPs: ['None', '10.96.0.10'] },
      ['spec.clusterIPs: expected IP addresses only, or None alone'],
    ],
    [
      'a headless node port',
      { clusterIP: 'None', type: 'NodePort' },
      ['spec.clusterIP: expected an IP address or nothing, as type is NodePort, got "None"'],
    ],
    [
      'a headless load balancer',
      { clusterIP: 'None', type: 'LoadBalancer' },
      ['spec.clusterIP: expected an IP address or nothing, as type is LoadBalancer, got "None"'],
    ],
    [
      'a family twice',
      { ipFamilies: ['IPv4', 'IPv4'] },
      ['spec.ipFamilies: expected each family at most once'],
    ],
    [
      'two families in a single stack',
      { clusterIP: undefined, ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv4', 'IPv6'] },
      [`${DUAL} "SingleStack"`],
    ],
    [
      'two families without a policy',
      { clusterIP: undefined, ipFamilies: ['IPv4', 'IPv6'] },
      [`${DUAL} nothing`],
    ],
    ['two families without a policy, from an API server', { ipFamilies: ['IPv4', 'IPv6'] }, []],
    [
      'two addresses in a single stack',
      { ipFamilyPolicy: 'SingleStack', clusterIPs: ['10.96.0.10', 'fd00::1'] },
      [`${DUAL} "SingleStack"`],
    ],
    [
      'two addresses and a policy',
      { ipFamilyPolicy: 'PreferDualStack', clusterIPs: ['10.96.0.10', 'fd00::1'] },
      [],
    ],
    [
      'several ports without names',
      port({ port: 80 }, { port: 81, name: 'b' }),
      ['spec.ports[0].name: expected a name, as the Service has several ports, got nothing'],
    ],
    [
      'a name twice',
      port({ port: 80, name: 'a' }, { port: 81, name: 'a' }),
      ['spec.ports[1].name: expected a unique name, got "a" again'],
    ],
    [
      'a port twice',
      port({ port: 80, name: 'a' }, { port: 80, name: 'b' }),
      ['spec.ports[1]: expected a unique port, got 80/TCP again'],
    ],
    ['a port of two protocols', port({ port: 80, name: 'a' }, { port: 80, name: 'b', protocol: 'UDP' }), []],
    [
      'a node port twice',
      port({ port: 80, name: 'a', nodePort: 30080 }, { port: 81, name: 'b', nodePort: 30080 }),
      ['spec.ports[1].nodePort: expected a unique port, got 30080/TCP again'],
    ],
    [
      'a node port of two protocols',
      port(
        { port: 80, name: 'a', nodePort: 30080 },
        { port: 80, name: 'b', nodePort: 30080, protocol: 'UDP' },
      ),
      [],
    ],
    [
      'topologyKeys and a Local policy',
      { type: 'NodePort', topologyKeys: ['*'], externalTrafficPolicy: 'Local' },
      ['spec.topologyKeys: may not be set together with externalTrafficPolicy Local'],
    ],
    ['a node port without the type', port({ port: 80, nodePort: 30080 }), []],
  ])('%s', (_, spec, expected) => {
    expect(problemsOf(manifest(spec))).toEqual(expected);
  });
});
