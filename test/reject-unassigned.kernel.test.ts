/** What nobody serves in the range of cluster IPs is refused at once, and nothing else is. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LAYOUT_NAMES } from '../src/api/layout-names.ts';
import { FAMILIES } from '../src/net/address.ts';
import type { Manifest } from './support/arbitrary/raw.ts';
import { addressOf, type LabService, labCluster, PORT } from './support/kernel/cluster.ts';
import { svc2ipt } from './support/kernel/command-line.ts';
import { Lab } from './support/kernel/lab.ts';
import { BACKENDS, MAY_USE_NAMESPACES } from './support/kernel/namespace.ts';
import { RunningAgent } from './support/kernel/running-agent.ts';
import { expectTraffic, type TrafficRow } from './support/kernel/traffic.ts';
import { pairs } from './support/long-form.ts';

const RANGES: Manifest = {
  apiVersion: 'networking.k8s.io/v1',
  kind: 'ServiceCIDR',
  metadata: { name: 'kubernetes' },
  spec: { cidrs: ['10.96.0.0/16', 'fd00:10:96::/112'] },
};

const NEAR: LabService = { name: 'near', index: 1, endpoints: ['pod-1'] };
/** Its cluster IP is nobody's until it comes. */
const LATER: LabService = { name: 'later', index: 2, endpoints: ['pod-3'] };
/** What a DNS cache on the node stands in for. */
const DNS: LabService = { name: 'dns', index: 53, endpoints: ['pod-1'], spec: { ports: [{ port: 53 }] } };
const CACHE_PORT = 9953;

/** Of SCTP, a node without it says that it does not know it, and not that nobody listens. */
const REFUSING = { protocols: ['tcp', 'udp'] } as const;
const SENDERS = ['pod-2', 'node', 'client'] as const;

const ROWS = pairs(BACKENDS, LAYOUT_NAMES).map(([backend, layout]) => ({ backend, layout }));

