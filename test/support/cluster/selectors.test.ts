import { expect, test } from 'vitest';
import { hasFields, hasLabels } from './selectors.ts';

const POD = {
  metadata: { name: 'a', labels: { app: 'web', 'app.kubernetes.io/name': 'x' } },
  spec: { nodeName: 'node-a' },
  status: {},
};

test.each([
  ['', true],
  ['app=web', true],
  ['app==web', true],
  ['app=db', false],
  ['app!=db', true],
  ['app!=web', false],
  ['other!=web', true],
  ['app', true],
  ['other', false],
  ['!other', true],
  ['!app', false],
  ['app=web,app.kubernetes.io/name=x', true],
  ['app=web,!app', false],
])('labels: %s', (selector, expected) => expect(hasLabels(POD, selector)).toBe(expected));

test.each([
  ['spec.nodeName=node-a', true],
  ['metadata.name=a,spec.nodeName=node-b', false],
  ['status.phase!=Failed', true],
])('fields: %s', (selector, expected) => expect(hasFields(POD, selector)).toBe(expected));

test('what is not known here is an error', () => {
  expect(() => hasLabels(POD, 'app in (web)')).toThrow('not a selector that is known here');
});
