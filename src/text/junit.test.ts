import { expect, test } from 'vitest';
import { printJUnit, type TestCase, type TestOutcome } from './junit.ts';

const testCase = (name: string, outcome: TestOutcome): TestCase => ({ classname: 'web', name, outcome });

test('each outcome is counted, and told with all of its lines', () => {
  const told = { type: 'changed', message: 'It "differs".', lines: ['a <b>', '\u001b[31m c'] } as const;
  expect(
    printJUnit('all', [
      {
        name: 'web',
        cases: [
          testCase('one', { outcome: 'passed' }),
          testCase('two', { outcome: 'failure', ...told }),
          testCase('three', { outcome: 'error', ...told, lines: [] }),
          testCase('four', { outcome: 'skipped' }),
          testCase('five', { outcome: 'skipped', message: 'Why.' }),
        ],
      },
      { name: 'none', cases: [] },
    ]),
  ).toBe(`<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="all" tests="5" failures="1" errors="1" skipped="2">
  <testsuite name="web" tests="5" failures="1" errors="1" skipped="2">
    <testcase classname="web" name="one"/>
    <testcase classname="web" name="two">
      <failure type="changed" message="It &quot;differs&quot;.">a &lt;b&gt;
\\u001b[31m c</failure>
    </testcase>
    <testcase classname="web" name="three">
      <error type="changed" message="It &quot;differs&quot;."></error>
    </testcase>
    <testcase classname="web" name="four"><skipped/></testcase>
    <testcase classname="web" name="five">
      <skipped message="Why."/>
    </testcase>
  </testsuite>
  <testsuite name="none" tests="0" failures="0" errors="0" skipped="0">
  </testsuite>
</testsuites>
`);
});
