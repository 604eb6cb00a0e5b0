/**
 * What the reader of manifests lets through, iptables takes: manifests, configurations and facts with something done
 * to them, compiled, and loaded into the kernel by both kinds of iptables. Set FUZZ_SEED for other cases.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FAMILIES, type Family } from '../src/net/address.ts';
import { mutate, mutations, variations } from './support/arbitrary/mutations.ts';
import { BACKENDS, type Backend, MAY_USE_NAMESPACES, NetworkNamespace } from './support/kernel/namespace.ts';
import { everything, fixtureTexts, rulesOf, type Texts } from './support/texts.ts';

/** So many rulesets that differ from one another. */
const RULESETS = 300;

/** So many are loaded by one process, each instead of the one before: most of its time goes into starting it. */
const AT_ONCE = 25;

/** Of a size that a case can be made of in no time. */
const SMALL = 6000;

interface Case {
  readonly texts: Texts;
  readonly rules: ReadonlyMap<Family, string>;
}

/** Always the same ones unless asked for others, so that one that fails, fails again. */
async function makeCases(): Promise<Case[]> {
  const fixtures = [...(await fixtureTexts()).values()];
  const texts = fc.oneof(
    fc.constant(await everything()),
    fc.constantFrom(...fixtures.filter(({ objects }) => objects.length > 0 && objects.length < SMALL)),
  );
  const where = fc.constantFrom<(keyof Texts)[]>('objects', 'objects', 'objects', 'config', 'host');
  const drawn = fc.sample(fc.tuple(texts, where, fc.oneof(variations, mutations)), {
    seed: Number(process.env.FUZZ_SEED ?? 20240229),
    numRuns: 20 * RULESETS,
  });
  const cases = new Map<string, Case>();
  for (const [texts, where, mutations] of drawn) {
    const mutated = { ...texts, [where]: mutate(texts[where], mutations) };
    const outcome = rulesOf(mutated);
    if (!('rules' in outcome)) continue;
    cases.set([...outcome.rules.values()].join(''), { texts: mutated, rules: outcome.rules });
    if (cases.size === RULESETS) break;
  }
  return [...cases.values()];
}

/** The counters that nfacct matches name are objects that a node may have; a namespace has none. */
function loadable(rules = ''): string {
  return rules.replaceAll(/ -m nfacct --nfacct-name \S+/g, '');
}

/** Puts rules in the place of all that there are. */
function load(
  namespace: NetworkNamespace,
  { backend, family }: { readonly backend: Backend; readonly family: Family },
  rules: string,
) {
  const program = `${family === 'ipv4' ? 'iptables' : 'ip6tables'}-${backend}-restore`;
  return namespace.run(program, ['--wait', '60'], rules);
}

describe.skipIf(!MAY_USE_NAMESPACES)('what comes of mutated manifests', async () => {
  const cases = MAY_USE_NAMESPACES ? await makeCases() : [];

  test('is as much as there was to be', () => {
    expect(cases).toHaveLength(RULESETS);
  });

  const places = BACKENDS.flatMap((backend) => FAMILIES.map((family) => ({ backend, family })));

  test.each(places)('is taken by iptables-$backend, $family', async (on) => {
    await using namespace = await NetworkNamespace.create();
    const taken = { exitCode: 0, stdout: '', stderr: '' };
    for (let i = 0; i < cases.length; i += AT_ONCE) {
      const batch = cases.slice(i, i + AT_ONCE);
      const all = batch.map(({ rules }) => rules.get(on.family) ?? '').join('');
      const tried = await namespace.restore(on, all, 'test');
      const loaded = await load(namespace, on, loadable(all));
      if (tried.exitCode === 0 && loaded.exitCode === 0) continue;
      for (const { texts, rules } of batch) {
        const own = rules.get(on.family) ?? '';
        expect({ ...(await namespace.restore(on, own, 'test')), texts }).toEqual({ ...taken, texts });
        expect({ ...(await load(namespace, on, loadable(own))), texts }).toEqual({ ...taken, texts });
      }
    }
  });
});
