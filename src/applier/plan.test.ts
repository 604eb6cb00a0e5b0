/** The planner against a kernel that behaves: whatever is there, and whatever shall be. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { clusterHistory, loadHistory } from '../../test/support/arbitrary/cluster-history.ts';
import { load, type RawCluster, rawCluster } from '../../test/support/arbitrary/clusters.ts';
import { damages, doDamage } from '../../test/support/arbitrary/damage.ts';
import type { Manifest } from '../../test/support/arbitrary/raw.ts';
import { FakeKernel } from '../../test/support/fake-kernel.ts';
import {
  danglingJumps,
  type Fate,
  fatesOf,
  type PacketsByServicePort,
  packetsTo,
} from '../../test/support/reachability.ts';
import { effectOf } from '../../test/support/rule-order.ts';
import {
  endpoint,
  inputOf,
  loadBalancer,
  ON_NODE_A,
  ON_NODE_B,
  service,
  slice,
} from '../../test/support/rules.ts';
import { JUMPS } from '../chains/jumps.ts';
import { CANARY_TABLES, isOwnChain, isSharedChain, MARK_CHAIN } from '../chains/names.ts';
import { compile } from '../compiler/compile.ts';
import { ruleMeaning } from '../iptables/meaning.ts';
import { parseRule } from '../iptables/parse.ts';
import type { Ruleset } from '../iptables/types.ts';
import { FAMILIES, type Family } from '../net/address.ts';
import { Applier } from './applier.ts';
import { currentTables, wantedChains } from './current.ts';
import { isCurrentRule, type SavedTables } from './kernel.ts';
import { isUnchanged, planChanges, planTransactions, type Transaction } from './plan.ts';
import { iptablesPrograms } from './programs.ts';
import { RestoreInput } from './restore-input.ts';

interface How {
  readonly chainsAtOnce: number;
  readonly rewrite?: boolean;
}

const CAREFUL: How = { chainsAtOnce: 3 };
const USUAL: How = { chainsAtOnce: 250 };
const AT_ONCE: How = { chainsAtOnce: Number.POSITIVE_INFINITY };

function plan(kernel: FakeKernel, wanted: Ruleset | undefined, how: How): Transaction[] {
  const current = currentTables(kernel.saved(), kernel.family);
  const changes = planChanges(current, wanted, how.rewrite);
  return planTransactions(changes, current, how.chainsAtOnce, how.rewrite);
}

function take(kernel: FakeKernel, transactions: readonly Transaction[]): void {
  const input = counted(new RestoreInput(transactions));
  const refused = kernel.tryRestore(input);
  if (refused !== undefined) expect.fail(`${refused}\n${numbered(input)}\n${kernel.save()}`);
}

/** The text of an input, which knows without it how much it writes. */
function counted(input: RestoreInput): string {
  const text = String(input);
  const written = { lines: 0, filter: 0, nat: 0 };
  let table: string | undefined;
  for (const line of text.split('\n').slice(0, -1)) {
    written.lines++;
    if (line.startsWith('*')) table = line.slice(1);
    else if ((table === 'filter' || table === 'nat') && /^(\[\d+:\d+\] )?-[AIR] /.test(line))
      written[table]++;
  }
  const told = { lines: input.lineCount, filter: input.rulesOf('filter'), nat: input.rulesOf('nat') };
  expect(told).toEqual(written);
  return text;
}

function numbered(input: string): string {
  return input
    .split('\n')
    .map((line, i) => `${i + 1} ${line}`)
    .join('\n');
}

function bring(kernel: FakeKernel, wanted: Ruleset | undefined, how: How): void {
  take(kernel, plan(kernel, wanted, how));
}

/** What a kernel that was empty holds once a ruleset is applied. */
function applied(wanted: Ruleset): FakeKernel {
  const kernel = new FakeKernel(wanted.family);
  bring(kernel, wanted, AT_ONCE);
  return kernel;
}

