/**
 * Packets to everything that the rules of a cluster name, from everywhere: against an independent statement of where
 * they may go, in each spelling of the rules, and by the rules that kube-proxy v1.36.2 wrote for the same cluster.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type CompilerInput, load, rawCluster } from '../../../test/support/arbitrary/clusters.ts';
import { FakeKernel } from '../../../test/support/fake-kernel.ts';
import { allFixtures, fixtureInput } from '../../../test/support/fixture-input.ts';
import * as reachability from '../../../test/support/reachability.ts';
import { withJumps } from '../../chains/jumps.ts';
import { compile } from '../../compiler/compile.ts';
import { FAMILIES, type Family, joinPort } from '../../net/address.ts';
import { parseRuleset } from '../parse.ts';
import { printAppend, printRuleset } from '../print.ts';
import type { Ruleset } from '../types.ts';
import { dnatTargets, type Fate, type Outcome } from './fate.ts';
import type { Packet, SimulatedNode } from './packet.ts';
import { type PreparedRuleset, prepare, prepareSaved } from './prepare.ts';
import { simulate } from './simulate.ts';

/** The node that `reachability` speaks of. */
const LOCAL = ['192.168.0.2', '127.0.0.1', '2001:db8::2', '::1'];
const NODE: SimulatedNode = { isLocal: (address) => LOCAL.includes(address) };

/** A kernel that holds nothing else. */
function kernelWith(ruleset: Ruleset): FakeKernel {
  const kernel = new FakeKernel(ruleset.family);
  const jumps = withJumps(ruleset).tables.flatMap(({ name, chains }) => [
    `*${name}`,
    ...chains
      .filter(({ policy }) => policy)
      .flatMap((chain) => chain.rules.map((rule) => printAppend(chain, rule))),
    'COMMIT\n',
  ]);
  expect(kernel.tryRestore(printRuleset(ruleset) + jumps.join('\n'))).toBeUndefined();
  return kernel;
}

function packetsTo(kernel: FakeKernel): { asked: reachability.Packet; packet: Packet }[] {
  const asked = [...reachability.packetsTo([kernel.saved()], kernel.family).values()].flat();
  return asked.map(({ from, port, ...packet }, i) => ({
    asked: { from, port, ...packet },
    packet: { ...packet, inInterface: from, sourcePort: 40000 + i, destinationPort: port },
  }));
}

/** In the words of `reachability`. */
function wordsOf({ verdict, dnat }: Outcome): string {
  if (verdict !== 'ACCEPT') return verdict;
  return dnat === undefined ? 'through' : `to ${dnat}`;
}

/** What cannot be, whatever the cluster. */
function nonsenseIn(fate: Fate): string[] {
  const targets = dnatTargets(fate);
  const isNear = (probability: number, expected: number) => Math.abs(probability - expected) < 1e-6;
  const sum = fate.outcomes.reduce((sum, { probability }) => sum + probability, 0);
  const staysHere = (dnat: string) =>
    LOCAL.some((address) => dnat.startsWith(joinPort(address, 0).slice(0, -1)));
  return [
    ...fate.unknown.map(({ chain, number }) => `unknown: ${chain} ${number}`),
    ...(isNear(sum, 1) ? [] : [`probabilities add up to ${sum}`]),
    // All endpoints that a packet may come to are as good.
    ...[...targets]
      .filter(([, probability]) => !isNear(probability, 1 / targets.size))
      .map(([target, probability]) => `${target} with ${probability}`),
    // The mark that asks for masquerading is gone from packets that leave the node.
    ...fate.outcomes
      .filter(({ dnat, mark }) => dnat !== undefined && !staysHere(dnat) && mark !== 0)
      .map(({ dnat, mark }) => `${dnat} with mark ${mark}`),
  ];
}

/** Every packet, by compiled rules and by saved ones. Gives how many there were. */
function checkCluster({ cluster, node, options }: CompilerInput, family: Family): number {
  const ruleset = compile(cluster, node, options(family));
  const kernel = kernelWith(ruleset);
  const tables = kernel.saved();
  const packets = packetsTo(kernel);
  const compiled = prepare(withJumps(ruleset));
  const fates = packets.map(({ packet }) => simulate(compiled, packet, NODE));
  expect(fates.flatMap(nonsenseIn)).toEqual([]);

  const said = fates.map(({ outcomes }, i) => [
    packets[i]?.asked,
    [...new Set(outcomes.map(wordsOf))].sort(),
  ]);
  const stated = packets.map(({ asked }) => [asked, [...reachability.fatesOf(tables, asked, family)].sort()]);
  expect(said).toEqual(stated);

  const saved = prepareSaved(kernel.save(), family);
  expect(packets.map(({ packet }) => simulate(saved, packet, NODE))).toEqual(fates);
  return packets.length;
}

const fixtures = await allFixtures();

describe.each(fixtures)('$name', (fixture) => {
  test.each(FAMILIES)('%s', async (family) => {
    checkCluster(await fixtureInput(fixture), family);
  });
});

const ofKubeProxy = fixtures.filter(({ name }) => name.startsWith('conformance/'));

test.each(ofKubeProxy)('by the rules of kube-proxy: $name', async (fixture) => {
  const { cluster, node, options } = await fixtureInput(fixture);
  for (const family of FAMILIES) {
    const ours = compile(cluster, node, options(family));
    const text = await readFile(join(fixture.folder, `kube-proxy.${family}.rules`), 'utf8');
    const prepared = (ruleset: Ruleset) => prepare(withJumps(ruleset));
    const [a, b] = [prepared(ours), prepared(parseRuleset(text, family))];
    const packets = packetsTo(kernelWith(ours));
    const fates = (ruleset: PreparedRuleset) => packets.map(({ packet }) => simulate(ruleset, packet, NODE));
    expect(fates(a)).toEqual(fates(b));
  }
});

test('random clusters', () => {
  let packets = 0;
  fc.assert(
    fc.property(rawCluster, fc.constantFrom(...FAMILIES), (raw, family) => {
      packets += checkCluster(load(raw), family);
    }),
    { numRuns: 30 },
  );
  expect(packets).toBeGreaterThan(0);
});
