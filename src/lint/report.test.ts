import { expect, test } from 'vitest';
import type { Finding } from './finding.ts';
import { formatFindings, formatFindingsJSON } from './report.ts';

function finding(name: string, severity: Finding['severity'], cause = 'It is so.'): Finding {
  const object = { kind: 'Service', namespace: 'shop', name } as const;
  return { code: 'no-endpoints', severity, object, field: 'spec.ports', cause, remedy: 'Change it.' };
}

const plain = (_: string, text: string) => text;
const inFile = () => ['web.yaml', 'document 2'];

test('text is grouped by object, and counted', () => {
  const findings = [finding('api', 'error'), finding('api', 'info'), finding('web', 'error')];
  expect(formatFindings(findings, inFile, plain, 80)).toBe(`Service shop/api, web.yaml, document 2
  error [no-endpoints] spec.ports: It is so.
    Change it.
  info [no-endpoints] spec.ports: It is so.
    Change it.

Service shop/web, web.yaml, document 2
  error [no-endpoints] spec.ports: It is so.
    Change it.

2 errors, 1 info
`);
});

test.each<[string, Finding[], string]>([
  ['nothing', [], 'no findings\n'],
  ['one warning', [finding('web', 'warning')], '1 warning\n'],
  ['two warnings and an error', [finding('a', 'warning'), finding('b', 'error'), finding('c', 'warning')], '1 error, 2 warnings\n'], // biome-ignore format: a row
])('%s is counted', (_, findings, last) => {
  expect(
    formatFindings(findings, () => [], plain, 80)
      .split('\n\n')
      .at(-1),
  ).toBe(last);
});

test('text is folded at words: what goes on is told by its margin', () => {
  const position = { line: 12, column: 7 };
  const cause = 'None of its 2 endpoints is on this node and usable.';
  const remedy = 'Send traffic only to nodes with endpoints.';
  const findings = [{ ...finding('web', 'warning', cause), position, remedy }];
  const text = formatFindings(
    findings,
    () => ['manifests/web.yaml', 'document 2'],
    (_, text) => text,
    40,
  );
  expect(text).toBe(`Service shop/web, manifests/web.yaml,
  document 2
  warning [no-endpoints]
      manifests/web.yaml:12:7,
      spec.ports: None of its 2
      endpoints is on this node and
      usable.
    Send traffic only to nodes with
    endpoints.

1 warning
`);
});

test('a name that is wider than the terminal is painted as far as its line goes', () => {
  const painted = formatFindings(
    [finding('web', 'warning')],
    () => [],
    (style, text) => `<${style} ${text}>`,
    10,
  );
  expect(painted.split('\n').slice(0, 2)).toEqual(['<object Service>', '  shop/web']);
});

test('text is painted by what it is', () => {
  const painted = formatFindings(
    [finding('web', 'warning')],
    () => [],
    (style, text) => `<${style} ${text}>`,
    80,
  );
  expect(painted.split('\n').slice(0, 2)).toEqual([
    '<object Service shop/web>',
    '  <warning warning> [no-endpoints] spec.ports: It is so.',
  ]);
});

test('names from manifests and of files cannot write to the terminal', () => {
  const findings = [finding('web', 'info', 'A key "\u001b[31m".')];
  expect(formatFindings(findings, () => ['\u001b]0;x.yaml'], plain, 80)).not.toContain('\u001b');
});

test('JSON has the findings and their places', () => {
  const known = finding('api', 'error');
  const unknown = finding('web', 'info');
  const placeOf = (one: Finding) => (one === known ? ['web.yaml', 'document 2', 'items[3]'] : []);
  expect(JSON.parse(formatFindingsJSON([known, unknown], placeOf))).toEqual({
    findings: [{ ...known, file: 'web.yaml', place: 'document 2, items[3]' }, unknown],
  });
});
