/** `svc2ipt golden` as a user runs it. What is told of differences is tested beside `src/golden`. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runCommandLine } from '../../../test/support/command-line.ts';

const SERVICE = `apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {clusterIP: 10.96.0.10, ports: [{port: 80}]}
`;
const FAST = 'svc2ipt: {layout: fast}\n';
const CHANGED = { 'clusters/a/web.yaml': SERVICE.replace('10.96.0.10', '10.96.0.11') };
const BROKEN = { 'clusters/b/web.yaml': SERVICE.replace('80', '0') };
const PROBLEM =
  'clusters/b/web.yaml, document 1, Service shop/web, spec.ports[0].port: expected 1 to 65535, got 0';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'svc2ipt-'));
  await write({
    'clusters/a/web.yaml': SERVICE,
    'clusters/b/web.yaml': SERVICE,
    'clusters/b/config.yaml': FAST,
  });
  expect(await golden('update')).toMatchObject({ exitCode: 0 });
});

afterEach(() => rm(folder, { recursive: true }));

async function write(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
}

async function golden(command: string, ...options: readonly string[]) {
  return await runCommandLine(['golden', command, 'clusters', 'golden', ...options], { folder });
}

const FORMATS = ['text', 'json', 'junit', 'github', 'markdown'];

describe.each(FORMATS)('-o %s', (format) => {
  const SENTENCE = 'cluster IP 10.96.0.11:80: opened; packets are refused';

  test.each<[string, Readonly<Record<string, string>>, string[], number, boolean, boolean]>([
    ['nothing', {}, [], 0, false, false],
    ['a difference', CHANGED, [], 1, true, false],
    ['a broken cluster', BROKEN, [], 2, false, true],
    ['a broken cluster, and a difference in another', { ...CHANGED, ...BROKEN }, [], 2, true, true],
    ['a broken cluster that is not asked for', { ...CHANGED, ...BROKEN }, ['--cluster', 'a'], 1, true, false],
  ])('tells of %s, and exits', async (_, files, options, exitCode, isDifferent, isBroken) => {
    await write(files);
    const done = await golden('check', '-o', format, ...options);
    expect({ exitCode: done.exitCode, stderr: done.stderr }).toEqual({
      exitCode,
      stderr: isBroken ? `error: ${PROBLEM}\n` : '',
    });
    const told = done.stdout
      .replaceAll('\\>', '>')
      .replaceAll('&gt;', '>')
      .replaceAll(/\n {6}/g, ' ');
    expect(told.includes(SENTENCE)).toBe(isDifferent);
    // As text, what is wrong is told on standard error.
    const broken = format === 'text' ? 'b: could not be checked\n' : PROBLEM;
    expect(told.includes(broken)).toBe(isBroken);
  });

  test('leaves the lines of rules out with --no-text', async () => {
    await write(CHANGED);
    const line = '-A KUBE-SERVICES -m comment';
    const [full, short] = [
      await golden('check', '-o', format),
      await golden('check', '-o', format, '--no-text'),
    ];
    expect(full.stdout.includes(line)).toBe(format !== 'github');
    expect(short.stdout).not.toContain(line);
    expect(short.exitCode).toBe(1);
  });
});

test('JSON is JSON, also where a cluster is broken', async () => {
  await write({ ...CHANGED, ...BROKEN });
  const { stdout } = await golden('check', '-o', 'json', '--no-text');
  expect(JSON.parse(stdout)).toEqual({
    clusters: [
      {
        cluster: 'a',
        files: [
          { file: 'a/ipv4.rules', change: 'changed' },
          { file: 'a/ipv6.rules', change: 'none' },
        ],
        services: [
          {
            service: 'shop/web',
            sentences: [
              {
                sentence: 'cluster IP 10.96.0.10:80: closed; packets were refused',
                files: ['a/ipv4.rules'],
              },
              {
                sentence: 'cluster IP 10.96.0.11:80: opened; packets are refused',
                files: ['a/ipv4.rules'],
              },
            ],
            file: 'clusters/a/web.yaml',
            line: 1,
            column: 1,
          },
        ],
        problems: [],
      },
      {
        cluster: 'b',
        files: [],
        services: [],
        problems: [{ message: PROBLEM, file: 'clusters/b/web.yaml', line: 4, column: 40 }],
      },
    ],
  });
});

describe('what the golden file says is told', () => {
  const ofAnother = (text: string) =>
    text.replaceAll('shop/web', 'shop/api').replaceAll('10.96.0.10', '10.96.0.12');
  const edit = async (change: (text: string) => string) => {
    const file = join(folder, 'golden/a/ipv4.rules');
    await writeFile(file, change(await readFile(file, 'utf8')));
  };

  test.each<[string, (text: string) => string, string[]]>([
    [
      'in another order',
      (text) => text.replace(/(:KUBE-SERVICES .*\n)(:KUBE-EXTERNAL.*\n)/, '$2$1'),
      ["  the node's own rules", '    nothing changes for any packet (ipv4)'],
    ],
    [
      'in other words',
      (text) => text.replaceAll('shop/web', 'shop/api'),
      ["  the node's own rules", '    nothing changes for any packet (ipv4)'],
    ],
    [
      'where a chain is missing',
      (text) => text.replace('-j REJECT', '-j KUBE-NOWHERE'),
      [
        "  the node's own rules",
        '    no packet can be sent through the golden file (filter KUBE-SERVICES, rule 1:',
      ],
    ],
    [
      'where it is no text of rules',
      (text) => text.replace('*nat', '<<<<<<< HEAD\n*nat'),
      ["  the node's own rules", expect.stringMatching(/^ {4}the golden file has no rules \(line \d+: /)],
    ],
    [
      'of a Service that no manifest has',
      ofAnother,
      [
        '  shop/api',
        '    cluster IP 10.96.0.12:80: closed; packets were refused (ipv4)',
        '  shop/web',
        '    cluster IP 10.96.0.10:80: opened; packets are refused (ipv4)',
      ],
    ],
  ])('%s', async (_, change, expected) => {
    await edit(change);
    const { stdout, exitCode } = await golden('check', '--no-text');
    const lines = stdout.split('\n');
    expect({ exitCode, first: lines[0] }).toEqual({ exitCode: 1, first: 'a' });
    expect(lines.slice(1, 1 + expected.length)).toEqual(expected);
  });

  test('at the golden file, where no manifest has the Service', async () => {
    await edit(ofAnother);
    const { stdout } = await golden('check', '-o', 'github');
    expect(
      stdout
        .split('\n')
        .map((line) => line.replace(/::.*?::.*/, (all) => all.slice(0, all.indexOf('::', 2)))),
    ).toEqual([
      '::error file=golden/a/ipv4.rules,title=rules change in cluster a%3A shop/api',
      '::error file=clusters/a/web.yaml,line=1,col=1,title=rules change in cluster a%3A shop/web',
      '',
    ]);
  });
});

