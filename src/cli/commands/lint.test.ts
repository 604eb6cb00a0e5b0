/** `svc2ipt lint` as a user runs it. What is found, and how it is printed, is tested beside `src/lint`. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCommandLine } from '../../../test/support/command-line.ts';
import { MAIN } from '../../../test/support/project.ts';
import { problemsOfSarif } from '../../../test/support/sarif-schema.ts';

/** A busy machine starts processes slowly. */
const PROCESSES = { concurrent: true, timeout: 300_000 } as const;

const SERVICE = `apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  clusterIP: 10.96.0.10
  ports: [{name: http, port: 80}]
`;
const SLICE = `apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, namespace: shop, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{name: http, port: 8080}]
endpoints: [{addresses: [10.244.1.5], nodeName: node-b}]
`;
const CLEAN = `${SERVICE}---\n${SLICE}`;
const WARNING = CLEAN.replace('clusterIP', 'healthCheckNodePort: 32000\n  clusterIP');
const ERROR = CLEAN.replace('10.244.1.5', '10.96.0.10');
const TYPOS = `${SERVICE.replace('  ports', '  selectors: {app: web}\n  ports')}---
${SERVICE.replace('kind: Service', 'kind: service').replace('name: web', 'name: api')}---
${SLICE.replace('discovery.k8s.io/v1', 'v1')}`;
const INVALID = `${SERVICE.replace('80', '70000, targetport: 80')}---\n${SLICE.replace('endpoints: [', 'endpoints: [{addresses: []}, {addresses: [x]}, ')}`;
const STRAY = SLICE.replace('name: web-1', 'name: stray').replace('service-name: web', 'service-name: wbe');

/** While a command line runs in this process, it has another one. */
const ENVIRONMENT = { ...process.env };

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'svc2ipt-'));
  const files = {
    'clean.yaml': CLEAN,
    'warning.yaml': WARNING,
    'error.yaml': ERROR,
    'bad.yaml': 'kind: [\n',
    'typos.yaml': TYPOS,
    'invalid.yaml': INVALID,
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
});

afterAll(() => rm(folder, { recursive: true }));

async function lint(args: readonly string[], input?: string, env: Readonly<Record<string, string>> = {}) {
  return await runCommandLine(['lint', ...args], { input, env, onlyEnv: true, folder });
}

/** The codes and places of what is found. */
async function found(args: readonly string[], input?: string): Promise<string[]> {
  const { stdout } = await lint([...args, '-o', 'json'], input);
  const { findings } = JSON.parse(stdout) as { findings: { code: string; file: string; place: string }[] };
  return findings.map(({ code, file, place }) => `${code} ${file}, ${place}`);
}

describe('text', PROCESSES, () => {
  test('of a cluster without findings', async () => {
    expect(await lint(['-f', 'clean.yaml'])).toEqual({ exitCode: 0, stdout: 'no findings\n', stderr: '' });
  });

  test('names object, file, field, cause and remedy', async () => {
    const { exitCode, stdout } = await lint(['-f', 'error.yaml']);
    expect(exitCode).toBe(1);
    expect(stdout).toBe(`EndpointSlice shop/web-1, error.yaml, document 2
  error [endpoint-is-cluster-ip] endpoints[0].addresses[0]: 10.96.0.10 is the
      cluster IP of Service shop/web: a packet is translated once, so it never
      reaches the endpoints behind it.
    Use the addresses of the other Service's endpoints, or a Service of type
    ExternalName.

1 error
`);
  });

  test.each<[string, Record<string, string>, boolean]>([
    ['is plain where nobody looks', {}, false],
    ['is in colour where that is asked for', { FORCE_COLOR: '1' }, true],
    ['is plain where that is asked for', { NO_COLOR: '1' }, false],
  ])('%s', async (_, env, coloured) => {
    const { stdout } = await lint(['-f', 'error.yaml'], '', env);
    expect(stdout.includes('\u001b[31merror\u001b')).toBe(coloured);
  });
});

