/** What checks have come to, as text and as JSON. */
import { enumerate } from '../text/lists.ts';
import type { Paint } from '../text/paint.ts';
import { printable } from '../text/printable.ts';
import { wrap } from '../text/wrap.ts';
import type { CheckedNode } from './checked-node.ts';
import type { CheckResult, CheckVerdict } from './doctor.ts';

/** Colours a part of the text. */
export type DoctorPaint = Paint<CheckVerdict>;

/** More findings of one check say nothing new. */
const MOST_OF_A_CHECK = 10;

export interface DoctorTextOptions {
  readonly paint: DoctorPaint;
  /** Of a line, in characters. */
  readonly width: number;
  /** Every finding, and the checks that found nothing. */
  readonly all: boolean;
}

/** How many there are of each verdict; then what was found, errors first; then what was not checked. */
export function doctorText(
  results: readonly CheckResult[],
  { paint, width, all }: DoctorTextOptions,
): string {
  const found = (['error', 'warning'] as const).flatMap((verdict) =>
    results.filter((result) => result.verdict === verdict),
  );
  const blocks = found.map((result) => resultLines(result, paint, width, all));
  const sound = all ? results.filter(({ verdict }) => verdict === 'ok') : [];
  const lists = [sound.flatMap((result) => soundLines(result, paint, width)), notChecked(results, width)];
  return [wrap(summary(results), width, '  '), ...blocks, ...lists.filter((lines) => lines.length > 0)]
    .map((lines) => lines.map((line) => `${line}\n`).join(''))
    .join('\n');
}

/** `2 errors, 1 warning, 24 checks sound, 3 not checked` */
function summary(results: readonly CheckResult[]): string {
  const findings = results.flatMap((result) => result.findings);
  const counts = (['error', 'warning'] as const).flatMap((severity) => {
    const count = findings.filter((finding) => finding.severity === severity).length;
    return count === 0 ? [] : [`${count} ${severity}${count === 1 ? '' : 's'}`];
  });
  const of = (verdict: CheckVerdict) => results.filter((result) => result.verdict === verdict).length;
  const [sound, unchecked] = [of('ok'), of('not checked')];
  return [
    ...(counts.length === 0 ? ['nothing wrong'] : counts),
    `${sound} ${sound === 1 ? 'check' : 'checks'} sound`,
    ...(unchecked === 0 ? [] : [`${unchecked} not checked`]),
  ].join(', ');
}

function resultLines(
  { check, findings }: CheckResult,
  paint: DoctorPaint,
  width: number,
  all: boolean,
): string[] {
  const told = all ? findings : findings.slice(0, MOST_OF_A_CHECK);
  const more = findings.length - told.length;
  const lines = told.flatMap(({ severity, cause, evidence, remedy }, i) => {
    const [first = '', ...others] = wrap(`${severity} [${check.code}] ${printable(cause)}`, width, '    ');
    const isLast = told[i + 1]?.remedy !== remedy;
    return [
      `${paint(severity, severity)}${first.slice(severity.length)}`,
      ...others,
      // Evidence is there to be copied, and to be looked for: it stays in one piece.
      ...evidence.map((line) => `    ${printable(line)}`),
      ...(isLast ? wrap(`  ${printable(remedy)}`, width, '  ') : []),
    ];
  });
  return [
    ...lines,
    ...(more === 0 ? [] : wrap(`${more} more of ${check.code} (--all shows them)`, width, '  ')),
  ];
}

function soundLines(
  { check: { code, title }, verdict }: CheckResult,
  paint: DoctorPaint,
  width: number,
): string[] {
  const [first = '', ...others] = wrap(`${verdict} [${code}] ${title}`, width, '    ');
  return [`${paint(verdict, verdict)}${first.slice(verdict.length)}`, ...others];
}

/** Checks that were not made for one reason are told together. */
function notChecked(results: readonly CheckResult[], width: number): string[] {
  const unchecked = results.filter(({ verdict }) => verdict === 'not checked');
  return [...Map.groupBy(unchecked, ({ reason }) => reason)].flatMap(([reason, some]) => {
    const codes = enumerate(
      some.map(({ check }) => check.code),
      some.length,
    );
    return wrap(`not checked: ${codes} (${printable(String(reason))})`, width, '    ');
  });
}

/** The worst verdict of all, and every check with its own. */
export function doctorJSON(results: readonly CheckResult[], { snapshot, backend }: CheckedNode): string {
  const worst = (['error', 'warning'] as const).find((severity) =>
    results.some(({ verdict }) => verdict === severity),
  );
  const report = {
    verdict: worst ?? 'ok',
    takenAt: snapshot.takenAt,
    hostname: snapshot.hostname,
    backend,
    checks: results.map(({ check: { code, title }, verdict, findings, reason }) => ({
      code,
      title,
      verdict,
      ...(reason !== undefined && { reason }),
      findings,
    })),
  };
  return `${JSON.stringify(report, undefined, 2)}\n`;
}
