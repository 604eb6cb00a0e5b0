import { describe, expect, test } from 'vitest';
import type { Manifest } from '../../test/support/arbitrary/raw.ts';
import { inputOf, loadBalancer, service, slice } from '../../test/support/rules.ts';
import { compile } from '../compiler/compile.ts';
import { CommandError } from '../errors/command-error.ts';
import { printRuleset } from '../iptables/print.ts';
import type { Ruleset } from '../iptables/types.ts';
import { HostError } from './host.ts';
import { RestoreError, refusal } from './restore.ts';

function refused(stderr: string, input: string, wanted?: Ruleset) {
  const failure = new CommandError(['iptables-nft-restore', '--noflush'], { exitCode: 1, stderr });
  return refusal(failure, input, wanted);
}

const INPUT = `*nat
:A - [0:0]
:KUBE-SVC-EXBNZ76JOZU7PBN2 - [0:0]
-A A -m comment --comment "shop/web:http cluster IP" -j KUBE-SVC-EXBNZ76JOZU7PBN2
-A KUBE-SVC-EXBNZ76JOZU7PBN2 -j NOPE
COMMIT
`;

/** The words of iptables 1.8.9, of both kinds, when it is given such things. */
describe('the line that was refused, with its neighbours', () => {
  test.each<[string, string, number | undefined, string]>([
    [
      'the kernel refuses a rule (nft)',
      'iptables-nft-restore v1.8.9 (nf_tables): \nline 5: RULE_APPEND failed (No such file or directory): rule in chain KUBE-SVC-EXBNZ76JOZU7PBN2',
      5,
      `iptables-nft-restore refused line 5 (for shop/web:http): iptables-nft-restore v1.8.9 (nf_tables):
line 5: RULE_APPEND failed (No such file or directory): rule in chain KUBE-SVC-EXBNZ76JOZU7PBN2
    3 | :KUBE-SVC-EXBNZ76JOZU7PBN2 - [0:0]
    4 | -A A -m comment --comment "shop/web:http cluster IP" -j KUBE-SVC-EXBNZ76JOZU7PBN2
  > 5 | -A KUBE-SVC-EXBNZ76JOZU7PBN2 -j NOPE
    6 | COMMIT
    7 | `,
    ],
    [
      'a chain that is in use (nft)',
      'iptables-nft-restore v1.8.9 (nf_tables): \nline 2: CHAIN_DEL failed (Device or resource busy): chain A',
      2,
      `iptables-nft-restore refused line 2: iptables-nft-restore v1.8.9 (nf_tables):
line 2: CHAIN_DEL failed (Device or resource busy): chain A
    1 | *nat
  > 2 | :A - [0:0]
    3 | :KUBE-SVC-EXBNZ76JOZU7PBN2 - [0:0]
    4 | -A A -m comment --comment "shop/web:http cluster IP" -j KUBE-SVC-EXBNZ76JOZU7PBN2`,
    ],
    [
      'a rule that is not there (nft)',
      'iptables-nft-restore: line 4 failed: Bad rule (does a matching rule exist in that chain?).',
      4,
      `iptables-nft-restore refused line 4 (for shop/web:http): iptables-nft-restore: line 4 failed: Bad rule (does a matching rule exist in that chain?).
    2 | :A - [0:0]
    3 | :KUBE-SVC-EXBNZ76JOZU7PBN2 - [0:0]
  > 4 | -A A -m comment --comment "shop/web:http cluster IP" -j KUBE-SVC-EXBNZ76JOZU7PBN2
    5 | -A KUBE-SVC-EXBNZ76JOZU7PBN2 -j NOPE
    6 | COMMIT`,
    ],
    [
      'without a reason (legacy)',
      'iptables-restore: line 6 failed',
      6,
      `iptables-nft-restore refused line 6: iptables-restore: line 6 failed
    4 | -A A -m comment --comment "shop/web:http cluster IP" -j KUBE-SVC-EXBNZ76JOZU7PBN2
    5 | -A KUBE-SVC-EXBNZ76JOZU7PBN2 -j NOPE
  > 6 | COMMIT
    7 | `,
    ],
    [
      'what cannot be parsed (either)',
      "iptables-restore v1.8.9 (legacy): unknown option \"--nope\"\nError occurred at line: 1\nTry `iptables-restore -h' or 'iptables-restore --help' for more information.",
      1,
      `iptables-nft-restore refused line 1: iptables-restore v1.8.9 (legacy): unknown option "--nope"
Error occurred at line: 1
Try \`iptables-restore -h' or 'iptables-restore --help' for more information.
  > 1 | *nat
    2 | :A - [0:0]
    3 | :KUBE-SVC-EXBNZ76JOZU7PBN2 - [0:0]`,
    ],
    [
      'no line at all',
      'iptables-restore v1.8.9 (legacy): something else',
      undefined,
      `iptables-nft-restore --noflush ended with exit code 1: iptables-restore v1.8.9 (legacy): something else
run it by hand as the same user to find out why`,
    ],
    [
      'nothing at all',
      '',
      undefined,
      `iptables-nft-restore --noflush ended with exit code 1 and said nothing
run it by hand as the same user to find out why`,
    ],
    [
      'what would write to the terminal, and a tab',
      'line 6 failed:\t\u001b[31mred\u202e',
      6,
      `iptables-nft-restore refused line 6: line 6 failed: \\u001b[31mred\\u202e
    4 | -A A -m comment --comment "shop/web:http cluster IP" -j KUBE-SVC-EXBNZ76JOZU7PBN2
    5 | -A KUBE-SVC-EXBNZ76JOZU7PBN2 -j NOPE
  > 6 | COMMIT
    7 | `,
    ],
  ])('%s', (_, stderr, line, message) => {
    const wanted: Ruleset = {
      family: 'ipv4',
      tables: [
        {
          name: 'nat',
          chains: [
            {
              name: 'A',
              rules: [
                {
                  matches: [{ match: 'comment', comment: 'shop/web:http cluster IP' }],
                  target: { target: 'jump', chain: 'KUBE-SVC-EXBNZ76JOZU7PBN2' },
                },
              ],
            },
          ],
        },
      ],
    };
    const error = refused(stderr, INPUT, wanted);
    expect(error).toBeInstanceOf(RestoreError);
    expect(error).toMatchObject({ name: 'RestoreError', line, input: INPUT, message });
  });

  test('ended by a signal', () => {
    const failure = new CommandError(['iptables-restore'], { signal: 'SIGKILL' });
    expect(refusal(failure, INPUT, undefined).message).toBe(
      `iptables-restore was killed by SIGKILL
if nobody killed it, memory may have run out (see dmesg): try again`,
    );
  });

  test.each([
    'Another app is currently holding the xtables lock. Stopped waiting after 5s.',
    "Can't lock /run/xtables.lock: Resource temporarily unavailable\nAnother app is currently holding the xtables lock.",
  ])('a lock that is held: %s', (stderr) => {
    const error = refused(stderr, INPUT);
    expect(error).toBeInstanceOf(HostError);
    expect(error.message).toBe(
      'iptables-nft-restore: another program has held the xtables lock for more than 5 s: ' +
        'find it with fuser /run/xtables.lock, then try again',
    );
  });
});