/** Fails unless all of a ruleset is there, and nothing else of ours that nobody else holds on to. */
function expectHolds(kernel: FakeKernel, wanted: Ruleset | undefined): void {
  const { family } = kernel;
  const saved = kernel.saved();
  const current = currentTables(saved, family);
  for (const table of CANARY_TABLES) {
    const wantedHere = new Map(
      (wanted ? wantedChains(wanted, table) : []).map((chain) => [chain.name, chain]),
    );
    for (const { name, rules } of wantedHere.values()) {
      const chain = saved.get(table)?.get(name);
      expect(chain, `${table} ${name}`).toBeDefined();
      const held = (chain?.lines ?? []).map((line) => parseRule(line, family));
      if (isSharedChain(name)) expect(effectOf(held), `${table} ${name}`).toEqual(effectOf(rules));
      else expect(held.map(ruleMeaning), `${table} ${name}`).toEqual(rules.map(ruleMeaning));
    }
    for (const { name, lines } of saved.get(table)?.values() ?? []) {
      if (!isOwnChain(table, name) || wantedHere.has(name)) continue;
      const isKept = name === 'KUBE-FIREWALL' && (current.kubelet || (wanted && lines.length === 0));
      const used = current.tables.get(table)?.usedByOthers.has(name) ?? false;
      expect(isKept || (used && lines.length === 0), `${table} ${name} is left`).toBe(true);
    }
    for (const { from, to, rule } of JUMPS.filter((jump) => jump.table === table)) {
      const lines =
        saved
          .get(table)
          ?.get(from)
          ?.lines.filter((line) => isCurrentRule(line, rule, family)) ?? [];
      if (wantedHere.has(to)) expect(lines.length, `${table} ${from} to ${to}`).toBeGreaterThanOrEqual(1);
      else if (to !== 'KUBE-FIREWALL' || !saved.get(table)?.has(to))
        expect(lines, `${from} to ${to}`).toEqual([]);
    }
  }
  const again = planChanges(current, wanted);
  expect(again.every(isUnchanged), JSON.stringify(again)).toBe(true);
  expect(planTransactions(again, current, 250)).toEqual([]);
}

/** Everything that is not ours, with its counters. Rules in our chains are ours to remove, whoever made them. */
function foreignIn(saved: SavedTables, family: Family): string[] {
  return [...saved].flatMap(([table, chains]) =>
    [...chains.values()].flatMap(({ name, lines, counters }) => {
      if (isOwnChain(table, name)) return [];
      const jumps = JUMPS.filter((jump) => jump.table === table && jump.from === name);
      const isJump = (line: string) => jumps.some(({ rule }) => isCurrentRule(line, rule, family));
      return [
        `${table} ${name}`,
        ...lines.flatMap((line, i) => (isJump(line) ? [] : `${table} ${name} ${counters[i]}${line}`)),
      ];
    }),
  );
}

/** What there was, what shall be, and what has happened in between. */
interface Situation {
  readonly before: Ruleset;
  readonly after: Ruleset;
  readonly kernel: FakeKernel;
}

const few = <R extends Pick<RawCluster, 'services'>>(raw: R): R => ({
  ...raw,
  services: raw.services.slice(0, 6),
});

/** Two clusters that have nothing to do with each other. */
const strangers = fc
  .tuple(rawCluster, rawCluster, fc.constantFrom(...FAMILIES))
  .map(([before, after, family]): [Ruleset, Ruleset] => {
    const [a, b] = [load(few(before)), load(few(after))];
    return [compile(a.cluster, a.node, a.options(family)), compile(b.cluster, b.node, b.options(family))];
  });

/** A cluster, and the same after a while. */
const aged = fc
  .tuple(clusterHistory, fc.constantFrom(...FAMILIES))
  .map(([history, family]): [Ruleset, Ruleset] => {
    const uncrowded = history.map((raw) => ({
      ...raw,
      services: raw.services.filter(({ endpoints }) => JSON.stringify(endpoints).length < 20_000),
    }));
    const states = loadHistory(uncrowded.map(few));
    const rulesets = states.map(({ cluster, node, options }) => compile(cluster, node, options(family)));
    const [first] = rulesets;
    const last = rulesets.at(-1);
    if (!first || !last) throw new Error('a history has a cluster at least');
    return [first, last];
  });

const situation: fc.Arbitrary<Situation> = fc
  .tuple(fc.oneof(strangers, aged), fc.oneof(fc.constant([]), damages))
  .map(([[before, after], damages]) => {
    const kernel = applied(before);
    doDamage(kernel, damages);
    kernel.count();
    return { before, after, kernel };
  });

describe.each([
  ['a few chains at once', CAREFUL],
  ['as many as usual', USUAL],
  ['all at once', AT_ONCE],
  ['everything written anew', { ...USUAL, rewrite: true }],
  ['everything written anew, a few chains at once', { ...CAREFUL, rewrite: true }],
] satisfies [string, How][])('whatever is there: %s', (_, how) => {
  test('the kernel comes to hold what is wanted, and what is foreign stays', () => {
    fc.assert(
      fc.property(situation, ({ after, kernel }) => {
        const foreign = foreignIn(kernel.saved(), kernel.family);
        bring(kernel, after, how);
        expectHolds(kernel, after);
        expect(foreignIn(kernel.saved(), kernel.family)).toEqual(foreign);
      }),
      { numRuns: 15 },
    );
  });
});

