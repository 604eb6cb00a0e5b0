/** What the runners of CI servers do with a file of steps: one after the other in shells, until one fails. */
import { appendFile, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { parse } from 'yaml';
import { z } from 'zod';

const compositeAction = z.strictObject({
  name: z.string(),
  description: z.string(),
  inputs: z.record(z.string(), z.strictObject({ description: z.string(), default: z.string() })),
  outputs: z.record(z.string(), z.strictObject({ description: z.string(), value: z.string() })),
  runs: z.strictObject({
    using: z.literal('composite'),
    steps: z.array(
      z.union([
        z.strictObject({ uses: z.string(), with: z.record(z.string(), z.unknown()).default({}) }),
        z.strictObject({
          name: z.string(),
          id: z.string().optional(),
          shell: z.literal('bash'),
          env: z.record(z.string(), z.string()).default({}),
          run: z.string(),
        }),
      ]),
    ),
  }),
});

export type CompositeAction = z.output<typeof compositeAction>;

export function readAction(text: string): CompositeAction {
  return compositeAction.parse(parse(text));
}

const gitLabFile = z.record(
  z.string(),
  z.strictObject({
    stage: z.string(),
    image: z.string(),
    variables: z.record(z.string(), z.string()),
    before_script: z.array(z.string()),
    script: z.array(z.string()),
    artifacts: z.strictObject({
      when: z.literal('always'),
      paths: z.array(z.string()),
      reports: z.record(z.string(), z.string()),
    }),
  }),
);

export type GitLabJob = z.output<typeof gitLabFile>[string];

/** The jobs of a file, by name. */
export function readGitLabJobs(text: string): Readonly<Record<string, GitLabJob>> {
  return gitLabFile.parse(parse(text));
}

export interface JobRun {
  readonly exitCode: number;
  /** Of all steps, standard error among it. */
  readonly log: string;
}

export interface ActionRun extends JobRun {
  /** What the steps wrote into the summary of the job. */
  readonly summary: string;
  readonly outputs: Readonly<Record<string, string>>;
}

/** Where steps run. */
export interface Machine {
  /** The repository that is checked out. */
  readonly workspace: string;
  /** For files of the runner itself. */
  readonly own: string;
  readonly path: string;
}

/**
 * Runs the shell steps of a composite action as GitHub's runner does: expressions are put in as text, also into what the
 * shell runs; `bash --noprofile --norc -eo pipefail`; files for outputs, PATH and summary. Steps that use other actions
 * are passed over.
 */
export async function runCompositeAction(
  action: CompositeAction,
  actionPath: string,
  given: Readonly<Record<string, string>>,
  machine: Machine,
): Promise<ActionRun> {
  const temporary = await mkdtemp(join(machine.own, 'runner-'));
  const context = new Map(
    Object.entries(action.inputs).map(([name, { default: value }]) => [
      `inputs.${name}`,
      given[name] ?? value,
    ]),
  );
  const withValues = (text: string) =>
    text.replaceAll(/\$\{\{ *([\w.-]+) *\}\}/g, (_, name: string) => context.get(name) ?? '');
  const file = async (name: string) => {
    const path = join(temporary, name);
    await writeFile(path, '');
    return path;
  };
  const [summary, added] = [await file('summary'), await file('path')];
  let [exitCode, log, path] = [0, '', machine.path];
  for (const [i, step] of action.runs.steps.entries()) {
    if ('uses' in step) continue;
    const output = await file(`output-${i}`);
    const script = join(temporary, `step-${i}.sh`);
    await writeFile(script, withValues(step.run));
    const env = Object.fromEntries(
      Object.entries(step.env).map(([name, value]) => [name, withValues(value)]),
    );
    const ended = await runShell(['bash', '--noprofile', '--norc', '-eo', 'pipefail', script], machine, {
      ...env,
      PATH: path,
      GITHUB_ACTIONS: 'true',
      GITHUB_ACTION_PATH: actionPath,
      GITHUB_OUTPUT: output,
      GITHUB_PATH: added,
      GITHUB_STEP_SUMMARY: summary,
      GITHUB_WORKSPACE: machine.workspace,
      RUNNER_TEMP: temporary,
    });
    [exitCode, log] = [ended.exitCode, log + ended.log];
    path = [...(await linesOfText(added)).toReversed(), machine.path].join(':');
    for (const line of await linesOfText(output)) {
      const [, name, value = ''] = /^([^=]+)=(.*)$/.exec(line) ?? [];
      if (step.id !== undefined && name !== undefined) context.set(`steps.${step.id}.outputs.${name}`, value);
    }
    if (exitCode !== 0) break;
  }
  const outputs = Object.fromEntries(
    Object.entries(action.outputs).map(([name, { value }]) => [name, withValues(value)]),
  );
  return { exitCode, log, summary: await readFile(summary, 'utf8'), outputs };
}

/** No runner has it, and nothing depends on it: half of the time of programs that start goes by without it. */
const COMPILED: Readonly<Record<string, string>> =
  process.env.NODE_COMPILE_CACHE === undefined ? {} : { NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE };

/** Runs a job as GitLab's runner does: the scripts in one shell that ends with the first failure, variables around it. */
export async function runGitLabJob(
  job: GitLabJob,
  given: Readonly<Record<string, string>>,
  machine: Machine,
  shell: 'bash' | 'sh',
): Promise<JobRun> {
  const temporary = await mkdtemp(join(machine.own, 'runner-'));
  const script = join(temporary, 'script.sh');
  await writeFile(script, shell === 'bash' ? 'set -eo pipefail\n' : 'set -e\n');
  for (const line of [...job.before_script, ...job.script]) await appendFile(script, `${line}\n`);
  const env = { ...job.variables, ...given, PATH: machine.path, GITLAB_CI: 'true' };
  return await runShell([shell, script], machine, env);
}

async function runShell(
  [program = '', ...args]: readonly string[],
  { workspace, own }: Machine,
  env: Readonly<Record<string, string>>,
): Promise<JobRun> {
  const { exitCode, all } = await execa(program, args, {
    cwd: workspace,
    env: { HOME: own, LC_ALL: 'C.UTF-8', ...COMPILED, ...env },
    extendEnv: false,
    all: true,
    reject: false,
    stdin: 'ignore',
    stripFinalNewline: false,
  });
  if (exitCode === undefined) throw new Error(`${program} did not end by itself`);
  return { exitCode, log: all };
}

async function linesOfText(path: string): Promise<string[]> {
  return (await readFile(path, 'utf8')).split('\n').filter((line) => line !== '');
}
