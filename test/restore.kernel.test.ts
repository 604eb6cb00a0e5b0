/** Whether iptables, of both kinds, and the kernel behind them take the text that the compiler's rules print as. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DEFAULT_LAYOUT } from '../src/api/layout-names.ts';
import { compile } from '../src/compiler/compile.ts';
import { printRuleset } from '../src/iptables/print.ts';
import { FAMILIES, type Family } from '../src/net/address.ts';
import { load, rawCluster } from './support/arbitrary/clusters.ts';
import { allFixtures } from './support/fixture-input.ts';
import { LAYOUT } from './support/kernel/layout.ts';
import { BACKENDS, type Backend, MAY_USE_NAMESPACES, NetworkNamespace } from './support/kernel/namespace.ts';
import { often, someOf } from './support/long-form.ts';
import { PROJECT } from './support/project.ts';

/** The jumps that lead into the rules: only what a packet can get to does the kernel look at closely. */
const JUMPS = [
  ['filter', 'INPUT', 'KUBE-EXTERNAL-SERVICES'],
  ['filter', 'INPUT', 'KUBE-NODEPORTS'],
  ['filter', 'INPUT', 'KUBE-PROXY-FIREWALL'],
  ['filter', 'INPUT', 'KUBE-FIREWALL'],
  ['filter', 'FORWARD', 'KUBE-SERVICES'],
  ['filter', 'FORWARD', 'KUBE-FORWARD'],
  ['filter', 'OUTPUT', 'KUBE-SERVICES'],
  ['nat', 'PREROUTING', 'KUBE-SERVICES'],
  ['nat', 'OUTPUT', 'KUBE-SERVICES'],
  ['nat', 'POSTROUTING', 'KUBE-POSTROUTING'],
] as const;

/** Adds to each table the jumps to those chains that it has. */
function withJumps(rules: string): string {
  return rules.replaceAll(/^\*(\w+)\n[\s\S]*?(?=^COMMIT$)/gm, (text, table) => {
    const jumps = JUMPS.filter(([of, , chain]) => of === table && text.includes(`\n:${chain} `));
    return [text, ...jumps.map(([, from, to]) => `-A ${from} -j ${to}\n`)].join('');
  });
}

/** The counters that nfacct matches name are objects that a node may have; a namespace has none. */
function withoutCounters(rules: string): string {
  return rules.replaceAll(/ -m nfacct --nfacct-name \S+/g, '');
}

/** How many rules, and the names of the chains that are not built in. */
function outline(rules: string) {
  const chains = rules.matchAll(/^:(KUBE-\S+)/gm).map(([, name]) => name);
  return { chains: [...chains].sort(), rules: rules.match(/^-A /gm)?.length };
}

async function expectTaken(on: { backend: Backend; family: Family }, rules: string): Promise<void> {
  await using namespace = await NetworkNamespace.create();
  const taken = { exitCode: 0, stdout: '', stderr: '' };
  expect(await namespace.restore(on, rules, 'test'), 'with --test').toEqual(taken);
  const committed = withJumps(withoutCounters(rules));
  expect(await namespace.restore(on, committed), 'committed').toEqual(taken);
  expect(outline(await namespace.save(on))).toEqual(outline(committed));
}

const fixtures = (await allFixtures()).map(({ name }) => name);

/** Always the same ones, so that a cluster that fails here fails again. */
const clusters = fc.sample(rawCluster, { seed: 20240229, numRuns: often(40, 120) });

const PLACES = BACKENDS.flatMap((backend) => FAMILIES.map((family) => ({ backend, family })));

describe.skipIf(!MAY_USE_NAMESPACES).each(PLACES)(
  'iptables-$backend, $family',
  { concurrent: true },
  (on) => {
    // What is in them does not depend on the layout that is tested.
    const inTurn = LAYOUT === DEFAULT_LAYOUT ? someOf(fixtures, PLACES.indexOf(on), PLACES.length) : [];
    describe.runIf(inTurn.length > 0)('takes the golden files', () => {
      test.each(inTurn)('%s', async (name) => {
        await expectTaken(on, await readFile(join(PROJECT, 'golden', name, `${on.family}.rules`), 'utf8'));
      });
    });

    test.each(clusters.entries().toArray())('takes random cluster %i', async (_, raw) => {
      const { cluster, node, options } = load(raw);
      await expectTaken(on, printRuleset(compile(cluster, node, { ...options(on.family), layout: LAYOUT })));
    });
  },
);

/** Who refuses a broken rule: whoever is not named takes it. */
interface Refusal {
  /** A table, with a chain BROKEN declared. */
  readonly table: 'filter' | 'nat';
  readonly lines: readonly string[];
  /** The backends whose --test refuses it. */
  readonly test: readonly Backend[];
  /** The backends that refuse to commit it. */
  readonly commit: readonly Backend[];
}

/**
 * How far the tests above can be trusted. iptables-nft --test only parses: it does not even know which chains there
 * are. iptables-legacy --test knows them. Neither asks the kernel, which a commit does.
 */
