/** What becomes of many connections, and of those that are there while rules change. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FAMILIES, type Family } from '../src/net/address.ts';
import { Agent } from './support/kernel/agent.ts';
import { addressOf, type LabService, labCluster, nodePortOf, PORT } from './support/kernel/cluster.ts';
import { ADDRESSES, crowd, Lab, type Pod } from './support/kernel/lab.ts';
import { BACKENDS, MAY_USE_NAMESPACES } from './support/kernel/namespace.ts';
import { type Call, type Outcomes, PROTOCOLS, type Probe } from './support/kernel/peers.ts';
import { often } from './support/long-form.ts';

const INDEX = 1;

function web(endpoints: LabService['endpoints'], spec: LabService['spec'] = {}): LabService {
  return { name: 'web', index: INDEX, endpoints, spec };
}

const clusterIP = (family: Family, index = INDEX) => ({
  to: addressOf(family, 'cluster IP', index),
  port: PORT,
});
const nodePort = (family: Family, index = INDEX) => ({
  to: ADDRESSES[family].uplink,
  port: nodePortOf(index),
});

/** The pods that answered, whomever they saw. */
function servers(outcomes: Outcomes): string[] {
  return [...new Set(Object.keys(outcomes).map((outcome) => outcome.split(' ')[0] ?? ''))].sort();
}

