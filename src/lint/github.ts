/** Findings as GitHub Actions takes them from the output of a step: annotations beside the lines of a change. */
import { type Finding, messageOf } from './finding.ts';
import type { FindingLocation } from './locator.ts';
import { leftOutLines } from './selection.ts';
import type { Severity } from './severity.ts';

const COMMANDS: Readonly<Record<Severity, string>> = { error: 'error', warning: 'warning', info: 'notice' };

/**
 * A workflow command for each finding, on a line of its own.
 * @param leftOut findings that are only counted
 */
export function formatGitHub(
  findings: readonly Finding[],
  locationOf: (finding: Finding) => FindingLocation,
  leftOut: readonly Finding[] = [],
): string {
  const lines = findings.map((finding) => {
    const { file, position } = locationOf(finding);
    const properties = [
      ...(file === undefined ? [] : [`file=${property(file)}`]),
      ...(position === undefined ? [] : [`line=${position.line}`, `col=${position.column}`]),
      `title=${property(finding.code)}`,
    ];
    return `::${COMMANDS[finding.severity]} ${properties.join(',')}::${data(messageOf(finding))}\n`;
  });
  return [...lines, ...leftOutLines(leftOut).map((line) => `::notice::${data(line)}\n`)].join('');
}

/** As the runner of workflows reads the message of a command. */
function data(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

/** As it reads what stands before the message. */
function property(text: string): string {
  return data(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
