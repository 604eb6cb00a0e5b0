/** Findings as SARIF 2.1.0 (OASIS), which code hosts show beside the lines of a change. */
import { type Finding, messageOf, subjectOf } from './finding.ts';
import type { FindingLocation } from './locator.ts';
import { RULES } from './rules.ts';
import { leftOutLines } from './selection.ts';
import type { Severity } from './severity.ts';

const LEVELS: Readonly<Record<Severity, string>> = { error: 'error', warning: 'warning', info: 'note' };

/**
 * @param version of svc2ipt
 * @param leftOut findings that are only counted
 */
export function formatSarif(
  findings: readonly Finding[],
  locationOf: (finding: Finding) => FindingLocation,
  version: string,
  leftOut: readonly Finding[] = [],
): string {
  const rules = Object.entries(RULES).map(([id, { severity, summary, remedy }]) => ({
    id,
    shortDescription: { text: summary },
    help: { text: remedy },
    defaultConfiguration: { level: LEVELS[severity] },
  }));
  const indices = new Map(rules.map(({ id }, i) => [id, i]));
  const results = findings.map((finding) => ({
    ruleId: finding.code,
    ruleIndex: indices.get(finding.code),
    level: LEVELS[finding.severity],
    message: { text: messageOf(finding) },
    locations: [{ ...physicalLocation(locationOf(finding)), ...logicalLocation(subjectOf(finding)) }],
  }));
  const log = {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'svc2ipt', version, rules } },
        columnKind: 'utf16CodeUnits',
        ...invocations(leftOut),
        results,
      },
    ],
  };
  return `${JSON.stringify(log, undefined, 2)}\n`;
}

/** What is left out is a notification, which readers of logs show beside the results. */
function invocations(leftOut: readonly Finding[]) {
  if (leftOut.length === 0) return {};
  const toolExecutionNotifications = leftOutLines(leftOut).map((text) => ({
    level: 'note',
    message: { text },
  }));
  return { invocations: [{ executionSuccessful: true, toolExecutionNotifications }] };
}

function logicalLocation(subject: string) {
  return subject === '' ? {} : { logicalLocations: [{ fullyQualifiedName: subject }] };
}

function physicalLocation({ file, position }: FindingLocation) {
  if (file === undefined) return {};
  const region = position && { region: { startLine: position.line, startColumn: position.column } };
  return { physicalLocation: { artifactLocation: { uri: uriOf(file) }, ...region } };
}

/** Relative paths stay relative to where svc2ipt runs, which is the root of the repository where a code host asks. */
function uriOf(file: string): string {
  if (file.startsWith('/')) return new URL(`file://${file.replace(SPECIAL, encodeURIComponent)}`).href;
  return withoutDots(file).map(encodeURIComponent).join('/');
}

/** What a URL takes for something else than a character of a path, or leaves out. */
const SPECIAL = /[%\\?#\t\n\r]/g;

/** The names in a relative path, with `..` only where it begins. */
function withoutDots(path: string): readonly string[] {
  const names: string[] = [];
  for (const name of path.split('/')) {
    if (name === '' || name === '.') continue;
    if (name === '..' && (names.at(-1) ?? '..') !== '..') names.pop();
    else names.push(name);
  }
  return names;
}
