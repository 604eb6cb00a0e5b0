import { expect, test } from 'vitest';
import { parseSubject, type Subject } from './subject.ts';

test.each<[string, Subject]>([
  ['shop/web', { kind: 'service', service: 'shop/web' }],
  ['KUBE-SVC-TG4Y7II5EGIOXNPD', { kind: 'chain', chain: 'KUBE-SVC-TG4Y7II5EGIOXNPD' }],
  ['KUBE-SEP-ABCDEFGHIJKL/28', { kind: 'chain', chain: 'KUBE-SEP-ABCDEFGHIJKL/28' }],
  ['PREROUTING', { kind: 'chain', chain: 'PREROUTING' }],
  ['cali-fw', { kind: 'chain', chain: 'cali-fw' }],
  ['-A A -j B', { kind: 'rule', chain: 'A', rule: ' -j B' }],
  ['[1:60] -A A -j B\n', { kind: 'rule', chain: 'A', rule: ' -j B' }],
  ['-A A', { kind: 'rule', chain: 'A', rule: '' }],
])('%j', (text, expected) => {
  expect(parseSubject(text)).toEqual(expected);
});

test.each(['', '-j B', 'a b', '/web', 'a/b/c', 'Shop/web', '--all', '\u001b[31m a'])('%j is none', (text) => {
  expect(() => parseSubject(text)).toThrow(
    /^expected NAMESPACE\/NAME of a Service, the name of a chain, or a line of iptables-save, got "/,
  );
});
