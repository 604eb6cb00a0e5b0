/** The steps for CI servers in `deploy/ci`, run as their runners do, in a repository with golden files. */
import { readFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import {
  type Machine,
  readAction,
  readGitLabJobs,
  runCompositeAction,
  runGitLabJob,
} from './support/ci-runners.ts';
import { runCommandLine } from './support/command-line.ts';
import { codeBlocks } from './support/documentation/markdown.ts';
import { MAIN, PROJECT } from './support/project.ts';

const FOLDER = join(PROJECT, 'deploy/ci');
const ACTION = readAction(readFileSync(join(FOLDER, 'action.yml'), 'utf8'));
const JOBS = readGitLabJobs(readFileSync(join(FOLDER, 'svc2ipt.gitlab-ci.yml'), 'utf8'));

const SERVICE = `apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {clusterIP: 10.96.0.10, ports: [{port: 80}]}
`;
/** A folder whose name a shell must not see as anything else. */
const STRANGE = 'a $(touch owned) "b\' `touch owned`; touch owned';

let own: string;
let machine: Machine;

beforeEach(async () => {
  own = await mkdtemp(join(tmpdir(), 'svc2ipt-ci-'));
  const [workspace, programs] = [join(own, 'repository'), join(own, 'programs')];
  await mkdir(workspace);
  await mkdir(programs);
  await symlink(process.execPath, join(programs, 'node'));
  // What a registry would give is there already; the job of GitLab has svc2ipt from it.
  const scripts = {
    npm: `printf '%s\\n' "$*" >>'${own}/npm.txt'`,
    svc2ipt: `exec node '${MAIN}' "$@"`,
  };
  for (const [name, script] of Object.entries(scripts)) {
    await writeFile(join(programs, name), `#!/bin/sh\n${script}\n`);
    await chmod(join(programs, name), 0o755);
  }
  machine = { workspace, own, path: `${programs}:/usr/local/bin:/usr/bin:/bin` };
  await write({ 'clusters/a/web.yaml': SERVICE, 'clusters/b/web.yaml': SERVICE });
  await update('clusters', 'golden');
});

afterEach(() => rm(own, { recursive: true }));

async function write(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(machine.workspace, path)), { recursive: true });
    await writeFile(join(machine.workspace, path), text);
  }
}

async function update(clusters: string, golden: string): Promise<void> {
  const { exitCode } = await runCommandLine(['golden', 'update', clusters, golden], {
    folder: machine.workspace,
  });
  expect(exitCode).toBe(0);
}

const CHANGED = { 'clusters/a/web.yaml': SERVICE.replace('10.96.0.10', '10.96.0.11') };
const BROKEN = { 'clusters/b/web.yaml': SERVICE.replace('80', '0') };

interface Row {
  readonly what: string;
  readonly files: Readonly<Record<string, string>>;
  readonly clusters?: string;
  readonly golden?: string;
  readonly arguments?: string;
  readonly exitCode: number;
  /** In the Markdown, and not in it. */
  readonly told: readonly string[];
  readonly untold?: readonly string[];
}

const ROWS: readonly Row[] = [
  {
    what: 'nothing changed',
    files: {},
    exitCode: 0,
    told: ['### Rules equal their golden files'],
  },
  {
    what: 'a Service changed',
    files: CHANGED,
    exitCode: 1,
    told: ['- `shop/web`', 'cluster IP 10.96.0.11:80: opened; packets are refused', '```diff'],
  },
  {
    what: 'a cluster cannot be read, and another has changed',
    files: { ...CHANGED, ...BROKEN },
    exitCode: 2,
    told: ['**`b`** could not be checked', 'cluster IP 10.96.0.11:80: opened; packets are refused'],
  },
  {
    what: 'arguments narrow it',
    files: { ...CHANGED, ...BROKEN },
    arguments: '--cluster\na\n\n--no-text\n',
    exitCode: 1,
    told: ['cluster IP 10.96.0.11:80: opened; packets are refused'],
    untold: ['```diff', 'could not be checked'],
  },
  {
    what: 'names that a shell would run',
    files: {},
    clusters: STRANGE,
    golden: `-${STRANGE}`,
    exitCode: 0,
    told: ['1 cluster'],
  },
  {
    what: 'an argument that a shell would run',
    files: {},
    arguments: '--cluster\n$(touch owned)',
    exitCode: 2,
    told: [],
  },
];