describe.skipIf(!MAY_USE_NAMESPACES).each(PLACES)(
  'iptables-$backend, $family, refuses',
  { concurrent: true },
  (on) => {
    const x = (length: number) => 'x'.repeat(length);
    const toEndpoint = (port: number) =>
      `-j DNAT --to-destination ${on.family === 'ipv4' ? `10.0.0.1:${port}` : `[fd00::1]:${port}`}`;

    test.each<[string, Refusal]>([
      ['nothing that is sound', { table: 'nat', lines: ['-A BROKEN -j ACCEPT'], test: [], commit: [] }],
      ['an option that there is not', parsed('-A BROKEN --no-such-option 1 -j ACCEPT')],
      ['a match that there is not', parsed('-A BROKEN -m nosuchmatch -j ACCEPT')],
      ['a port without a protocol', parsed('-A BROKEN --dport 80 -j ACCEPT')],
      ['a port that is too high', parsed('-A BROKEN -m tcp -p tcp --dport 65536 -j ACCEPT')],
      ['an endpoint whose port is too high', parsed(`-A BROKEN -m tcp -p tcp ${toEndpoint(65536)}`)],
      ['an endpoint with a port, without a protocol', parsed(`-A BROKEN ${toEndpoint(80)}`)],
      ['a probability above 1', parsed('-A BROKEN -m statistic --mode random --probability 1.1 -j ACCEPT')],
      ['no seconds', parsed('-A BROKEN -m recent --name X --rcheck --seconds 0 --reap -j ACCEPT')],
      ['a chain with a name of 29 characters', parsed(`:${x(29)} - [0:0]`)],
      ['an interface with a name of 16 characters', parsed(`-A BROKEN -i ${x(15)}+ -j ACCEPT`)],
      ['a jump to a chain that there is not', looked('-A BROKEN -j NO-SUCH-CHAIN')],
      ['a rule of a chain that there is not', looked('-A NO-SUCH-CHAIN -j ACCEPT')],
      [
        'a loop',
        asked('nat', ':ROUND - [0:0]', '-A OUTPUT -j BROKEN', '-A BROKEN -j ROUND', '-A ROUND -j BROKEN'),
      ],
      ['masquerading before routing', asked('nat', '-A PREROUTING -j BROKEN', '-A BROKEN -j MASQUERADE')],
      ['DNAT in the wrong table', asked('filter', `-A BROKEN -m tcp -p tcp ${toEndpoint(80)}`)],
      ['REJECT in the wrong table', asked('nat', '-A BROKEN -j REJECT')],
      ['a counter that there is not', asked('filter', '-A BROKEN -m nfacct --nfacct-name no-such-counter')],
      // From here on: what nobody refuses, and the compiler must get right by itself.
      [
        'no loop that nothing leads to',
        ignored(':ROUND - [0:0]', '-A BROKEN -j ROUND', '-A ROUND -j BROKEN'),
      ],
      ['no comment of 256 characters', ignored(`-A BROKEN -m comment --comment ${x(256)} -j ACCEPT`)],
      [
        'no list with a name of 201 characters',
        ignored(`-A BROKEN -m recent --name ${x(201)} --set -j ACCEPT`),
      ],
    ])('%s', async (_, { table, lines, test, commit }) => {
      await using namespace = await NetworkNamespace.create();
      const rules = [`*${table}`, ':BROKEN - [0:0]', ...lines, 'COMMIT', ''].join('\n');
      const refused = async (how: 'test' | 'commit') =>
        (await namespace.restore(on, rules, how)).exitCode !== 0;
      expect({ test: await refused('test'), commit: await refused('commit') }).toEqual({
        test: test.includes(on.backend),
        commit: commit.includes(on.backend),
      });
    });
  },
);

/** Refused as soon as it is read. */
function parsed(...lines: string[]): Refusal {
  return { table: 'nat', lines, test: BACKENDS, commit: BACKENDS };
}

/** Refused where the chains are known. */
function looked(...lines: string[]): Refusal {
  return { table: 'nat', lines, test: ['legacy'], commit: BACKENDS };
}

/** Refused by the kernel. */
function asked(table: Refusal['table'], ...lines: string[]): Refusal {
  return { table, lines, test: [], commit: BACKENDS };
}

/** Taken by all. */
function ignored(...lines: string[]): Refusal {
  return { table: 'nat', lines, test: [], commit: [] };
}

describe.skipIf(!MAY_USE_NAMESPACES).each(PLACES)('iptables-$backend, $family, with --test', (on) => {
  test('changes nothing', async () => {
    await using namespace = await NetworkNamespace.create();
    const rules = '*nat\n:KUBE-TEST - [0:0]\n-A KUBE-TEST -j ACCEPT\nCOMMIT\n';
    await namespace.restore(on, rules, 'test');
    expect(outline(await namespace.save(on))).toEqual(outline(''));
  });
});
