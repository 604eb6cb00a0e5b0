/** One call for each question. What commands print of the answers, their own tests say. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { PROJECT } from '../../test/support/project.ts';
import { InputError } from '../api/problem.ts';
import { withJumps } from '../chains/jumps.ts';
import { printRuleset } from '../iptables/print.ts';
import { printSaved } from '../iptables/saved.ts';
import { FAMILIES } from '../net/address.ts';
import { loadCluster, ManifestError } from '../sources/cluster.ts';
import { parseConfiguration, parseHost } from '../sources/configuration.ts';
import { workloadOptions } from '../sources/control-plane/from-workloads.ts';
import { completeFacts, resolveNode } from '../sources/node.ts';
import { effects, explain, lint, render, trace } from './calls.ts';
import { isSame, printEffects } from './effects-in.ts';
import { printExplained } from './explain-in.ts';
import { isAtLeast, printLinted } from './lint-in.ts';
import type { NodeQuestion } from './question.ts';
import { printTraced } from './trace-in.ts';

const SERVICE = `
apiVersion: v1
kind: Service
metadata: { name: web, namespace: shop }
spec:
  clusterIP: 10.96.0.10
  selector: { app: web }
  ports: [{ name: http, port: 80, targetPort: 8080 }]
`;

const DEPLOYMENT = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, namespace: shop }
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { containers: [{ name: web, image: web, ports: [{ containerPort: 8080 }] }] }
`;

const MANIFESTS = `${SERVICE}---${DEPLOYMENT}`;
const node = { name: 'node-a', ips: ['192.168.0.1'], podCIDRs: ['10.244.0.0/24'] };

/** What is wrong, line by line. */
function problemsOf(work: () => unknown): string[] {
  try {
    work();
  } catch (error) {
    if (error instanceof InputError) return error.message.split('\n');
    throw error;
  }
  return [];
}