async function prepare({ files, clusters, golden }: Row): Promise<void> {
  await write(files);
  if (clusters === undefined || golden === undefined) return;
  await write({ [`${clusters}/web.yaml`]: SERVICE });
  await update(clusters, `./${golden}`);
}

describe('the action for GitHub', () => {
  const run = (inputs: Readonly<Record<string, string>>) =>
    runCompositeAction(ACTION, FOLDER, inputs, machine);

  test.each(ROWS)('$what', { timeout: 300_000 }, async (row) => {
    await prepare(row);
    const { clusters = 'clusters', golden = 'golden', arguments: given = '' } = row;
    const { exitCode, log, summary, outputs } = await run({ clusters, golden, arguments: given });
    expect({ exitCode, log }).toEqual({ exitCode: row.exitCode, log: expect.any(String) });
    for (const words of row.told) expect(summary).toContain(words);
    for (const words of row.untold ?? []) expect(summary).not.toContain(words);
    expect(outputs['exit-code']).toBe(String(row.exitCode));
    expect(await readFile(outputs.report ?? '', 'utf8')).toBe(summary);
    expect(await readdir(machine.workspace)).not.toContain('owned');
  });

  test('annotates the manifest, from the root of the repository on', async () => {
    await write({ ...CHANGED, ...BROKEN });
    const { log } = await run({});
    expect(log.split('\n').filter((line) => line.startsWith('::'))).toEqual([
      expect.stringMatching(
        /^::error file=clusters\/b\/web\.yaml,line=4,col=\d+,title=cluster b could not be checked::/,
      ),
      expect.stringMatching(
        /^::error file=clusters\/a\/web\.yaml,line=1,col=1,title=rules change in cluster a%3A shop\/web::/,
      ),
    ]);
  });

  test('tells in the summary what could not be done at all', async () => {
    const { exitCode, summary } = await run({ clusters: 'nowhere' });
    expect({ exitCode, summary }).toEqual({
      exitCode: 2,
      summary: '### Golden files could not be checked\n\n    error: nowhere: no such file or folder\n',
    });
  });

  test('installs the libraries of its own lock file, and no scripts of theirs', async () => {
    await run({});
    expect(await readFile(join(own, 'npm.txt'), 'utf8')).toBe(
      `ci --prefix ${PROJECT} --omit=dev --ignore-scripts\n`,
    );
  });

  test('what does not install ends it', async () => {
    await writeFile(join(own, 'programs/npm'), '#!/bin/sh\necho "no network" >&2; exit 7\n');
    expect(await run({})).toMatchObject({ exitCode: 7, log: 'no network\n', summary: '' });
  });

  test('other actions are pinned to a commit', () => {
    const used = ACTION.runs.steps.flatMap((step) => ('uses' in step ? [step.uses] : []));
    expect(used.length).toBeGreaterThan(0);
    for (const name of used) expect(name).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40}$/);
  });

  test('no expression is put into what a shell runs', () => {
    for (const step of ACTION.runs.steps) if ('run' in step) expect(step.run).not.toContain('${{');
  });
});

