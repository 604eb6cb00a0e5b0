import { expect, test } from 'vitest';
import type { Finding } from './finding.ts';
import { type FindingLocation, locator } from './locator.ts';
import { RULES } from './rules.ts';
import { formatSarif } from './sarif.ts';

const FINDING: Finding = {
  code: 'source-ranges-everyone',
  severity: 'info',
  object: { kind: 'Service', namespace: 'shop', name: 'web' },
  field: 'spec.ports[0]',
  cause: 'It is so.',
  remedy: 'Change it.',
};
const NOWHERE: FindingLocation = { file: undefined, position: undefined };

function runOf(findings: readonly Finding[], location: FindingLocation = NOWHERE) {
  return JSON.parse(formatSarif(findings, () => location, '1.2.3')).runs[0];
}

test('the log says what it is, and who wrote it', () => {
  const log = JSON.parse(formatSarif([], () => NOWHERE, '1.2.3'));
  expect(log).toMatchObject({
    version: '2.1.0',
    runs: [{ tool: { driver: { name: 'svc2ipt', version: '1.2.3' } } }],
  });
  expect(log.runs[0].results).toEqual([]);
});

test('every rule is described', () => {
  const { rules } = runOf([]).tool.driver;
  expect(rules.map(({ id }: { id: string }) => id)).toEqual(Object.keys(RULES));
  expect(rules[0]).toEqual({
    id: 'no-endpoints',
    shortDescription: { text: RULES['no-endpoints'].summary },
    help: { text: RULES['no-endpoints'].remedy },
    defaultConfiguration: { level: 'warning' },
  });
});

test('a result names its rule, its object and what to do', () => {
  const { results, tool } = runOf([FINDING]);
  expect(results).toEqual([
    {
      ruleId: 'source-ranges-everyone',
      ruleIndex: Object.keys(RULES).indexOf('source-ranges-everyone'),
      level: 'note',
      message: { text: 'Service shop/web, spec.ports[0]: It is so. Change it.' },
      locations: [{ logicalLocations: [{ fullyQualifiedName: 'Service shop/web, spec.ports[0]' }] }],
    },
  ]);
  expect(tool.driver.rules[results[0].ruleIndex].id).toBe('source-ranges-everyone');
});

test.each<[string, string]>([
  ['manifests/web.yaml', 'manifests/web.yaml'],
  ['./manifests//web.yaml', 'manifests/web.yaml'],
  ['../web.yaml', '../web.yaml'],
  ['/srv/my manifests/50%.yaml', 'file:///srv/my%20manifests/50%25.yaml'],
  ['my manifests/a#b.yaml', 'my%20manifests/a%23b.yaml'],
  ['a:b.yaml', 'a%3Ab.yaml'],
])('the file %s is the URI %s', (file, uri) => {
  const [result] = runOf([FINDING], { file, position: { line: 3, column: 5 } }).results;
  expect(result.locations[0].physicalLocation).toEqual({
    artifactLocation: { uri },
    region: { startLine: 3, startColumn: 5 },
  });
});

test('a line that is not known is left out', () => {
  const [result] = runOf([FINDING], { file: 'web.yaml', position: undefined }).results;
  expect(result.locations[0].physicalLocation).toEqual({ artifactLocation: { uri: 'web.yaml' } });
});

test.each<[string, readonly string[], FindingLocation]>([
  ['in a file', ['web.yaml', 'document 1'], { file: 'web.yaml', position: { line: 2, column: 3 } }],
  ['in what is no file', ['standard input', 'document 1'], NOWHERE],
  ['where nobody knows', [], NOWHERE],
])('%s', (_, place, expected) => {
  const files = [{ name: 'web.yaml', text: 'spec:\n  ports: {}\n' }];
  expect(locator(() => place, files)(FINDING)).toEqual(expected);
});