/** The kernel after each transaction, as it was first. */
function statesOf(kernel: FakeKernel, transactions: readonly Transaction[]): FakeKernel[] {
  const states = [kernel.copy()];
  for (const transaction of transactions) {
    take(kernel, [transaction]);
    states.push(kernel.copy());
  }
  return states;
}

/** The fates of every packet in one state, by packet. */
type Fates = ReadonlyMap<string, ReadonlySet<Fate>>;

function fatesIn(saved: SavedTables, packets: PacketsByServicePort, family: Family): Fates {
  const fates = new Map<string, ReadonlySet<Fate>>();
  for (const packet of [...packets.values()].flat()) {
    const key = JSON.stringify(packet);
    if (!fates.has(key)) fates.set(key, fatesOf(saved, packet, family));
  }
  return fates;
}

const at = (fates: Fates, packet: object) => fates.get(JSON.stringify(packet)) ?? new Set<Fate>();

/**
 * Fails where a packet has a fate that it has neither before nor after, and where a Service that does not change is
 * touched. What is refused before or after, or what the node has no rules for then, may be refused in between, in
 * whichever way.
 * @param switched that all chains which were there change in one transaction. Else the chains of a service port may
 *   change one after the other, so that one address has for a while the endpoints of another
 */
function expectFates(states: readonly SavedTables[], family: Family, switched: boolean): void {
  const [first, last] = [states[0] ?? new Map(), states.at(-1) ?? new Map()];
  const packets = packetsTo([first, last], family);
  const [before, after] = [fatesIn(first, packets, family), fatesIn(last, packets, family)];
  for (const [i, saved] of states.entries()) {
    const now = fatesIn(saved, packets, family);
    for (const [servicePort, ofServicePort] of packets) {
      const unchanged = ofServicePort.every((packet) => isSame(at(before, packet), at(after, packet)));
      const anywhere = ofServicePort.flatMap((packet) => [...at(before, packet), ...at(after, packet)]);
      for (const packet of ofServicePort) {
        const ends = at(before, packet).union(at(after, packet));
        const more = [
          ...(['through', 'REJECT', 'DROP'].some((fate) => ends.has(fate)) ? ['REJECT', 'DROP'] : []),
          ...(switched ? [] : anywhere.filter((fate) => fate.startsWith('to '))),
        ];
        const allowed = ends.union(new Set(more));
        const fates = at(now, packet);
        const about = `${servicePort}, state ${i} of ${states.length}: ${JSON.stringify(packet)}`;
        if (!fates.isSubsetOf(allowed)) expect([...fates], about).toEqual([...allowed]);
        if (unchanged && !ends.has('through') && !isSame(fates, ends)) {
          expect([...fates], about).toEqual([...at(before, packet)]);
        }
      }
    }
  }
}

function isSame(a: ReadonlySet<Fate>, b: ReadonlySet<Fate>): boolean {
  return a.size === b.size && a.isSubsetOf(b);
}

describe.each([
  ['a few chains at once', CAREFUL],
  ['as many as usual', USUAL],
  ['all at once', AT_ONCE],
] satisfies [string, How][])('between any two transactions: %s', (_, how) => {
  const switched = how !== CAREFUL;

  test.each([
    ['a cluster after a while', aged],
    ['another cluster', strangers],
  ] satisfies [string, fc.Arbitrary<[Ruleset, Ruleset]>][])(
    'packets go where they went or where they will go: %s',
    (_, rulesets) => {
      fc.assert(
        fc.property(rulesets, ([before, after]) => {
          const states = statesOf(applied(before), plan(applied(before), after, how));
          expectFates(
            states.map((state) => state.saved()),
            before.family,
            switched,
          );
        }),
        { numRuns: 10 },
      );
    },
    60_000,
  );

  test('whatever has happened to the tables: no jump leads nowhere, packets go as they should, and a new start ends the same', () => {
    fc.assert(
      fc.property(situation, fc.nat(), ({ after, kernel }, killed) => {
        const states = statesOf(kernel, plan(kernel, after, how));
        for (const state of states) expect(danglingJumps(state.saved())).toEqual([]);
        expectFates(
          states.map((state) => state.saved()),
          kernel.family,
          switched,
        );
        const left = states[killed % states.length] ?? kernel;
        bring(left, after, how);
        expectHolds(left, after);
      }),
      { numRuns: 10 },
    );
  });
});

