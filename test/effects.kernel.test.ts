/**
 * Effects against the kernel: what somebody does to a node's rules, what `effectsOf` says that it does to packets, and what
 * becomes of real ones. And a fast layout that is broken, with the packet that the proof names.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { withJumps } from '../src/chains/jumps.ts';
import { type ClassOutcome, compareRulesets, type Difference } from '../src/iptables/classes/compare.ts';
import { exampleOf, isIn } from '../src/iptables/classes/example.ts';
import { commonClass, everyPacket, STATES } from '../src/iptables/classes/packet-class.ts';
import { classNode, rangeOf, serviceRange } from '../src/iptables/classes/questions.ts';
import { only } from '../src/iptables/classes/ranges.ts';
import { printSaved } from '../src/iptables/saved.ts';
import type { Packet } from '../src/iptables/simulator/packet.ts';
import { prepareSaved } from '../src/iptables/simulator/prepare.ts';
import type { Rule, Ruleset } from '../src/iptables/types.ts';
import { splitWords } from '../src/iptables/words.ts';
import { FAMILIES, type Family, familyOf, splitPort } from '../src/net/address.ts';
import { broken, inAnotherOrder, jumpsTo, withSmallerRange } from './support/broken-rules.ts';
import { addressOf, type LabService, labCluster, labRules, PORT } from './support/kernel/cluster.ts';
import { svc2ipt } from './support/kernel/command-line.ts';
import { ADDRESSES, Lab, nameOf } from './support/kernel/lab.ts';
import { BACKENDS, MAY_USE_NAMESPACES, programOf } from './support/kernel/namespace.ts';

const SERVICES: readonly LabService[] = [
  { name: 'web', index: 1, endpoints: ['pod-1'] },
  { name: 'itself', index: 2, endpoints: ['pod-1'] },
  { name: 'nobody', index: 3, endpoints: [] },
];

const NEW = only(BigInt(STATES.indexOf('NEW')));

/** So many that the fast layout makes trees of them; one has two endpoints, and one is that of a pod which calls itself. */
const MANY: readonly LabService[] = Array.from({ length: 30 }, (_, i) => ({
  name: `service-${i}`,
  index: 1 + 3 * i,
  endpoints: i === 1 ? ['pod-1', 'pod-2'] : ['pod-1'],
}));

/** What may be wrong with the fast layout. */
const BREAKAGES: readonly (readonly [name: string, change: (ruleset: Ruleset) => Ruleset | undefined])[] = [
  ['a leaf that is missing', (ruleset) => broken(ruleset, (rule) => (leadsToPart(rule) ? undefined : rule))],
  [
    'a range that is too small',
    (ruleset) => broken(ruleset, (rule) => (leadsToPart(rule) ? withSmallerRange(rule) : rule)),
  ],
  [
    'no masquerading of a pod that reaches itself',
    (ruleset) =>
      broken(ruleset, (rule) =>
        jumpsTo(rule, 'KUBE-MARK-MASQ') && rule.matches.some(({ match }) => match === 'bpf')
          ? undefined
          : rule,
      ),
  ],
  ['another order', inAnotherOrder],
];

/** Whether a rule leads cluster IPs to the part of a tree that is for some of them. */
const leadsToPart = (rule: Rule) =>
  jumpsTo(rule, 'KUBE-SVC-') &&
  rule.matches.some(
    (match) => match.match === 'destination' && /^(?:10\.96\.|fd00:10:96:).*\/\d+$/.test(match.address),
  );

interface Change {
  readonly name: string;
  /** Words of iptables, of a rule that iptables-save prints. */
  readonly command: (saved: readonly string[], family: Family) => string;
  /** Who sends to which Service. */
  readonly from: 'pod-1' | 'pod-2';
  readonly index: number;
  readonly before: string;
  readonly after: string;
}

/** The first rule that iptables-save prints that fits, deleted. */
const without = (saved: readonly string[], fits: RegExp) =>
  (saved.find((line) => fits.test(line)) ?? 'no such rule').replace(/^-A/, '-D');

const CHANGES: readonly Change[] = [
  {
    name: 'the Service is taken out of KUBE-SERVICES',
    command: (saved, family) =>
      `-t nat ${without(saved, new RegExp(`^-A KUBE-SERVICES .*${addressOf(family, 'cluster IP', 1)}/.* tcp `))}`,
    from: 'pod-2',
    index: 1,
    before: 'pod-1 sees pod-2',
    after: 'dropped',
  },
  {
    name: 'nothing asks for masquerading any more',
    command: () => '-t nat -F KUBE-MARK-MASQ',
    from: 'pod-1',
    index: 2,
    before: 'pod-1 sees gateway',
    after: 'dropped',
  },
  {
    name: 'a firewall drops what one pod sends',
    command: (_, family) => `-t filter -I FORWARD -s ${ADDRESSES[family]['pod-2']} -j DROP`,
    from: 'pod-2',
    index: 1,
    before: 'pod-1 sees pod-2',
    after: 'dropped',
  },
  {
    name: 'what was refused is dropped',
    command: (_, family) => `-t filter -I FORWARD -d ${addressOf(family, 'cluster IP', 3)} -j DROP`,
    from: 'pod-2',
    index: 3,
    before: 'refused',
    after: 'dropped',
  },
];

