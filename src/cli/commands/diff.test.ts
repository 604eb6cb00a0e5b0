/** `svc2ipt diff --effects` as a user runs it. What is told of changes is tested beside `src/effects`. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Manifest } from '../../../test/support/arbitrary/raw.ts';
import { runCommandLine } from '../../../test/support/command-line.ts';
import { DUAL_STACK, endpoint, inputOf, service, slice } from '../../../test/support/rules.ts';
import { withJumps } from '../../chains/jumps.ts';
import { compile } from '../../compiler/compile.ts';
import { printSaved } from '../../iptables/saved.ts';
import { FAMILIES } from '../../net/address.ts';

const NODES: readonly Manifest[] = ['a', 'b'].map((name, i) => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: `node-${name}` },
  status: { addresses: [{ type: 'InternalIP', address: `192.168.0.${i + 2}` }] },
}));
const API = service({ clusterIP: '10.96.0.20' }, { metadata: { name: 'api', namespace: 'test' } });
const API_PODS = slice(['10.244.1.9'], {
  metadata: { name: 'api-1', namespace: 'test', labels: { 'kubernetes.io/service-name': 'api' } },
});
const web = (policy: string, ...pods: readonly string[]): readonly Manifest[] => [
  ...NODES,
  service({ internalTrafficPolicy: policy }),
  slice(pods.map((address, i) => endpoint(address, { nodeName: `node-${'ab'.charAt(i)}` }))),
];
const dual = (port: number): readonly Manifest[] => [
  service(DUAL_STACK),
  slice(['10.244.1.5'], { ports: [{ name: 'http', port }] }),
  slice(['fd00:10:244:1::5'], { name: 'web-6', addressType: 'IPv6', ports: [{ name: 'http', port }] }),
];

const CLUSTERS: Readonly<Record<string, readonly Manifest[]>> = {
  one: web('Cluster', '10.244.1.5'),
  two: web('Cluster', '10.244.1.5', '10.244.2.5'),
  local: web('Local', '10.244.1.5', '10.244.2.5'),
  api: [...web('Cluster', '10.244.1.5', '10.244.2.5'), API, API_PODS],
  dual: dual(8080),
  other: dual(9090),
};

/** What iptables-save and ip6tables-save print, one behind the other. */
function saved(objects: readonly Manifest[], others = ''): string {
  const { cluster, node, options } = inputOf({ objects });
  return FAMILIES.map((family) => {
    const text = printSaved(withJumps(compile(cluster, node, options(family))));
    return text.replace(/^:FORWARD ACCEPT.*$/m, `$&\n${others}`).replace(/\n\n/g, '\n');
  }).join('');
}

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'svc2ipt-'));
  for (const [name, items] of Object.entries(CLUSTERS)) {
    await writeFile(join(folder, `${name}.json`), JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
    await writeFile(join(folder, `${name}.save`), saved(items));
  }
  await writeFile(
    join(folder, 'string.save'),
    saved(dual(8080), '-A FORWARD -m string --string secret --algo bm -j DROP'),
  );
  await writeFile(join(folder, 'garbage.save'), '*nat\n-A NOWHERE\n');
});
afterAll(() => rm(folder, { recursive: true }));

async function diff(line: string) {
  const words = line.split(' ').filter((word) => word !== '');
  const node = words.includes('--all-nodes') ? [] : ['--node-name', 'node-a'];
  return await runCommandLine(['diff', ...words, ...node], { folder });
}

const NOTHING = 'Nothing changes for any packet.\n';
const SECOND = `shop/web
  http, cluster IP 10.96.0.10:80: also reaches 10.244.2.5:8080; share of
    10.244.1.5:8080 all → 1/2
`;
const PORTS = `IPv4 shop/web
  http, cluster IP 10.96.0.10:80: target port 8080 → 9090
IPv6 shop/web
  http, cluster IP [fd00:10:96::a]:80: target port 8080 → 9090
`;

