/** Findings as they are printed: as text and as JSON. */

import type { Paint } from '../text/paint.ts';
import { printable } from '../text/printable.ts';
import { type Finding, objectName, type PlaceOf } from './finding.ts';
import { leftOutCounts, leftOutLines } from './selection.ts';
import { SEVERITIES, type Severity } from './severity.ts';

/** Colours a part of the text. */
export type FindingsPaint = Paint<Severity | 'object'>;

/**
 * Object by object, each with what is found in it, and how many there are of each severity.
 * @param leftOut findings that are only counted
 */
export function formatFindings(
  findings: readonly Finding[],
  placeOf: PlaceOf,
  paint: FindingsPaint,
  leftOut: readonly Finding[] = [],
): string {
  const headOf = (finding: Finding) => {
    const name = finding.object && paint('object', printable(objectName(finding.object)));
    return [name, ...placeOf(finding).map(printable)].filter((part) => part !== undefined).join(', ');
  };
  const blocks = [...Map.groupBy(findings, headOf)].map(([head, found]) => {
    const lines = found.flatMap((finding) => {
      const { severity, cause, code, remedy } = finding;
      const where = [lineOf(finding), finding.field].filter((part) => part !== undefined).map(printable);
      const before = where.length === 0 ? '' : `${where.join(', ')}: `;
      return [`  ${paint(severity, `${severity}:`)} ${before}${printable(cause)} [${code}]`, `    ${remedy}`];
    });
    return `${[head || 'the input', ...lines].join('\n')}\n`;
  });
  const more = leftOutLines(leftOut).map((line) => `${line}\n`);
  return [...blocks, ...more, `${summary([...findings, ...leftOut])}\n`].join('\n');
}

function lineOf({ position }: Finding): string | undefined {
  return position && `line ${position.line}`;
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

/**
 * An object with a list of findings, each with the file and the document of its object, and how many are left out of
 * each kind.
 */
export function formatFindingsJSON(
  findings: readonly Finding[],
  placeOf: PlaceOf,
  leftOut: readonly Finding[] = [],
): string {
  const placed = findings.map((finding) => {
    const { place: _, position, ...told } = finding;
    const [file, ...place] = placeOf(finding);
    return {
      ...told,
      ...(file === undefined ? {} : { file, place: place.join(', ') }),
      ...position,
    };
  });
  const more = leftOut.length === 0 ? {} : { leftOut: Object.fromEntries(leftOutCounts(leftOut)) };
  return `${JSON.stringify({ findings: placed, ...more }, undefined, 2)}\n`;
}
