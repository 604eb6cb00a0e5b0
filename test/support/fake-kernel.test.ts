import { describe, expect, test } from 'vitest';
import type { Backend } from '../../src/applier/programs.ts';
import { RestoreError } from '../../src/applier/restore.ts';
import { FakeKernel } from './fake-kernel.ts';

const lines = (...lines: string[]) => `${lines.join('\n')}\n`;
const nat = (...inside: string[]) => lines('*nat', ...inside, 'COMMIT');

/** Two chains: B, and A that leads to it. */
const TWO = nat(':A - [0:0]', ':B - [0:0]', '-A A -s 10.0.0.1 -j B', '[3:4] -A A -s 10.0.0.2 -j ACCEPT');

/** A kernel's user-defined chains, without what all kernels have. */
function contents(kernel: FakeKernel): string[] {
  return kernel
    .save()
    .split('\n')
    .filter((line) => !/^:[A-Z]+ ACCEPT \[0:0\]$|^COMMIT$|^\*|^$/.test(line));
}

/** What iptables-restore 1.8.9 did with these inputs, and what iptables-save printed after it. */
describe('does what iptables does', () => {
  const A = '[0:0] -A A -s 10.0.0.1/32 -j B';
  const ACCEPTED = '[3:4] -A A -s 10.0.0.2/32 -j ACCEPT';
  const unchanged = [':A - [0:0]', ':B - [0:0]', A, ACCEPTED];

  test.each<[string, string[], string[]]>([
    ['nothing', [], unchanged],
    ['a chain that is declared again is empty', [':A - [0:0]'], [':A - [0:0]', ':B - [0:0]']],
    ['-F, too', ['-F A'], [':A - [0:0]', ':B - [0:0]']],
    ['chains that are emptied can go, in any order', [':A - [0:0]', ':B - [0:0]', '-X B', '-X A'], []],
    [
      'and come again',
      [':A - [0:0]', '-X A', ':A - [0:0]', '-A A -j B'],
      [':B - [0:0]', ':A - [0:0]', '[0:0] -A A -j B'],
    ],
    [
      '-D finds a rule however it is spelled',
      ['-D A --src 10.0.0.1 --jump B'],
      [':A - [0:0]', ':B - [0:0]', ACCEPTED],
    ],
    ['-D by number', ['-D A 2'], [':A - [0:0]', ':B - [0:0]', A]],
    [
      '-I counts from one, and to one behind the last',
      ['-I A -s 10.0.0.3 -j B', '-I A 1 -s 10.0.0.4 -j B', '[5:6] -I A 5 -s 10.0.0.5 -j B'],
      [
        ':A - [0:0]',
        ':B - [0:0]',
        '[0:0] -A A -s 10.0.0.4/32 -j B',
        '[0:0] -A A -s 10.0.0.3/32 -j B',
        A,
        ACCEPTED,
        '[5:6] -A A -s 10.0.0.5/32 -j B',
      ],
    ],
    ['-N', ['-N C'], [':A - [0:0]', ':B - [0:0]', ':C - [0:0]', A, ACCEPTED]],
    [
      'rules print as iptables-save prints them',
      ['-A B -m mark --mark 1 -j RETURN'],
      [...unchanged, '[0:0] -A B -m mark --mark 0x1 -j RETURN'],
    ],
    [
      'rules of others stay as they are',
      ['-A B -m set --match-set x src -g A'],
      [...unchanged, '[0:0] -A B -m set --match-set x src -g A'],
    ],
  ])('%s', (_, inside, expected) => {
    const kernel = new FakeKernel('ipv4');
    expect(kernel.tryRestore(TWO)).toBeUndefined();
    expect(kernel.tryRestore(nat(...inside))).toBeUndefined();
    expect(contents(kernel)).toEqual(expected);
  });

  test.each<[string, string[], number, string]>([
    ['a chain that has rules', ['-X A'], 2, 'CHAIN_DEL failed (Device or resource busy)'],
    ['a chain that rules lead to', ['-X B'], 2, 'CHAIN_DEL failed (Device or resource busy)'],
    ['a chain that there is not', ['-X C'], 2, 'No chain/target/match by that name'],
    ['a built-in chain', ['-X OUTPUT'], 2, 'No chain/target/match by that name'],
    ['a jump to nowhere', ['-A A -j C'], 2, "Chain 'C' does not exist"],
    ['a jump to what comes later', ['-A A -j C', ':C - [0:0]'], 2, "Chain 'C' does not exist"],
    ['a jump to a built-in chain', ['-A A -j OUTPUT'], 2, "Chain 'OUTPUT' does not exist"],
    ['going to nowhere', ['-A A -g C'], 2, "Chain 'C' does not exist"],
    ['a rule for no chain', ['-A C -j A'], 2, 'No chain/target/match by that name'],
    ['no such rule', ['-D A -s 10.0.0.9 -j B'], 2, 'Bad rule (does a matching rule exist in that chain?)'],
    ['no such number', ['-D A 3'], 2, 'Bad rule (does a matching rule exist in that chain?)'],
    ['counters of what goes', ['[1:2] -D A 1'], 2, "Illegal option `-c' with this command"],
    ['too far behind', ['-I A 4 -j B'], 2, 'Index of insertion too big'],
    ['the same chain anew', ['-N A'], 2, 'Chain already exists'],
    [
      'a name that is too long',
      [`:${'x'.repeat(29)} - [0:0]`],
      2,
      `chain name '${'x'.repeat(29)}' too long (must be under 29 chars)`,
    ],
    [
      'the last line of many',
      ['-A A -j B', '-A B -j ACCEPT', '-X A'],
      4,
      'CHAIN_DEL failed (Device or resource busy)',
    ],
  ])('refuses %s, and changes nothing', (_, inside, line, words) => {
    for (const backend of ['nft', 'legacy'] satisfies Backend[]) {
      const kernel = new FakeKernel('ipv4', backend);
      kernel.tryRestore(TWO);
      expect(kernel.tryRestore(nat(...inside))).toBe(
        backend === 'nft' ? `line ${line} failed: ${words}.` : `iptables-restore: line ${line} failed`,
      );
      expect(contents(kernel)).toEqual(unchanged);
    }
  });

  test('transactions before the one that fails are done, those behind it are not', () => {
    const kernel = new FakeKernel('ipv4');
    const input = `${TWO}${nat('-A B -j ACCEPT', '-X A')}${lines('*filter', ':C - [0:0]', 'COMMIT')}`;
    expect(kernel.tryRestore(input)).toBe('line 9 failed: CHAIN_DEL failed (Device or resource busy).');
    expect(contents(kernel)).toEqual(unchanged);
    expect([...kernel.saved().keys()]).toEqual(['nat']);
  });

  test('without COMMIT nothing is done', () => {
    const kernel = new FakeKernel('ipv4');
    expect(kernel.tryRestore('*nat\n:A - [0:0]\n')).toBe('iptables-restore: COMMIT expected at line 3');
    expect(kernel.save()).toBe('');
  });

  test('a built-in chain keeps its rules when it gets a policy', () => {
    const kernel = new FakeKernel('ipv4');
    kernel.tryRestore(lines('*filter', ':INPUT DROP [5:6]', '-A INPUT -j ACCEPT', 'COMMIT'));
    expect(contents(kernel)).toEqual([':INPUT DROP [5:6]', '[0:0] -A INPUT -j ACCEPT']);
    kernel.tryRestore(lines('*filter', ':INPUT ACCEPT [0:0]', 'COMMIT'));
    expect(contents(kernel)).toEqual(['[0:0] -A INPUT -j ACCEPT']);
  });
});

