/** Findings as JUnit's XML, which CI servers show as tests that fail. */
import { printable } from '../text/printable.ts';
import { type Finding, messageOf, type PlaceOf, subjectOf } from './finding.ts';
import { leftOutLines } from './selection.ts';

/**
 * A test suite for each file, with a test case for each finding; one that passes, where a file has none.
 * @param files the names of all files, also of those without findings
 * @param fails whether a finding counts; what does not is a test that is skipped
 * @param leftOut findings that are only counted
 */
export function formatJUnit(
  findings: readonly Finding[],
  placeOf: PlaceOf,
  files: readonly string[],
  fails: (finding: Finding) => boolean,
  leftOut: readonly Finding[] = [],
): string {
  const found = Map.groupBy(findings, (finding) => placeOf(finding)[0] ?? INPUT);
  const suites = [...new Set([...files, ...found.keys()])].map((name) => {
    const own = found.get(name) ?? [];
    return {
      name,
      tests: Math.max(own.length, 1),
      failures: own.filter(fails).length,
      skipped: own.filter((finding) => !fails(finding)).length,
      cases:
        own.length === 0
          ? [`    <testcase classname="${escaped(name)}" name="no findings"/>`]
          : own.flatMap((finding) => testCase(name, finding, fails(finding))),
    };
  });
  const more = leftOutLines(leftOut);
  if (more.length > 0) {
    const cases = more.map(
      (line) => `    <testcase classname="left out" name="${escaped(line)}"><skipped/></testcase>`,
    );
    suites.push({ name: 'left out', tests: more.length, failures: 0, skipped: more.length, cases });
  }
  const sum = (count: (suite: Suite) => number) => suites.reduce((total, suite) => total + count(suite), 0);
  const all: Suite = {
    name: 'svc2ipt lint',
    tests: sum(({ tests }) => tests),
    failures: sum(({ failures }) => failures),
    skipped: sum(({ skipped }) => skipped),
  };
  return `${[
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${attributes(all)}>`,
    ...suites.flatMap(({ cases, ...suite }) => [
      `  <testsuite ${attributes(suite)}>`,
      ...cases,
      '  </testsuite>',
    ]),
    '</testsuites>',
  ].join('\n')}\n`;
}

interface Suite {
  readonly name: string;
  readonly tests: number;
  readonly failures: number;
  readonly skipped: number;
}

function attributes({ name, tests, failures, skipped }: Suite): string {
  return `name="${escaped(name)}" tests="${tests}" failures="${failures}" errors="0" skipped="${skipped}"`;
}

/** What is about no file in particular. */
const INPUT = 'the input';

function testCase(file: string, finding: Finding, isFailure: boolean): string[] {
  const { code, severity, cause, position } = finding;
  const name = [code, subjectOf(finding)].filter((part) => part !== '').join(': ');
  const line = position === undefined ? '' : `line ${position.line}: `;
  const text = escaped(`${line}${messageOf(finding)}`);
  return [
    `    <testcase classname="${escaped(file)}" name="${escaped(name)}">`,
    isFailure
      ? `      <failure type="${severity}" message="${escaped(cause)}">${text}</failure>`
      : `      <skipped message="${escaped(`${severity}: ${cause}`)}"/>`,
    '    </testcase>',
  ];
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
};

/** A text on one line, with no character that XML cannot hold. */
function escaped(text: string): string {
  return printable(text).replace(/[&<>"]/g, (character) => ENTITIES[character] ?? character);
}