describe.skipIf(!MAY_USE_NAMESPACES).each(ROWS)(
  'iptables-$backend, $layout layout',
  ({ backend, layout }) => {
    let lab: Lab;
    beforeAll(async () => {
      lab = await Lab.create();
      await lab.peers.serve('node', CACHE_PORT);
      for (const family of FAMILIES) {
        const bits = family === 'ipv4' ? 32 : 128;
        const address = `${addressOf(family, 'cluster IP', DNS.index)}/${bits}`;
        const { exitCode, stderr } = await lab.run('node', ['ip', 'address', 'add', address, 'dev', 'lo']);
        expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
      }
    });
    afterAll(async () => await lab[Symbol.asyncDispose]());

    async function apply(services: readonly LabService[], own: Manifest): Promise<void> {
      const objects = [RANGES, ...labCluster(services)];
      const result = await svc2ipt(lab, backend, 'apply', objects, { own: { layout, ...own } });
      expect(result).toMatchObject({ exitCode: 0, stderr: '' });
    }

    async function expectRow(row: TrafficRow<string>, index: number): Promise<void> {
      for (const family of FAMILIES) await expectTraffic(lab, family, row, index);
    }

    /** At a port that the cluster IP of a Service does not have, or where nobody but the node is. */
    async function outcomesAt(from: 'pod-2' | 'node', index: number, port: number): Promise<unknown[]> {
      const calls = FAMILIES.flatMap((family) =>
        REFUSING.protocols.map((protocol) => ({
          from,
          protocol,
          port,
          to: addressOf(family, 'cluster IP', index),
        })),
      );
      const answers = await Promise.all(calls.map((call) => lab.peers.ask(call, { times: 2, timeout: 2.5 })));
      return [...new Set(answers.flatMap(({ outcomes }) => Object.keys(outcomes)))];
    }

    test('off, what nobody serves leaves the node', async () => {
      await apply([NEAR, DNS], {});
      for (const from of SENDERS) await expectRow([from, 'cluster IP', 'later', 'dropped'], LATER.index);
      expect(await outcomesAt('pod-2', NEAR.index, PORT + 1)).toEqual(['dropped']);
      expect(await outcomesAt('node', NEAR.index, PORT + 1)).toEqual(['dropped']);
    });

    test('on, it is refused at once, and what is served is served', async () => {
      await apply([NEAR, DNS], { rejectUnassigned: true });
      for (const from of SENDERS)
        await expectRow([from, 'cluster IP', 'later', 'refused', REFUSING], LATER.index);
      expect(await outcomesAt('pod-2', NEAR.index, PORT + 1)).toEqual(['refused']);
      expect(await outcomesAt('node', NEAR.index, PORT + 1)).toEqual(['refused']);
      await expectRow(['pod-2', 'cluster IP', 'near', 'pod-1 sees pod-2'], NEAR.index);
      await expectRow(['node', 'cluster IP', 'near', 'pod-1 sees gateway'], NEAR.index);
      await expectRow(['client', 'external IP', 'near', 'pod-1 sees gateway'], NEAR.index);
    });

    test('on, a cluster IP that the node itself has is its own', async () => {
      for (const family of FAMILIES) {
        // Over UDP, a server for all addresses of the node answers from another of them.
        const call = {
          protocol: 'tcp',
          to: addressOf(family, 'cluster IP', DNS.index),
          port: CACHE_PORT,
        } as const;
        const [ofPod, ofNode] = await Promise.all(
          (['pod-2', 'node'] as const).map((from) => lab.peers.ask({ ...call, from }, { times: 2 })),
        );
        expect(ofPod?.outcomes).toEqual({ 'node sees pod-2': 2 });
        expect(ofNode?.outcomes).toEqual({ [`node sees ${call.to}`]: 2 });
      }
    });

    test('on, a Service that comes takes over, and its address is refused again when it has gone', async () => {
      await apply([NEAR, DNS, LATER], { rejectUnassigned: true });
      // A flow that left the node before stays outside of every Service, and its port may be taken again.
      expect(await lab.run('node', ['conntrack', '--flush'])).toMatchObject({ exitCode: 0 });
      await expectRow(['pod-2', 'cluster IP', 'later', 'pod-3 sees pod-2'], LATER.index);
      await expectRow(['node', 'cluster IP', 'later', 'pod-3 sees node'], LATER.index);
      await apply([NEAR, DNS], { rejectUnassigned: true });
      await expectRow(['pod-2', 'cluster IP', 'later', 'refused', REFUSING], LATER.index);
    });

    test('nothing is left to write, and nothing is left of it when it is off again', async () => {
      const objects = [RANGES, ...labCluster([NEAR, DNS])];
      const own = { layout, rejectUnassigned: true };
      expect(await svc2ipt(lab, backend, 'diff', objects, { own })).toMatchObject({ exitCode: 0 });
      await apply([NEAR, DNS], {});
      await expectRow(['pod-2', 'cluster IP', 'later', 'dropped'], LATER.index);
    });

    test('an agent follows the ranges, and the Services that come', async () => {
      const manifests = join(lab.folder, 'watched.json');
      const write = async (...items: Manifest[]) =>
        await writeFile(manifests, JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
      await write(...labCluster([NEAR]));
      const args = ['--manifests', manifests, '-v', '2'];
      await using agent = await RunningAgent.start(lab, {
        backend,
        args,
        own: { layout, rejectUnassigned: true },
      });
      await agent.tells(/rejectUnassigned has no effect.*--service-cluster-ip-range/);
      const call = {
        from: 'pod-2',
        protocol: 'udp',
        to: addressOf('ipv4', 'cluster IP', LATER.index),
        port: PORT,
      } as const;
      const becomes = async (outcome: string) =>
        await expect
          .poll(async () => Object.keys((await lab.peers.ask(call, { timeout: 0.5 })).outcomes), {
            timeout: 60_000,
          })
          .toEqual([outcome]);
      await becomes('dropped');
      await write(RANGES, ...labCluster([NEAR]));
      await becomes('refused');
      await write(RANGES, ...labCluster([NEAR, LATER]));
      await becomes('pod-3 sees pod-2');
      await write(...labCluster([NEAR]));
      await becomes('dropped');
      expect(await agent.end('SIGTERM')).toMatchObject({ exitCode: 0 });
    });
  },
);
