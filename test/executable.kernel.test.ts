/**
 * svc2ipt as a single executable, on a root file system that has no Node.js: iptables and connection tracking with the
 * libraries that they load, and nothing else.
 */
import { globSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LICENCES } from '../scripts/command-line.ts';
import { writeExecutable } from '../scripts/executable.ts';
import { OWN_ARCHITECTURE, pinnedNode } from '../scripts/node-runtime.ts';
import { MAY_USE_NAMESPACES, NetworkNamespace } from './support/kernel/namespace.ts';
import { PROJECT } from './support/project.ts';

const IPTABLES = ['iptables', 'ip6tables'].flatMap((name) =>
  ['', '-nft', '-legacy'].flatMap((backend) =>
    ['', '-save', '-restore'].map((what) => `${name}${backend}${what}`),
  ),
);
const PROGRAMS = [...IPTABLES, 'conntrack', 'nft', 'nfacct', 'ip'];

const SAMPLE = [
  '-f',
  '/fixtures/objects.yaml',
  '--config',
  '/fixtures/config.yaml',
  '--host',
  '/fixtures/host.yaml',
];

/** Without what a network namespace may not set. */
const CONFIGURATION = {
  apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
  kind: 'KubeProxyConfiguration',
  hostnameOverride: 'node-a',
  clusterCIDR: '10.244.0.0/16',
  conntrack: { maxPerCore: 0 },
  oomScoreAdj: 0,
  iptables: { syncPeriod: '1s', minSyncPeriod: '50ms' },
};

test('the Node.js that is in it is that of the lock file', async () => {
  const lock = JSON.parse(await readFile(join(PROJECT, 'package-lock.json'), 'utf8'));
  expect((await pinnedNode()).version).toBe(lock.packages['node_modules/node'].version);
});