/** One Service in all its states, beside another one that stays as it is. */
describe('between any two transactions, from each state of a Service to each other', () => {
  const there = slice([endpoint('10.244.2.1', ON_NODE_B)]);
  const both = slice([endpoint('10.244.1.1', ON_NODE_A), endpoint('10.244.2.1', ON_NODE_B)]);
  const moved = slice([endpoint('10.244.1.2', ON_NODE_A)]);
  const policy = (policy: string) => ({ externalTrafficPolicy: policy });
  const ranges = { loadBalancerSourceRanges: ['203.0.113.0/24'] };
  const ports = { ports: [{ name: 'http', port: 80, nodePort: 30080 }], externalIPs: ['203.0.113.9'] };
  const exposed = (spec: Manifest) => loadBalancer({ ...ports, ...spec });

  const STATES: Readonly<Record<string, readonly Manifest[]>> = {
    'is not there': [],
    'has no endpoints': [service()],
    'has endpoints': [service(), both],
    'has other endpoints': [service(), moved],
    'remembers clients': [service({ sessionAffinity: 'ClientIP' }), both],
    'has endpoints elsewhere, internal Local': [service({ internalTrafficPolicy: 'Local' }), there],
    'has endpoints here, internal Local': [service({ internalTrafficPolicy: 'Local' }), both],
    'is exposed, without endpoints': [exposed({})],
    'is exposed': [exposed({}), both],
    'is exposed, with source ranges': [exposed(ranges), both],
    'is exposed, with source ranges, without endpoints': [exposed(ranges)],
    'is exposed, Local, endpoints elsewhere': [exposed(policy('Local')), there],
    'is exposed, Local, endpoints here': [exposed(policy('Local')), both],
    'is exposed, Local, with source ranges': [exposed({ ...policy('Local'), ...ranges }), both],
    'is exposed, all Local, endpoints elsewhere': [
      exposed({ ...policy('Local'), internalTrafficPolicy: 'Local' }),
      there,
    ],
  };
  const names = Object.keys(STATES);

  const neighbour = [
    service({ clusterIP: '10.96.0.11' }, { metadata: { name: 'neighbour' } }),
    slice(['10.244.1.9'], {
      metadata: {
        name: 'neighbour-1',
        namespace: 'shop',
        labels: { 'kubernetes.io/service-name': 'neighbour' },
      },
    }),
  ];
  const rulesets = new Map(
    names.map((name) => {
      const { cluster, node, options } = inputOf({ objects: [...neighbour, ...(STATES[name] ?? [])] });
      return [name, compile(cluster, node, options('ipv4'))];
    }),
  );

  test.each(names)('from where it %s', (from) => {
    for (const to of names) {
      const [before, after] = [rulesets.get(from), rulesets.get(to)];
      for (const how of [{ chainsAtOnce: 1 }, CAREFUL, AT_ONCE]) {
        if (!before || !after) continue;
        const kernel = applied(before);
        const states = statesOf(kernel, plan(kernel, after, how)).map((state) => state.saved());
        expectFates(states, 'ipv4', how === AT_ONCE);
        expectHolds(kernel, after);
      }
    }
  });

  /** What becomes of a client's packets to the cluster IP meanwhile. */
  test.each<[string, string, string[][]]>([
    ['is not there', 'has endpoints', [['through'], ['to 10.244.1.1:8080', 'to 10.244.2.1:8080']]],
    ['has endpoints', 'is not there', [['to 10.244.1.1:8080', 'to 10.244.2.1:8080'], ['through']]],
    // Redirected before it is not refused any more, refused before it is not redirected any more.
    ['has no endpoints', 'has other endpoints', [['REJECT'], ['to 10.244.1.2:8080'], ['to 10.244.1.2:8080']]],
    ['has other endpoints', 'has no endpoints', [['to 10.244.1.2:8080'], ['to 10.244.1.2:8080'], ['REJECT']]],
    [
      'has endpoints',
      'has other endpoints',
      [['to 10.244.1.1:8080', 'to 10.244.2.1:8080'], ['to 10.244.1.2:8080']],
    ],
  ])('it %s, then %s', (from, to, expected) => {
    const [before, after] = [rulesets.get(from), rulesets.get(to)];
    if (!before || !after) throw new Error(`no such states: ${from}, ${to}`);
    const kernel = applied(before);
    const fates = statesOf(kernel, plan(kernel, after, USUAL)).map((state) =>
      fatesOf(
        state.saved(),
        { source: '198.18.0.1', from: 'eth0', destination: '10.96.0.10', protocol: 'tcp', port: 80 },
        'ipv4',
      ),
    );
    expect(fates.map((fate) => [...fate].sort())).toEqual(expected);
  });
});

