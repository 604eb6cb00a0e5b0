/** `svc2ipt golden`: golden files of clusters, for continuous integration. */

import { diffRules } from '../../golden/diff.ts';
import { type GoldenResult, type GoldenRun, runGolden, updateGolden } from '../../golden/golden.ts';
import { printable } from '../../text/printable.ts';
import { madePodsInWords } from '../made-pods.ts';
import { paintDiff } from '../paint.ts';
import { progress } from '../progress.ts';
import { type CommandOutcome, note, warn } from '../run.ts';
import type { GoldenCommandOptions } from './golden.command.ts';

export async function goldenCheckAction(
  fixtures: string,
  golden: string,
  options: GoldenCommandOptions,
): Promise<CommandOutcome> {
  const { clusters, results } = await run(fixtures, golden, options);
  const different = results.filter(differs);
  const texts = different.map((result) => describe(result));
  const summary =
    different.length === 0
      ? 'all the same'
      : `${different.length} ${different.length === 1 ? 'differs' : 'differ'} (svc2ipt golden update writes them anew)`;
  return {
    output: `${[...texts, `${counts({ clusters, results })}: ${summary}`].join('\n')}\n`,
    exitCode: different.length === 0 ? 0 : 1,
  };
}

export async function goldenUpdateAction(
  fixtures: string,
  golden: string,
  options: GoldenCommandOptions,
): Promise<CommandOutcome> {
  const { clusters, results } = await run(fixtures, golden, options);
  const different = results.filter(differs);
  for (const result of different) await updateGolden(golden, result);
  const lines = different.map(({ file, expected, actual }) => {
    const done = expected === undefined ? 'added' : actual === undefined ? 'removed' : 'changed';
    return printable(`${done} ${file}`);
  });
  const summary = `${counts({ clusters, results })}: ${different.length} written anew`;
  return { output: `${[...lines, summary].join('\n')}\n` };
}

/** Tells of warnings, and of Pods that were made, on standard error. */
async function run(fixtures: string, golden: string, options: GoldenCommandOptions): Promise<GoldenRun> {
  const done = await runGolden(fixtures, golden, await progress('compiling'), options);
  for (const warning of done.warnings) warn(warning);
  const words = madePodsInWords(done.made);
  if (words !== undefined) note(words);
  return done;
}

function counts({ clusters, results }: Pick<GoldenRun, 'clusters' | 'results'>): string {
  return `${clusters} ${clusters === 1 ? 'cluster' : 'clusters'}, ${results.length} golden files`;
}

function differs({ expected, actual }: GoldenResult): boolean {
  return expected !== actual;
}

function describe({ file, expected, actual }: GoldenResult): string {
  if (actual === undefined)
    return paintDiff({ kind: 'header', text: `${file}: there is no such cluster any more` });
  if (expected === undefined) return paintDiff({ kind: 'header', text: `${file}: there is no golden file` });
  const lines = diffRules(expected, actual);
  return lines
    .map((line) =>
      paintDiff(
        line.kind === 'header' ? { ...line, text: [file, line.text].filter(Boolean).join(', ') } : line,
      ),
    )
    .join('\n');
}
