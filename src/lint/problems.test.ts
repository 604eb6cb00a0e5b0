import { expect, test } from 'vitest';
import type { Problem } from '../api/problem.ts';
import { noService, problemFinding } from './problems.ts';

test.each<[string, Problem, object]>([
  [
    'a field of an object in a list',
    {
      at: ['web.yaml', 'document 2', 'items[3]', 'Service shop/web', 'spec.ports[0].targetport'],
      message: 'unknown field (targetPort?)',
      code: 'unknown-field',
    },
    {
      code: 'unknown-field',
      severity: 'error',
      object: { kind: 'Service', namespace: 'shop', name: 'web' },
      field: 'spec.ports[0].targetport',
      cause: 'Unknown field (targetPort?).',
      place: ['web.yaml', 'document 2', 'items[3]'],
    },
  ],
  [
    'an object without a namespace',
    { at: ['a', 'document 1', 'Node node-a'], message: 'is defined twice, and differs from b, document 1' },
    {
      code: 'invalid-object',
      object: { kind: 'Node', name: 'node-a' },
      field: undefined,
      cause: 'Is defined twice, and differs from b, document 1.',
      place: ['a', 'document 1'],
    },
  ],
  [
    'an object without a name',
    { at: ['a', 'document 1', 'Service without a name', 'metadata'], message: 'expected a mapping' },
    { code: 'invalid-object', object: { kind: 'Service', name: undefined }, field: 'metadata' },
  ],
  [
    'a document without a kind',
    { at: ['a', 'document 1'], message: 'expected a Kubernetes object, got 5' },
    { code: 'invalid-document', object: undefined, field: undefined, place: ['a', 'document 1'] },
  ],
  [
    'a kind that is no text',
    { at: ['a', 'document 1', 'kind'], message: 'expected a string, got 5' },
    { code: 'invalid-document', object: undefined, field: 'kind' },
  ],
  [
    'a line',
    { at: ['a', 'document 2', 'line 8, column 3'], message: 'duplicate key "a"' },
    {
      code: 'invalid-document',
      object: undefined,
      field: undefined,
      position: { line: 8, column: 3 },
      place: ['a', 'document 2'],
    },
  ],
  [
    'a file with the name of a document',
    { at: ['document 1', 'document 2'], message: 'x' },
    { place: ['document 1', 'document 2'] },
  ],
  ['a file', { at: ['a'], message: 'is nested too deeply' }, { code: 'invalid-document', place: ['a'] }],
])('a problem of %s', (_, problem, expected) => {
  expect(problemFinding(problem)).toMatchObject(expected);
});

test('that there is no Service is about no place', () => {
  expect(noService()).toMatchObject({ code: 'no-service', severity: 'error' });
  expect(noService()).not.toHaveProperty('place');
});
