/** Findings as they are printed: as text and as JSON. */

import type { Paint } from '../text/paint.ts';
import { printable } from '../text/printable.ts';
import { type Finding, objectName } from './finding.ts';
import { SEVERITIES, type Severity } from './severity.ts';

/** Where an object of a finding stands: file and document; empty where that is not known. */
export type PlaceOf = (finding: Finding) => readonly string[];

/** Colours a part of the text. */
export type FindingsPaint = Paint<Severity | 'object'>;

/** Object by object, each with what is found in it, and how many there are of each severity. */
export function formatFindings(findings: readonly Finding[], placeOf: PlaceOf, paint: FindingsPaint): string {
  const blocks = [...Map.groupBy(findings, ({ object }) => objectName(object))].map(([name, found]) => {
    const [first] = found;
    const place = first ? placeOf(first) : [];
    const head = [paint('object', name), ...place.map(printable)].join(', ');
    const lines = found.flatMap(({ severity, field, cause, code, remedy }) => [
      `  ${paint(severity, `${severity}:`)} ${field}: ${printable(cause)} [${code}]`,
      `    ${remedy}`,
    ]);
    return `${[head, ...lines].join('\n')}\n`;
  });
  return [...blocks, `${summary(findings)}\n`].join('\n');
}

/** `1 error, 2 warnings, 1 info` */
function summary(findings: readonly Finding[]): string {
  if (findings.length === 0) return 'no findings';
  return SEVERITIES.flatMap((severity) => {
    const count = findings.filter((finding) => finding.severity === severity).length;
    if (count === 0) return [];
    return [`${count} ${severity}${count === 1 || severity === 'info' ? '' : 's'}`];
  }).join(', ');
}

/** An object with a list of findings, each with the file and the document of its object. */
export function formatFindingsJSON(findings: readonly Finding[], placeOf: PlaceOf): string {
  const placed = findings.map((finding) => {
    const [file, ...place] = placeOf(finding);
    return { ...finding, ...(file === undefined ? {} : { file, place: place.join(', ') }) };
  });
  return `${JSON.stringify({ findings: placed }, undefined, 2)}\n`;
}
