/**
 * From the agent of a former commit to this one and back, on a node whose Services are in use: no connection fails, and
 * nothing is left that the other does not know. The former program is taken from the history of the checkout.
 */
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LAYOUT_NAMES } from '../src/api/layout-names.ts';
import { FAMILIES } from '../src/net/address.ts';
import { addressOf, type LabService, labCluster, PORT } from './support/kernel/cluster.ts';
import { cleanup } from './support/kernel/command-line.ts';
import { Lab } from './support/kernel/lab.ts';
import { BACKENDS, MAY_USE_NAMESPACES, programOf } from './support/kernel/namespace.ts';
import { RunningAgent } from './support/kernel/running-agent.ts';
import { pairs } from './support/long-form.ts';
import { MAIN, PROJECT } from './support/project.ts';

/** The oldest with both layouts whose libraries are still those of this checkout. */
const FORMER = 'a1e1bd093df2cdb4dc7b19c47614e4c87e0b73ba';

const IS_THERE =
  (await execa('git', ['cat-file', '-e', FORMER], { cwd: PROJECT, reject: false })).exitCode === 0;

const WEB: LabService = { name: 'web', index: 1, endpoints: ['pod-1', 'pod-3'] };
const SERVICES: readonly LabService[] = [
  WEB,
  { name: 'sticky', index: 2, endpoints: ['pod-1'], spec: { sessionAffinity: 'ClientIP' } },
  { name: 'local', index: 3, endpoints: ['pod-1', 'pod-3'], spec: { externalTrafficPolicy: 'Local' } },
  { name: 'ranges', index: 4, endpoints: ['pod-1'], spec: { loadBalancerSourceRanges: ['203.0.113.10/32'] } },
  { name: 'nobody', index: 5, endpoints: [] },
];
const MORE: LabService = { name: 'more', index: 6, endpoints: ['pod-1'] };

/** Both families have been compared with the kernel. */
const COMPARED = /full=true[\s\S]*full=true/;

let folder: string;
let former: string;
beforeAll(async () => {
  if (!MAY_USE_NAMESPACES || !IS_THERE) return;
  folder = await mkdtemp(join(tmpdir(), 'svc2ipt-former-'));
  const archive = await execa('git', ['archive', FORMER], { cwd: PROJECT, encoding: 'buffer' });
  await execa('tar', ['-x', '-C', folder], { input: archive.stdout });
  await symlink(join(PROJECT, 'node_modules'), join(folder, 'node_modules'));
  former = join(folder, 'src/cli/main.ts');
});
afterAll(async () => {
  if (folder) await rm(folder, { recursive: true });
});

// A copy of the sources has no history.
describe.skipIf(!MAY_USE_NAMESPACES || !IS_THERE).each(pairs(BACKENDS, LAYOUT_NAMES))(
  'iptables-%s, %s layout',
  (backend, layout) => {
    test('the former agent, this one, the former one again: no connection fails, and nothing is left', async () => {
      await using lab = await Lab.create();
      const manifests = join(lab.folder, 'manifests');
      await mkdir(manifests);
      const write = async (services: readonly LabService[]) => {
        const list = { apiVersion: 'v1', kind: 'List', items: labCluster(services) };
        await writeFile(join(manifests, 'cluster.json'), JSON.stringify(list));
      };
      const start = async (main: string) => {
        const args = ['--manifests', manifests, '-v', '4'];
        const agent = await RunningAgent.start(lab, { main, backend, args, own: { layout } });
        await agent.tells(COMPARED);
        return agent;
      };
      /** The rules of both families, by their chains; the order of chains, and counters, may differ. */
      const rules = async () => {
        const saved = await Promise.all(
          FAMILIES.map((family) => lab.run('node', [`${programOf(family)}-${backend}-save`])),
        );
        return saved
          .flatMap(({ stdout }) => stdout.split('\n').filter((line) => /^(-A|:KUBE)/.test(line)))
          .sort();
      };
      const without = (lines: readonly string[]) => lines.map((line) => line.replace(/ \[\d+:\d+\]$/, ''));

      const before = without(await rules());
      await write(SERVICES);
      let agent = await start(former);
      const wanted = without(await rules());
      expect(wanted.length).toBeGreaterThan(before.length + 40);

      const probes = await Promise.all(
        FAMILIES.flatMap((family) =>
          (['tcp', 'udp'] as const).map((protocol) =>
            lab.peers.probe(
              { from: 'outside', protocol, to: addressOf(family, 'load-balancer IP', WEB.index), port: PORT },
              { every: 0.02, timeout: 60 },
            ),
          ),
        ),
      );
      for (const main of [MAIN, former, MAIN]) {
        // However it ends: a busy machine may not let it tidy up in time.
        await agent.end('SIGTERM');
        agent = await start(main);
        expect(without(await rules())).toEqual(wanted);
        // It follows the cluster, and goes back.
        await write([...SERVICES, MORE]);
        await expect
          .poll(async () => (await rules()).join('\n'), { timeout: 120_000 })
          .toContain('lab/more:tcp');
        await write(SERVICES);
        await expect.poll(async () => without(await rules()), { timeout: 120_000 }).toEqual(wanted);
      }
      for (const probe of probes) {
        const outcomes = await probe.stop();
        expect(Object.keys(outcomes).filter((outcome) => !/^pod-[13] sees /.test(outcome))).toEqual([]);
        const connections = Object.values(outcomes).reduce((sum, count) => sum + count, 0);
        expect(connections).toBeGreaterThan(100);
      }
      // However it ends: a busy machine may not let it tidy up in time.
      await agent.end('SIGTERM');
      expect(await cleanup(lab, backend)).toMatchObject({ exitCode: 0 });
      expect(without(await rules())).toEqual(before);
    }, 900_000);
  },
);
