/** Findings as they are printed: as text and as JSON. */

import type { Paint } from '../text/paint.ts';
import { printable } from '../text/printable.ts';
import { wrap } from '../text/wrap.ts';
import { type Finding, objectName, type PlaceOf } from './finding.ts';
import { leftOutCounts, leftOutLines } from './selection.ts';
import { SEVERITIES, type Severity } from './severity.ts';

/** Colours a part of the text. */
export type FindingsPaint = Paint<Severity | 'object'>;

/**
 * Object by object, each with what is found in it, and how many there are of each severity. The first line of a finding
 * has its severity, its code, and its place in the file where that is known.
 * @param width of a line, in characters
 * @param leftOut findings that are only counted
 */
export function formatFindings(
  findings: readonly Finding[],
  placeOf: PlaceOf,
  paint: FindingsPaint,
  width: number,
  leftOut: readonly Finding[] = [],
): string {
  const headOf = (finding: Finding) => [...nameOf(finding), ...placeOf(finding).map(printable)].join(', ');
  const blocks = [...Map.groupBy(findings, headOf)].map(([head, found]) => {
    const [name = ''] = found.flatMap(nameOf);
    const [first = '', ...others] = wrap(head || 'the input', width, '  ');
    // A terminal may be too narrow even for the name.
    const end = Math.min(name.length, first.length);
    const painted = end === 0 ? first : paint('object', first.slice(0, end)) + first.slice(end);
    const lines = found.flatMap((finding) => findingLines(finding, placeOf(finding), paint, width));
    return `${[painted, ...others, ...lines].join('\n')}\n`;
  });
  const more = leftOutLines(leftOut).map((line) => `${line}\n`);
  return [...blocks, ...more, `${summary([...findings, ...leftOut])}\n`].join('\n');
}

/** The name of the object, where there is one. */
function nameOf({ object }: Finding): string[] {
  return object === undefined ? [] : [printable(objectName(object))];
}

function findingLines(
  { severity, code, position, field, cause, remedy }: Finding,
  [file]: readonly string[],
  paint: FindingsPaint,
  width: number,
): string[] {
  const line =
    position &&
    (file === undefined ? `line ${position.line}` : `${file}:${position.line}:${position.column}`);
  const where = [line, field].filter((part) => part !== undefined).join(', ');
  const told = printable(`${where === '' ? '' : `${where}: `}${cause}`);
  const [first = '', ...others] = wrap(`  ${severity} [${code}] ${told}`, width, '      ');
  return [
    `  ${paint(severity, severity)}${first.slice(2 + severity.length)}`,
    ...others,
    ...wrap(`    ${remedy}`, width, '    '),
  ];
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
