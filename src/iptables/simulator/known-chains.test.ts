/** Rulesets that are compared share what is the same in both, and are no other for it. */
import { expect, test } from 'vitest';
import { allFixtures, fixtureInput } from '../../../test/support/fixture-input.ts';
import { withJumps } from '../../chains/jumps.ts';
import { compile } from '../../compiler/compile.ts';
import { printSaved } from '../saved.ts';
import type { Ruleset, TableName } from '../types.ts';
import { type KnownChains, type PreparedRuleset, prepare, prepareSaved } from './prepare.ts';

const TABLES: readonly TableName[] = ['filter', 'nat'];

const input = await fixtureInput(
  (await allFixtures()).find(({ name }) => name === 'fast-layout/trees') ?? fail('trees'),
);
const before = withJumps(compile(input.cluster, input.node, input.options('ipv4')));

function fail(what: string): never {
  throw new Error(`no fixture of ${what}`);
}

/** Without the first rule of each third chain, and with the others at other places. */
const after: Ruleset = {
  ...before,
  tables: before.tables.map((table) => ({
    ...table,
    chains: table.chains.map((chain, i) => (i % 3 === 0 ? { ...chain, rules: chain.rules.slice(1) } : chain)),
  })),
};

function chainsOf(ruleset: PreparedRuleset) {
  return TABLES.flatMap((table) => [...ruleset.names(table)].map((name) => ruleset.chain(table, name)));
}

const told = (ruleset: PreparedRuleset) =>
  chainsOf(ruleset).map((chain) => ({
    ...chain,
    candidates: undefined,
    rules: chain?.rules.map((rule) => ({ ...rule, conditions: JSON.stringify(rule.conditions, plain) })),
  }));

const plain = (_: string, value: unknown) => (typeof value === 'bigint' ? `${value}` : value);

test.each<readonly [name: string, of: (ruleset: Ruleset, known?: KnownChains) => PreparedRuleset]>([
  ['as data', prepare],
  ['as text', (ruleset, known) => prepareSaved(printSaved(ruleset), 'ipv4', known)],
])('%s', (_, of) => {
  const known: KnownChains = new Map();
  const [one, other] = [of(before, known), of(after, known)];
  expect(told(one)).toEqual(told(of(before)));
  expect(told(other)).toEqual(told(of(after)));
  const [was, is] = [one, other].map(chainsOf);
  const same = was?.filter((chain, i) => chain === is?.[i]).length ?? 0;
  expect(same).toBeGreaterThan(0);
  expect(same).toBeLessThan(was?.length ?? 0);
});
