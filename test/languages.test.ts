/** The language of iptables against everything that the compiler says in it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compile } from '../src/compiler/compile.ts';
import { ruleMeaning } from '../src/iptables/meaning.ts';
import { parseRule, parseRuleset } from '../src/iptables/parse.ts';
import { printRuleset } from '../src/iptables/print.ts';
import { printSavedRule } from '../src/iptables/saved.ts';
import type { Match, Ruleset } from '../src/iptables/types.ts';
import { FAMILIES } from '../src/net/address.ts';
import { load, rawCluster } from './support/arbitrary/clusters.ts';
import { allFixtures, fixtureInput } from './support/fixture-input.ts';
import { often } from './support/long-form.ts';
import { PROJECT } from './support/project.ts';

describe.each(await allFixtures())('fixture $name', (fixture) => {
  test.each(FAMILIES)('%s: printed and parsed, the very same ruleset', async (family) => {
    const { cluster, node, options } = await fixtureInput(fixture);
    const ruleset = compile(cluster, node, options(family));
    expect(parseRuleset(printRuleset(ruleset), family)).toEqual(asPrinted(ruleset));
  });

  test.each(FAMILIES)('%s: the golden file means what is compiled', async (family) => {
    const { cluster, node, options } = await fixtureInput(fixture);
    const golden = await readFile(join(PROJECT, 'golden', fixture.name, `${family}.rules`), 'utf8');
    expect(meanings(parseRuleset(golden, family))).toEqual(meanings(compile(cluster, node, options(family))));
  });
});

test('random clusters: printed and parsed, the very same ruleset, and as iptables-save prints it, what it means', () => {
  fc.assert(
    fc.property(rawCluster, fc.constantFrom(...FAMILIES), (raw, family) => {
      const { cluster, node, options } = load(raw);
      const ruleset = compile(cluster, node, options(family));
      expect(parseRuleset(printRuleset(ruleset), family)).toEqual(asPrinted(ruleset));
      for (const rule of ruleset.tables.flatMap(({ chains }) => chains.flatMap(({ rules }) => rules))) {
        const saved = printSavedRule(rule, family);
        expect(ruleMeaning(parseRule(saved, family))).toBe(ruleMeaning(rule));
        expect(printSavedRule(parseRule(saved, family), family)).toBe(saved);
      }
    }),
    { numRuns: often(15, 100) },
  );
}, 300_000);

/** A ruleset as its text is read: ten digits of a probability, and a range of one address as that address. */
function asPrinted(ruleset: Ruleset): Ruleset {
  const match = (match: Match): Match => {
    switch (match.match) {
      case 'statistic':
        return { ...match, probability: Number(match.probability.toFixed(10)) };
      case 'source':
      case 'destination':
        return {
          ...match,
          address: match.address.replace(ruleset.family === 'ipv4' ? /\/32$/ : /\/128$/, ''),
        };
      default:
        return match;
    }
  };
  const tables = ruleset.tables.map((table) => ({
    ...table,
    chains: table.chains.map((chain) => ({
      ...chain,
      rules: chain.rules.map((rule) => ({ ...rule, matches: rule.matches.map(match) })),
    })),
  }));
  return { ...ruleset, tables };
}

function meanings({ tables }: Ruleset): [string, string, string[]][] {
  return tables.flatMap((table) =>
    table.chains.map((chain): [string, string, string[]] => [
      table.name,
      chain.name,
      chain.rules.map(ruleMeaning),
    ]),
  );
}
