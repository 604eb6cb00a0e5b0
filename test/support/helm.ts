/** helm, and what it makes of the chart in `deploy/chart`. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { execa, execaSync } from 'execa';
import { parseAllDocuments, stringify } from 'yaml';
import { PROJECT } from './project.ts';

export const CHART = join(PROJECT, 'deploy', 'chart');

/** Where scripts/helm puts it. */
const INSTALLED = join(PROJECT, 'node_modules', '.cache', 'helm');

/** The folder of the helm that tests use; empty for the one in PATH, undefined where there is none. */
export const HELM_FOLDER = existsSync(join(INSTALLED, 'helm'))
  ? INSTALLED
  : execaSync({ reject: false })`helm version`.exitCode === 0
    ? ''
    : undefined;

const PROGRAM = join(HELM_FOLDER ?? '', 'helm');

/** Runs helm, with values on its standard input where the arguments have `--values -`. */
export async function helm(args: readonly string[], values: object = {}) {
  const { exitCode, stdout, stderr } = await execa(PROGRAM, args, {
    input: stringify(values),
    reject: false,
    stripFinalNewline: false,
  });
  return { exitCode, stdout, stderr };
}

/**
 * The objects that the chart comes to.
 * @throws Error with helm's own words where it renders nothing
 */
export async function rendered(values: object, release = 'svc2ipt'): Promise<unknown[]> {
  const args = ['template', release, CHART, '--namespace', 'kube-system', '--values', '-'];
  const { exitCode, stdout, stderr } = await helm(args, values);
  if (exitCode !== 0) throw new Error(stderr);
  return parseAllDocuments(stdout).map((document): unknown => document.toJS());
}