describe.skipIf(!MAY_USE_NAMESPACES).each(BACKENDS)('iptables-%s', (backend) => {
  let lab: Lab;
  let agent: Agent;

  beforeAll(async () => {
    lab = await Lab.create();
    agent = new Agent(lab, backend);
  });
  afterAll(async () => {
    await agent?.[Symbol.asyncDispose]();
    await lab?.[Symbol.asyncDispose]();
  });

  describe('many connections', () => {
    const CONNECTIONS = 3000;

    /**
     * How likely it is that an even choice among three is at least as uneven as this: Pearson's test. With two degrees
     * of freedom the distribution has a closed form.
     */
    function likelihood(counts: readonly number[]): number {
      const even = CONNECTIONS / 3;
      const chiSquare = counts.reduce((sum, count) => sum + (count - even) ** 2 / even, 0);
      return Math.exp(-chiSquare / 2);
    }

    test.each(
      FAMILIES.flatMap((family) => [
        { family, way: 'cluster IP' as const },
        { family, way: 'node port' as const },
      ]),
    )('spread evenly over three endpoints: $way, $family', async ({ family, way }) => {
      await agent.apply(labCluster([web(['pod-1', 'pod-2', 'pod-3'])]));
      const call: Call = {
        from: 'outside',
        protocol: 'tcp',
        ...(way === 'cluster IP' ? clusterIP(family) : nodePort(family)),
      };
      const spread = async () => {
        const { outcomes } = await lab.peers.ask(call, { times: CONNECTIONS });
        expect(servers(outcomes)).toEqual(['pod-1', 'pod-2', 'pod-3']);
        return likelihood(Object.values(outcomes));
      };
      // Even choices look this uneven once in a thousand times, and twice in a row in a million.
      const first = await spread();
      if (first <= 0.001) expect(await spread(), `and ${first} before`).toBeGreaterThan(0.001);
    });
  });

  describe('session affinity', { concurrent: true }, () => {
    const SECONDS = 2;

    beforeAll(async () => {
      const clientIP = { timeoutSeconds: SECONDS };
      const spec = { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP } };
      await agent.apply(labCluster([web(['pod-1', 'pod-2', 'pod-3'], spec)]));
    });

    // All at once, as they wait most of the time.
    test.each(FAMILIES.flatMap((family) => PROTOCOLS.map((protocol) => ({ family, protocol }))))(
      'keeps a client with its endpoint until it expires: $protocol, $family',
      async ({ family, protocol }) => {
        /** The endpoints that each of many clients gets to. */
        const endpoints = async (times: number, { to, port }: { to: string; port: number }) =>
          await Promise.all(
            crowd(family).map(async (source) => {
              const call: Call = { from: 'outside', source, protocol, to, port };
              return servers((await lab.peers.ask(call, { times })).outcomes).join();
            }),
          );

        const first = await endpoints(5, clusterIP(family));
        expect(first.filter((server) => !/^pod-[123]$/.test(server))).toEqual([]);
        // All of twenty clients at the same endpoint by chance: once in a thousand million times.
        expect(new Set(first).size).toBeGreaterThan(1);

        // Each connection begins the time anew, so this is longer than any of it.
        for (let passed = 0; passed < SECONDS * 1.5; passed += SECONDS / 4) {
          await sleep((SECONDS / 4) * 1000);
          expect(await endpoints(1, clusterIP(family))).toEqual(first);
        }
        expect(await endpoints(1, nodePort(family)), 'by another address').toEqual(first);

        // The kernel counts in whole seconds, and rounds.
        await sleep((SECONDS + 1.5) * 1000);
        expect(await endpoints(1, clusterIP(family)), 'all chosen the same again').not.toEqual(first);
      },
    );
  });

  describe('a UDP client that keeps its socket', () => {
    /** Everybody who can get to the service, by every way there is. */
    function calls(family: Family): readonly Call[] {
      const protocol = 'udp';
      const port = PORT;
      return [
        { from: 'pod-2', protocol, ...clusterIP(family) },
        { from: 'node', protocol, ...clusterIP(family) },
        { from: 'outside', protocol, ...clusterIP(family) },
        { from: 'outside', protocol, ...nodePort(family) },
        { from: 'outside', protocol, to: addressOf(family, 'external IP', INDEX), port },
        { from: 'outside', protocol, to: addressOf(family, 'load-balancer IP', INDEX), port },
        { from: 'pod-2', protocol, ...nodePort(family) },
        ...(family === 'ipv4'
          ? [{ from: 'node', protocol, to: ADDRESSES.ipv4.localhost, port: nodePortOf(INDEX) } as const]
          : []),
      ];
    }

    /** What all of them get from now on, for long enough that each gets something. */
    async function heard(probes: readonly Probe[]): Promise<string[]> {
      for (const probe of probes) await probe.take();
      await sleep(200);
      const outcomes = await Promise.all(probes.map(async (probe) => await probe.take()));
      return outcomes.map((outcome) => servers(outcome).join());
    }

    test.each(
      FAMILIES.flatMap((family) =>
        (
          [
            ['follows when its endpoint is replaced', web(['pod-1']), 'pod-1', web(['pod-3']), 'pod-3'],
            ['is served when the first endpoint comes', web([]), 'refused', web(['pod-1']), 'pod-1'],
            // Its packets went out of the cluster until then, and the kernel remembers.
            ['is served when the Service comes', undefined, '', web(['pod-1']), 'pod-1'],
            ['is refused when the last endpoint goes', web(['pod-1']), 'pod-1', web([]), 'refused'],
          ] as const
        ).map(([name, before, first, after, then]) => ({ name, family, before, first, after, then })),
      ),
    )('$name: $family', async ({ family, before, first, after, then }) => {
      await agent.apply(labCluster(before ? [before] : []));
      const everybody = calls(family).filter(
        // Where nobody listens yet, the node itself refuses packets to its own addresses.
        ({ port }) => before || port === PORT,
      );
      const probes = await Promise.all(
        everybody.map(async (call) => await lab.peers.probe(call, { oneSocket: true })),
      );
      expect(await heard(probes)).toEqual(everybody.map(() => first));
      await agent.apply(labCluster([after]));
      expect(await heard(probes)).toEqual(everybody.map(() => then));
      for (const probe of probes) await probe.stop();
    });

    test.each(FAMILIES)('stays where it is when another endpoint is replaced: %s', async (family) => {
      await agent.apply(labCluster([web(['pod-1', 'pod-2'])]));
      const call: Call = { from: 'outside', protocol: 'udp', ...clusterIP(family) };
      const probes = await Promise.all(
        Array.from({ length: 16 }, async () => await lab.peers.probe(call, { oneSocket: true })),
      );
      const before = await heard(probes);
      expect([...new Set(before)].sort()).toEqual(['pod-1', 'pod-2']);
      await agent.apply(labCluster([web(['pod-1', 'pod-3'])]));
      const after = await heard(probes);
      expect(after.filter((_, i) => before[i] === 'pod-1').every((server) => server === 'pod-1')).toBe(true);
      expect(after).not.toContain('pod-2');
      for (const probe of probes) await probe.stop();
    });
  });

  describe('a TCP download', () => {
    const BYTES = 40_000_000;
    const APPLIES = often(25, 100);

    /** The services after each of many changes. The download comes from pod-1, by the service `web`. */
    function services(step: number): LabService[] {
      const others: readonly (readonly Pod[])[] = [[], ['pod-2'], ['pod-3'], ['pod-2', 'pod-3']];
      const terminating = { at: 'pod-1', terminating: true } as const;
      return [
        // Its own endpoint gets company, loses it, and is shut down and started again.
        web([step % 10 === 9 ? terminating : 'pod-1', ...(others[step % 4] ?? [])]),
        { name: 'always', index: 2, endpoints: ['pod-2'] },
        ...(step % 3 === 0 ? [] : [{ name: 'sometimes', index: 3, endpoints: ['pod-3'] } as const]),
        { name: 'other', index: 4, endpoints: others[step % 3] ?? [] },
        ...Array.from({ length: step % 5 }, (_, i) => ({
          name: `more-${i}`,
          index: 10 + i,
          endpoints: ['pod-1'] as const,
        })),
      ];
    }

    test(`survives ${APPLIES} changes`, async () => {
      await agent.apply(labCluster([web(['pod-1'])]));
      const downloads = await Promise.all(
        FAMILIES.flatMap((family) => [
          lab.peers.download({ from: 'pod-2', ...clusterIP(family) }, BYTES),
          lab.peers.download({ from: 'outside', ...nodePort(family) }, BYTES),
        ]),
      );
      for (let step = 1; step <= APPLIES; step++) {
        const written = await agent.apply(labCluster(services(step)));
        expect(written.filter(({ input }) => input === '')).toEqual([]);
      }
      for (const download of downloads) {
        const { received, sent, early } = await download.end();
        expect({ early, ...received }).toEqual({
          early: false,
          end: 'closed',
          bytes: BYTES,
          sha256: sent.sha256,
        });
      }
      expect(await agent.difference(labCluster(services(APPLIES)))).toEqual([]);
    });
  });
});
