/** The pages of the documentation, and who runs them. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT } from '../project.ts';
import { needsRoot, type Step, stepsOf } from './steps.ts';
import { isOfRoot } from './worlds.ts';

export interface Page {
  /** From the folder of the checkout, such as `docs/commands/render.md`. */
  readonly path: string;
  readonly runner: Runner;
  /** None where its runner reads it by itself. */
  readonly steps: readonly Step[];
}

/** Who runs pages: tests, by their files. */
export const RUNNERS = {
  unit: 'test/documentation.test.ts',
  kernel: 'test/documentation.kernel.test.ts',
  /** Its commands speak of a whole cluster. */
  replacing: 'test/replacing-kube-proxy.kernel.test.ts',
  helm: 'test/helm.kernel.test.ts',
} as const;

export type Runner = keyof typeof RUNNERS;

const REPLACING = 'docs/replacing-kube-proxy.md';
/** Of the chart, in a cluster where it is installed. */
const HELM: readonly string[] = ['docs/helm.md', 'docs/alerts.md'];

const PATHS = ['README.md', ...globSync('docs/**/*.md', { cwd: PROJECT }).sort()];

export const PAGES: readonly Page[] = PATHS.map((path) => {
  if (path === REPLACING) return { path, runner: 'replacing', steps: [] };
  const steps = stepsIn(path);
  if (HELM.includes(path)) return { path, steps, runner: 'helm' };
  return { path, steps, runner: needsRoot(steps) || isOfRoot(path) ? 'kernel' : 'unit' };
});

export function pagesFor(runner: Runner): Page[] {
  return PAGES.filter((page) => page.runner === runner);
}

function stepsIn(path: string): Step[] {
  try {
    return stepsOf(readFileSync(join(PROJECT, path), 'utf8'));
  } catch (error) {
    if (error instanceof Error) error.message = `${path}, ${error.message}`;
    throw error;
  }
}