test('a copy goes its own way', () => {
  const kernel = new FakeKernel('ipv4');
  kernel.tryRestore(TWO);
  const copy = kernel.copy();
  copy.tryRestore(nat(':A - [0:0]', '-X A'));
  copy.count();
  expect(contents(kernel)).toHaveLength(4);
  expect(contents(copy)).toEqual([':B - [0:0]']);
});

test('every rule counts other packets', () => {
  const kernel = new FakeKernel('ipv4');
  kernel.tryRestore(TWO);
  kernel.count();
  expect(contents(kernel)).toEqual([
    ':A - [0:0]',
    ':B - [0:0]',
    '[1:100] -A A -s 10.0.0.1/32 -j B',
    '[2:200] -A A -s 10.0.0.2/32 -j ACCEPT',
  ]);
});

test('restore rejects with what iptables says', async () => {
  const kernel = new FakeKernel('ipv4');
  await kernel.restore(TWO, undefined);
  const failed = kernel.restore(nat('-X B'), undefined);
  await expect(failed).rejects.toBeInstanceOf(RestoreError);
  await expect(failed).rejects.toMatchObject({ line: 2 });
  kernel.failNext(1);
  await expect(kernel.restore(nat(), undefined)).rejects.toBeInstanceOf(RestoreError);
  await kernel.restore(nat(), undefined);
});
