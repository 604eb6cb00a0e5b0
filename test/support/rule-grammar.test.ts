import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FAMILIES } from '../../src/net/address.ts';
import { allFixtures } from './fixture-input.ts';
import { PROJECT } from './project.ts';
import { grammarProblems } from './rule-grammar.ts';

test('every golden file has nothing but lines of ours', async () => {
  for (const { name } of await allFixtures()) {
    for (const family of FAMILIES) {
      const rules = await readFile(join(PROJECT, 'golden', name, `${family}.rules`), 'utf8');
      expect(grammarProblems(rules, family), `${name} ${family}`).toEqual([]);
    }
  }
});

describe('a line that is none of ours is seen', () => {
  const rules = (...lines: string[]) =>
    ['*nat', ':KUBE-SERVICES - [0:0]', ':KUBE-SEP-A - [0:0]', ...lines, 'COMMIT', ''].join('\n');

  test.each<[string, string, number]>([
    ['none', rules('-A KUBE-SERVICES -d 10.0.0.1 -j KUBE-SEP-A'), 0],
    ['a rule in another chain', rules('-A INPUT -j ACCEPT'), 1],
    ['another target', rules('-A KUBE-SERVICES -j LOG'), 1],
    ['a comment that ends early', rules('-A KUBE-SERVICES -m comment --comment "a" -j ACCEPT "b"'), 1],
    [
      'a comment with a line end',
      rules('-A KUBE-SERVICES -m comment --comment "a\n-A KUBE-SERVICES -j ACCEPT"'),
      2,
    ],
    ['a comment that is too long', rules(`-A KUBE-SERVICES -m comment --comment ${'a'.repeat(256)}`), 1],
    ['a comment with an escape', rules('-A KUBE-SERVICES -m comment --comment "a\\"b"'), 1],
    ['an address of the other family', rules('-A KUBE-SERVICES -d fd00::1 -j ACCEPT'), 1],
    ['an address that is none', rules('-A KUBE-SERVICES -d 10.0.0.256 -j ACCEPT'), 1],
    ['a range that is none', rules('-A KUBE-SERVICES -s 10.0.0.0/33 -j ACCEPT'), 1],
    ['a port that is none', rules('-A KUBE-SERVICES --dport 65536 -j ACCEPT'), 1],
    ['a chain that there is not', rules('-A KUBE-SERVICES -j KUBE-SVC-A'), 1],
    ['a chain twice', rules(':KUBE-SEP-A - [0:0]'), 1],
    ['an endpoint that is none', rules('-A KUBE-SEP-A -j DNAT --to-destination 10.0.0.1:0'), 1],
    ['an interface with a long name', rules('-A KUBE-SERVICES -i a23456789012345+ -j ACCEPT'), 1],
    ['two spaces', rules('-A KUBE-SERVICES  -j ACCEPT'), 1],
    ['another table', rules('COMMIT', '*mangle'), 2],
    ['no end', '*nat\n:KUBE-SERVICES - [0:0]\n', 1],
  ])('%s', (_, text, expected) => {
    expect(grammarProblems(text, 'ipv4')).toHaveLength(expected);
  });
});
