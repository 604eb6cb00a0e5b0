/** `svc2ipt lint`: what is wrong in manifests, and what is legal and will surprise on a node. */
import { styleText } from 'node:util';
import type { Problem } from '../../api/problem.ts';
import {
  type FoundFindings,
  findingsIn,
  findingsOfError,
  isAtLeast,
  type LintingOptions,
  linted,
  printLinted,
} from '../../library/lint-in.ts';
import type { Finding } from '../../lint/finding.ts';
import type { FindingsPaint } from '../../lint/report.ts';
import { parseCIDR } from '../../net/address.ts';
import { ManifestError } from '../../sources/cluster.ts';
import type { SourceText } from '../../sources/source-text.ts';
import { readInputWithWorkloads, readManifests } from '../inputs.ts';
import { terminalWidth } from '../paint.ts';
import type { CommandOutcome } from '../run.ts';
import type { LintCommandOptions } from './lint.command.ts';

/** @param version of svc2ipt */
export async function lintAction(options: LintCommandOptions, version: string): Promise<CommandOutcome> {
  const { output, failOn } = options;
  const reading = readManifests(options);
  const found = await findingsOf(options, reading);
  const result = linted(found, await reading, options);
  const fails = (finding: Finding) => failOn !== 'never' && isAtLeast(finding, failOn);
  return {
    output: printLinted(result, { output, version, fails, width: terminalWidth(), paint }),
    exitCode: [...result.findings, ...result.leftOut].some(fails) ? 1 : 0,
  };
}

async function findingsOf(
  options: LintCommandOptions,
  sources: Promise<readonly SourceText[]>,
): Promise<FoundFindings> {
  const typos: Problem[] = [];
  const onTypos = (some: readonly Problem[]) => void typos.push(...some);
  try {
    const input = await readInputWithWorkloads(options, { sources, onTypos, tellsOfLacks: true });
    return findingsIn(input, typos, { ...options, serviceRanges: givenRanges(options) });
  } catch (error) {
    if (!(error instanceof ManifestError)) throw error;
    return findingsOfError(error);
  }
}

function givenRanges({ serviceClusterIpRange }: LintCommandOptions): LintingOptions['serviceRanges'] {
  return serviceClusterIpRange?.split(',').flatMap((range) => parseCIDR(range.trim()) ?? []);
}

const STYLES = { object: 'bold', error: 'red', warning: 'yellow', info: 'cyan' } as const;

/** In colour, where standard output is a terminal that shows it and NO_COLOR is not set. */
const paint: FindingsPaint = (style, text) => styleText(STYLES[style], text, { stream: process.stdout });
