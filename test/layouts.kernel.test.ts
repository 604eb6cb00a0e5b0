/** From one layout to the other, and from and to kube-proxy itself, under load: nobody notices, and nothing is left. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { LayoutName } from '../src/api/layout-names.ts';
import { isOwnChain } from '../src/chains/names.ts';
import { parseRuleset } from '../src/iptables/parse.ts';
import { printRuleset } from '../src/iptables/print.ts';
import type { Ruleset } from '../src/iptables/types.ts';
import { FAMILIES, type Family } from '../src/net/address.ts';
import {
  addressOf,
  type LabService,
  labCluster,
  labRules,
  nodePortOf,
  PORT,
} from './support/kernel/cluster.ts';
import { cleanup, clusterCommand } from './support/kernel/command-line.ts';
import { ADDRESSES, Lab } from './support/kernel/lab.ts';
import { BACKENDS, MAY_USE_NAMESPACES, programOf } from './support/kernel/namespace.ts';
import type { Call, Download, Probe } from './support/kernel/peers.ts';

const LOCAL = { externalTrafficPolicy: 'Local' };

/** More than iptables-nft can switch in one transaction, and endpoints enough for groups. */
const SERVICES: readonly LabService[] = [
  { name: 'web', index: 1, endpoints: ['pod-1', 'pod-3'] },
  { name: 'itself', index: 2, endpoints: ['pod-1'] },
  { name: 'local', index: 3, endpoints: ['pod-1', 'pod-3'], spec: LOCAL },
  { name: 'sessions', index: 4, endpoints: ['pod-1', 'pod-3'], spec: { sessionAffinity: 'ClientIP' } },
  { name: 'nobody', index: 5, endpoints: [] },
  ...Array.from({ length: 90 }, (_, i): LabService => {
    const count = i % 9 === 0 ? 0 : i % 9 === 1 ? 24 : 3;
    return {
      name: `more-${i}`,
      index: 10 + i,
      endpoints: Array.from({ length: count }, (_, j) => nobodyAt(i, j)),
    };
  }),
];

function nobodyAt(i: number, j: number): LabService['endpoints'][number] {
  return { at: { ipv4: `10.244.${20 + i}.${1 + 9 * j}`, ipv6: `fd00:10:244:${20 + i}::${1 + 9 * j}` } };
}

const CLUSTER = labCluster(SERVICES);

/** Who asks all the time, and what comes of it: of several answers, each time another one unless `sticky`. */
function questions(family: Family): readonly Question[] {
  const at = (index: number) => ({ to: addressOf(family, 'cluster IP', index), port: PORT });
  const nodePort = (index: number) => ({ to: ADDRESSES[family].uplink, port: nodePortOf(index) });
  const client = { from: 'outside', source: ADDRESSES[family].client } as const;
  const [pod, udp] = [
    { from: 'pod-2', protocol: 'tcp' } as const,
    { from: 'pod-2', protocol: 'udp' } as const,
  ];
  return [
    { name: 'a pod', call: { ...pod, ...at(1) }, answers: ['pod-1 sees pod-2', 'pod-3 sees pod-2'] },
    { name: 'UDP', call: { ...udp, ...at(1) }, answers: ['pod-1 sees pod-2', 'pod-3 sees pod-2'] },
    {
      name: 'a pod that reaches itself',
      call: { from: 'pod-1', protocol: 'tcp', ...at(2) },
      answers: ['pod-1 sees gateway'],
    },
    {
      name: 'outside',
      call: { ...client, protocol: 'tcp', ...nodePort(2) },
      answers: ['pod-1 sees gateway'],
    },
    {
      name: 'outside, local',
      call: { ...client, protocol: 'tcp', ...nodePort(3) },
      answers: ['pod-1 sees client'],
    },
    {
      name: 'sessions',
      call: { ...pod, ...at(4) },
      answers: ['pod-1 sees pod-2', 'pod-3 sees pod-2'],
      sticky: true,
    },
    { name: 'nobody', call: { ...pod, ...at(5) }, answers: ['refused'] },
  ];
}

interface Question {
  readonly name: string;
  readonly call: Call;
  readonly answers: readonly string[];
  /** Whoever answers first answers always. */
  readonly sticky?: true;
}

/** What an unchanged kube-proxy does to a node when it starts, by its v1.36: all its chains, and no others of its own. */
function kubeProxyText(family: Family, there: Ruleset): string {
  const rules = labRules(SERVICES, family, 'kube-proxy');
  const names = new Set(rules.tables.flatMap(({ chains }) => chains.map(({ name }) => name)));
  const nat = there.tables.find(({ name }) => name === 'nat');
  const stale = (nat?.chains ?? [])
    .map(({ name }) => name)
    .filter((name) => /^KUBE-(?:SVC|SVL|EXT|FW|SEP)-/.test(name) && !names.has(name));
  const heads = stale.map((name) => `:${name} - [0:0]\n`).join('');
  const removals = stale.map((name) => `-X ${name}\n`).join('');
  return printRuleset(rules)
    .replace('*nat\n', `*nat\n${heads}`)
    .replace(/COMMIT\n$/, `${removals}COMMIT\n`);
}

