/**
 * docs/replacing-kube-proxy.md, from top to bottom: its commands run with the real kubectl, against an API server and
 * kubelets of the test's own, while traffic flows. The agents are real; kube-proxy is a stand-in that writes its rules.
 */
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { FAMILIES, type Family } from '../src/net/address.ts';
import { createKubeadmCluster, type KubeadmCluster, WEB } from './support/cluster/kubeadm-cluster.ts';
import { PageShell } from './support/documentation/shell.ts';
import { addressOf, nodePortOf, PORT } from './support/kernel/cluster.ts';
import { ADDRESSES } from './support/kernel/lab.ts';
import { BACKENDS, MAY_USE_NAMESPACES, programOf } from './support/kernel/namespace.ts';
import type { Call, Download, Probe } from './support/kernel/peers.ts';
import { HAS_WEBSOCKET_STREAMS } from './support/kubectl.ts';
import { PROJECT } from './support/project.ts';
import { promiseOf } from './support/replacing-kube-proxy/checks.ts';
import { CLUSTER_COMMANDS, IMAGE, type PageCommand } from './support/replacing-kube-proxy/page.ts';

/** Seconds. What a command is about may take its time in a cluster. */
const PATIENCE = 180;

const nameOf = ({ line, text }: PageCommand) => `line ${line}: ${text.split('\n')[0]}`;

/** Who asks for the Service of the lab all the time. */
function callsOf(family: Family): readonly Call[] {
  const clusterIP = { to: addressOf(family, 'cluster IP', WEB), port: PORT };
  return [
    { from: 'pod-2', protocol: 'tcp', ...clusterIP },
    { from: 'pod-2', protocol: 'udp', ...clusterIP },
    { from: 'pod-3', protocol: 'tcp', ...clusterIP },
    {
      from: 'outside',
      source: ADDRESSES[family].client,
      protocol: 'tcp',
      to: ADDRESSES[family].uplink,
      port: nodePortOf(WEB),
    },
  ];
}

const BYTES = 20_000_000;

describe.skipIf(!MAY_USE_NAMESPACES || !HAS_WEBSOCKET_STREAMS).each(BACKENDS)('iptables-%s', (backend) => {
  let cluster: KubeadmCluster;
  let shell: PageShell;
  let probes: readonly { readonly call: Call; readonly probe: Probe }[];
  let downloads: readonly Download[];
  let before: readonly string[];

  beforeAll(async () => {
    cluster = await createKubeadmCluster(backend, IMAGE);
    shell = new PageShell(await shellOptions());
    before = await rules();
    const { peers } = cluster.lab;
    probes = await Promise.all(
      FAMILIES.flatMap(callsOf).map(async (call) => ({
        call,
        probe: await peers.probe(call, { every: 0.02, timeout: 3 }),
      })),
    );
    downloads = await Promise.all(
      FAMILIES.map((family) =>
        peers.download({ from: 'pod-2', to: addressOf(family, 'cluster IP', WEB), port: PORT }, BYTES),
      ),
    );
  });
  afterAll(async () => {
    await shell?.[Symbol.asyncDispose]();
    await cluster?.[Symbol.asyncDispose]();
  });

  /** An administrator's shell, with the manifests as the page has them edited. */
  async function shellOptions() {
    const { lab, admin } = cluster;
    const page = join(lab.folder, 'page');
    await mkdir(page);
    await cp(join(PROJECT, 'deploy'), join(page, 'deploy'), { recursive: true });
    const kustomization = join(page, 'deploy', 'base', 'kustomization.yaml');
    const text = await readFile(kustomization, 'utf8');
    await writeFile(
      kustomization,
      text.replace('- name: svc2ipt', `$&\n    newName: ${IMAGE.split(':')[0]}`),
    );
    const env = { KUBECONFIG: admin.kubeconfig };
    return { page, own: lab.folder, programs: page, env, inside: lab.inside(admin.place) };
  }

  /** All rules of both nodes, in their order. */
  async function rules(): Promise<string[]> {
    const texts = await Promise.all(
      FAMILIES.flatMap((family) =>
        (['node', 'other-node'] as const).map((place) =>
          cluster.lab.run(place, [`${programOf(family)}-${backend}-save`]),
        ),
      ),
    );
    return texts.flatMap(({ stdout }) => stdout.split('\n').filter((line) => /^[-*]/.test(line)));
  }

  /** Traffic flows all the time. */
  afterEach(async () => {
    for (const { call, probe } of probes) {
      const outcomes = Object.keys(await probe.take());
      expect({ call, outcomes: outcomes.filter((one) => !/^pod-[13] sees /.test(one)) }).toEqual({
        call,
        outcomes: [],
      });
    }
  });

  test.each(CLUSTER_COMMANDS.map((command) => [nameOf(command), command] as const))(
    '%s',
    async (_, command) => {
      const promise = promiseOf(command);
      const end = performance.now() + PATIENCE * 1000;
      for (;;) {
        const { exitCode, output } = await shell.run(command.text, PATIENCE);
        expect({ exitCode, output }).toEqual({ exitCode: 0, output });
        try {
          promise?.(output);
          break;
        } catch (error) {
          // As a reader would look again.
          if (performance.now() > end) throw error;
          await sleep(500);
        }
      }
      await cluster.daemonSets.settled();
    },
  );

  test.each(['-k deploy/base', '-f deploy/base/manifests'])(
    'other clusters: kubectl apply %s',
    async (which) => {
      const { exitCode, output } = await shell.run(`kubectl apply --dry-run=server ${which}`);
      expect({ exitCode, output }).toEqual({ exitCode: 0, output });
      expect(output.match(/created \(server dry run\)/g)).toHaveLength(5);
    },
  );

  test('connections from before have gone on through all of it', async () => {
    for (const download of downloads) {
      const { received, sent, early } = await download.end();
      expect({ early, ...received }).toMatchObject({ early: false, ...sent });
      expect(sent.bytes).toBe(BYTES);
    }
  });

  test('the agents have asked for nothing that their roles do not allow', () => {
    expect(cluster.server.forbidden).toEqual([]);
  });

  test('the rules are those from before, on both nodes', async () => {
    expect(await rules()).toEqual(before);
  });
});
