/** scripts/release, in a repository of its own made of this checkout. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { LICENCES } from '../scripts/command-line.ts';
import { isVersion } from '../scripts/is-version.ts';
import { OWN_ARCHITECTURE } from '../scripts/node-runtime.ts';
import { releaseEdits, tellsVersion, unreleasedEntries } from '../scripts/release-edits.ts';
import { problemsOfBill } from './support/bill-of-materials-schema.ts';
import { copyCheckout } from './support/checkout-copy.ts';
import { PROJECT } from './support/project.ts';

// npm, git and compilers take their time where others work beside them.
vi.setConfig({ testTimeout: 300_000 });

const NEXT = '7.8.9';

describe('versions', () => {
  test.each(['0.9.0', '1.0.0-alpha', '1.0.0-alpha.beta', '1.0.0-rc.1', '1.0.0', '10.20.30'])(
    '%s is one',
    (text) => expect(isVersion(text)).toBe(true),
  );
  test.each(['1', '1.2', 'v1.2.3', '1.2.3.4', '01.2.3', '1.2.3-', '1.2.3-01', '1.2.3+build', 'latest', ''])(
    '%j is none',
    (text) => expect(isVersion(text)).toBe(false),
  );
});

describe('where the version stands', () => {
  const texts = {
    'package.json': '{\n  "name": "svc2ipt",\n  "version": "1.0.0",\n  "x": { "version": "1.0.0" }\n}\n',
    'package-lock.json':
      '"name": "svc2ipt", "version": "1.0.0", "": { "name": "svc2ipt",\n "version": "1.0.0" }, "a": { "version": "1.0.0" }',
    'CHANGELOG.md': '# Changelog\n\n## 2.0.0 (unreleased)\n\n- More.\n\n## 1.0.0 (2026-01-01)\n\n- All.\n',
    'deploy/a.yaml':
      'image: here/svc2ipt:1.0.0\nother: svc2ipt:1.0.0-rc.1\nnewTag: 1.0.0\nversion: v1.0.0\nother: 1.0.0\n',
    'deploy/chart/Chart.yaml': 'apiVersion: v2\nversion: 1.0.0\nappVersion: 1.0.0\nkubeVersion: 1.0.0\n',
    'docs/a.md': '`svc2ipt:1.0.0`, svc2ipt:1.0.0. And svc2ipt:1.0.01, svc2ipt:1.0.0.1, 10.1.0.0.\n',
    'docs/b.md': 'nothing',
  };
  const release = { from: '1.0.0', to: '1.1.0', date: '2026-02-03' };

  test.each(['package.json', 'docs/a.md', 'deploy/a.yaml', 'deploy/ci/a.yml'])('%s may tell it', (path) => {
    expect(tellsVersion(path)).toBe(true);
  });

  test('it is changed, and nowhere else', () => {
    expect(Object.fromEntries(releaseEdits(new Map(Object.entries(texts)), release))).toEqual({
      'package.json': '{\n  "name": "svc2ipt",\n  "version": "1.1.0",\n  "x": { "version": "1.0.0" }\n}\n',
      'package-lock.json':
        '"name": "svc2ipt", "version": "1.1.0", "": { "name": "svc2ipt",\n "version": "1.1.0" }, "a": { "version": "1.0.0" }',
      'CHANGELOG.md': '# Changelog\n\n## 1.1.0 (2026-02-03)\n\n- More.\n\n## 1.0.0 (2026-01-01)\n\n- All.\n',
      'deploy/a.yaml':
        'image: here/svc2ipt:1.1.0\nother: svc2ipt:1.0.0-rc.1\nnewTag: 1.1.0\nversion: v1.1.0\nother: 1.0.0\n',
      'deploy/chart/Chart.yaml': 'apiVersion: v2\nversion: 1.1.0\nappVersion: 1.1.0\nkubeVersion: 1.0.0\n',
      'docs/a.md': '`svc2ipt:1.1.0`, svc2ipt:1.1.0. And svc2ipt:1.0.01, svc2ipt:1.0.0.1, 10.1.0.0.\n',
    });
  });

  test.each([
    ['package.json', 'package.json does not say 1.0.0'],
    ['package-lock.json', 'package-lock.json does not say 1.0.0'],
    ['deploy/a.yaml', 'no manifest in deploy has an image svc2ipt:1.0.0'],
  ])('%s without it is refused', (path, message) => {
    expect(() => releaseEdits(new Map(Object.entries({ ...texts, [path]: 'nothing' })), release)).toThrow(
      message,
    );
  });

  test('the entries are those of the first heading', () => {
    expect(unreleasedEntries(texts['CHANGELOG.md'])).toBe('- More.');
  });
});

describe('scripts/release', () => {
  let folder: string;
  let checkout: string;
  let start: string;
  const inCheckout = (...path: string[]) => join(checkout, ...path);

  const env = {
    // No engine, whatever this machine has.
    DOCKER_HOST: 'unix:///nowhere/docker.sock',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_AUTHOR_NAME: 'Somebody',
    GIT_AUTHOR_EMAIL: 'somebody@example.com',
    GIT_COMMITTER_NAME: 'Somebody',
    GIT_COMMITTER_EMAIL: 'somebody@example.com',
  };
  const git = async (...args: readonly string[]) => (await execa('git', args, { cwd: checkout, env })).stdout;
  const commit = (message: string) => git('commit', '--quiet', '--all', '--message', message);
  const release = (...args: readonly string[]) =>
    execa('node', ['--disable-warning=ExperimentalWarning', 'scripts/release.ts', ...args], {
      cwd: checkout,
      env,
      reject: false,
    });
  /** What needs an engine, or the other architecture's strip, is for scripts/check-images. */
  const HERE = ['--without-images', ...(OWN_ARCHITECTURE ? ['--architecture', OWN_ARCHITECTURE] : [])];

  /** What a release changes. */
  const state = async () => ({
    head: await git('rev-parse', 'HEAD'),
    changes: await git('status', '--porcelain'),
    tags: await git('tag'),
    worktrees: (await git('worktree', 'list')).split('\n').length,
    output: existsSync(inCheckout('build/release')),
  });

  const replace = async (path: string, from: string | RegExp, to: string, isThere = true) => {
    const text = await readFile(inCheckout(path), 'utf8');
    if (isThere) expect(text).toMatch(from);
    await writeFile(inCheckout(path), text.replace(from, to));
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'svc2ipt-release-'));
    checkout = join(folder, 'checkout');
    await copyCheckout(checkout);
    await git('init', '--quiet', '--initial-branch=main');
    await writeFile(inCheckout('.git/info/exclude'), 'node_modules\n');
    // Whatever is in the changelog, there is one thing that is not released.
    await replace('CHANGELOG.md', /^## (.*) \(unreleased\)$/m, '## $1 (2026-01-01)', false);
    await replace('CHANGELOG.md', /^## /m, '## 7.0.0 (unreleased)\n\n- Something new.\n\n## ');
    await git('add', '--all');
    await commit('As it is');
    start = await git('rev-parse', 'HEAD');
  }, 300_000);

  beforeEach(async () => {
    await git('checkout', '--quiet', '--force', '-B', 'main', start);
    await git('clean', '--quiet', '--force', '-d');
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  test('--dry-run tells what would be, and changes nothing', async () => {
    const before = await state();
    const { stdout, exitCode } = await release(NEXT, '--dry-run');
    expect(exitCode).toBe(0);
    expect(stdout).toContain('package.json\n  -   "version": "');
    expect(stdout).toContain(`  + ## ${NEXT} (`);
    expect(stdout).toContain(`svc2ipt:${NEXT}`);
    expect(stdout).toContain('- Something new.');
    expect(await state()).toEqual(before);
  });

  test.each<[string, () => Promise<unknown>, string[], RegExp]>([
    ['no version', async () => {}, [], /^error: usage: /],
    ['two of them', async () => {}, ['7.0.0', '8.0.0'], /^error: usage: /],
    [
      'an architecture that there is not',
      async () => {},
      [NEXT, '--architecture', 'mips'],
      /mips is none of amd64, arm64/,
    ],
    [
      'to make images without an engine',
      async () => {},
      [NEXT],
      /no Docker engine answers.*--without-images/,
    ],
    ['an option that there is not', async () => {}, [NEXT, '--force'], /Unknown option '--force'/],
    ['what is no version', async () => {}, ['7.8'], /7\.8 is not a version/],
    [
      'an older version',
      async () => {},
      ['0.0.1'],
      /0\.0\.1 is not greater than \S+, which package\.json says/,
    ],
    [
      'a version before a released one',
      () => git('tag', 'v8.0.0'),
      [NEXT],
      /7\.8\.9 is not greater than 8\.0\.0, which is released/,
    ],
    ['a version with a tag', () => git('tag', `v${NEXT}`), [NEXT], /there is a tag v7\.8\.9 already/],
    [
      'another branch',
      () => git('checkout', '--quiet', '-b', 'other'),
      [NEXT],
      /made on main, and this is other/,
    ],
    [
      'no branch',
      () => git('checkout', '--quiet', '--detach'),
      [NEXT],
      /made on main, and this is no branch/,
    ],
    ['a changed file', () => replace('README.md', /^/, 'x'), [NEXT], /not committed:\n M README.md/],
    ['a new file', () => writeFile(inCheckout('new'), ''), [NEXT], /not committed:\n\?\? new/],
    [
      'nothing that is unreleased',
      async () => {
        await replace('CHANGELOG.md', /\(unreleased\)/, '(2026-01-01)');
        await commit('Released');
      },
      [NEXT],
      /CHANGELOG\.md has no heading that ends in "\(unreleased\)"/,
    ],
    [
      'a heading with nothing under it',
      async () => {
        await replace('CHANGELOG.md', '- Something new.', 'Nothing yet.');
        await commit('Nothing new');
      },
      [NEXT],
      /no entries under/,
    ],
    [
      'manifests of another version',
      async () => {
        const files = (await git('grep', '-l', '-E', '(svc2ipt:|newTag: )[0-9]', '--', 'deploy')).split('\n');
        for (const file of files) await replace(file, /(svc2ipt:|newTag: )\d\S+/g, '$10.0.1');
        await commit('Old manifests');
      },
      [NEXT],
      /no manifest in deploy has an image svc2ipt:/,
    ],
  ])('refuses %s', async (_, arrange, args, message) => {
    await arrange();
    const before = await state();
    const { stderr, exitCode } = await release(...args);
    expect(stderr).toMatch(message);
    expect(exitCode).toBe(1);
    expect(await state()).toEqual(before);
    for (const tag of (await git('tag')).split('\n').filter(Boolean)) await git('tag', '--delete', tag);
  });

  test.each([
    ['the gate', '.ci/run', '#!/bin/sh\necho "this fails"\nexit 1\n', HERE],
    ['the package', 'src/index.ts', 'export const n: number = "this fails";\n', ['--skip-gate', ...HERE]],
  ])(
    'where %s fails, nothing has happened',
    async (_, path, text, options) => {
      await writeFile(inCheckout(path), text);
      await commit('Broken');
      const before = await state();
      const { stderr, exitCode } = await release(NEXT, ...options);
      expect(stderr).toMatch(/^error: Command failed/m);
      expect(exitCode).toBe(1);
      expect(await state()).toEqual(before);
    },
    300_000,
  );

  test('makes the commit, the tag, and files, checked and signed', async () => {
    const key = join(folder, 'key');
    await execa`ssh-keygen -q -t ed25519 -N ${''} -C somebody -f ${key}`;
    // A gate that sees what is released.
    await writeFile(
      inCheckout('.ci/run'),
      `#!/bin/sh\ngrep -q '^  "version": "${NEXT}"' package.json && echo "the gate is passed"\n`,
    );
    await commit('A short gate');
    const before = await state();
    const { stdout, stderr, exitCode } = await release(NEXT, '--sign-key', key, ...HERE);
    expect(stderr).toBe('');
    expect(exitCode).toBe(0);
    expect(stdout).toContain('the gate is passed');

    const { head, ...after } = await state();
    expect(after).toEqual({ changes: '', tags: `v${NEXT}`, worktrees: 1, output: true });
    expect(await git('branch', '--show-current')).toBe('main');
    expect(await git('log', '--format=%s', `${before.head}..`)).toBe(`Release ${NEXT}`);
    expect(await git('rev-parse', `v${NEXT}^{commit}`)).toBe(head);
    expect(await git('cat-file', '-t', `v${NEXT}`)).toBe('tag');
    expect(await git('tag', '--list', '--format=%(contents)')).toBe(`svc2ipt ${NEXT}\n\n- Something new.\n`);
    const stale = await git('diff', '--unified=0', before.head, 'HEAD');
    expect(stale.match(/^\+(?!\+).*/gm)?.every((line) => line.includes(NEXT))).toBe(true);
    expect((await git('diff', '--name-only', before.head, 'HEAD')).split('\n')).toEqual(
      expect.arrayContaining(['CHANGELOG.md', 'package-lock.json', 'package.json']),
    );
    const { stdout: old } = await execa({
      cwd: checkout,
      env,
      reject: false,
    })`git grep -nE ${'image: svc2ipt:|newTag: '}`;
    for (const line of old.split('\n').filter((text) => text.startsWith('deploy/')))
      expect(line).toContain(NEXT);

    const output = inCheckout('build/release');
    const executable = `svc2ipt-${NEXT}-linux-${OWN_ARCHITECTURE}`;
    const chart = existsSync(join(PROJECT, 'deploy/chart')) ? [`chart/svc2ipt-${NEXT}.tgz`] : [];
    const names = [
      ...chart,
      ...[`${executable}.cdx.json`, `${executable}.tar.gz`],
      ...[`svc2ipt-${NEXT}.cdx.json`, `svc2ipt-${NEXT}.intoto.json`, `svc2ipt-${NEXT}.tgz`],
    ];
    const checksums = await readFile(join(output, 'SHA256SUMS'), 'utf8');
    expect(Array.from(checksums.matchAll(/^[0-9a-f]{64} {2}(.+)$/gm), ([, name]) => name)).toEqual(names);
    expect((await readdir(output)).sort()).toEqual(
      [
        'SHA256SUMS',
        'SHA256SUMS.sig',
        ...(chart.length > 0 ? ['chart'] : []),
        ...names.slice(chart.length),
      ].sort(),
    );
    for (const name of names)
      expect(stdout).toMatch(new RegExp(`^ +\\d+\\.\\d MB  ${RegExp.escape(name)}$`, 'm'));
    await execa({ cwd: output })`sha256sum --check SHA256SUMS`;
    const signers = join(folder, 'signers');
    await writeFile(signers, `svc2ipt ${await readFile(`${key}.pub`, 'utf8')}`);
    const verify = ['-Y', 'verify', '-f', signers, '-I', 'svc2ipt', '-n', 'svc2ipt', '-s', 'SHA256SUMS.sig'];
    const verified = (input: string) => execa('ssh-keygen', verify, { cwd: output, input, reject: false });
    expect((await verified(checksums)).exitCode).toBe(0);
    expect((await verified(checksums.replace('0', '1'))).exitCode).not.toBe(0);

    const provenance = JSON.parse(await readFile(join(output, `svc2ipt-${NEXT}.intoto.json`), 'utf8'));
    expect(provenance).toMatchObject({
      _type: 'https://in-toto.io/Statement/v1',
      predicateType: 'https://slsa.dev/provenance/v1',
    });
    const subjects = provenance.subject.map(
      (one: { name: string; digest: { sha256: string } }) => `${one.digest.sha256}  ${one.name}\n`,
    );
    expect(subjects.join('')).toBe(checksums.replace(/^.*\.intoto\.json\n/m, ''));
    const { resolvedDependencies } = provenance.predicate.buildDefinition;
    expect(resolvedDependencies[0].digest).toEqual({ gitCommit: head });

    const contents = (await execa({ cwd: output })`tar -tzf ${`${executable}.tar.gz`}`).stdout
      .split('\n')
      .sort();
    const inside = [
      '',
      'LICENSE',
      'LICENSE.node',
      LICENCES,
      'kubectl-svc2ipt',
      'kubectl_complete-svc2ipt',
      'svc2ipt',
    ];
    expect(contents).toEqual(inside.map((name) => `${executable}/${name}`).sort());
    const executableBill = await readFile(join(output, `${executable}.cdx.json`), 'utf8');
    expect(await problemsOfBill(executableBill)).toEqual([]);
    expect(executableBill).toContain('"name": "node"');
    const { stdout: packed } = await execa({
      cwd: output,
    })`tar -xzOf ${`svc2ipt-${NEXT}.tgz`} package/package.json`;
    expect(JSON.parse(packed).version).toBe(NEXT);
    const bill = JSON.parse(await readFile(join(output, `svc2ipt-${NEXT}.cdx.json`), 'utf8'));
    expect(bill.metadata.component.version).toBe(NEXT);
    expect(bill.metadata.timestamp).toBe(
      new Date(Number(await git('log', '-1', '--format=%ct')) * 1000).toISOString(),
    );

    // What is left is documented.
    const [, left = ''] = stdout.split('What is left for you:\n\n');
    const page = await readFile(join(PROJECT, 'docs/releasing.md'), 'utf8');
    for (const line of left.split('\n')) {
      expect(page).toContain(line.trim().replaceAll(NEXT, 'VERSION'));
    }

    // Whoever has the commit can make the same package.
    const clone = join(folder, 'clone');
    await execa({ env })`git clone --quiet --branch ${`v${NEXT}`} ${checkout} ${clone}`;
    await execa`ln -s ${join(PROJECT, 'node_modules')} ${join(clone, 'node_modules')}`;
    const { stdout: SOURCE_DATE_EPOCH } = await execa({ cwd: clone, env })`git log -1 --format=%ct`;
    await execa({ cwd: clone, env: { SOURCE_DATE_EPOCH } })`npm pack`;
    const digest = async (path: string) =>
      createHash('sha256')
        .update(await readFile(path))
        .digest('hex');
    const tarball = `svc2ipt-${NEXT}.tgz`;
    expect(await digest(join(clone, tarball))).toBe(await digest(join(output, tarball)));

    // And once is enough.
    expect((await release(NEXT)).stderr).toContain('there is a tag');
  }, 600_000);
});
