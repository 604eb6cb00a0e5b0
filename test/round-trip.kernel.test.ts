/** Whether what the applier writes is what was wanted, as the kernel has it: for every fixture, one after the other. */
import { describe, expect, test } from 'vitest';
import { compile } from '../src/compiler/compile.ts';
import type { Fixture } from '../src/golden/fixtures.ts';
import { ruleMeaning } from '../src/iptables/meaning.ts';
import { parseRuleset } from '../src/iptables/parse.ts';
import type { Ruleset } from '../src/iptables/types.ts';
import { FAMILIES, type Family } from '../src/net/address.ts';
import { allFixtures, fixtureInput } from './support/fixture-input.ts';
import { type Firewall, FirewallNamespace } from './support/kernel/firewall.ts';
import { LAYOUT } from './support/kernel/layout.ts';
import { BACKENDS, MAY_USE_NAMESPACES } from './support/kernel/namespace.ts';
import { someOf } from './support/long-form.ts';

/** What a fixture compiles to, in the layout that the tests run on. */
async function rulesetOf(fixture: Fixture, family: Family): Promise<{ ruleset: Ruleset; nfacct: boolean }> {
  const { cluster, node, options } = await fixtureInput(fixture);
  return { ruleset: compile(cluster, node, { ...options(family), layout: LAYOUT }), nfacct: node.nfacct };
}

const FIXTURES = (await allFixtures()).map((fixture) => [fixture.name, fixture] as const);

const PLACES = BACKENDS.flatMap((backend) => FAMILIES.map((family): Firewall => ({ backend, family })));

/** What each chain's rules mean, without the chains that are built in, by `table CHAIN`. */
function meaning({ tables }: Ruleset): Record<string, readonly string[]> {
  return Object.fromEntries(
    tables.flatMap(({ name: table, chains }) =>
      chains
        .filter(({ name }) => name.startsWith('KUBE-') && name !== 'KUBE-PROXY-CANARY')
        .map(({ name, rules }) => [`${table} ${name}`, rules.map(ruleMeaning)])
        .sort(),
    ),
  );
}

describe.skipIf(!MAY_USE_NAMESPACES).each(PLACES)(
  'iptables-$backend, $family',
  { concurrent: true },
  (on) => {
    describe('holds, and is known to hold, the rules of', () => {
      test.each(someOf(FIXTURES, PLACES.indexOf(on), PLACES.length))('%s', async (_, fixture) => {
        const { ruleset, nfacct } = await rulesetOf(fixture, on.family);
        await using firewall = await FirewallNamespace.create(on);
        if (nfacct) await firewall.addCounters();

        const { input: written } = await firewall.applier().apply(ruleset);
        expect(written).not.toBe('');
        expect(meaning(parseRuleset(await firewall.save(), on.family))).toEqual(meaning(ruleset));
        const again = await firewall.applier().apply(ruleset);
        expect(again.input.isEmpty).toBe(true);
      });
    });
  },
);

describe.skipIf(!MAY_USE_NAMESPACES).each(PLACES)('iptables-$backend, $family', (on) => {
  /** Every so manieth fixture follows another; each place begins somewhere else. */
  const STRIDE = 29;

  test('from one cluster to another and back', async () => {
    await using firewall = await FirewallNamespace.create(on);
    await firewall.addCounters();
    const applier = firewall.applier();
    for (let i = PLACES.indexOf(on); i + STRIDE < FIXTURES.length; i += STRIDE) {
      const rulesets = await Promise.all(
        [FIXTURES[i], FIXTURES[i + STRIDE]].flatMap(async (entry) => {
          if (!entry) throw new Error('no such fixture');
          return (await rulesetOf(entry[1], on.family)).ruleset;
        }),
      );
      for (const ruleset of [...rulesets, ...rulesets]) {
        await applier.apply(ruleset);
        expect(await firewall.difference(ruleset)).toEqual([]);
      }
    }
  });
});
