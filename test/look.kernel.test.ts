/** `svc2ipt trace` and `svc2ipt explain` on a node, by the rules in its kernel: what they say is what clients see. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { FAMILIES, type Family, joinPort } from '../src/net/address.ts';
import { addressOf, type LabService, labCluster, nodePortOf, PORT } from './support/kernel/cluster.ts';
import { svc2ipt } from './support/kernel/command-line.ts';
import { ADDRESSES, Lab, SERVER_PORT } from './support/kernel/lab.ts';
import { BACKENDS, MAY_USE_NAMESPACES } from './support/kernel/namespace.ts';
import { MAIN } from './support/project.ts';

const SERVICES: readonly LabService[] = [
  { name: 'web', index: 1, endpoints: ['pod-2', 'pod-3'] },
  { name: 'nobody', index: 2, endpoints: [] },
  { name: 'far', index: 3, endpoints: ['pod-3'], spec: { externalTrafficPolicy: 'Local' } },
];

const traced = z.object({
  sentence: z.string(),
  outcomes: z.array(
    z.object({ probability: z.number(), dnat: z.string().optional(), masqueraded: z.boolean() }),
  ),
  unknown: z.array(z.object({ missing: z.string() })),
  stages: z.array(z.object({ table: z.string(), chain: z.string() })),
});

describe.skipIf(!MAY_USE_NAMESPACES).each(BACKENDS)('iptables-%s', (backend) => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await Lab.create();
    expect((await svc2ipt(lab, backend, 'apply', labCluster(SERVICES))).exitCode).toBe(0);
  });
  afterAll(async () => await lab?.[Symbol.asyncDispose]());

  async function look(...args: string[]): Promise<string> {
    const command = [process.execPath, MAIN, ...args, '--backend', backend];
    const { exitCode, stdout, stderr } = await lab.run('node', command);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    return stdout;
  }

  async function trace(...args: string[]) {
    return traced.parse(JSON.parse(await look('trace', '-o', 'json', ...args)));
  }

  const endpoint = (family: Family, pod: 'pod-2' | 'pod-3') => joinPort(ADDRESSES[family][pod], SERVER_PORT);

  describe.each(FAMILIES)('%s', (family) => {
    const clusterIP = (index: number) => addressOf(family, 'cluster IP', index);

    test('a pod and a cluster IP', async () => {
      const { outcomes, unknown, sentence, stages } = await trace(
        ...['--from', ADDRESSES[family]['pod-1'], '--to', `${joinPort(clusterIP(1), PORT)}/tcp`],
      );
      expect(outcomes).toEqual(
        (['pod-2', 'pod-3'] as const).map((pod) => ({
          probability: 0.5,
          dnat: endpoint(family, pod),
          masqueraded: false,
        })),
      );
      expect(unknown).toEqual([]);
      expect(sentence).toBe('It goes to one of 2 destinations, 1/2 each, with its own source.');
      expect(stages[0]).toEqual({ table: 'nat', chain: 'PREROUTING' });

      const call = { from: 'pod-1', protocol: 'tcp', to: clusterIP(1), port: PORT } as const;
      const seen = await lab.peers.ask(call, { times: 40 });
      expect(Object.keys(seen.outcomes).sort()).toEqual(['pod-2 sees pod-1', 'pod-3 sees pod-1']);
    });

    test('names, by what the rules say of themselves', async () => {
      const byName = await trace('--from', 'outside', '--to', 'node-port/lab/web:tcp', '--family', family);
      expect(byName.outcomes.map(({ dnat }) => dnat)).toEqual([
        endpoint(family, 'pod-2'),
        endpoint(family, 'pod-3'),
      ]);
      expect(byName.outcomes.every(({ masqueraded }) => masqueraded)).toBe(true);
      const refused = await trace('--from', 'node', '--to', 'lab/nobody:udp', '--family', family);
      expect(refused.sentence).toMatch(
        /^It is refused with icmp6?-port-unreachable by rule \d+ of KUBE-SERVICES in the filter table \(lab\/nobody:udp has no endpoints\)\.$/,
      );
      const dropped = await trace(
        '--from',
        'outside',
        '--to',
        `node:${nodePortOf(3)}/sctp`,
        '--family',
        family,
      );
      expect(dropped.sentence).toContain('(lab/far:sctp has no local endpoints)');
    });

    test("the way out, by this node's routes", async () => {
      const rule = ['-m', 'comment', '--comment', 'by the way out', '-j', 'DROP'];
      const program = `${family === 'ipv4' ? 'iptables' : 'ip6tables'}-${backend}`;
      const to = ADDRESSES[family]['pod-2'];
      const printed = await lab.run('node', ['ip', '-oneline', 'route', 'get', to]);
      const [, device = ''] = / dev (\S+)/.exec(printed.stdout) ?? [];
      expect(device).not.toBe('');
      const packet = ['--from', ADDRESSES[family]['pod-1'], '--to', `${joinPort(to, 9)}/tcp`];
      for (const [name, expected] of [
        [device, 'It is dropped by'],
        ['nowhere0', 'It goes on to'],
      ] as const) {
        const place = ['FORWARD', '-o', name, ...rule];
        expect((await lab.run('node', [program, '-I', ...place])).exitCode).toBe(0);
        const { sentence, unknown } = await trace(...packet);
        expect((await lab.run('node', [program, '-D', ...place])).exitCode).toBe(0);
        expect({ sentence, unknown }).toEqual({ sentence: expect.stringContaining(expected), unknown: [] });
      }
    });

    test('a Service and one of its chains', async () => {
      const text = await look('explain', 'lab/web', '--family', family, '-o', 'wide');
      expect(text).toContain(`cluster IP ${joinPort(clusterIP(1), PORT)} `);
      expect(text).toMatch(/2 of 2 endpoints get traffic from this node:\n.*\n.* 1\/2 .*\n.* 1\/2 /);
      const [chain = ''] = /KUBE-EXT-[A-Z2-7]{16}/.exec(text) ?? [];
      expect(await look('explain', chain, '--family', family)).toMatch(
        new RegExp(`^${chain}, nat table, of lab/web:(?:tcp|udp|sctp)\\n`),
      );
    });
  });
});
