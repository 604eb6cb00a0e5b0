/** `svc2ipt golden`: golden files of clusters, for continuous integration. */
import { styleText } from 'node:util';
import { type DiffLine, diffRules } from '../golden/diff.ts';
import { type GoldenResult, runGolden, updateGolden } from '../golden/golden.ts';
import { type Outcome, warn } from './run.ts';

export async function check(fixtures: string, golden: string): Promise<Outcome> {
  const { clusters, results, warnings } = await runGolden(fixtures, golden);
  for (const warning of warnings) warn(warning);
  const different = results.filter(differs);
  const texts = different.map((result) => describe(result));
  const summary =
    different.length === 0
      ? `${clusters} clusters, ${results.length} golden files: all the same`
      : `${clusters} clusters, ${results.length} golden files: ${different.length} differ (svc2ipt golden update writes them anew)`;
  return { output: `${[...texts, summary].join('\n')}\n`, exitCode: different.length === 0 ? 0 : 1 };
}

export async function update(fixtures: string, golden: string): Promise<Outcome> {
  const { clusters, results, warnings } = await runGolden(fixtures, golden);
  for (const warning of warnings) warn(warning);
  const different = results.filter(differs);
  for (const result of different) await updateGolden(golden, result);
  const lines = different.map(({ file, expected, actual }) => {
    const done = expected === undefined ? 'added' : actual === undefined ? 'removed' : 'changed';
    return `${done} ${file}`;
  });
  const summary = `${clusters} clusters, ${results.length} golden files: ${different.length} written anew`;
  return { output: `${[...lines, summary].join('\n')}\n` };
}

function differs({ expected, actual }: GoldenResult): boolean {
  return expected !== actual;
}

function describe({ file, expected, actual }: GoldenResult): string {
  if (actual === undefined)
    return paint({ kind: 'header', text: `${file}: there is no such cluster any more` });
  if (expected === undefined) return paint({ kind: 'header', text: `${file}: there is no golden file` });
  const lines = diffRules(expected, actual);
  return lines
    .map((line) => paint(line.kind === 'header' ? { ...line, text: `${file}, ${line.text}` } : line))
    .join('\n');
}

const STYLES = { header: 'bold', place: 'cyan', removed: 'red', added: 'green', same: undefined } as const;

function paint({ kind, text }: DiffLine): string {
  const style = STYLES[kind];
  return style ? styleText(style, text, { stream: process.stdout }) : text;
}
