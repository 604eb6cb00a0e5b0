/** `svc2ipt golden`: golden files of clusters, for continuous integration. */
import { formatProblem, InputError } from '../../api/problem.ts';
import { type GoldenRun, runGolden, updateGolden } from '../../golden/golden.ts';
import {
  changeOf,
  countOfClusters,
  countOfFiles,
  differs,
  formatReport,
  formatReportJSON,
  type GoldenReport,
  reportOf,
} from '../../golden/report.ts';
import { printable } from '../../text/printable.ts';
import { NOT_DONE } from '../exit-codes.ts';
import { madePodsInWords } from '../made-pods.ts';
import { paintDiff, terminalWidth } from '../paint.ts';
import { progress } from '../progress.ts';
import { type CommandOutcome, note, tellError, warn } from '../run.ts';
import type { GoldenCheckOptions, GoldenCommandOptions } from './golden.command.ts';

export async function goldenCheckAction(
  fixtures: string,
  golden: string,
  options: GoldenCheckOptions,
): Promise<CommandOutcome> {
  const done = await run(fixtures, golden, options);
  const report = reportOf(done, golden, options.text);
  const problems = problemsOf(done);
  if (problems.length > 0) tellError(problems.map(formatProblem).join('\n'));
  return {
    output: await format(report, options.output),
    exitCode: problems.length > 0 ? NOT_DONE : report.clusters.some(differs) ? 1 : 0,
  };
}

async function format(report: GoldenReport, output: GoldenCheckOptions['output']): Promise<string> {
  switch (output) {
    case 'text':
      return formatReport(report, paintDiff, terminalWidth());
    case 'json':
      return formatReportJSON(report);
    case 'junit': {
      const { goldenJUnit } = await import('../../golden/junit.ts');
      return goldenJUnit(report);
    }
    case 'github': {
      const { goldenAnnotations } = await import('../../golden/github.ts');
      return goldenAnnotations(report);
    }
    case 'markdown': {
      const { goldenMarkdown } = await import('../../golden/markdown.ts');
      return goldenMarkdown(report);
    }
  }
}

/** Where anything is wrong in any cluster, nothing is written. */
export async function goldenUpdateAction(
  fixtures: string,
  golden: string,
  options: GoldenCommandOptions,
): Promise<CommandOutcome> {
  const done = await run(fixtures, golden, options);
  const problems = problemsOf(done);
  if (problems.length > 0) throw new InputError(problems);
  const results = done.clusters.flatMap((cluster) => cluster.results);
  const different = results.filter((result) => changeOf(result) !== 'none');
  for (const result of different) await updateGolden(golden, result);
  const lines = different.map((result) => printable(`${changeOf(result)} ${result.file}`));
  const there = done.clusters.filter(({ isThere }) => isThere).length;
  const summary = `${countOfClusters(there)}, ${countOfFiles(results.length)}: ${different.length} written anew`;
  return { output: `${[...lines, summary].join('\n')}\n` };
}

function problemsOf({ clusters }: GoldenRun) {
  return clusters.flatMap(({ problems }) => problems.map(({ problem }) => problem));
}

/** Tells of warnings, and of Pods that were made, on standard error. */
async function run(fixtures: string, golden: string, options: GoldenCommandOptions): Promise<GoldenRun> {
  const { cluster, family, ...rest } = options;
  const done = await runGolden(fixtures, golden, await progress('compiling'), {
    ...rest,
    clusters: cluster?.map(nameOf),
    ...(family === undefined ? {} : { families: [family] }),
  });
  for (const warning of done.warnings) warn(warning);
  const words = madePodsInWords(done.made);
  if (words !== undefined) note(words);
  return done;
}

/** As shells complete it, the name of a folder ends in a slash. */
function nameOf(cluster: string): string {
  return cluster.replace(/(?<=.)\/+$/, '');
}