describe('what is narrowed', () => {
  test.each<[string[], string]>([
    [['--cluster', 'a'], '1 cluster, 2 golden files: all the same\n'],
    [['--cluster', 'a/', '--cluster', 'b'], '2 clusters, 4 golden files: all the same\n'],
    [['--layout', 'fast'], '1 cluster, 2 golden files: all the same\n'],
    [['--family', 'ipv6'], '2 clusters, 2 golden files: all the same\n'],
    [['--family', 'ipv4', '--cluster', 'b', '--layout', 'fast'], '1 cluster, 1 golden file: all the same\n'],
  ])('%j', async (options, stdout) => {
    expect(await golden('check', ...options)).toEqual({ exitCode: 0, stdout, stderr: '' });
  });

  test.each<[string[], string]>([
    [['--cluster', 'c'], '--cluster: no cluster "c"'],
    [['--cluster', 'a', '--layout', 'fast'], '--layout: no cluster has the layout fast'],
    [
      ['--layout', 'slow'],
      "option '--layout <name>' argument 'slow' is invalid. Allowed choices are kube-proxy, fast.",
    ],
  ])('%j is refused', async (options, message) => {
    for (const command of ['check', 'update']) {
      const { exitCode, stdout, stderr } = await golden(command, ...options);
      expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
      expect(stderr).toContain(`error: ${message}`);
    }
  });

  test('is all that is written', async () => {
    await rm(join(folder, 'golden'), { recursive: true });
    expect(await golden('update', '--cluster', 'a', '--family', 'ipv4')).toEqual({
      exitCode: 0,
      stdout: 'added a/ipv4.rules\n1 cluster, 1 golden file: 1 written anew\n',
      stderr: '',
    });
    expect(await readdir(join(folder, 'golden'), { recursive: true })).toEqual(['a', 'a/ipv4.rules']);
  });
});

test('update writes nothing where any cluster is broken', async () => {
  await write({ ...CHANGED, ...BROKEN });
  expect(await golden('update')).toEqual({ exitCode: 2, stdout: '', stderr: `error: ${PROBLEM}\n` });
  expect((await golden('update', '--cluster', 'a')).stdout).toMatch(/^changed a\/ipv4\.rules\n/);
});