describe('what changes is told, and whether anything does', () => {
  test.each<[string, number, unknown]>([
    ['--from one.json --to two.json', 1, SECOND],
    ['--from two.json --to two.json', 0, NOTHING],
    ['--from dual.json --to other.json', 1, PORTS],
    ['--from-save dual.save --to-save other.save', 1, PORTS],
    ['--from-save dual.save --to-save dual.save', 0, NOTHING],
    ['--from-save dual.save --to other.json', 1, PORTS],
    ['--from-save dual.save --to dual.json', 0, NOTHING],
    ['--from dual.json --to-save other.save', 1, PORTS],
    ['--from dual.json --to other.json --family ipv6', 1, PORTS.slice(PORTS.indexOf('IPv6') + 5)],
    ['--from one.json --to api.json -n shop', 1, SECOND],
    ['--from two.json --to api.json -n shop', 0, 'Nothing changes for these Services.\n'],
    [
      '--from two.json --to api.json -n test',
      1,
      'test/api\n  http, cluster IP 10.96.0.20:80: opened, and leads to 10.244.1.9:8080\n',
    ],
    [
      '--from two.json --to two.json --prove',
      0,
      expect.stringMatching(
        /^Nothing changes for any packet\.\nProved: every packet meets the same rules in both\.\n$/,
      ),
    ],
    [
      '--from one.json --to two.json --prove',
      1,
      expect.stringMatching(
        /\nNot the same: of \d+ classes of packets that can meet another rule, those above\nhave a different fate\.\n$/,
      ),
    ],
    [
      '--from-save dual.save --to-save string.save --family ipv4',
      1,
      expect.stringContaining('Undecided, so both cases are compared: -m string --string secret --algo bm\n'),
    ],
  ])('%s', async (line, exitCode, stdout) => {
    expect(await diff(`--effects --config ${await config()} ${line}`)).toEqual({
      exitCode,
      stdout,
      stderr: '',
    });
  });

  test('on each node', async () => {
    const { stdout, exitCode } = await diff('--effects --from two.json --to local.json --all-nodes');
    const on = (name: string, gone: string, left: string) =>
      `On ${name}:\nshop/web\n  http, cluster IP 10.96.0.10:80: no longer reaches ${gone}:8080; share of\n    ${left}:8080 1/2 → all\n`;
    expect({ stdout, exitCode }).toEqual({
      stdout: `${on('node-a', '10.244.2.5', '10.244.1.5')}\n${on('node-b', '10.244.1.5', '10.244.2.5')}`,
      exitCode: 1,
    });
  });
});

/** As the saves have it. */
async function config(): Promise<string> {
  const path = join(folder, 'config.yaml');
  await writeFile(
    path,
    'apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nclusterCIDR: 10.244.0.0/16,fd00:10:244::/56\n',
  );
  return path;
}

describe('as JSON', () => {
  test('its fields', async () => {
    const { stdout, exitCode } = await diff('--effects --from one.json --to two.json --family ipv4 -o json');
    expect(exitCode).toBe(1);
    const fates = (...endpoints: readonly string[]) => ({
      endpoints: endpoints.map((endpoint) => ({ endpoint, share: 1 / endpoints.length })),
      ends: {},
      lost: 0,
      masqueraded: 0,
    });
    const effect = {
      kind: 'fate',
      senders: { node: true, from: 'anybody', outside: false, where: [] },
      before: fates('10.244.1.5:8080'),
      after: fates('10.244.1.5:8080', '10.244.2.5:8080'),
      example: {
        packet: expect.objectContaining({ destination: '10.96.0.10', destinationPort: 80, protocol: 'tcp' }),
        assumed: [],
      },
      classes: expect.any(Number),
    };
    expect(JSON.parse(stdout)).toEqual({
      families: [
        {
          family: 'ipv4',
          classes: expect.any(Number),
          services: [
            {
              service: 'shop/web',
              sentences: [SECOND.slice('shop/web\n'.length).replaceAll(/\s+/g, ' ').trim()],
              ways: [
                {
                  servicePort: 'shop/web:http',
                  protocol: 'tcp',
                  way: 'cluster-ip',
                  address: '10.96.0.10',
                  port: 80,
                  was: true,
                  is: true,
                  effects: [effect],
                  untoldClasses: expect.any(Number),
                },
              ],
            },
          ],
          others: { sentences: [], effects: [], untoldClasses: 0 },
          undecided: [],
        },
      ],
    });
  });

  test('a list of nodes, where there may be several', async () => {
    const { stdout } = await diff('--effects --from two.json --to two.json --all-nodes -o json');
    const { nodes } = JSON.parse(stdout);
    expect(nodes).toMatchObject([{ nodeName: 'node-a' }, { nodeName: 'node-b' }]);
  });
});

describe('mistakes', () => {
  test.each<[string, unknown]>([
    ['--from one.json --to two.json --prove', '--prove goes with --effects'],
    ['--from-save dual.save --to two.json', '--from-save goes with --effects'],
    ['--from one.json --to-save dual.save', '--to-save goes with --effects'],
    [
      '--effects --from one.json --from-save dual.save --to two.json',
      '--from and --from-save name one side twice',
    ],
    ['--effects --from one.json --to two.json --to-save dual.save', '--to and --to-save name one side twice'],
    [
      '--effects --from-save dual.save --to two.json --all-nodes',
      'these rules are those of one node: --all-nodes goes with --from and --to',
    ],
    [
      '--effects --from one.json --to two.json -f two.json',
      '--from and --to are two sides already: leave out -f, -k and the cluster',
    ],
    [
      '--effects --prove --from one.json --to two.json -n shop',
      '--prove: is about every packet, and -n, -A and -l leave some out',
    ],
    ['--effects --from-save none.save --to two.json', 'none.save: no such file or folder'],
    ['--effects --from-save garbage.save --to-save dual.save', expect.stringMatching(/garbage\.save/)],
  ])('%s', async (line, message) => {
    const { exitCode, stdout, stderr } = await diff(line);
    expect({ exitCode, stdout, message: stderr.replace(/^error: /, '').trim() }).toEqual({
      exitCode: 2,
      stdout: '',
      message,
    });
  });
});
