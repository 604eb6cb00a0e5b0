/**
 * Effects against the kernel: what somebody does to a node's rules, what `effectsOf` says that it does to packets, and what
 * becomes of real ones.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { compareRulesets } from '../src/iptables/classes/compare.ts';
import { isIn } from '../src/iptables/classes/example.ts';
import { classNode } from '../src/iptables/classes/questions.ts';
import type { Packet } from '../src/iptables/simulator/packet.ts';
import { prepareSaved } from '../src/iptables/simulator/prepare.ts';
import { splitWords } from '../src/iptables/words.ts';
import { FAMILIES, type Family, familyOf } from '../src/net/address.ts';
import { addressOf, type LabService, labCluster, PORT } from './support/kernel/cluster.ts';
import { svc2ipt } from './support/kernel/command-line.ts';
import { ADDRESSES, Lab } from './support/kernel/lab.ts';
import { BACKENDS, MAY_USE_NAMESPACES, programOf } from './support/kernel/namespace.ts';

const SERVICES: readonly LabService[] = [
  { name: 'web', index: 1, endpoints: ['pod-1'] },
  { name: 'itself', index: 2, endpoints: ['pod-1'] },
  { name: 'nobody', index: 3, endpoints: [] },
];

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
  });
});