describe('the service port of a line', () => {
  const spread = (count: number) => Array.from({ length: count }, (_, i) => `10.100.${i >> 8}.${i & 255}`);
  const ranges = { loadBalancerSourceRanges: ['203.0.113.0/24'] };
  const nodePort = { type: 'NodePort', ports: [{ name: 'http', port: 80, nodePort: 30080 }] };

  test.each<[string, Manifest[], string, string | undefined]>([
    ['an entry', [service(), slice(['10.0.0.1'])], '--dport 80 -j KUBE-SVC-', 'shop/web:http'],
    ['an endpoint', [service(), slice(['10.0.0.1'])], '-j DNAT', 'shop/web:http'],
    [
      'a choice among endpoints',
      [service(), slice(['10.0.0.1', '10.0.0.2'])],
      '-m statistic',
      'shop/web:http',
    ],
    ['a refusal', [service()], '-j REJECT', 'shop/web:http'],
    ['an unnamed port', [service({ ports: [{ port: 80 }] })], '-j REJECT', 'shop/web'],
    [
      'a node port, whose comment has no quotes',
      [service(nodePort), slice(['10.0.0.1'])],
      '--dport 30080',
      'shop/web:http',
    ],
    ['a source range', [loadBalancer(ranges), slice(['10.0.0.1'])], '-s 203.0.113.0/24', 'shop/web:http'],
    ['a chain that is made', [service(), slice(['10.0.0.1'])], ':KUBE-SEP-', 'shop/web:http'],
    [
      'an endpoint of a large cluster, without comments',
      [service(), slice(spread(1001))],
      '-j DNAT',
      'shop/web:http',
    ],
    ['a choice in a large cluster', [service(), slice(spread(1001))], '-m statistic', 'shop/web:http'],
    ['a chain that those of all lead to', [service(), slice(['10.0.0.1'])], ':KUBE-MARK-MASQ', undefined],
    ['masquerading', [service(), slice(['10.0.0.1'])], '-j MASQUERADE', undefined],
  ])('%s', (_, objects, part, expected) => {
    const { cluster, node, options } = inputOf({ objects });
    const wanted = compile(cluster, node, options('ipv4'));
    const input = printRuleset(wanted);
    const line = input.split('\n').findIndex((text) => text.includes(part)) + 1;
    expect(line).toBeGreaterThan(0);
    const about = /^iptables-nft-restore refused line \d+(?: \(for (\S+)\))?:/;
    const { message } = refused(`iptables-restore: line ${line} failed`, input, wanted);
    expect(message).toMatch(about);
    expect(about.exec(message)?.[1]).toBe(expected);
  });

  test('without knowing what is wanted, only what the line says', () => {
    const named = '*nat\n-A A -s 10.0.0.0/8 -m comment --comment shop/web -d 10.96.0.0/16 -j B\nCOMMIT\n';
    expect(refused('line 2 failed', named).message).toContain('line 2 (for shop/web):');
    const unnamed = '*nat\n-A A -s 10.0.0.0/8 -m comment --comment "of 2" -d 10.96.0.0/16 -j B\nCOMMIT\n';
    expect(refused('line 2 failed', unnamed).message).not.toContain('(for');
  });
});
