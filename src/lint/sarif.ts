/** Findings as SARIF 2.1.0 (OASIS), which code hosts show beside the lines of a change. */
import { posix } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Finding, objectName } from './finding.ts';
import { type Position, positionsIn } from './positions.ts';
import type { PlaceOf } from './report.ts';
import { RULES } from './rules.ts';
import type { Severity } from './severity.ts';

/** Where a finding is. */
export interface SarifLocation {
  /** The path of a file as the user named it; undefined for what is no file, such as standard input. */
  readonly file: string | undefined;
  readonly position: Position | undefined;
}

/**
 * Finds out where findings are, file by file as they are asked for.
 * @param files the texts of all files, without what is no file
 */
export function locator(
  placeOf: PlaceOf,
  files: readonly { readonly name: string; readonly text: string }[],
): (finding: Finding) => SarifLocation {
  const texts = new Map(files.map(({ name, text }) => [name, text]));
  const positions = new Map<string, ReturnType<typeof positionsIn>>();
  return (finding) => {
    const [file, ...place] = placeOf(finding);
    const text = file === undefined ? undefined : texts.get(file);
    if (file === undefined || text === undefined) return { file: undefined, position: undefined };
    const positionOf = positions.get(file) ?? positionsIn(text);
    positions.set(file, positionOf);
    return { file, position: positionOf(place, finding.field) };
  };
}

const LEVELS: Readonly<Record<Severity, string>> = { error: 'error', warning: 'warning', info: 'note' };

/** @param version of svc2ipt */
export function formatSarif(
  findings: readonly Finding[],
  locationOf: (finding: Finding) => SarifLocation,
  version: string,
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
    message: { text: `${objectName(finding.object)}, ${finding.field}: ${finding.cause} ${finding.remedy}` },
    locations: [
      {
        ...physicalLocation(locationOf(finding)),
        logicalLocations: [{ fullyQualifiedName: `${objectName(finding.object)}, ${finding.field}` }],
      },
    ],
  }));
  const log = {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [{ tool: { driver: { name: 'svc2ipt', version, rules } }, columnKind: 'utf16CodeUnits', results }],
  };
  return `${JSON.stringify(log, undefined, 2)}\n`;
}

function physicalLocation({ file, position }: SarifLocation) {
  if (file === undefined) return {};
  const region = position && { region: { startLine: position.line, startColumn: position.column } };
  return { physicalLocation: { artifactLocation: { uri: uriOf(file) }, ...region } };
}

/** Relative paths stay relative to where svc2ipt runs, which is the root of the repository where a code host asks. */
function uriOf(file: string): string {
  if (posix.isAbsolute(file)) return pathToFileURL(file).href;
  return posix.normalize(file).split('/').map(encodeURIComponent).join('/');
}
