/** What findings look like for those who show them beside the lines of a change. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { problemsOfSarif } from '../../test/support/sarif-schema.ts';
import type { Finding } from './finding.ts';
import { formatGitHub } from './github.ts';
import { formatJUnit } from './junit.ts';
import { formatFindings, formatFindingsJSON } from './report.ts';
import { formatSarif } from './sarif.ts';

const UNKNOWN: Finding = {
  code: 'unknown-field',
  severity: 'error',
  object: { kind: 'Service', namespace: 'shop', name: 'web' },
  field: 'spec.selectors',
  cause: 'Unknown field (selector?).',
  remedy: 'Correct it.',
  place: ['web.yaml', 'document 2'],
  position: { line: 6, column: 3 },
};
const INVALID: Finding = {
  code: 'invalid-document',
  severity: 'error',
  cause: 'Expected 50%, got "a<b>&".',
  remedy: 'Correct it.',
  place: ['a,b:c.yaml', 'document 1'],
};
const NO_SERVICE: Finding = { code: 'no-service', severity: 'error', cause: 'None.', remedy: 'Add one.' };
const INFO: Finding = { ...UNKNOWN, severity: 'info', position: undefined };

const placeOf = ({ place = [] }: Finding) => place;
const locationOf = ({ place = [], position }: Finding) => ({ file: place[0], position });
const plain = (_: string, text: string) => text;

test('text has the line, and what there is of object and field', () => {
  expect(
    formatFindings([UNKNOWN, INVALID, NO_SERVICE], placeOf, plain, 80, [INVALID, INFO]),
  ).toBe(`Service shop/web, web.yaml, document 2
  error [unknown-field] web.yaml:6:3, spec.selectors: Unknown field (selector?).
    Correct it.

a,b:c.yaml, document 1
  error [invalid-document] Expected 50%, got "a<b>&".
    Correct it.

the input
  error [no-service] None.
    Add one.

1 more of invalid-document (--all tells them)

1 more of unknown-field (--all tells them)

4 errors, 1 info
`);
});

test('JSON has the line, and how many are left out', () => {
  const { place: _, position: __, ...told } = UNKNOWN;
  expect(JSON.parse(formatFindingsJSON([UNKNOWN], placeOf, [INVALID, INVALID]))).toEqual({
    findings: [{ ...told, file: 'web.yaml', place: 'document 2', line: 6, column: 3 }],
    leftOut: { 'invalid-document': 2 },
  });
});

describe('SARIF', () => {
  test.each<[string, Finding[], Finding[]]>([
    ['nothing', [], []],
    ['what has everything', [UNKNOWN], []],
    ['what has no line', [INFO, INVALID], []],
    ['what is about the input', [NO_SERVICE], []],
    ['what is left out', [UNKNOWN], [INVALID, INFO]],
  ])('of %s is what its schema asks for', (_, findings, leftOut) => {
    expect(problemsOfSarif(formatSarif(findings, locationOf, '1.2.3', leftOut))).toEqual([]);
  });

  test('the schema finds what is wrong', () => {
    const log = formatSarif([UNKNOWN], locationOf, '1.2.3').replace('"startLine": 6', '"startLine": 0');
    expect(problemsOfSarif(log)).toEqual([expect.stringContaining('/region/startLine')]);
  });

  test('tells what is left out as a notification', () => {
    const [run] = JSON.parse(formatSarif([], locationOf, '1.2.3', [INVALID])).runs;
    expect(run.invocations[0].toolExecutionNotifications).toEqual([
      { level: 'note', message: { text: '1 more of invalid-document (--all tells them)' } },
    ]);
  });
});

describe('GitHub', () => {
  test.each<[Finding, string]>([
    [
      UNKNOWN,
      '::error file=web.yaml,line=6,col=3,title=unknown-field::Service shop/web, spec.selectors: Unknown field (selector?). Correct it.\n',
    ],
    [
      INVALID,
      '::error file=a%2Cb%3Ac.yaml,title=invalid-document::Expected 50%25, got "a<b>&". Correct it.\n',
    ],
    [NO_SERVICE, '::error title=no-service::None. Add one.\n'],
    [
      { ...INFO, severity: 'warning' },
      '::warning file=web.yaml,title=unknown-field::Service shop/web, spec.selectors: Unknown field (selector?). Correct it.\n',
    ],
    [
      INFO,
      '::notice file=web.yaml,title=unknown-field::Service shop/web, spec.selectors: Unknown field (selector?). Correct it.\n',
    ],
  ])('%#', (finding, expected) => {
    expect(formatGitHub([finding], locationOf)).toBe(expected);
  });

  test('what is left out is a notice', () => {
    expect(formatGitHub([], locationOf, [INFO])).toBe(
      '::notice::1 more of unknown-field (--all tells them)\n',
    );
  });

  test('no text begins a command of its own', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (cause) => {
        expect(formatGitHub([{ ...UNKNOWN, cause }], locationOf).split(/\r\n?|\n/)).toHaveLength(2);
      }),
    );
  });
});

describe('JUnit', () => {
  const fails = ({ severity }: Finding) => severity === 'error';

  test('has a suite for each file, and a test for each finding', () => {
    const files = ['web.yaml', 'good.yaml'];
    expect(
      formatJUnit([UNKNOWN, INFO, INVALID, NO_SERVICE], placeOf, files, fails, [INFO]),
    ).toBe(`<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="svc2ipt lint" tests="6" failures="3" errors="0" skipped="2">
  <testsuite name="web.yaml" tests="2" failures="1" errors="0" skipped="1">
    <testcase classname="web.yaml" name="unknown-field: Service shop/web, spec.selectors">
      <failure type="error" message="Unknown field (selector?).">line 6: Service shop/web, spec.selectors: Unknown field (selector?). Correct it.</failure>
    </testcase>
    <testcase classname="web.yaml" name="unknown-field: Service shop/web, spec.selectors">
      <skipped message="info: Unknown field (selector?)."/>
    </testcase>
  </testsuite>
  <testsuite name="good.yaml" tests="1" failures="0" errors="0" skipped="0">
    <testcase classname="good.yaml" name="no findings"/>
  </testsuite>
  <testsuite name="a,b:c.yaml" tests="1" failures="1" errors="0" skipped="0">
    <testcase classname="a,b:c.yaml" name="invalid-document">
      <failure type="error" message="Expected 50%, got &quot;a&lt;b&gt;&amp;&quot;.">Expected 50%, got &quot;a&lt;b&gt;&amp;&quot;. Correct it.</failure>
    </testcase>
  </testsuite>
  <testsuite name="the input" tests="1" failures="1" errors="0" skipped="0">
    <testcase classname="the input" name="no-service">
      <failure type="error" message="None.">None. Add one.</failure>
    </testcase>
  </testsuite>
  <testsuite name="left out" tests="1" failures="0" errors="0" skipped="1">
    <testcase classname="left out" name="1 more of unknown-field (--all tells them)"><skipped/></testcase>
  </testsuite>
</testsuites>
`);
  });

  test('no text is anything but text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (cause) => {
        const xml = formatJUnit([{ ...UNKNOWN, cause }], placeOf, [], fails);
        expect(xml.match(/<\/?[a-z]+/g)).toHaveLength(8);
        expect(xml.replaceAll('\n', '')).not.toMatch(/[\p{C}]/u);
      }),
    );
  });
});
