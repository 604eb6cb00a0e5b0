/** What GitHub reads in `.github`: it parses, and what it names is there. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseDocument } from 'yaml';
import { z } from 'zod';
import { PROJECT } from './support/project.ts';

const FOLDER = join(PROJECT, '.github');

function read(path: string): unknown {
  const document = parseDocument(readFileSync(join(FOLDER, path), 'utf8'));
  expect([...document.errors, ...document.warnings]).toEqual([]);
  return document.toJS();
}

const permissions = z.record(z.string(), z.enum(['read', 'write', 'none']));
const step = z.union([
  z.strictObject({
    name: z.string().optional(),
    // Of a version, and of nobody unknown.
    uses: z.string().regex(/^(actions|docker)\/[a-z-]+@v\d+$/),
    with: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
  }),
  z.strictObject({ name: z.string(), run: z.string(), env: z.record(z.string(), z.string()).optional() }),
]);
const workflow = z.strictObject({
  name: z.string(),
  on: z.record(z.string(), z.unknown()),
  permissions,
  concurrency: z.unknown().optional(),
  jobs: z.record(
    z.string(),
    z.strictObject({
      'runs-on': z.string(),
      'timeout-minutes': z.number(),
      environment: z.string().optional(),
      permissions: permissions.optional(),
      steps: z.array(step),
    }),
  ),
});

const WORKFLOWS = readdirSync(join(FOLDER, 'workflows'));
const stepsOf = (name: string) =>
  Object.values(workflow.parse(read(`workflows/${name}`)).jobs).flatMap(({ steps }) => steps);
const runsOf = (name: string) => stepsOf(name).flatMap((one) => ('run' in one ? [one.run] : []));

describe.each(WORKFLOWS)('the workflow %s', (name) => {
  test('may only read, unless a job says more', () => {
    expect(workflow.parse(read(`workflows/${name}`)).permissions).toEqual({ contents: 'read' });
  });

  test('runs scripts that are there', () => {
    const scripts = runsOf(name).flatMap((run) =>
      Array.from(run.matchAll(/(?:^|\s)((?:scripts|\.ci)\/[\w./-]+)/gm), ([, path = '']) => path),
    );
    expect(scripts.length).toBeGreaterThan(0);
    for (const path of scripts) expect(statSync(join(PROJECT, path)).mode & 0o111, path).not.toBe(0);
  });

  test('takes what others may name into the shell only as variables', () => {
    for (const run of runsOf(name)) expect(run).not.toContain('${{');
  });
});

test('CI runs the gate', () => {
  expect(runsOf('ci.yml').join('\n')).toContain('.ci/run');
});

test('a release has what npm needs to know where it comes from', () => {
  const { jobs } = workflow.parse(read('workflows/release.yml'));
  expect(jobs.release?.permissions).toMatchObject({ 'id-token': 'write' });
  expect(runsOf('release.yml').join('\n')).toMatch(/npm publish \S+ --provenance/);
  const { repository } = JSON.parse(readFileSync(join(PROJECT, 'package.json'), 'utf8'));
  expect(repository).toEqual({
    type: 'git',
    url: expect.stringMatching(/^git\+https:\/\/.+\/svc2ipt\.git$/),
  });
});

describe('issues', () => {
  const FORMS = readdirSync(join(FOLDER, 'ISSUE_TEMPLATE')).filter((name) => name !== 'config.yml');
  const form = z.strictObject({
    name: z.string(),
    description: z.string(),
    labels: z.array(z.string()),
    body: z.array(
      z.strictObject({
        type: z.enum(['textarea', 'input']),
        id: z.string(),
        attributes: z.strictObject({ label: z.string(), description: z.string().optional() }),
        validations: z.strictObject({ required: z.boolean() }).optional(),
      }),
    ),
  });

  test('there is a form for each kind', () => {
    expect(FORMS.sort()).toEqual(['bug.yml', 'feature.yml', 'question.yml']);
  });

  test.each(FORMS)('%s asks for something, once each', (name) => {
    const { body } = form.parse(read(`ISSUE_TEMPLATE/${name}`));
    expect(body.some(({ validations }) => validations?.required)).toBe(true);
    expect(new Set(body.map(({ id }) => id)).size).toBe(body.length);
  });

  test('a bug asks for a bundle without names', () => {
    expect(readFileSync(join(FOLDER, 'ISSUE_TEMPLATE/bug.yml'), 'utf8')).toContain(
      'svc2ipt doctor --bundle node.tar.gz --redact',
    );
  });

  test('a security fault is no issue', () => {
    expect(JSON.stringify(read('ISSUE_TEMPLATE/config.yml'))).toContain('SECURITY.md');
    expect(existsSync(join(PROJECT, 'SECURITY.md'))).toBe(true);
  });
});

test('code owners: everything has one, and what is named is there', () => {
  const lines = readFileSync(join(FOLDER, 'CODEOWNERS'), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  const [first, ...others] = lines.map((line) => line.split(' '));
  expect(first?.[0]).toBe('*');
  for (const [path = '', ...owners] of others) {
    expect(existsSync(join(PROJECT, path)), path).toBe(true);
    expect(owners.every((owner) => /^@[\w-]+\/[\w-]+$/.test(owner))).toBe(true);
  }
});
