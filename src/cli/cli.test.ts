/** The command as a user runs it: exit codes, and what goes to standard output and what to standard error. */

import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { runCommandLine } from '../../test/support/command-line.ts';
import { MAIN, PROJECT } from '../../test/support/project.ts';

/** A busy machine starts processes slowly. */
const PROCESSES = { concurrent: true, timeout: 300_000 } as const;

/** While a command line runs in this process, it has another one. */
const ENVIRONMENT = { ...process.env };

let folder: string;

interface Run {
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

interface Given {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs svc2ipt in the folder of the test's files, without a terminal. */
async function svc2ipt(args: readonly string[], { input, env = {} }: Given = {}): Promise<Run> {
  return await runCommandLine(args, { input, env, onlyEnv: true, folder });
}

/** Runs a line of bash in which `svc2ipt` is the command. */
async function bash(line: string): Promise<Run> {
  const script = `set -o pipefail; svc2ipt() { '${process.execPath}' '${MAIN}' "$@"; }; ${line}`;
  const options = {
    cwd: folder,
    env: ENVIRONMENT,
    extendEnv: false,
    reject: false,
    stripFinalNewline: false,
  } as const;
  const { exitCode, stdout, stderr } = await execa('bash', ['-c', script], options);
  return { exitCode, stdout, stderr };
}

const golden = (file: string) => readFile(join(PROJECT, 'golden', file), 'utf8');

const SERVICE = `apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {clusterIP: 10.96.0.10, selector: {app: web}, ports: [{name: http, port: 80}]}
`;
const HANDWRITTEN = SERVICE.replace('clusterIP: 10.96.0.10, ', '');
const SLICE = `apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, namespace: shop, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{name: http, port: 8080}]
endpoints: [{addresses: [10.244.1.5]}]
`;
const GOOD = `${SERVICE}---\n${SLICE}`;
const DEPLOYMENT = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 2
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, ports: [{containerPort: 80}]}]}
`;
const CONFIG_MAP = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\n';
const CONFIG = 'apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n';
const MISSPELT = `${SERVICE.replace('selector', 'selectors')}---\n${SLICE}---\n${SERVICE.replace('Service', 'service')}`;
const ESCAPE = '\u001b[31m';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'svc2ipt-'));
  const files = {
    'good.yaml': GOOD,
    'chart.yaml': `${SERVICE}---\n${DEPLOYMENT}`,
    'chart-more.yaml': `${SERVICE}---\n${DEPLOYMENT.replace('replicas: 2', 'replicas: 3')}`,
    'charts/shop/chart.yaml': `${SERVICE}---\n${DEPLOYMENT}`,
    'save.txt': '# nothing\n',
    'bad.yaml': `${SERVICE.replace('80}', '70000}')}---\n${SLICE.replace('10.244.1.5', 'x')}`,
    'handwritten.yaml': HANDWRITTEN,
    'misspelt.yaml': MISSPELT,
    'many-misspelt.yaml': `${GOOD}${Array.from({ length: 12 }, () => '---\n{apiVersion: v1, kind: node}\n').join('')}`,
    'config.yaml': `${CONFIG}modus: iptables\n`,
    'host.yaml': 'nodeName: node-a\n',
    'escape.yaml': `apiVersion: v1\nkind: Service\nmetadata: {name: "\\e[31mred\\n"}\nspec: {}\n`,
    'fixtures/web/good.yaml': GOOD,
    'fixtures/api/good.yaml': GOOD.replaceAll('web', 'api'),
  };
  await mkdir(join(folder, 'empty'));
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
});

afterAll(() => rm(folder, { recursive: true }));

describe('help', PROCESSES, () => {
  test.each<[string, string[], number, 'stdout' | 'stderr', RegExp]>([
    ['asked for', ['--help'], 0, 'stdout', /^Usage: svc2ipt \[options\] \[command\]\n[\s\S]*\n {2}render /],
    [
      'asked for, of a command',
      ['render', '--help'],
      0,
      'stdout',
      /^Usage: svc2ipt render[\s\S]*--filename[\s\S]*Examples:/,
    ],
    [
      'asked for in the other way',
      ['help', 'golden'],
      0,
      'stdout',
      /^Usage: svc2ipt golden[\s\S]*\n {2}check /,
    ],
    ['the version', ['--version'], 0, 'stdout', /^\d+\.\d+\.\d+\n$/],
    ['where there is no command', [], 2, 'stderr', /^Usage: svc2ipt /],
    ['where there is half a command', ['golden'], 2, 'stderr', /^Usage: svc2ipt golden /],
    [
      'a command that there is not',
      ['rendr'],
      2,
      'stderr',
      /^error: unknown command 'rendr'\n\(Did you mean render\?\)\n/,
    ],
    [
      'an option that there is not',
      ['render', '--famly'],
      2,
      'stderr',
      /^error: unknown option '--famly'\n\(Did you mean --family\?\)\n/,
    ],
    [
      'a family that there is not',
      ['render', '--family', 'ipv5'],
      2,
      'stderr',
      /^error: .*'ipv5' is invalid. Allowed choices are ipv4, ipv6.\n/,
    ],
    [
      'a file without its flag',
      ['render', 'web.yaml'],
      2,
      'stderr',
      /web\.yaml\.\n\(name manifests with -f; see --help\)\n$/,
    ],
    [
      'a flag without its file',
      ['render', '-f'],
      2,
      'stderr',
      /^error: option '-f, --filename <path>' argument missing\n/,
    ],
    [
      'what would turn the terminal red',
      [`${ESCAPE}x`],
      2,
      'stderr',
      /^error: unknown command '\\u001b\[31mx'\n/,
    ],
  ])('%s', async (_, args, exitCode, stream, expected) => {
    const run = await svc2ipt(args);
    expect(run).toMatchObject({ exitCode, [stream === 'stdout' ? 'stderr' : 'stdout']: '' });
    expect(run[stream]).toMatch(expected);
  });
});

describe('render', PROCESSES, () => {
  const SAMPLE = ['config', 'host'].flatMap((file) => [
    `--${file}`,
    join(PROJECT, `fixtures/sample/${file}.yaml`),
  ]);
  const OBJECTS = ['-f', join(PROJECT, 'fixtures/sample/objects.yaml')];

  test.each<[string, string[], string]>([
    ['IPv4', [], 'sample/ipv4.rules'],
    ['IPv6', ['--family', 'ipv6'], 'sample/ipv6.rules'],
  ])('prints rules of %s and nothing else', async (_, args, file) => {
    const run = await svc2ipt(['render', ...SAMPLE, ...OBJECTS, ...args]);
    expect(run).toEqual({ exitCode: 0, stdout: await golden(file), stderr: '' });
  });

  test('prints nothing else, whatever the environment has for other programs', async () => {
    const env = { LOG_STREAM: '1', LOG_TOKENS: '1', DEBUG: '*', NODE_DEBUG: 'fs', FORCE_COLOR: '1' };
    const { stdout } = await svc2ipt(['render', ...SAMPLE, ...OBJECTS], { env });
    expect(stdout).toBe(await golden('sample/ipv4.rules'));
  });

  test('prints one table', async () => {
    const { stdout } = await svc2ipt(['render', ...SAMPLE, ...OBJECTS, '--table', 'nat']);
    const all = await golden('sample/ipv4.rules');
    expect(stdout).toBe(all.slice(all.indexOf('*nat')));
  });

  test('prints what traffic of one Service can walk', async () => {
    const { stdout, stderr } = await svc2ipt(['render', ...SAMPLE, ...OBJECTS, '--service', 'shop/api']);
    expect(stderr).toBe('');
    expect(stdout).toContain('shop/api:grpc');
    expect(stdout).not.toContain('shop/web');
  });

  test.each<['json' | 'yaml', (text: string) => unknown]>([
    ['json', (text) => JSON.parse(text)],
    ['yaml', (text) => parse(text)],
  ])('prints the ruleset as %s', async (format, read) => {
    const { stdout, stderr } = await svc2ipt(['render', '-f', 'good.yaml', '-o', format]);
    expect(stderr).toBe('');
    expect(read(stdout)).toMatchObject({ family: 'ipv4', tables: [{ name: 'filter' }, { name: 'nat' }] });
  });

  test.each<[string, string[], string]>([
    ['where -f is a dash', ['-f', '-'], GOOD],
    ['where there is no -f', [], GOOD],
    ['beside a file', ['-f', 'good.yaml', '-f', '-'], CONFIG_MAP],
    ['as JSON', ['-f', '-'], JSON.stringify({ kind: 'List', items: [parse(SERVICE), parse(SLICE)] })],
  ])('reads standard input %s', async (_, args, input) => {
    const [fromFile, run] = await Promise.all([
      svc2ipt(['render', '-f', 'good.yaml']),
      svc2ipt(['render', ...args], { input }),
    ]);
    expect(run).toEqual({ ...fromFile, exitCode: 0, stderr: '' });
    expect(run.stdout).toContain('10.244.1.5:8080');
  });

  test.each<[string, string[], string, (string | RegExp)[]]>([
    [
      'an address that was assigned, and that nobody answers there',
      ['-f', 'handwritten.yaml'],
      '',
      [
        /^warning: handwritten\.yaml, document 1, Service shop\/web: has no cluster IP yet; assigned cluster IP 10\.[\d.]+$/,
        'warning: no EndpointSlice, Endpoints or Pod in the input gives endpoints to shop/web: traffic to it is refused',
      ],
    ],
    [
      'kinds that have no rules, if asked for',
      ['--verbose'],
      `${GOOD}---\n${CONFIG_MAP}---\n${CONFIG_MAP}---\n{kind: "\\e[31mX", apiVersion: a/b}`,
      ['ignored: 1 \\u001b[31mX.a/b', 'ignored: 2 ConfigMap.v1'],
    ],
    [
      'that there is no Service',
      [],
      '',
      ['warning: no Service in the input: these are only the rules that every node has'],
    ],
    [
      'a Node that is not there',
      ['--node-name', 'b'],
      `${GOOD}---\n{apiVersion: v1, kind: Node, metadata: {name: a}}`,
      ['warning: no Node b in the input, which has a'],
    ],
    [
      'that a Local policy needs a node',
      [],
      GOOD.replace('spec: {', 'spec: {internalTrafficPolicy: Local, '),
      ['warning: no --node-name: no endpoint counts as local, which Services with a Local policy need'],
    ],
    [
      'a Service that the family has not',
      ['--service', 'shop/web', '--family', 'ipv6'],
      GOOD,
      ['warning: Service shop/web: has no rules of its own in ipv6'],
    ],
  ])('tells on standard error: %s', async (_, args, input, expected) => {
    const { exitCode, stdout, stderr } = await svc2ipt(['render', ...args], { input });
    expect({ exitCode, first: stdout.split('\n')[0] }).toEqual({ exitCode: 0, first: '*filter' });
    expect(stderr.trimEnd().split('\n')).toEqual(
      expected.map((line) => (typeof line === 'string' ? line : expect.stringMatching(line))),
    );
  });

  const LABEL = 'a DNS label (1 to 63 of a-z, 0-9 and "-", with a letter or digit at both ends)';

  test.each<[string, string[], string[]]>([
    ['a file that is missing', ['-f', 'no.yaml'], ['no.yaml: no such file or folder']],
    [
      'a folder that is empty',
      ['-f', 'fixtures/web', '-f', 'empty'],
      ['empty: no .yaml, .yml or .json file in this folder'],
    ],
    [
      'all that is wrong in a file',
      ['-f', 'bad.yaml'],
      [
        'bad.yaml, document 1, Service shop/web, spec.ports[0].port: expected 1 to 65535, got 70000',
        'bad.yaml, document 2, EndpointSlice shop/web-1, endpoints[0].addresses[0]: expected an IPv4 address, got "x"',
      ],
    ],
    [
      'all that is wrong anywhere',
      [
        '-f',
        'bad.yaml',
        '--config',
        'config.yaml',
        '--host',
        'host.yaml',
        '--node-name',
        'a b',
        '--node-ip',
        '10.0.0.1,x',
        '--pod-cidr',
        'y',
        '--interface-address',
        'z',
      ],
      [
        'config.yaml, document 1, modus: unknown field',
        'host.yaml, document 1, nodeName: unknown field',
        '--node-name: expected a DNS subdomain (1 to 253 of a-z, 0-9, "-" and ".", with a letter or digit at both ends), got "a b"',
        '--node-ip: expected an IP address, got "x"',
        '--interface-address: expected an address such as 192.168.0.2/24, got "z"',
        '--pod-cidr: expected a CIDR range such as 10.0.0.0/8, got "y"',
        'bad.yaml, document 1, Service shop/web, spec.ports[0].port: expected 1 to 65535, got 70000',
        'bad.yaml, document 2, EndpointSlice shop/web-1, endpoints[0].addresses[0]: expected an IPv4 address, got "x"',
      ],
    ],
    [
      'two IPs of a family',
      ['-f', 'good.yaml', '--node-ip', '10.0.0.1,10.0.0.2'],
      ['--node-ip: expected at most one address of each family'],
    ],
    [
      'a range that is none',
      ['-f', 'good.yaml', '--service-cluster-ip-range', '10.96.0.0'],
      ['--service-cluster-ip-range: expected a CIDR range such as 10.0.0.0/8, got "10.96.0.0"'],
    ],
    [
      'two ranges of a family',
      ['-f', 'good.yaml', '--service-cluster-ip-range', '10.0.0.0/8,11.0.0.0/8'],
      ['--service-cluster-ip-range: expected at most one range of each family'],
    ],
    [
      'a range that has nothing left',
      ['-f', 'handwritten.yaml', '--service-cluster-ip-range', '10.0.0.0/31'],
      ['handwritten.yaml, document 1, Service shop/web: no free cluster IP in 10.0.0.0/31'],
    ],
    [
      'no cluster IP, for who is strict',
      ['-f', 'handwritten.yaml', '--strict'],
      ['handwritten.yaml, document 1, Service shop/web: has no cluster IP yet, which --strict requires'],
    ],
    [
      'a Service that is not there',
      ['-f', 'good.yaml', '--service', 'shop/api'],
      ['--service: no Service "shop/api" in the input'],
    ],
    [
      'a Service whose name is misspelt',
      ['-f', 'good.yaml', '--service', 'wbe'],
      ['--service: no Service "wbe" in the input (shop/web?)'],
    ],
    [
      'a name that would turn the terminal red',
      ['-f', 'escape.yaml'],
      [
        `escape.yaml, document 1, Service "default/\\u001b[31mred\\n", metadata.name: expected ${LABEL}, got "\\u001b[31mred\\n"`,
        'escape.yaml, document 1, Service "default/\\u001b[31mred\\n", spec.ports: expected at least one port, got none',
      ],
    ],
    [
      'what is misspelt, for who is strict',
      ['-f', 'misspelt.yaml', '--strict'],
      [
        'misspelt.yaml, document 1, Service shop/web, spec.selectors: unknown field (selector?)',
        'misspelt.yaml, document 3, Service shop/web, kind: expected Service, got "service"',
      ],
    ],
    ['a name of a file that would', ['-f', `${ESCAPE}\n`], ['\\u001b[31m\\u000a: no such file or folder']],
  ])('is refused, with exit code 2 and nothing on standard output: %s', async (_, args, expected) => {
    const run = await svc2ipt(['render', ...args]);
    expect(run).toEqual({
      exitCode: 2,
      stdout: '',
      stderr: expected.map((line) => `error: ${line}\n`).join(''),
    });
  });
});

describe('Pods of workloads', { ...PROCESSES, timeout: 120_000 }, () => {
  const MADE = 'made 2 Pods for 1 Deployment (10.9.0.0/24); --no-workloads leaves them out\n';
  const REJECTED =
    'warning: no EndpointSlice, Endpoints or Pod in the input gives endpoints to shop/web: traffic to it is refused\n';
  const RANGE = ['--pod-cidr', '10.9.0.0/24'];
  const PACKET = ['--from', 'outside', '--to', '10.96.0.10:80'];

  test.each<[string, string[], string | RegExp]>([
    ['render', ['render', '-f', 'chart.yaml', ...RANGE], /--to-destination 10\.9\.0\.\d+:80\n/],
    ['trace', ['trace', ...PACKET, '-f', 'chart.yaml', ...RANGE], /10\.9\.0\.\d+:80/],
    ['explain', ['explain', 'shop/web', '-f', 'chart.yaml', ...RANGE], /10\.9\.0\.\d+:80/],
    ['graph', ['graph', '-f', 'chart.yaml', '-o', 'dot', ...RANGE], /10\.9\.0\.\d+:80/],
    ['lint', ['lint', '-f', 'chart.yaml', ...RANGE], 'no findings\n'],
    ['lint, of standard input', ['lint', ...RANGE], 'no findings\n'],
  ])('in %s', async (_, args, expected) => {
    const input = args.includes('-f') ? '' : `${SERVICE}---\n${DEPLOYMENT}`;
    const { stdout, stderr } = await svc2ipt(args, { input });
    expect(stderr).toBe(MADE);
    if (typeof expected === 'string') expect(stdout).toBe(expected);
    else expect(stdout).toMatch(expected);
  });

  test.each<[string, string[]]>([
    ['render', ['render', '-f', 'chart.yaml']],
    ['explain', ['explain', 'shop/web', '-f', 'chart.yaml']],
    ['graph', ['graph', '-f', 'chart.yaml', '-o', 'dot']],
    ['lint', ['lint', '-f', 'chart.yaml']],
  ])('in %s, but for --no-workloads', async (command, args) => {
    const { stdout, stderr } = await svc2ipt([...args, '--no-workloads', '--verbose']);
    expect(stdout).not.toContain('10.244.');
    // A finding tells that there are no endpoints.
    expect(stderr).toBe(`${command === 'lint' ? '' : REJECTED}ignored: 1 Deployment.apps/v1\n`);
  });

  test('in diff of two charts, told of once', async () => {
    const args = ['diff', '--from', 'chart.yaml', '--to', 'chart-more.yaml', ...RANGE];
    const { exitCode, stdout, stderr } = await svc2ipt(args);
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: MADE });
    // Those that were there stay where they were.
    expect(stdout).toMatch(/^\+.* --to-destination 10\.9\.0\.\d+:80$/m);
    expect(stdout).not.toMatch(/^-.* --to-destination /m);
    expect((await svc2ipt([...args, '--no-workloads'])).stdout).toMatch(/^no difference: /);
  });

  test('in golden', async () => {
    const told = 'made 2 Pods for 1 Deployment (10.244.0.0/16); --no-workloads leaves them out\n';
    const update = await svc2ipt(['golden', 'update', 'charts', 'charts-golden']);
    expect({ exitCode: update.exitCode, stderr: update.stderr }).toEqual({ exitCode: 0, stderr: told });
    expect(await readFile(join(folder, 'charts-golden/shop/ipv4.rules'), 'utf8')).toContain('-> 10.244.');
    expect(await svc2ipt(['golden', 'check', 'charts', 'charts-golden'])).toMatchObject({
      exitCode: 0,
      stderr: told,
    });
    const without = await svc2ipt(['golden', 'check', 'charts', 'charts-golden', '--no-workloads']);
    expect({ exitCode: without.exitCode, stderr: without.stderr }).toEqual({ exitCode: 1, stderr: '' });
  });

  test('not beside saved rules, which know better who has an address', async () => {
    const args = ['trace', ...PACKET, '--save', 'save.txt', '-f', 'chart.yaml'];
    expect((await svc2ipt(args)).stderr).not.toContain('made ');
  });

  test('with ranges of both families, in one option or two', async () => {
    const run = (...args: string[]) => svc2ipt(['render', '-f', 'chart.yaml', ...args]);
    const both = await run('--pod-cidr', '10.9.0.0/24,fd00::/64');
    expect(await run('--pod-cidr', '10.9.0.0/24', '--pod-cidr', 'fd00::/64')).toEqual(both);
    expect(both.stderr).toMatch(/^made 2 Pods for 1 Deployment \(10\.9\.0\.0\/24, .*--no-workloads/);
  });

  test('a workload that no API server would take is an error', async () => {
    const broken = DEPLOYMENT.replace('replicas: 2', 'replicas: two');
    expect(await svc2ipt(['render'], { input: broken })).toEqual({
      exitCode: 2,
      stdout: '',
      stderr:
        'error: standard input, document 1, Deployment shop/web, spec.replicas: expected 0 to 2147483647, got "two"\n',
    });
  });
});

describe('what is misspelt', PROCESSES, () => {
  const FIELD = 'misspelt.yaml, document 1, Service shop/web, spec.selectors: unknown field (selector?)';
  const KIND = 'misspelt.yaml, document 3, Service shop/web, kind: expected Service, got "service"';

  const COMMANDS = [
    'render -f misspelt.yaml',
    'graph -f misspelt.yaml -o dot',
    'explain shop/web -f misspelt.yaml',
    'trace -f misspelt.yaml --from outside --to shop/web:http',
    'diff --from misspelt.yaml --to good.yaml',
    'diff --from good.yaml --to misspelt.yaml',
  ];

  test.each(COMMANDS)('is a warning of %s', async (command) => {
    const { stdout, stderr } = await svc2ipt(command.split(' '));
    expect(stdout).not.toBe('');
    expect(stderr).toBe(`warning: ${FIELD}\nwarning: ${KIND}\n`);
  });

  test.each(COMMANDS)('is an error of %s --strict', async (command) => {
    expect(await svc2ipt([...command.split(' '), '--strict'])).toEqual({
      exitCode: 2,
      stdout: '',
      stderr: `error: ${FIELD}\nerror: ${KIND}\n`,
    });
  });

  test.each<[string[], string, number]>([
    [['render'], 'warning', 0],
    [['render', '--strict'], 'error', 2],
  ])('may be a field of a workload: %s', async (args, label, exitCode) => {
    const input = DEPLOYMENT.replace('replicas', 'replica');
    const { stderr, ...rest } = await svc2ipt(args, { input });
    const at = 'standard input, document 1, Deployment shop/web';
    expect(rest.exitCode).toBe(exitCode);
    expect(stderr.split('\n').slice(0, 1)).toEqual([
      `${label}: ${at}, spec.replica: unknown field (replicas?)`,
    ]);
  });

  test.each<[string[], string, number]>([
    [['render'], 'warning', 0],
    [['render', '--strict'], 'error', 2],
  ])('may be the kind of a workload: %s', async (args, label, exitCode) => {
    const input = `${GOOD}---\n${DEPLOYMENT.replace('Deployment', 'deployment')}`;
    const { stderr, ...rest } = await svc2ipt(args, { input });
    expect({ exitCode: rest.exitCode, stderr }).toEqual({
      exitCode,
      stderr: `${label}: standard input, document 3, Deployment shop/web, kind: expected Deployment, got "deployment"\n`,
    });
  });

  test('is told ten times, and then counted', async () => {
    const { stderr } = await svc2ipt(['render', '-f', 'many-misspelt.yaml']);
    const lines = stderr.trimEnd().split('\n');
    expect(lines).toHaveLength(11);
    expect(lines[10]).toMatch(
      /^warning: \d+ more like these: svc2ipt lint --all tells each, --strict makes them errors$/,
    );
  });

  test('and what is wrong is told of both sides of a diff', async () => {
    const { stderr } = await svc2ipt(['diff', '--from', 'bad.yaml', '--to', 'escape.yaml']);
    expect(
      stderr
        .trimEnd()
        .split('\n')
        .map((line) => line.replace(/,.*/, '')),
    ).toEqual(['error: bad.yaml', 'error: bad.yaml', 'error: escape.yaml', 'error: escape.yaml']);
  });
});

describe('in a shell', PROCESSES, () => {
  const LARGE = `render -f '${PROJECT}/fixtures/conformance/features/large-cluster/objects.yaml'`;

  test('who has seen enough of the rules may leave', async () => {
    expect(await bash(`svc2ipt ${LARGE} | head -n 1`)).toEqual({
      exitCode: 0,
      stdout: '*filter\n',
      stderr: '',
    });
  });

  test('differences stay differences, though nobody reads all of them', async () => {
    const { exitCode, stdout } = await bash('svc2ipt golden check fixtures no-golden-files | head -n 1');
    expect({ exitCode, stdout }).toEqual({
      exitCode: 1,
      stdout: 'api/ipv4.rules: there is no golden file\n',
    });
  });

  test.each([LARGE, '--help', 'help render', '--version', 'completion bash'])(
    'a disk that is full is told: %s',
    async (command) => {
      const message = 'error: cannot write the output: ENOSPC: no space left on device, write\n';
      const run = await bash(`svc2ipt ${command} > /dev/full`);
      expect(run).toEqual({ exitCode: 2, stdout: '', stderr: message });
    },
  );

  test.each<[string, string]>([
    [
      'agent --write-config-to /dev/full',
      '--write-config-to, /dev/full: cannot be written: no space is left',
    ],
    ['agent --write-config-to none/agent.yaml', '--write-config-to, none/agent.yaml: no such file or folder'],
    ['agent --write-config-to .', '--write-config-to, .: is a folder, expected a file'],
    ['golden update fixtures good.yaml/golden', 'good.yaml/golden: is below a file, expected a folder there'],
  ])('what cannot be written is told: %s', async (command, message) => {
    expect(await bash(`svc2ipt ${command}`)).toEqual({
      exitCode: command.startsWith('agent') ? 1 : 2,
      stdout: '',
      stderr: `error: ${message}\n`,
    });
  });

  test('whoever has gone before help comes has not missed anything', async () => {
    const run = await bash(
      'set +o pipefail; (read; svc2ipt --help; echo "exit code $?" >&2) < <(sleep 1) | true',
    );
    expect(run).toEqual({ exitCode: 0, stdout: '', stderr: 'exit code 0\n' });
  });

  test.each<[string, string]>([
    ['is closed', '2>&-'],
    ['goes to nobody', '2> >(true)'],
    ['cannot be written', '2>/dev/full'],
  ])('the rules come, though standard error %s', async (_, redirection) => {
    const { exitCode, stdout } = await bash(`svc2ipt render -f handwritten.yaml ${redirection}`);
    expect({ exitCode, last: stdout.trimEnd().split('\n').at(-1) }).toEqual({ exitCode: 0, last: 'COMMIT' });
  });

  test('a pipe is a file', async () => {
    const { exitCode, stdout } = await bash('svc2ipt render -f <(cat good.yaml)');
    expect({ exitCode, found: stdout.includes('10.244.1.5:8080') }).toEqual({ exitCode: 0, found: true });
  });
});

describe('agent', PROCESSES, () => {
  test('writes its configuration, which it takes again', async () => {
    const args = [
      'agent',
      '--cluster-cidr=10.244.0.0/16',
      '--masquerade-all',
      '--iptables-sync-period',
      '1m',
    ];
    const run = await svc2ipt([...args, '--write-config-to', 'agent.yaml']);
    expect(run).toEqual({ exitCode: 0, stdout: '', stderr: '' });
    const written = await readFile(join(folder, 'agent.yaml'), 'utf8');
    expect(parse(written)).toMatchObject({
      kind: 'KubeProxyConfiguration',
      clusterCIDR: '10.244.0.0/16',
      iptables: { masqueradeAll: true, syncPeriod: '1m0s', minSyncPeriod: '1s' },
      metricsBindAddress: '127.0.0.1:10249',
    });
    const again = await svc2ipt(['agent', '--config', 'agent.yaml', '--write-config-to', 'again.yaml']);
    expect(again).toEqual({ exitCode: 0, stdout: '', stderr: '' });
    expect(await readFile(join(folder, 'again.yaml'), 'utf8')).toBe(written);
  });

  test.each<[string, string[], RegExp]>([
    [
      'another mode',
      ['--proxy-mode=ipvs'],
      /^error: --proxy-mode: expected iptables \(svc2ipt has no other mode: [^)]+ set mode iptables\), got "ipvs"\n$/,
    ],
    ['no duration', ['--iptables-sync-period', '5'], /^error: --iptables-sync-period: expected a duration/],
    ['no level', ['-v=x'], /^error: -v: expected 0 to /],
    ['no such flag', ['--frobnicate'], /^error: unknown option '--frobnicate'/],
    ['no such file', ['--config', 'nowhere.yaml'], /^error: nowhere\.yaml: no such file/],
  ])('refuses %s', async (_, args, message) => {
    const { exitCode, stdout, stderr } = await svc2ipt(['agent', ...args]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
    expect(stderr).toMatch(message);
  });
});

describe('golden', { timeout: PROCESSES.timeout }, () => {
  const summary = (rest: string) => `2 clusters, 4 golden files: ${rest}\n`;

  test('from nothing to all the same, and to a difference', async () => {
    const missing = ['api', 'web'].flatMap((name) => [4, 6].map((n) => `${name}/ipv${n}.rules`));
    expect(await svc2ipt(['golden', 'check', 'fixtures', 'golden'])).toEqual({
      exitCode: 1,
      stdout:
        missing.map((file) => `${file}: there is no golden file\n`).join('') +
        summary('4 differ (svc2ipt golden update rewrites them)'),
      stderr: '',
    });
    expect(await svc2ipt(['golden', 'update', 'fixtures', 'golden'])).toEqual({
      exitCode: 0,
      stdout: missing.map((file) => `added ${file}\n`).join('') + summary('4 written anew'),
      stderr: '',
    });
    expect(await svc2ipt(['golden', 'check', 'fixtures', 'golden'])).toEqual({
      exitCode: 0,
      stdout: summary('all the same'),
      stderr: '',
    });

    const file = join(folder, 'golden/web/ipv4.rules');
    const rules = await readFile(file, 'utf8');
    await writeFile(file, rules.replace('destination 10.244.1.5:8080', 'destination 10.244.1.5:8081'));
    const [, chain] = /-A (KUBE-SEP-\w+)/.exec(rules) ?? [];
    const difference = [
      `web/ipv4.rules, nat ${chain}`,
      '@@ -1,3 +1,3 @@',
      ` :${chain} - [0:0]`,
      ` -A ${chain} -m comment --comment shop/web:http -s 10.244.1.5 -j KUBE-MARK-MASQ`,
      `--A ${chain} -m comment --comment shop/web:http -m tcp -p tcp -j DNAT --to-destination 10.244.1.5:8081`,
      `+-A ${chain} -m comment --comment shop/web:http -m tcp -p tcp -j DNAT --to-destination 10.244.1.5:8080`,
    ];
    const end = summary('1 differs (svc2ipt golden update rewrites them)');
    const words = ['  shop/web', '    http, cluster IP 10.96.0.10:80: target port 8081 → 8080 (ipv4)', ''];
    expect(await svc2ipt(['golden', 'check', 'fixtures', 'golden'])).toEqual({
      exitCode: 1,
      stdout: `${['web', ...words, ...difference].join('\n')}\n${end}`,
      stderr: '',
    });

    const paint = (style: number, reset: number, line = '') => `\u001b[${style}m${line}\u001b[${reset}m`;
    const [header, place, first, second, removed, added] = difference;
    const painted = [
      paint(1, 22, 'web'),
      ...words,
      paint(1, 22, header),
      paint(36, 39, place),
      first,
      second,
      paint(31, 39, removed),
      paint(32, 39, added),
    ];
    const { stdout } = await svc2ipt(['golden', 'check', 'fixtures', 'golden'], {
      env: { FORCE_COLOR: '1' },
    });
    expect(stdout).toBe(`${painted.join('\n')}\n${end}`);

    await rm(join(folder, 'fixtures/api'), { recursive: true });
    expect(await svc2ipt(['golden', 'check', 'fixtures', 'golden'])).toMatchObject({
      exitCode: 1,
      stdout: expect.stringMatching(/^api\/ipv4\.rules: its cluster no longer exists\n/),
    });
    expect(await svc2ipt(['golden', 'update', 'fixtures', 'golden'])).toEqual({
      exitCode: 0,
      stdout:
        'removed api/ipv4.rules\nremoved api/ipv6.rules\nchanged web/ipv4.rules\n1 cluster, 4 golden files: 3 written anew\n',
      stderr: '',
    });
  });

  test.each<[string, string[], string]>([
    ['no clusters', ['check', 'no-such-folder', 'golden'], 'no-such-folder: no such file or folder'],
    [
      'a folder of something else',
      ['update', 'golden', 'fixtures'],
      'golden: no cluster in this folder (no .yaml, .yml or .json file)',
    ],
  ])('is refused: %s', async (_, args, expected) => {
    expect(await svc2ipt(['golden', ...args])).toEqual({
      exitCode: 2,
      stdout: '',
      stderr: `error: ${expected}\n`,
    });
  });
});
