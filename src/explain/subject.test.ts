import { expect, test } from 'vitest';
import { chainIn, ruleIn } from './subject.ts';

test.each<[string, { chain: string; rule: string }]>([
  ['-A A -j B', { chain: 'A', rule: ' -j B' }],
  ['[1:60] -A A -j B\n', { chain: 'A', rule: ' -j B' }],
  ['-A A', { chain: 'A', rule: '' }],
])('%j is a rule', (text, expected) => {
  expect(ruleIn(text)).toEqual({ kind: 'rule', ...expected });
});

test.each(['KUBE-SVC-TG4Y7II5EGIOXNPD', 'KUBE-SEP-ABCDEFGHIJKL/28', 'PREROUTING', 'cali-fw'])(
  '%s may be a chain',
  (text) => {
    expect([ruleIn(text), chainIn(text)]).toEqual([undefined, { kind: 'chain', chain: text }]);
  },
);

test.each(['', '-j B', 'a b', '/web', 'a/b/c', 'Shop/web', '--all', '\u001b[31m a'])('%j is none', (text) => {
  expect([ruleIn(text), chainIn(text)]).toEqual([undefined, undefined]);
});