describe('the exit code', PROCESSES, () => {
  test.each<[string, string, string[], number]>([
    ['an error', ERROR, [], 1],
    ['an error, where nothing fails', ERROR, ['--fail-on', 'never'], 0],
    ['a warning', WARNING, [], 0],
    ['a warning, where it fails', WARNING, ['--fail-on', 'warning'], 1],
    ['a warning, where information fails', WARNING, ['--fail-on', 'info'], 1],
    ['nothing, where information fails', CLEAN, ['--fail-on', 'info'], 0],
  ])('of %s', async (_, manifests, args, exitCode) => {
    expect((await lint(args, manifests)).exitCode).toBe(exitCode);
  });
});

describe('input', PROCESSES, () => {
  test('that cannot be read is a finding', async () => {
    expect(await lint(['-f', 'bad.yaml'])).toEqual({
      exitCode: 1,
      stderr: '',
      stdout: `bad.yaml, document 1
  error [invalid-document] bad.yaml:2:1: The list before it is not closed by
      "]".
    Correct it: the other rules are checked once everything can be read.

1 error
`,
    });
  });

  test.each<[string, string[]]>([
    ['a file that is missing', ['-f', 'missing.yaml']],
    ['a file that is missing, and one that is wrong', ['-f', 'missing.yaml', '-f', 'bad.yaml']],
    ['an option that there is not', ['--foo']],
    ['a choice that there is not', ['-o', 'xml']],
    ['a wrong configuration', ['-f', 'bad.yaml', '--config', 'clean.yaml']],
    ['a wrong range', ['-f', 'clean.yaml', '--service-cluster-ip-range', 'x']],
  ])('is not looked at, with exit code 2: %s', async (_, args) => {
    const { exitCode, stdout, stderr } = await lint(args);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(/^error: /);
  });

  test.each<[string, string[], string, string[]]>([
    ['a file', ['-f', 'warning.yaml'], '', ['health-check-node-port-ignored warning.yaml, document 1']],
    ['standard input', [], WARNING, ['health-check-node-port-ignored standard input, document 1']],
    ['both', ['-f', 'clean.yaml', '-f', '-'], STRAY, ['slice-without-service standard input, document 1']],
    ['the other way round', ['-f', '-', '-f', 'clean.yaml'], STRAY, ['slice-without-service standard input, document 1']], // biome-ignore format: a row
    ['the file twice', ['-f', 'warning.yaml', '-f', './warning.yaml'], '', ['health-check-node-port-ignored warning.yaml, document 1']], // biome-ignore format: a row
    ['much', [], `${CLEAN}---\n# ${'x'.repeat(300_000)}\n---\n${STRAY}`, ['slice-without-service standard input, document 4']], // biome-ignore format: a row
  ])('may be %s', async (_, args, input, expected) => {
    expect(await found(args, input)).toEqual(expected);
  });

  test('may be a pipe with a name of its own, which can be read once', async () => {
    const script = `'${process.execPath}' '${MAIN}' lint -f <(cat warning.yaml) | head -2`;
    const { stdout } = await execa('bash', ['-c', script], {
      cwd: folder,
      env: ENVIRONMENT,
      extendEnv: false,
    });
    expect(stdout.replace(/\/dev\/fd\/\d+/, 'PIPE')).toBe(`Service shop/web, PIPE, document 1
  warning [health-check-node-port-ignored] spec.healthCheckNodePort: Its type is`);
  });

  test.each<[string, string, string[]]>([
    ['a node without endpoints', 'node-a', ['internal-traffic-dropped standard input, document 1']],
    ['a node with endpoints', 'node-b', []],
  ])('is looked at from %s', async (_, name, expected) => {
    const local = CLEAN.replace('clusterIP', 'internalTrafficPolicy: Local\n  clusterIP');
    expect(await found(['--node-name', name], local)).toEqual(expected);
  });

  test.each<[string, string, string, string[], string[]]>([
    [
      'the usual one, where cluster IPs are in it',
      '10.96.0.10',
      '10.97.1.5',
      [],
      ['endpoint-in-service-range'],
    ],
    ['none, where cluster IPs are elsewhere', '10.43.0.10', '10.97.1.5', [], []],
    [
      'that of the other family, which says nothing',
      'fd00:10:96::a',
      '10.97.1.5',
      [],
      ['no-endpoints', 'slice-of-other-family'],
    ],
    [
      'what is said',
      '10.43.0.10',
      '10.43.1.5',
      ['--service-cluster-ip-range', '10.43.0.0/16, fd00::/108'],
      ['endpoint-in-service-range'],
    ],
    [
      'what is said and not the usual one',
      '10.96.0.10',
      '10.97.1.5',
      ['--service-cluster-ip-range', '10.96.0.0/16'],
      [],
    ],
  ])('has a service range: %s', async (_, clusterIP, endpoint, args, codes) => {
    const input = CLEAN.replace('10.96.0.10', clusterIP).replace('10.244.1.5', endpoint);
    expect((await found(args, input)).map((one) => one.replace(/ .*/, ''))).toEqual(codes);
  });
});

