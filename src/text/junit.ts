/** JUnit's XML, which CI servers show as tests. */
import { printable } from './printable.ts';

export interface TestSuite {
  readonly name: string;
  readonly cases: readonly TestCase[];
}

export interface TestCase {
  readonly classname: string;
  readonly name: string;
  readonly outcome: TestOutcome;
}

/** `failure`: it is not as it should be. `error`: nobody knows, as it could not be looked at. */
export type TestOutcome =
  | { readonly outcome: 'passed' }
  | { readonly outcome: 'skipped'; readonly message?: string }
  | {
      readonly outcome: 'failure' | 'error';
      readonly type: string;
      readonly message: string;
      /** Everything there is to say. */
      readonly lines: readonly string[];
    };

/** All suites as one document; `name` is that of whoever ran them. */
export function printJUnit(name: string, suites: readonly TestSuite[]): string {
  return `${[
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${attributes(
      name,
      suites.flatMap(({ cases }) => cases),
    )}>`,
    ...suites.flatMap(({ name, cases }) => [
      `  <testsuite ${attributes(name, cases)}>`,
      ...cases.flatMap(testCase),
      '  </testsuite>',
    ]),
    '</testsuites>',
  ].join('\n')}\n`;
}

function attributes(name: string, cases: readonly TestCase[]): string {
  const count = (wanted: TestOutcome['outcome']) =>
    cases.filter(({ outcome }) => outcome.outcome === wanted).length;
  return `name="${escaped(name)}" tests="${cases.length}" failures="${count('failure')}" errors="${count('error')}" skipped="${count('skipped')}"`;
}

function testCase({ classname, name, outcome }: TestCase): string[] {
  const open = `    <testcase classname="${escaped(classname)}" name="${escaped(name)}"`;
  switch (outcome.outcome) {
    case 'passed':
      return [`${open}/>`];
    case 'skipped':
      return outcome.message === undefined
        ? [`${open}><skipped/></testcase>`]
        : [`${open}>`, `      <skipped message="${escaped(outcome.message)}"/>`, '    </testcase>'];
    case 'failure':
    case 'error': {
      const { type, message, lines } = outcome;
      const text = lines.map(escaped).join('\n');
      return [
        `${open}>`,
        `      <${outcome.outcome} type="${escaped(type)}" message="${escaped(message)}">${text}</${outcome.outcome}>`,
        '    </testcase>',
      ];
    }
  }
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
