/** Findings as JUnit's XML, which CI servers show as tests that fail. */
import { printJUnit, type TestCase, type TestOutcome } from '../text/junit.ts';
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
    const none: TestCase = { classname: name, name: 'no findings', outcome: { outcome: 'passed' } };
    const cases = own.map((finding) => testCase(name, finding, fails(finding)));
    return { name, cases: cases.length === 0 ? [none] : cases };
  });
  const more = leftOutLines(leftOut);
  const leftOutCases = more.map(
    (name): TestCase => ({ classname: LEFT_OUT, name, outcome: { outcome: 'skipped' } }),
  );
  const all = more.length === 0 ? suites : [...suites, { name: LEFT_OUT, cases: leftOutCases }];
  return printJUnit('svc2ipt lint', all);
}

/** What is about no file in particular. */
const INPUT = 'the input';

const LEFT_OUT = 'left out';

function testCase(file: string, finding: Finding, isFailure: boolean): TestCase {
  const { code, severity, cause, position } = finding;
  const name = [code, subjectOf(finding)].filter((part) => part !== '').join(': ');
  const line = position === undefined ? '' : `line ${position.line}: `;
  const outcome: TestOutcome = isFailure
    ? { outcome: 'failure', type: severity, message: cause, lines: [`${line}${messageOf(finding)}`] }
    : { outcome: 'skipped', message: `${severity}: ${cause}` };
  return { classname: file, name, outcome };
}