describe('what is wrong', PROCESSES, () => {
  test('is told with the nearest right name, in the order of the file', async () => {
    expect(await lint(['-f', 'typos.yaml', '--fail-on', 'error'])).toMatchObject({
      exitCode: 1,
      stdout: `Service shop/web, typos.yaml, document 1
  error [unknown-field] typos.yaml:6:3, spec.selectors: Unknown field
      (selector?).
    Correct its name, or remove it: kubectl apply --validate=strict refuses it.
  warning [no-endpoints] spec.selector: It has no selector, and no EndpointSlice
      or Endpoints lists an endpoint of it, so its traffic is refused.
    Make the selector and the names of ports match Pods that run, or write an
    EndpointSlice for the Service.

Service shop/api, typos.yaml, document 2
  error [unknown-kind] typos.yaml:10:1, kind: Expected Service, got "service".
    Correct the kind: no API server has this one.

EndpointSlice shop/web-1, typos.yaml, document 3
  error [wrong-api-version] typos.yaml:16:1, apiVersion: Expected
      discovery.k8s.io/v1, got "v1".
    Use the expected apiVersion.

3 errors, 1 warning
`,
    });
  });

  test('is told of the fields of workloads, with the line', async () => {
    const workload = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replica: 2
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web
          ports: [{name: http, containerport: 8080}]
`;
    const { stdout } = await lint(['-f', 'clean.yaml', '-f', '-', '-o', 'json', '--no-workloads'], workload);
    const { findings } = JSON.parse(stdout);
    expect(findings).toMatchObject([
      { code: 'unknown-field', field: 'spec.replica', cause: 'Unknown field (replicas?).', line: 5 },
      {
        code: 'unknown-field',
        field: 'spec.template.spec.containers[0].ports[0].containerport',
        cause: 'Unknown field (containerPort?).',
        line: 11,
        column: 32,
      },
    ]);
  });

  test.each<[string, string, string, number]>([
    ['the kind', 'v1\nkind: Statefulset', 'unknown-kind', 2],
    ['the apiVersion', 'v1beta3\nkind: StatefulSet', 'wrong-api-version', 1],
  ])('is told of workloads, with the line: %s', async (_, type, code, line) => {
    const workload = `apiVersion: apps/${type}\nmetadata: {name: web, namespace: shop}\nspec: {template: {spec: {}}}\n`;
    const { exitCode, stdout } = await lint(['-f', 'clean.yaml', '-f', '-', '-o', 'json'], workload);
    expect({ exitCode, findings: JSON.parse(stdout).findings }).toMatchObject({
      exitCode: 1,
      findings: [{ code, line, object: { kind: 'StatefulSet', namespace: 'shop', name: 'web' } }],
    });
  });

  const CODES = ['invalid-object', 'unknown-field', 'invalid-object', 'invalid-object'];

  test('is all there is to tell, where something cannot be read', async () => {
    const { exitCode, stdout, stderr } = await lint(['-f', 'invalid.yaml', '-o', 'json']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: '' });
    expect(
      JSON.parse(stdout)
        .findings.map(({ code }: { code: string }) => code)
        .sort(),
    ).toEqual(CODES.toSorted());
  });

  test('is among the results of SARIF', async () => {
    const { exitCode, stdout } = await lint(['-f', 'invalid.yaml', '-o', 'sarif']);
    expect({ exitCode, problems: problemsOfSarif(stdout) }).toEqual({ exitCode: 1, problems: [] });
    const { results } = JSON.parse(stdout).runs[0];
    expect(results.map(({ ruleId }: { ruleId: string }) => ruleId).sort()).toEqual(CODES.toSorted());
    expect(results[0].locations[0].physicalLocation.region).toEqual({ startLine: 6, startColumn: 24 });
  });

  test('is an annotation of GitHub', async () => {
    const { exitCode, stdout } = await lint(['-f', 'invalid.yaml', '-o', 'github']);
    expect({ exitCode, lines: stdout.split('\n').length }).toEqual({ exitCode: 1, lines: CODES.length + 1 });
    expect(stdout).toMatch(
      /^::error file=invalid\.yaml,line=6,col=24,title=invalid-object::Service shop\/web, /,
    );
  });

  test('is a test of JUnit that fails', async () => {
    const { exitCode, stdout } = await lint(['-f', 'invalid.yaml', '-f', 'clean.yaml', '-o', 'junit']);
    expect(exitCode).toBe(1);
    expect(stdout).toContain(
      '<testsuites name="svc2ipt lint" tests="5" failures="4" errors="0" skipped="0">',
    );
    expect(stdout).toContain('<testcase classname="clean.yaml" name="no findings"/>');
  });

  test.each<[string, string, string[]]>([
    ['nothing', '', ['no-service']],
    ['another kind', 'kind: ConfigMap\napiVersion: v1\nmetadata: {name: web}\n', ['no-service']],
    ['an endpoint alone', SLICE, ['no-service', 'slice-without-service']],
    ['a Service that is passed over', SERVICE.replace('Service', 'service'), ['unknown-kind']],
  ])('is an input without a Service: %s', async (_, input, codes) => {
    const { exitCode, stdout } = await lint(['-o', 'json'], input);
    const found = JSON.parse(stdout).findings.map(({ code }: { code: string }) => code);
    expect({ exitCode, found: found.sort() }).toEqual({ exitCode: 1, found: codes });
  });

  test.each<[string, string, string[], number]>([
    ['text', '', [], 1],
    ['json', '', ['-o', 'json'], 1],
    ['sarif', '', ['-o', 'sarif'], 1],
    // As the text of the failure and its summary.
    ['junit', '', ['-o', 'junit'], 2],
    ['github', '', ['-o', 'github'], 1],
    ['text, where another kind is there', 'kind: ConfigMap\napiVersion: v1\nmetadata: {name: web}\n', [], 1],
  ])('tells once that there is no Service: %s', async (_, input, args, times) => {
    const { stdout, stderr } = await lint(args, input);
    expect({ times: stdout.match(/No Service is in the input/g)?.length, stderr }).toEqual({
      times,
      stderr: '',
    });
  });

  test.each<[string, string, string[], string]>([
    ['endpoints', SERVICE, [], 'no-endpoints'],
    [
      'the Node',
      `${CLEAN}---\napiVersion: v1\nkind: Node\nmetadata: {name: node-b}\n`,
      ['--node-name', 'node-a'],
      'node-unknown',
    ],
  ])('is no warning beside the finding: %s', async (_, input, args, code) => {
    const { stdout, stderr } = await lint(args, input);
    expect({ stdout, stderr }).toEqual({ stdout: expect.stringContaining(`[${code}]`), stderr: '' });
  });

  test('is told ten times of a kind, and always with --all', async () => {
    const many = Array.from({ length: 12 }, (_, i) =>
      SERVICE.replace('name: web', `name: web-${i}, lable${i}: x`),
    );
    const count = async (args: string[]) => {
      const { stdout } = await lint([...args, '-o', 'github', '-f', '-'], many.join('---\n'));
      return stdout.match(/title=unknown-field/g)?.length;
    };
    expect([await count([]), await count(['--all'])]).toEqual([10, 12]);
  });
});

describe('SARIF', PROCESSES, () => {
  const locations = async (args: readonly string[], input = '') => {
    const { stdout } = await lint([...args, '-o', 'sarif'], input);
    const [run] = JSON.parse(stdout).runs;
    return run.results.map((result: { locations: unknown[] }) => result.locations[0]);
  };

  test('has the lines of files', async () => {
    expect(await locations(['-f', 'error.yaml'])).toMatchObject([
      {
        physicalLocation: {
          artifactLocation: { uri: 'error.yaml' },
          region: { startLine: 13, startColumn: 26 },
        },
      },
    ]);
  });

  test('has only the names of objects where there is no file', async () => {
    expect(await locations([], ERROR)).toEqual([
      {
        logicalLocations: [{ fullyQualifiedName: 'EndpointSlice shop/web-1, endpoints[0].addresses[0]' }],
      },
    ]);
  });
});
