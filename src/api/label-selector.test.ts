import { expect, test } from 'vitest';
import { parseLabelSelector } from './label-selector.ts';

const LABELS = { app: 'web', 'example.com/tier': 'front', empty: '' };

test.each<[string, boolean]>([
  ['app=web', true],
  ['app==web', true],
  ['app = web', true],
  ['app=api', false],
  ['app!=api', true],
  ['other!=api', true],
  ['app=web,example.com/tier=front', true],
  ['app=web,example.com/tier=back', false],
  ['app in (api, web)', true],
  ['app in (api),app', false],
  ['app notin (api)', true],
  ['other notin (api)', true],
  ['other in (api)', false],
  ['app', true],
  ['!app', false],
  ['!other', true],
  ['empty=', true],
])('%s: %s', (text, expected) => {
  expect(parseLabelSelector(text)?.(LABELS)).toBe(expected);
});

test.each(['', 'a b c', 'app=a b', 'app in', 'app in (a', '=web', 'app>1', 'app=web,'])(
  '%j is none',
  (text) => {
    expect(parseLabelSelector(text)).toBeUndefined();
  },
);