const interfaces = z.array(z.object({ addr_info: z.array(z.object({ local: z.string() })) }));

describe.skipIf(!MAY_USE_NAMESPACES).each(BACKENDS)('iptables-%s', (backend) => {
  describe.each(FAMILIES)('%s', (family) => {
    let lab: Lab;
    let own: readonly string[];
    const iptables = `${programOf(family)}-${backend}`;

    beforeAll(async () => {
      lab = await Lab.create();
      const { stdout } = await lab.run('node', ['ip', '-json', 'address']);
      own = interfaces
        .parse(JSON.parse(stdout))
        .flatMap(({ addr_info }) => addr_info.map(({ local }) => local))
        .filter((address) => familyOf(address) === family);
    });
    afterAll(async () => await lab?.[Symbol.asyncDispose]());

    const saved = async () => (await lab.run('node', [`${iptables}-save`])).stdout;

    test.each(CHANGES)('$name', async ({ command, from, index, before, after }) => {
      for (const chain of ['FORWARD', 'INPUT', 'OUTPUT']) await lab.run('node', [iptables, '-F', chain]);
      const applied = await svc2ipt(lab, backend, 'apply', labCluster(SERVICES));
      expect(applied).toMatchObject({ exitCode: 0, stderr: '' });
      const to = addressOf(family, 'cluster IP', index);
      const call = { from, to, port: PORT, protocol: 'tcp' } as const;
      const asked = async () => {
        await lab.run('node', ['conntrack', '-F', '-f', family]);
        return Object.keys((await lab.peers.ask(call, { times: 1, timeout: 3 })).outcomes);
      };

      const was = await saved();
      expect(await asked()).toEqual([before]);
      const words = splitWords(command(was.split('\n'), family));
      expect(await lab.run('node', [iptables, ...words])).toMatchObject({ exitCode: 0, stderr: '' });
      const is = await saved();
      expect(await asked()).toEqual([after]);

      const packet: Packet = {
        source: ADDRESSES[family][from],
        destination: to,
        protocol: 'tcp',
        sourcePort: 40000,
        destinationPort: PORT,
        inInterface: 'veth9',
      };
      const { differences } = compareRulesets(
        prepareSaved(was, family),
        prepareSaved(is, family),
        classNode(own, family, true),
      );
      const told = differences.filter(
        ({ start, packets }) =>
          start === 'arrives' &&
          isIn(packets, packet, { isLocal: (address) => own.includes(address) }) === true,
      );
      expect(told.length).toBe(1);
    });

    /** A packet of a difference that somebody in the lab can send, and who. */
    function sendable({ start, packets }: Difference) {
      if (start !== 'arrives') return [];
      return (['pod-1', 'pod-2'] as const).flatMap((from) => {
        const sent = commonClass(packets, {
          ...everyPacket(family),
          source: rangeOf(ADDRESSES[family][from]),
          service: serviceRange('tcp', [PORT, PORT]),
          state: NEW,
        });
        if (!sent) return [];
        const { packet, assumed } = exampleOf(sent, start, family, classNode(own, family, true));
        return assumed.length === 0 && packet.mark === 0 ? [{ from, to: packet.destination }] : [];
      });
    }

    /** What the proof says of packets, in the words of those who see them. */
    function expected(outcomes: readonly ClassOutcome[], from: 'pod-1' | 'pod-2'): string[] {
      const told = outcomes.map(({ verdict, dnat, masqueraded }) => {
        if (verdict === 'REJECT') return 'refused';
        const server = nameOf(splitPort(dnat ?? '')?.address ?? '');
        // Nobody answers on the address of a Service, nor to whom asked somebody else.
        if (verdict === 'DROP' || dnat === undefined || (server === from && !masqueraded)) return 'dropped';
        return `${server} sees ${masqueraded ? 'gateway' : from}`;
      });
      return [...new Set(told)].sort();
    }

    test.each(BREAKAGES)('the fast layout with %s', async (_, change) => {
      const load = async (ruleset: Ruleset) => {
        const restored = await lab.run('node', [`${iptables}-restore`], printSaved(ruleset));
        expect(restored).toMatchObject({ exitCode: 0, stderr: '' });
        return prepareSaved(await saved(), family);
      };
      const good = withJumps(labRules(MANY, family, 'fast'));
      const bad = change(good);
      if (!bad) throw new Error('there is nothing to break');
      const sides = [await load(good), await load(bad)] as const;
      const { differences } = compareRulesets(...sides, classNode(own, family, true));
      const [shown] = differences.flatMap((difference) =>
        sendable(difference).map((packet) => ({ ...packet, ...difference })),
      );
      if (!shown) throw new Error('nobody in the lab can send what the proof names');
      const { from, to, before, after } = shown;
      const asked = async () => {
        await lab.run('node', ['conntrack', '-F', '-f', family]);
        const call = { from, to, port: PORT, protocol: 'tcp' } as const;
        const { outcomes } = await lab.peers.ask(call, { times: 20, timeout: 2 });
        return Object.keys(outcomes).sort();
      };
      expect(await asked()).toEqual(expected(after, from));
      await load(good);
      expect(await asked()).toEqual(expected(before, from));
      expect(expected(before, from)).not.toEqual(expected(after, from));
    });
  });
});