describe('render', () => {
  const fixtures = globSync('golden/**/ipv4.rules', { cwd: PROJECT })
    .map((path) => dirname(path).replace(/^golden\//, ''))
    .filter((name) => existsSync(join(PROJECT, 'fixtures', name, 'objects.yaml')));

  test('there are clusters to try', () => {
    expect(fixtures.length).toBeGreaterThan(100);
  });

  test.each(fixtures)('%s comes to its golden rules', (name) => {
    const read = (file: string) => {
      const path = join(PROJECT, 'fixtures', name, file);
      return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
    };
    const question = {
      manifests: read('objects.yaml') ?? '',
      config: read('config.yaml'),
      node: parseHost({ name: 'host.yaml', text: read('host.yaml') ?? '' }),
    };
    for (const family of FAMILIES) {
      const golden = readFileSync(join(PROJECT, 'golden', name, `${family}.rules`), 'utf8');
      expect(printRuleset(render({ ...question, family }).ruleset)).toBe(golden);
    }
  });

  test('by nothing but manifests', () => {
    const { ruleset, warnings } = render({ manifests: MANIFESTS });
    expect(printRuleset(ruleset)).toContain('--to-destination 10.244.');
    expect(warnings).toEqual([]);
  });

  const configuration =
    'apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\niptables: { masqueradeAll: true }\n';
  test.each<[string, NodeQuestion['config']]>([
    ['a text', configuration],
    ['parsed', parseConfiguration({ name: 'config.yaml', text: configuration })],
    ["kube-proxy's alone", parseConfiguration({ name: 'config.yaml', text: configuration }).kubeProxy],
  ])('a configuration that is %s', (_, config) => {
    const masquerade =
      '-A KUBE-SVC-67NZLRHBNDSAWJRO -m comment --comment "shop/web:http cluster IP" -m tcp -p tcp -d 10.96.0.10 --dport 80 -j KUBE-MARK-MASQ';
    expect(printRuleset(render({ manifests: MANIFESTS, config }).ruleset)).toContain(masquerade);
    expect(printRuleset(render({ manifests: MANIFESTS }).ruleset)).not.toContain(masquerade);
  });

  test('in the fast layout, without Pods, of one table, of one Service', () => {
    const text = (question: object) =>
      printRuleset(render({ manifests: MANIFESTS, node, ...question }).ruleset);
    expect(text({ layout: 'fast' })).not.toBe(text({}));
    expect(text({ workloads: false })).toContain('has no endpoints');
    expect(text({ table: 'nat' })).not.toContain('*filter');
    expect(text({ services: ['web'] })).toContain('shop/web');
    expect(problemsOf(() => text({ services: ['wbe'] }))).toEqual([
      'services: no Service "wbe" in the input (shop/web?)',
    ]);
  });

  test('warns of what is no error', () => {
    expect(render({ manifests: SERVICE }).warnings).toEqual([
      'no EndpointSlice, Endpoints or Pod in the input gives endpoints to shop/web: traffic to it is refused',
    ]);
    const local = SERVICE.replace('spec:', 'spec:\n  internalTrafficPolicy: Local');
    expect(render({ manifests: `${local}---${DEPLOYMENT}` }).warnings).toEqual([
      'no node.name: no endpoint counts as local, which Services with a Local policy need',
    ]);
  });

  test('says everything that is wrong at once', () => {
    const question = {
      manifests: [
        { name: 'a.yaml', text: SERVICE.replace('port: 80', 'port: 70000') },
        { name: 'b.yaml', text: 'kind: [' },
      ],
      config: 'mode: x',
      node: { ips: ['x'] },
      serviceRanges: ['10.96.0.0/12', '10.0.0.0/8'],
    };
    expect(problemsOf(() => render(question)).map((line) => line.replace(/:.*/, ''))).toEqual([
      'config, document 1, apiVersion',
      'config, document 1, kind',
      'config, document 1, mode',
      'node, ips[0]',
      'serviceRanges',
      'a.yaml, document 1, Service shop/web, spec.ports[0].port',
      'b.yaml, document 1, line 1, column 8',
    ]);
    expect(() => render({ manifests: 'kind: [' })).toThrow(ManifestError);
  });
});

describe('explain', () => {
  test('a Service, as the command does', () => {
    const explained = explain({ manifests: MANIFESTS, node, what: 'web' });
    expect(explained.kind).toBe('services');
    expect(printExplained(explained)).toMatch(/^Service shop\/web, ClusterIP, as node-a serves it\n/);
    const json = JSON.parse(printExplained(explained, { output: 'json' }));
    expect(json).toMatchObject({ services: [{ name: 'shop/web' }] });
  });

  test('how it is laid out is up to the caller', () => {
    const explained = explain({ manifests: MANIFESTS, node, what: 'web' });
    const text = printExplained(explained, {
      width: 40,
      paint: (style, text) => `<${style}>${text}</${style}>`,
    });
    expect(text).toMatch(/^<title>Service shop\/web/);
    const sentences = text.split('\n').slice(1, 3);
    expect(sentences.every((line) => line.length <= 40)).toBe(true);
  });

  test('all Services, where none is named', () => {
    expect(printExplained(explain({ manifests: MANIFESTS, node }))).toContain('Service shop/web');
  });

  test('a chain of saved rules, without manifests', () => {
    const save = printSaved(withJumps(render({ manifests: MANIFESTS, node }).ruleset));
    const explained = explain({ save, what: 'KUBE-MARK-MASQ' });
    expect(explained.kind).toBe('chains');
    expect(printExplained(explained)).toContain('KUBE-MARK-MASQ');
  });

  test('an address that nobody has', () => {
    const explained = explain({
      manifests: MANIFESTS,
      node,
      rejectUnassigned: true,
      serviceRanges: ['10.96.0.0/12'],
      what: '10.96.0.99',
    });
    expect(explained.kind).toBe('unassigned');
    expect(printExplained(explained)).toContain('10.96.0.99');
  });

  test('says that there is no Service', () => {
    expect(problemsOf(() => explain({ manifests: DEPLOYMENT }))).toEqual(['no Service in the input']);
  });

  test('needs something to read', () => {
    expect(problemsOf(() => explain({ what: 'web' }))).toEqual([
      'manifests: nothing to read: pass manifests, or save',
    ]);
  });
});

test.each<[string, () => unknown, unknown]>([
  ['loadCluster', () => loadCluster([]).cluster.services.size, 0],
  ['resolveNode', () => resolveNode().name, ''],
  ['completeFacts', () => completeFacts().ips, []],
  ['workloadOptions', () => workloadOptions(completeFacts()).podRanges.length, 2],
])('%s works without options', (_, call, expected) => {
  expect(call()).toEqual(expected);
});

test.each([
  ['render', render],
  ['explain', explain],
  ['trace', trace],
  ['lint', lint],
  ['effects', effects],
])('%s of nothing says what it needs, whatever types are', (_, call) => {
  expect(problemsOf(() => call(JSON.parse('{}'))).join()).toMatch(
    /^(manifests: nothing to read|from: nothing to)/,
  );
});

describe('trace', () => {
  test('a packet, as the command does', () => {
    const traced = trace({ manifests: MANIFESTS, node, from: 'outside', to: 'web' });
    expect(traced.trace.outcomes).toHaveLength(2);
    expect(printTraced(traced)).toMatch(/^A tcp packet from 192\.0\.2\.1 to 10\.96\.0\.10:80/m);
    expect(JSON.parse(printTraced(traced, { output: 'json' }))).toMatchObject({
      packet: { destination: '10.96.0.10' },
    });
  });

  test('through saved rules, with warnings that come up there', () => {
    const save = printRuleset(render({ manifests: MANIFESTS, node }).ruleset);
    const traced = trace({ save, node, from: 'outside', to: '10.96.0.10:80' });
    expect(traced.warnings).toEqual([
      'save: has no built-in chains, so no packet reaches its rules; iptables-save prints them',
    ]);
  });

  test('calls options by their names', () => {
    expect(problemsOf(() => trace({ manifests: MANIFESTS, from: 'node', to: 'web' }))).toEqual([
      'from: unknown ipv4 address of the node: give it with node.ips',
    ]);
  });
});

describe('lint', () => {
  test('finds what the command finds', () => {
    const found = lint({ manifests: [{ name: 'web.yaml', text: SERVICE }], node: 'node-a' });
    expect(found.findings.map(({ code }) => code)).toEqual(['no-endpoint-slices']);
    expect(found.findings.some((finding) => isAtLeast(finding, 'warning'))).toBe(false);
    expect(printLinted(found)).toContain('Service shop/web, web.yaml, document 1');
    expect(JSON.parse(printLinted(found, { output: 'sarif', version: '1.2.3' }))).toMatchObject({
      version: '2.1.0',
    });
    expect(printLinted(found, { output: 'github' })).toContain('file=web.yaml');
    expect(printLinted(found, { output: 'junit' })).toContain('<testsuite name="web.yaml"');
  });

  test('what cannot be read is a finding, with its line', () => {
    const found = lint({ manifests: SERVICE.replace('port: 80', 'port: 70000') });
    expect(found.findings).toMatchObject([{ severity: 'error', position: { line: 8 } }]);
  });

  test('what is wrong in a configuration is none', () => {
    expect(() => lint({ manifests: SERVICE, config: 'x: y' })).toThrow(InputError);
  });
});

describe('effects', () => {
  const after = MANIFESTS.replace('10.96.0.10', '10.96.0.11');

  test('of a change of manifests, as the command does', () => {
    const changed = effects({ from: MANIFESTS, to: after, node });
    expect(isSame(changed)).toBe(false);
    expect(printEffects(changed)).toContain('cluster IP 10.96.0.11:80: opened');
    expect(JSON.parse(printEffects(changed, { output: 'json' }))).toHaveProperty('families');
  });

  test('of none', () => {
    const same = effects({ from: MANIFESTS, to: MANIFESTS, node });
    expect(isSame(same)).toBe(true);
    expect(printEffects(same, { prove: true })).toMatch(/^Nothing changes for any packet\.\nProved: /);
  });

  test('on the rules of a node', () => {
    const fromSave = printSaved(withJumps(render({ manifests: MANIFESTS, node }).ruleset));
    expect(isSame(effects({ fromSave, to: MANIFESTS, node }))).toBe(true);
    expect(isSame(effects({ fromSave, to: after, node }))).toBe(false);
  });

  test.each([
    [{ from: MANIFESTS }, 'to: nothing to compare: expected to or toSave'],
    [{ from: MANIFESTS, fromSave: '', to: MANIFESTS }, 'from: names a side twice: expected from or fromSave'],
  ])('needs two sides', (question, problem) => {
    expect(problemsOf(() => effects(question))).toEqual([problem]);
  });
});