describe.skipIf(!MAY_USE_NAMESPACES || OWN_ARCHITECTURE === undefined)('a single executable', () => {
  let folder: string;
  let made: string;
  let root: string;
  let namespace: NetworkNamespace | undefined;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'svc2ipt-executable-'));
    [made, root] = [join(folder, 'made'), join(folder, 'root')];
    if (OWN_ARCHITECTURE !== undefined) await writeExecutable(made, OWN_ARCHITECTURE);
    namespace = await NetworkNamespace.create();
    await inside().run('ip', ['link', 'set', 'lo', 'up']);
    await fill();
    for (const name of ['dev', 'proc', 'run', 'tmp', 'in/manifests', 'fixtures'])
      await mkdir(join(root, name), { recursive: true });
    await execa`ln -s svc2ipt ${join(root, 'usr/sbin/kubectl-svc2ipt')}`;
    await cp(join(PROJECT, 'fixtures/sample'), join(root, 'fixtures'), { recursive: true });
    await cp(join(PROJECT, 'fixtures/sample/objects.yaml'), join(root, 'in/manifests/objects.yaml'));
    await writeFile(join(root, 'in/config'), JSON.stringify(CONFIGURATION));
    await writeFile(join(root, 'in/kubeconfig'), 'apiVersion: v1\nkind: Config\n');
  }, 900_000);

  afterAll(async () => {
    await namespace?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  /** Puts the executable and the programs into the root file system, with all that they load. */
  async function fill(): Promise<void> {
    const { stdout: paths } = await execa`which ${PROGRAMS}`;
    const files = [...paths.split('\n'), ...globSync('/usr/lib/*/xtables/*.so')];
    const { stdout: loaded } = await execa({ reject: false })`ldd ${join(made, 'svc2ipt')} ${files}`;
    const libraries = new Set(loaded.match(/(?<=\s)\/[^\s:]+(?= \()/g));
    await mkdir(join(root, 'usr/sbin'), { recursive: true });
    await execa`cp --dereference --parents ${[...files, ...libraries]} ${root}`;
    await execa`cp ${join(made, 'svc2ipt')} ${join(root, 'usr/sbin/svc2ipt')}`;
  }

  const inside = (): NetworkNamespace => {
    if (namespace === undefined) throw new Error('there is no namespace');
    return namespace;
  };

  /** A program in the root file system, in the namespace, with the processes and devices that every node has. */
  const inRoot = (program: string, args: readonly string[]) =>
    execa(
      'ip',
      [
        ...['netns', 'exec', inside().name, 'sh', '-euc'],
        'mount -t proc proc "$0/proc"; mount --bind /dev "$0/dev"; exec chroot "$0" "$@"',
        ...[root, program, ...args],
      ],
      { env: { PATH: '/usr/sbin:/usr/bin' }, extendEnv: false, reject: false, stripFinalNewline: false },
    );
  const svc2ipt = (...args: readonly string[]) => inRoot('svc2ipt', args);

  test('has no Node.js and no shell beside it', async () => {
    for (const program of ['node', 'sh', 'env'])
      expect((await inRoot(program, [])).stderr, program).toMatch(/No such file/);
  });

  test('is one file, with the licences of what is in it', async () => {
    const { size } = await stat(join(made, 'svc2ipt'));
    console.log(`the executable has ${Math.round(size / 1e6)} MB`);
    expect(size).toBeLessThan(135e6);
    const licences = await readFile(join(made, LICENCES), 'utf8');
    for (const name of ['zod', '@kubernetes/client-node'])
      expect(licences).toMatch(new RegExp(`^${name} \\d`, 'm'));
    expect(await readFile(join(made, 'LICENSE.node'), 'utf8')).toContain('Node.js is licensed');
  });

  test('says its version', async () => {
    const { version } = JSON.parse(await readFile(join(PROJECT, 'package.json'), 'utf8'));
    expect((await svc2ipt('--version')).stdout.trim()).toBe(version);
  });

  test('renders the golden text', async () => {
    const { stdout } = await svc2ipt('render', ...SAMPLE);
    expect(stdout).toBe(await readFile(join(PROJECT, 'golden/sample/ipv4.rules'), 'utf8'));
  });

  test.each([
    ['svg', '<svg '],
    ['html', '<!doctype html>'],
  ])('draws %s', async (output, text) => {
    expect((await svc2ipt('graph', ...SAMPLE, '-o', output)).stdout).toContain(text);
  });

  test('a process of its own reads credentials', async () => {
    const { stderr, exitCode } = await svc2ipt('render', '--kubeconfig', '/in/kubeconfig');
    expect(stderr).toContain('/in/kubeconfig: names no cluster');
    expect(exitCode).toBe(2);
  });

  test('is the plugin of kubectl by its name', async () => {
    expect((await inRoot('kubectl-svc2ipt', ['--help'])).stdout).toContain('Usage: kubectl svc2ipt ');
  });

  test('the doctor asks the C library and the programs of the node', async () => {
    const { stdout, stderr, exitCode } = await svc2ipt('doctor', '--fail-on', 'never', '-o', 'json');
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
    const { checks }: { checks: readonly { code: string; verdict: string }[] } = JSON.parse(stdout);
    expect(checks.find(({ code }) => code === 'no-service-rules')?.verdict).toBe('error');
  });

  test('the agent writes rules, answers for its health from a thread, and ends', async () => {
    const agent = svc2ipt('agent', '--config=/in/config', '--manifests=/in/manifests', '--v=2');
    const ended = agent.catch(() => undefined);
    const livez = () =>
      execa({ reject: false })`ip netns exec ${inside().name} curl -sf http://127.0.0.1:10256/livez`;
    try {
      await expect.poll(async () => (await livez()).exitCode, { timeout: 140_000 }).toBe(0);
      await expect
        .poll(() => inside().save({ backend: 'nft', family: 'ipv4' }), { timeout: 140_000 })
        .toContain('KUBE-SVC-');
      // Started anew with what it has V8 do, under the name that it was called by.
      const command = (await readFile(`/proc/${agent.pid}/cmdline`, 'utf8')).split('\0');
      expect(command.slice(0, 3)).toEqual([
        'svc2ipt',
        expect.stringMatching(/^--node-options=--max/),
        'agent',
      ]);
    } finally {
      agent.kill('SIGTERM');
    }
    await ended;
    expect((await agent).exitCode).toBe(0);
  });
});
