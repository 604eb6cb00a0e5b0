/**
 * docs/helm.md and the commands of docs/alerts.md, run with the real helm and kubectl in a cluster of the tests: the chart
 * is installed beside kube-proxy, goes to all nodes, is upgraded, rolled back and removed. The agents are real.
 */
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FAMILIES } from '../src/net/address.ts';
import { createKubeadmCluster, type KubeadmCluster } from './support/cluster/kubeadm-cluster.ts';
import { pagesFor } from './support/documentation/pages.ts';
import { PageShell } from './support/documentation/shell.ts';
import type { Step } from './support/documentation/steps.ts';
import { HELM_FOLDER } from './support/helm.ts';
import { MAY_USE_NAMESPACES, programOf } from './support/kernel/namespace.ts';
import { HAS_WEBSOCKET_STREAMS } from './support/kubectl.ts';
import { PROJECT } from './support/project.ts';

/** Seconds. */
const PATIENCE = 180;
const BACKEND = 'nft';
const IMAGE = 'registry.example/svc2ipt:0.1.0';

const stepsOfPage = (path: string) => pagesFor('helm').find((page) => page.path === path)?.steps ?? [];
const nameOf = (step: Step) =>
  `line ${step.line}: ${step.kind === 'file' ? step.name : (step.text.split('\n')[0] ?? '')}`;

/** Of the page of the chart: until the agents are to go, and from there on. */
const STEPS = stepsOfPage('docs/helm.md');
const REMOVAL = STEPS.findIndex(
  (step) => step.kind === 'command' && step.text === 'kubectl label node --all service-proxy-',
);

/** What is in kube-system after a command, by a part of it: how many Pods of whom, and with which options. */
const PROMISES: readonly (readonly [
  command: RegExp,
  kubeProxy: number,
  svc2ipt: number | undefined,
  fast: boolean,
])[] = [
  [/^helm install/, 2, 0, false],
  [/^kubectl label node "\$NODE"/, 1, 1, false],
  [/^kubectl label node --all service-proxy=svc2ipt/, 0, 2, false],
  [/^helm upgrade/, 0, 2, true],
  [/^helm rollback/, 0, 2, false],
  [/^kubectl label node --all service-proxy-$/, 2, 0, false],
  [/^helm uninstall/, 2, undefined, false],
];

describe.skipIf(!MAY_USE_NAMESPACES || !HAS_WEBSOCKET_STREAMS || HELM_FOLDER === undefined)(
  'the chart',
  () => {
    let cluster: KubeadmCluster;
    let shell: PageShell;
    let page: string;
    let before: readonly string[];

    beforeAll(async () => {
      cluster = await createKubeadmCluster(BACKEND, IMAGE);
      const { lab, admin } = cluster;
      page = join(lab.folder, 'page');
      await mkdir(page);
      await cp(join(PROJECT, 'deploy'), join(page, 'deploy'), { recursive: true });
      shell = new PageShell({
        page,
        own: lab.folder,
        programs: HELM_FOLDER === '' || HELM_FOLDER === undefined ? page : HELM_FOLDER,
        env: { KUBECONFIG: admin.kubeconfig },
        inside: lab.inside(admin.place),
      });
      before = await rules();
    });
    afterAll(async () => {
      await shell?.[Symbol.asyncDispose]();
      await cluster?.[Symbol.asyncDispose]();
    });

    /** All rules of both nodes, in their order. */
    async function rules(): Promise<string[]> {
      const texts = await Promise.all(
        FAMILIES.flatMap((family) =>
          (['node', 'other-node'] as const).map((place) =>
            cluster.lab.run(place, [`${programOf(family)}-${BACKEND}-save`]),
          ),
        ),
      );
      return texts.flatMap(({ stdout }) => stdout.split('\n').filter((line) => /^[-*]/.test(line)));
    }

    async function succeeds(command: string): Promise<string> {
      const { exitCode, output } = await shell.run(command, PATIENCE);
      expect({ exitCode, output }).toEqual({ exitCode: 0, output });
      return output;
    }

    async function run(step: Step): Promise<void> {
      if (step.kind === 'file') await writeFile(join(page, step.name), step.text);
      if (step.kind !== 'command') return;
      await succeeds(step.text);
      await cluster.daemonSets.settled();
      const [, ...promise] = PROMISES.find(([command]) => command.test(step.text)) ?? [];
      if (promise.length > 0) expect(await present()).toEqual(promise);
    }

    /** As in {@link PROMISES}. */
    async function present(): Promise<unknown[]> {
      const ask = (what: string) => succeeds(`kubectl -n kube-system get ${what} --ignore-not-found`);
      const podsOf = async (name: string) => {
        const ready = await ask(`daemonset ${name} -o jsonpath='{.status.numberReady}'`);
        return ready === '' ? undefined : Number(ready);
      };
      const args = await ask("daemonset svc2ipt -o jsonpath='{.spec.template.spec.containers[0].args}'");
      return [await podsOf('kube-proxy'), await podsOf('svc2ipt'), args.includes('--layout=fast')];
    }

    test.each(STEPS.slice(0, REMOVAL).map((step) => [nameOf(step), step] as const))(
      'helm.md, %s',
      (_, step) => run(step),
    );

    test.each(stepsOfPage('docs/alerts.md').map((step) => [nameOf(step), step] as const))(
      'alerts.md, %s',
      (_, step) => run(step),
    );

    test.each(STEPS.slice(REMOVAL).map((step) => [nameOf(step), step] as const))('helm.md, %s', (_, step) =>
      run(step),
    );

    test('every command whose outcome is known was there', () => {
      const commands = STEPS.flatMap((step) => (step.kind === 'command' ? [step.text] : []));
      for (const [command] of PROMISES) expect(commands.filter((text) => command.test(text))).toHaveLength(1);
    });

    test('nothing of the chart is left, and the rules are those from before', async () => {
      const kinds = 'daemonsets,configmaps,serviceaccounts,secrets,clusterroles,clusterrolebindings';
      expect(await succeeds(`kubectl get ${kinds} -A -l app.kubernetes.io/name=svc2ipt -o name`)).toBe('');
      expect(await rules()).toEqual(before);
    });

    test('the agents have asked for nothing that their roles do not allow', () => {
      expect(cluster.server.forbidden).toEqual([]);
    });
  },
);
