import { expect, test } from 'vitest';
import { printRule } from '../iptables/print.ts';
import type { Rule, Ruleset } from '../iptables/types.ts';
import { withJumps } from './jumps.ts';

const to = (name: string): Rule => ({ matches: [], target: { target: 'jump', chain: name } });
const jump = (from: string, chain: string) => ({ table: 'nat' as const, from, to: chain, rule: to(chain) });

test('built-in chains in the order of a packet, the last jump first; chains that are not there are left out', () => {
  const ruleset: Ruleset = {
    family: 'ipv4',
    tables: [
      {
        name: 'nat',
        chains: [
          { name: 'A', rules: [] },
          { name: 'B', rules: [] },
        ],
      },
      { name: 'filter', chains: [] },
    ],
  };
  const jumps = [jump('OUTPUT', 'A'), jump('OUTPUT', 'B'), jump('PREROUTING', 'A'), jump('PREROUTING', 'C')];
  const chains = withJumps(ruleset, jumps).tables.map(({ chains }) =>
    chains.map(({ name, policy, rules }) => [name, policy, ...rules.map(printRule)]),
  );
  expect(chains).toEqual([
    [
      ['PREROUTING', 'ACCEPT', ' -j A'],
      ['OUTPUT', 'ACCEPT', ' -j B', ' -j A'],
      ['A', undefined],
      ['B', undefined],
    ],
    [],
  ]);
});
