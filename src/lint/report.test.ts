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
  expect(formatFindings(findings, inFile, plain)).toBe(`Service shop/api, web.yaml, document 2
  error: spec.ports: It is so. [no-endpoints]
    Change it.
  info: spec.ports: It is so. [no-endpoints]
    Change it.

Service shop/web, web.yaml, document 2
  error: spec.ports: It is so. [no-endpoints]
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
    formatFindings(findings, () => [], plain)
      .split('\n\n')
      .at(-1),
  ).toBe(last);
});

test('text is painted by what it is', () => {
  const painted = formatFindings(
    [finding('web', 'warning')],
    () => [],
    (style, text) => `<${style} ${text}>`,
  );
  expect(painted.split('\n').slice(0, 2)).toEqual([
    '<object Service shop/web>',
    '  <warning warning:> spec.ports: It is so. [no-endpoints]',
  ]);
});

test('names from manifests and of files cannot write to the terminal', () => {
  const findings = [finding('web', 'info', 'A key "\u001b[31m".')];
  expect(formatFindings(findings, () => ['\u001b]0;x.yaml'], plain)).not.toContain('\u001b');
});

test('JSON has the findings and their places', () => {
  const known = finding('api', 'error');
  const unknown = finding('web', 'info');
  const placeOf = (one: Finding) => (one === known ? ['web.yaml', 'document 2', 'items[3]'] : []);
  expect(JSON.parse(formatFindingsJSON([known, unknown], placeOf))).toEqual({
    findings: [{ ...known, file: 'web.yaml', place: 'document 2, items[3]' }, unknown],
  });
});