test('the documentation gives the action and the job what they take', () => {
  const page = readFileSync(join(PROJECT, 'docs/golden-files.md'), 'utf8');
  const shown = (name: string): unknown =>
    parse(
      codeBlocks(page)
        .filter(({ title }) => title === name)
        .flatMap(({ lines }) => lines)
        .join('\n'),
    );
  const workflow = z
    .object({ jobs: z.record(z.string(), z.object({ steps: z.array(z.looseObject({ uses: z.string() })) })) })
    .parse(shown('.github/workflows/golden-files.yaml'));
  const steps = Object.values(workflow.jobs).flatMap((one) => one.steps);
  const [step] = steps.filter(({ uses }) => uses.includes('/deploy/ci@'));
  expect(Object.keys(ACTION.inputs)).toEqual(
    expect.arrayContaining(
      Object.keys(z.object({ with: z.record(z.string(), z.string()) }).parse(step).with),
    ),
  );
  const pinned = steps.filter((one) => one !== step).map(({ uses }) => uses);
  for (const uses of pinned) expect(uses).toMatch(/@[0-9a-f]{40}$/);

  const template = z
    .looseObject({ include: z.array(z.object({ file: z.string() })) })
    .parse(shown('.gitlab-ci.yml'));
  const { include, ...jobs } = template;
  for (const { file } of include) expect(readFileSync(join(PROJECT, file), 'utf8')).not.toBe('');
  for (const [name, job] of Object.entries(jobs)) {
    const { variables } = z.object({ variables: z.record(z.string(), z.string()) }).parse(job);
    expect(Object.keys(JOBS[name]?.variables ?? {})).toEqual(expect.arrayContaining(Object.keys(variables)));
  }
});

describe('the template for GitLab', () => {
  const [job] = Object.values(JOBS);
  const run = async (variables: Readonly<Record<string, string>>, shell: 'bash' | 'sh' = 'bash') => {
    if (job === undefined) throw new Error('the template has no job');
    return await runGitLabJob(job, variables, machine, shell);
  };
  // Where an image has no bash, the runner takes sh; what may be quoted wrongly runs in both.
  const shellsFor = ({ clusters, arguments: given }: Row) =>
    clusters === undefined && given === undefined ? (['bash'] as const) : (['bash', 'sh'] as const);

  test.each(ROWS.flatMap((row) => shellsFor(row).map((shell) => ({ ...row, shell }))))(
    '$what, by $shell',
    { timeout: 300_000 },
    async ({ shell, ...row }) => {
      await prepare(row);
      const { clusters = 'clusters', golden = 'golden', arguments: given = '' } = row;
      const variables = { SVC2IPT_CLUSTERS: clusters, SVC2IPT_GOLDEN: golden, SVC2IPT_ARGUMENTS: given };
      const { exitCode, log } = await run(variables, shell);
      expect({ exitCode, log }).toEqual({ exitCode: row.exitCode, log: expect.any(String) });
      const markdown = await readFile(join(machine.workspace, 'svc2ipt-golden.md'), 'utf8');
      for (const words of row.told) expect(markdown).toContain(words);
      for (const words of row.untold ?? []) expect(markdown).not.toContain(words);
      expect(log).toContain(markdown);
      expect(await readdir(machine.workspace)).not.toContain('owned');
    },
  );

  test('keeps the artifacts that it names, with a test for each golden file', async () => {
    await write({ ...CHANGED, ...BROKEN });
    await run({});
    const { paths = [], reports = {} } = job?.artifacts ?? {};
    const there = await readdir(machine.workspace);
    expect(there).toEqual(expect.arrayContaining([...paths, ...Object.values(reports)]));
    expect(await readFile(join(machine.workspace, reports.junit ?? ''), 'utf8')).toContain(
      '<testsuites name="svc2ipt golden check" tests="3" failures="1" errors="1" skipped="0">',
    );
  });

  test('installs the package of this version, and no scripts', async () => {
    await run({});
    const { version } = JSON.parse(readFileSync(join(PROJECT, 'package.json'), 'utf8'));
    expect(await readFile(join(own, 'npm.txt'), 'utf8')).toBe(
      `install --global --ignore-scripts -- svc2ipt@${version}\n`,
    );
  });
});
