/** Findings as GitHub Actions takes them from the output of a step: annotations beside the lines of a change. */
import { type AnnotationLevel, workflowCommand } from '../text/workflow-command.ts';
import { type Finding, messageOf } from './finding.ts';
import type { FindingLocation } from './locator.ts';
import { leftOutLines } from './selection.ts';
import type { Severity } from './severity.ts';

const LEVELS: Readonly<Record<Severity, AnnotationLevel>> = {
  error: 'error',
  warning: 'warning',
  info: 'notice',
};

/**
 * A workflow command for each finding, on a line of its own.
 * @param leftOut findings that are only counted
 */
export function formatGitHub(
  findings: readonly Finding[],
  locationOf: (finding: Finding) => FindingLocation,
  leftOut: readonly Finding[] = [],
): string {
  const lines = findings.map((finding) =>
    workflowCommand(
      LEVELS[finding.severity],
      { ...locationOf(finding), title: finding.code },
      messageOf(finding),
    ),
  );
  return [...lines, ...leftOutLines(leftOut).map((line) => workflowCommand('notice', {}, line))].join('');
}