describe.skipIf(!MAY_USE_NAMESPACES).each(BACKENDS)('iptables-%s', (backend) => {
  let lab: Lab;
  let probes: readonly (Question & { readonly probe: Probe; readonly seen: Set<string> })[];
  let downloads: readonly Download[];

  beforeAll(async () => {
    lab = await Lab.create();
    await apply('kube-proxy');
    probes = await Promise.all(
      FAMILIES.flatMap((family) =>
        questions(family).map(async (question) => ({
          ...question,
          name: `${question.name}, ${family}`,
          probe: await lab.peers.probe(question.call, { every: 0.02, timeout: 3 }),
          seen: new Set<string>(),
        })),
      ),
    );
    downloads = await Promise.all(
      FAMILIES.map((family) =>
        lab.peers.download({ from: 'pod-2', to: addressOf(family, 'cluster IP', 2), port: PORT }, BYTES),
      ),
    );
  });
  afterAll(async () => await lab?.[Symbol.asyncDispose]());

  const BYTES = 20_000_000;

  async function apply(layout: LayoutName): Promise<void> {
    const command = await clusterCommand(lab, backend, 'apply', CLUSTER);
    const { exitCode, stderr } = await lab.run('node', [...command, '--layout', layout]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  }

  /** kube-proxy's own way: everything in one transaction of each table. */
  async function startKubeProxy(): Promise<void> {
    for (const family of FAMILIES) {
      const restore = [`${programOf(family)}-${backend}-restore`, '--noflush', '--counters'];
      const { exitCode, stderr } = await lab.run('node', restore, kubeProxyText(family, await held(family)));
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    }
  }

  async function held(family: Family): Promise<Ruleset> {
    const { stdout } = await lab.run('node', [`${programOf(family)}-${backend}-save`]);
    return parseRuleset(`${stdout}\n`, family);
  }

  /** Chains of ours that are there. */
  async function chains(family: Family, ...tables: string[]): Promise<string[]> {
    return (await held(family)).tables
      .filter(({ name }) => tables.includes(name))
      .flatMap(({ name: table, chains }) =>
        chains.flatMap(({ name }) => (isOwnChain(table, name) ? [`${table} ${name}`] : [])),
      )
      .filter((name) => !name.endsWith('KUBE-PROXY-CANARY'))
      .sort();
  }

  function chainsOf(family: Family, layout: LayoutName, ...tables: string[]): string[] {
    return labRules(SERVICES, family, layout)
      .tables.filter(({ name }) => tables.includes(name))
      .flatMap(({ name: table, chains }) => chains.map(({ name }) => `${table} ${name}`))
      .sort();
  }

  async function surprises(): Promise<string[]> {
    const outcomes = await Promise.all(
      probes.map(async ({ name, probe, answers, sticky, seen }) => {
        const taken = Object.keys(await probe.take());
        for (const answer of taken) seen.add(answer);
        const wrong = taken.filter((answer) => !answers.includes(answer));
        return [...wrong, ...(sticky && seen.size > 1 ? seen : [])].map((answer) => `${name}: ${answer}`);
      }),
    );
    return outcomes.flat();
  }

  test('there are trees, groups and more chains than one transaction takes', () => {
    const names = chainsOf('ipv4', 'fast', 'nat', 'filter');
    for (const kind of [
      'nat KUBE-SVC-',
      'nat KUBE-EXT-',
      'nat KUBE-SEP-',
      'filter KUBE-SVC-',
      'filter KUBE-EXS-',
    ]) {
      expect(
        names.some((name) => name.startsWith(kind) && name.includes('/')),
        kind,
      ).toBe(true);
    }
    expect(names.length).toBeGreaterThan(500);
  });

  test.each<[string, LayoutName]>([
    ['from kube-proxy to fast', 'fast'],
    ['from fast to kube-proxy', 'kube-proxy'],
    ['and back again', 'fast'],
  ])('svc2ipt goes %s', async (_, layout) => {
    await apply(layout);
    for (const family of FAMILIES) {
      expect(await chains(family, 'nat', 'filter')).toEqual(chainsOf(family, layout, 'nat', 'filter'));
    }
    expect(await surprises()).toEqual([]);
  });

  test('kube-proxy itself takes over from fast, and removes all trees of the nat table', async () => {
    await startKubeProxy();
    for (const family of FAMILIES) {
      expect(await chains(family, 'nat')).toEqual(chainsOf(family, 'kube-proxy', 'nat'));
    }
    expect(await surprises()).toEqual([]);
  });

  test('svc2ipt takes over from kube-proxy, with fast', async () => {
    await apply('fast');
    for (const family of FAMILIES) {
      expect(await chains(family, 'nat', 'filter')).toEqual(chainsOf(family, 'fast', 'nat', 'filter'));
    }
    expect(await surprises()).toEqual([]);
  });

  test('svc2ipt goes to the kube-proxy layout, and kube-proxy takes over: nothing is left', async () => {
    await apply('kube-proxy');
    await startKubeProxy();
    for (const family of FAMILIES) {
      expect(await chains(family, 'nat', 'filter')).toEqual(chainsOf(family, 'kube-proxy', 'nat', 'filter'));
    }
    expect(await surprises()).toEqual([]);
  });

  test('connections live through all of it', async () => {
    for (const download of downloads) {
      const { received, sent, early } = await download.end();
      expect({ early, ...received }).toEqual({
        early: false,
        end: 'closed',
        bytes: BYTES,
        sha256: sent.sha256,
      });
    }
  });

  test('svc2ipt cleanup leaves nothing of the fast layout', async () => {
    await apply('fast');
    expect(await surprises()).toEqual([]);
    for (const { probe } of probes) await probe.stop();
    const { exitCode, stderr } = await cleanup(lab, backend);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    for (const family of FAMILIES) expect(await chains(family, 'nat', 'filter')).toEqual([]);
  });

  test('both endpoints were asked', () => {
    expect([...(probes[0]?.seen ?? [])].sort()).toEqual(probes[0]?.answers);
  });
});
