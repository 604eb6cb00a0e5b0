import { describe, expect, test } from 'vitest';
import { diffRules } from './diff.ts';

const BEFORE = `*filter
:KUBE-FORWARD - [0:0]
-A KUBE-FORWARD -j ACCEPT
COMMIT
*nat
:KUBE-SERVICES - [0:0]
:KUBE-SVC-A - [0:0]
-A KUBE-SERVICES -d 10.96.0.1 -j KUBE-SVC-A
-A KUBE-SERVICES -d 10.96.0.2 -j KUBE-SVC-A
-A KUBE-SERVICES -d 10.96.0.3 -j KUBE-SVC-A
-A KUBE-SERVICES -d 10.96.0.4 -j KUBE-SVC-A
-A KUBE-SVC-A -j KUBE-SEP-A
COMMIT
`;

describe('how rules differ', () => {
  test.each<[string, string, string, string[]]>([
    ['not at all', BEFORE, BEFORE, []],
    [
      'in a rule',
      BEFORE,
      BEFORE.replace('10.96.0.4', '10.96.0.5'),
      [
        'nat KUBE-SERVICES',
        '@@ -3,3 +3,3 @@',
        ' -A KUBE-SERVICES -d 10.96.0.2 -j KUBE-SVC-A',
        ' -A KUBE-SERVICES -d 10.96.0.3 -j KUBE-SVC-A',
        '--A KUBE-SERVICES -d 10.96.0.4 -j KUBE-SVC-A',
        '+-A KUBE-SERVICES -d 10.96.0.5 -j KUBE-SVC-A',
      ],
    ],
    [
      'in a rule less, in one chain, and a rule more in another',
      BEFORE,
      BEFORE.replace(/-A KUBE-FORWARD.*\n/, '').replace(
        '-A KUBE-SVC-A',
        '-A KUBE-SVC-A -j LOG\n-A KUBE-SVC-A',
      ),
      [
        'filter KUBE-FORWARD',
        '@@ -1,2 +1,1 @@',
        ' :KUBE-FORWARD - [0:0]',
        '--A KUBE-FORWARD -j ACCEPT',
        'nat KUBE-SVC-A',
        '@@ -1,2 +1,3 @@',
        ' :KUBE-SVC-A - [0:0]',
        '+-A KUBE-SVC-A -j LOG',
        ' -A KUBE-SVC-A -j KUBE-SEP-A',
      ],
    ],
    [
      'in a chain',
      BEFORE,
      BEFORE.replace(':KUBE-SVC-A - [0:0]\n', '').replace('-A KUBE-SVC-A -j KUBE-SEP-A\n', ''),
      ['nat KUBE-SVC-A', '@@ -1,2 +0,0 @@', '-:KUBE-SVC-A - [0:0]', '--A KUBE-SVC-A -j KUBE-SEP-A'],
    ],
    [
      'in a table',
      BEFORE,
      BEFORE.slice(0, BEFORE.indexOf('*nat')).replaceAll('filter', 'nat'),
      expect.arrayContaining(['filter', '-*filter', 'filter KUBE-FORWARD', '-:KUBE-FORWARD - [0:0]']),
    ],
    [
      'in the order of chains only',
      '*nat\n:A - [0:0]\n:B - [0:0]\nCOMMIT\n',
      '*nat\n:B - [0:0]\n:A - [0:0]\nCOMMIT\n',
      ['order', '@@ -1,5 +1,5 @@', ' *nat', '-:A - [0:0]', ' :B - [0:0]', '+:A - [0:0]', ' COMMIT', ' '],
    ],
    ['in the end of the last line', 'COMMIT\n', 'COMMIT', ['', '@@ -1,2 +1,1 @@', ' COMMIT', '-']],
    ['in what is no rules at all', 'a\n', 'b\n', ['', '@@ -1,2 +1,2 @@', '-a', '+b', ' ']],
  ])('%s', (_, before, after, expected) => {
    expect(diffRules(before, after).map(({ text }) => text)).toEqual(expected);
  });
});