describe('very many new chains at once', () => {
  const services = Array.from({ length: 1200 }, (_, i) => {
    const letters = ((i * 7919) % 1200)
      .toString()
      .replaceAll(/\d/g, (digit) => 'ABCDEFGHIJ'.charAt(Number(digit)));
    return { name: `KUBE-SVC-${letters.padStart(16, 'A')}`, rules: [parseRule(` -j ${MARK_CHAIN}`, 'ipv4')] };
  });
  const entries = services.map(({ name }, i) =>
    parseRule(` -d 10.96.${i >> 8}.${i & 255}/32 -j ${name}`, 'ipv4'),
  );
  const wanted: Ruleset = {
    family: 'ipv4',
    tables: [
      {
        name: 'nat',
        chains: [
          { name: MARK_CHAIN, rules: [parseRule(' -j MARK --set-xmark 0x4000/0x4000', 'ipv4')] },
          { name: 'KUBE-SERVICES', rules: entries },
          ...services,
        ],
      },
    ],
  };

  test('are all there', () => {
    expectHolds(applied(wanted), wanted);
  });

  test('come last name first, and the one that most lead to comes last', () => {
    const lines = [...plan(new FakeKernel('ipv4'), wanted, AT_ONCE)].flatMap(({ table, lines }) =>
      table === 'nat' ? [...lines()] : [],
    );
    const made = lines.flatMap((line) => /^:(\S+)/.exec(line)?.[1] ?? []);
    const names = wantedChains(wanted, 'nat').map(({ name }) => name);
    const others = names.filter((name) => name !== MARK_CHAIN);
    expect(made).toEqual([...others.sort().reverse(), MARK_CHAIN]);
  });
});

describe('cleanup', () => {
  test.each([
    ['a few chains at once', CAREFUL],
    ['as many as usual', USUAL],
  ] satisfies [string, How][])(
    'leaves what is foreign, and doing it again does nothing: %s',
    (_, how) => {
      fc.assert(
        fc.property(situation, ({ kernel }) => {
          const foreign = foreignIn(kernel.saved(), kernel.family);
          const states = statesOf(kernel, plan(kernel, undefined, how));
          for (const state of states) expect(danglingJumps(state.saved())).toEqual([]);
          expectHolds(kernel, undefined);
          expect(foreignIn(kernel.saved(), kernel.family)).toEqual(foreign);
        }),
        { numRuns: 15 },
      );
    },
    60_000,
  );

  test('by a glance, without the rules of our own chains, ends the same', async () => {
    await fc.assert(
      fc.asyncProperty(situation, async ({ kernel }) => {
        const foreign = foreignIn(kernel.saved(), kernel.family);
        await new Applier(iptablesPrograms(kernel.family, 'nft'), kernel).cleanup();
        expectHolds(kernel, undefined);
        expect(foreignIn(kernel.saved(), kernel.family)).toEqual(foreign);
      }),
      { numRuns: 20 },
    );
  });

  test('of what nobody else touched leaves the kernel as it was', () => {
    fc.assert(
      fc.property(strangers, ([before]) => {
        const kernel = applied(before);
        bring(kernel, undefined, USUAL);
        expect(kernel.save().replaceAll(/^(?::[A-Z]+ ACCEPT \[0:0\]|\*\w+|COMMIT)\n/gm, '')).toBe('');
      }),
      { numRuns: 10 },
    );
  });
});

describe('counters', () => {
  /** The counters of each rule of ours, by chain and meaning. */
  function counted(saved: SavedTables, family: Family): Map<string, string | undefined> {
    return new Map(
      [...saved].flatMap(([table, chains]) =>
        [...chains.values()].flatMap(({ name, lines, counters }) => {
          if (!isOwnChain(table, name)) return [];
          const rules = lines.map((line) => `${table} ${name} ${ruleMeaning(parseRule(line, family))}`);
          return rules.map((rule, i): [string, string | undefined] => [rule, counters[i]]);
        }),
      ),
    );
  }

  test.each([
    ['as many as usual', USUAL],
    ['everything written anew', { ...USUAL, rewrite: true }],
  ] satisfies [string, How][])(
    'a rule that stays has counted what it had: %s',
    (_, how) => {
      fc.assert(
        fc.property(aged, ([before, after]) => {
          const kernel = applied(before);
          kernel.count();
          const had = counted(kernel.saved(), kernel.family);
          bring(kernel, after, how);
          for (const [rule, counter] of counted(kernel.saved(), kernel.family)) {
            expect(counter, rule).toBe(had.get(rule) ?? '[0:0]');
          }
        }),
        { numRuns: 15 },
      );
    },
    60_000,
  );
});
