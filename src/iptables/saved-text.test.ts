/** Saved rules in chains whose rules stay text. */
import { expect, test } from 'vitest';
import { ParseError, readSavedChains, readSavedText } from './saved-text.ts';

const text = (...lines: readonly string[]) => lines.map((line) => `${line}\n`).join('');

const PLAIN = ['*nat', ':PREROUTING ACCEPT [0:0]', ':KUBE-A - [0:0]', ':KUBE-AB - [0:0]'];

test.each<readonly [name: string, text: string]>([
  ['nothing', ''],
  ['a table without chains', text('*nat', 'COMMIT')],
  ['remarks and empty lines', text('# by hand', '', ...PLAIN, '', 'COMMIT', '# end')],
  [
    'chains of which one begins like the other',
    text(
      ...PLAIN,
      '-A KUBE-A -p tcp -j KUBE-AB',
      '-A KUBE-AB -j ACCEPT',
      '-A KUBE-AB',
      '-A KUBE-A',
      'COMMIT',
    ),
  ],
  [
    'a chain in two places',
    text(...PLAIN, '-A KUBE-A -j DROP', '-A KUBE-AB', '-A KUBE-A -j ACCEPT', 'COMMIT'),
  ],
  [
    'a chain that is declared twice',
    text(...PLAIN, '-A KUBE-A', ':KUBE-A - [0:0]', '-A KUBE-A -j DROP', 'COMMIT'),
  ],
  ['a policy', text('*filter', ':FORWARD DROP [1:2]', ':INPUT ACCEPT', 'COMMIT')],
  ['two tables', text(...PLAIN, 'COMMIT', '*filter', ':KUBE-A - [0:0]', '-A KUBE-A -j DROP', 'COMMIT')],
  ['counters', text(...PLAIN, '[1:2] -A KUBE-A -j DROP', 'COMMIT')],
  ['line ends of Windows', text(...PLAIN, '-A KUBE-A -j DROP', 'COMMIT').replaceAll('\n', '\r\n')],
  ['no line feed at the end', text(...PLAIN, '-A KUBE-A -j DROP', 'COMMIT').trimEnd()],
  ['no COMMIT', text(...PLAIN, '-A KUBE-A -j DROP')],
  ['no such chain', text(...PLAIN, '-A KUBE-C -j DROP', 'COMMIT')],
  ['a chain outside of tables', text(':KUBE-A - [0:0]')],
  ['a rule outside of tables', text('-A KUBE-A -j DROP')],
  ['a table twice', text(...PLAIN, 'COMMIT', '*nat', 'COMMIT')],
  ['a table in another', text(...PLAIN, '*filter', 'COMMIT')],
  ['another command', text(...PLAIN, '-I KUBE-A -j DROP', 'COMMIT')],
])('as text and as lines: %s', (_, saved) => {
  const told = (read: () => ReadonlyMap<string, ReadonlyMap<string, unknown>>) => {
    try {
      return [...read()].map(([table, chains]) => [table, [...chains]]);
    } catch (error) {
      if (error instanceof ParseError) return error.message;
      throw error;
    }
  };
  const chains = told(
    () =>
      new Map(
        [...readSavedChains(saved)].map(([table, ofTable]) => [
          table,
          new Map([...ofTable].map(([name, { policy, rules }]) => [name, { policy, lines: rules }])),
        ]),
      ),
  );
  const lines = told(
    () =>
      new Map(
        [...readSavedText(saved)].map(([table, ofTable]) => [
          table,
          new Map([...ofTable].map(([name, { policy, lines }]) => [name, { policy, lines }])),
        ]),
      ),
  );
  expect(chains).toEqual(lines);
});

test('the same rules are the same text, whatever the chain', () => {
  const [one, other] = [
    text(...PLAIN, '-A KUBE-A -j DROP', '-A KUBE-A -j ACCEPT', 'COMMIT'),
    text(...PLAIN, '-A KUBE-AB -j DROP', '-A KUBE-A -j DROP', '-A KUBE-A -j ACCEPT', 'COMMIT'),
  ].map((saved) => readSavedChains(saved).get('nat')?.get('KUBE-A')?.text);
  expect(one).toBe(other);
});
