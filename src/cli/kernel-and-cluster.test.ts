/** Rules of this node's kernel beside a live cluster, which has gone on since they were written; and all nodes of it. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiObject, FakeApiServer } from '../../test/support/api-server/fake-api-server.ts';
import type { Manifest } from '../../test/support/arbitrary/raw.ts';
import { runCommandLine } from '../../test/support/command-line.ts';
import { fakeMachine } from '../../test/support/fake-machine.ts';
import { inputOf } from '../../test/support/rules.ts';
import { SHOP } from '../../test/support/typed-shop.ts';
import { withJumps } from '../chains/jumps.ts';
import { compile } from '../compiler/compile.ts';
import { printSaved } from '../iptables/saved.ts';
import type { Family } from '../net/address.ts';

/** The cluster as it was: an endpoint of web was another one, and there was nothing in namespace test. */
const FORMER: readonly Manifest[] = SHOP.filter(
  (object) => !JSON.stringify(object).includes('"namespace":"test"'),
).map((object) =>
  object.kind === 'EndpointSlice'
    ? JSON.parse(JSON.stringify(object).replace('"10.244.2.5"', '"10.244.2.99"'))
    : object,
);

const manifests = (objects: readonly Manifest[]) =>
  objects.map((object) => JSON.stringify(object)).join('\n---\n');

const KUBE_PROXY = { apiVersion: 'kubeproxy.config.k8s.io/v1alpha1', kind: 'KubeProxyConfiguration' };

const server = new FakeApiServer();
let folder: string;
let path: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'svc2ipt-'));
  const { cluster, node, options } = inputOf({ objects: FORMER });
  const saved = (family: Family) => printSaved(withJumps(compile(cluster, node, options(family))));
  path = await fakeMachine(folder, { ipv4: saved('ipv4'), ipv6: saved('ipv6') });
  await writeFile(
    join(folder, 'config.yaml'),
    JSON.stringify({ ...KUBE_PROXY, clusterCIDR: '10.244.0.0/16' }),
  );
  await writeFile(join(folder, 'old.yaml'), manifests(FORMER));
  await writeFile(join(folder, 'new.yaml'), manifests(SHOP));
  await writeFile(join(folder, 'web.yaml'), manifests(SHOP.filter(({ kind }) => kind !== 'Node')));
  await server.start();
  for (const object of SHOP) server.put(object as ApiObject);
});

afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true });
});

/** A command line, where CLUSTER stands for the cluster as node-a sees it. */
async function svc2ipt(line: string) {
  const words = line.replace('CLUSTER', `--server ${server.url} --node-name node-a`).split(' ');
  const env = { PATH: path, HOME: folder, KUBECONFIG: undefined, KUBERNETES_SERVICE_HOST: undefined };
  return await runCommandLine(words, { env, folder });
}

/** What is printed by a command that tells of nothing else. */
async function printed(line: string, expected = 0): Promise<string> {
  const { exitCode, stdout, stderr } = await svc2ipt(line);
  expect({ exitCode, stderr }).toEqual({ exitCode: expected, stderr: '' });
  return stdout;
}

describe('explain', () => {
  test('names Pods and nodes of the cluster, and tells where the rules are older', async () => {
    const { services } = JSON.parse(await printed('explain web --kernel -o json CLUSTER'));
    expect(services[0].ports[0].endpoints).toMatchObject([
      { endpoint: '10.244.1.5:8080', pod: 'web-1', nodeName: 'node-a', local: true },
      { endpoint: '10.244.2.5:8080', pod: 'web-2', unused: 'no rule leads to it' },
      { endpoint: '10.244.2.99:8080', note: 'only the rules have it' },
    ]);
    expect(await printed('explain web --kernel CLUSTER')).toContain(
      '2 of 3 endpoints get traffic from this node',
    );
  });

  test('finds a Pod of the cluster by its name', async () => {
    expect(await printed('explain web-2 -n shop --kernel CLUSTER')).toMatch(/^Service shop\/web, NodePort/);
  });

  test('tells that the rules have nothing of a Service', async () => {
    const text = await printed('explain test/api --kernel CLUSTER');
    expect(text).toContain('Cluster IP 10.96.0.21:80 does not lead to the Service (no rule takes it).');
    expect(text).toMatch(/10\.244\.2\.9:8080 +node-b +no rule leads to it/);
  });

  test('goes by the rules alone without a cluster', async () => {
    const text = await printed('explain web --kernel --node-name node-a');
    expect(text).toContain('2 of 2 endpoints get traffic from this node:');
    expect(text).not.toContain('web-1');
  });
});

describe('trace', () => {
  test('goes by the rules of the kernel, with names of the cluster', async () => {
    const text = await printed('trace --from web-1 --to web:http --kernel CLUSTER -n shop');
    expect(text).toMatch(
      /^It goes to one of 2 destinations, 1\/2 each, masqueraded in 1\/2 of all cases\.\n/,
    );
    expect(text).toContain('10.244.2.99:8080');
    expect(text).not.toContain('10.244.2.5:');
    expect(text).toContain('  Pod shop/web-1, 10.244.1.5\n');
  });

  test('of a Service that the rules do not have yet', async () => {
    const text = await printed('trace --from outside --to test/api:http --kernel CLUSTER');
    expect(text).toMatch(/^It goes on to 10\.96\.0\.21:80, which no rule rewrites/);
    expect(text).toContain('  test/api:http, cluster IP 10.96.0.21:80\n');
  });
});

describe('graph', () => {
  test('draws the kernel', async () => {
    const dot = await printed('graph --kernel -o dot');
    expect(dot).toContain('10.244.2.99:8080');
    expect(dot).toContain('kube-system/kube-dns');
    expect(dot).not.toContain('10.244.2.5:');
  });

  test('draws the IPv6 kernel', async () => {
    const dot = await printed('graph --kernel --family ipv6 -o dot');
    expect(dot).toContain('KUBE-SERVICES');
    expect(dot).not.toContain('10.244');
  });

  test.each<[string, string]>([
    ['by a name in the rules', '--service web'],
    ['by a name in the cluster', '--service web CLUSTER'],
    ['by labels of the cluster', '-l tier=front CLUSTER'],
    ['by a namespace', '--service web -n shop CLUSTER'],
  ])('draws one Service of the kernel %s', async (_, options) => {
    const dot = await printed(`graph --kernel -o dot ${options}`);
    expect(dot).toContain('10.244.2.99:8080');
    expect(dot).not.toMatch(/kube-dns|10\.244\.2\.5:/);
  });

  test('tells that the rules have nothing of a Service of the cluster', async () => {
    const { exitCode, stdout, stderr } = await svc2ipt('graph --kernel -o dot --service test/api CLUSTER');
    expect({ exitCode, stderr }).toEqual({
      exitCode: 0,
      stderr: 'warning: no rule belongs to Service test/api\n',
    });
    expect(stdout).not.toContain('test/api');
  });

  test('of labels that only objects have, without a cluster', async () => {
    expect(await svc2ipt('graph --kernel -o dot -l tier=front')).toEqual({
      exitCode: 2,
      stdout: '',
      stderr: 'error: --selector: rules have no labels: name manifests with -f, or a cluster\n',
    });
  });
});

/** The chains that a difference names, each with its family, and its node where there are several. */
const changed = (text: string) =>
  text.split('\n').filter((line) => /^(?:node-\w )?ipv[46] /.test(line) && !line.includes('CANARY'));

describe('diff', () => {
  test('of the kernel and a cluster', async () => {
    const text = await printed('diff CLUSTER -n test', 1);
    expect(text).toContain('+-A KUBE-SERVICES -m comment --comment "test/api:http cluster IP"');
    expect(text).toContain('+-A KUBE-SERVICES -m comment --comment "test/six cluster IP"');
    expect(text).not.toContain('shop/');
    expect(changed(await printed('diff CLUSTER -n shop --family ipv4', 1))).toContain(
      'ipv4 nat KUBE-SVC-67NZLRHBNDSAWJRO',
    );
  });

  test.each<[string, string]>([
    ['of manifests', '--from old.yaml --to new.yaml'],
    ['of manifests and a cluster', '--from old.yaml --server URL'],
  ])('for each Node %s', async (_, sides) => {
    const line = `diff ${sides} --all-nodes -n shop --family ipv4`.replace('URL', server.url);
    const chains = ['KUBE-SEP-CXXRTNR2DI2TYC6R', 'KUBE-SVC-67NZLRHBNDSAWJRO', 'KUBE-SEP-SALMXZIGYR4FD3WM'];
    expect(changed(await printed(line, 1)).sort()).toEqual(
      ['node-a', 'node-b'].flatMap((node) => chains.map((chain) => `${node} ipv4 nat ${chain}`)).sort(),
    );
  });

  test('for each Node, which has endpoints of its own', async () => {
    const local = '"type":"NodePort","internalTrafficPolicy":"Local"';
    await writeFile(join(folder, 'local.yaml'), manifests(SHOP).replace('"type":"NodePort"', local));
    const text = await printed('diff --from new.yaml --to local.yaml --all-nodes -n shop --family ipv4', 1);
    const sep = { 'node-a': 'KUBE-SEP-34ZZ2QFGO32YYXXO', 'node-b': 'KUBE-SEP-CXXRTNR2DI2TYC6R' };
    for (const [node, chain] of Object.entries(sep)) {
      const own = text
        .slice(text.indexOf(`${node} ipv4`))
        .split(/^node-/m)
        .slice(0, 2)
        .join('');
      expect(own).toMatch(new RegExp(`^\\+-A KUBE-SVL-\\S+ .* -j ${chain}$`, 'm'));
    }
  });

  test('for each Node, where there is none', async () => {
    expect(await printed('diff --from new.yaml --to new.yaml --all-nodes')).toBe(
      'no difference: both give the same rules\n',
    );
  });

  test.each<[string, string, string]>([
    [
      'no Node',
      'diff --from web.yaml --to web.yaml --all-nodes',
      'error: --all-nodes: no Node in the input\n',
    ],
    [
      'a kernel',
      'diff -f new.yaml --all-nodes',
      'error: --all-nodes needs --from and --to: a kernel is of one node\n',
    ],
    [
      'one node by name',
      'diff --from old.yaml --to new.yaml --all-nodes --node-name node-a',
      "error: option '--all-nodes' cannot be used with option '--node-name <name>'\n(see --help)\n",
    ],
  ])('for each Node goes not with %s', async (_, line, stderr) => {
    expect(await svc2ipt(line)).toEqual({ exitCode: 2, stdout: '', stderr });
  });
});

/** What web's endpoint that moved comes to, and what is new. */
const MOVED = `shop/web
  http, cluster IP 10.96.0.10:80 and node port 30080: reaches 10.244.2.5:8080
    instead of 10.244.2.99:8080
`;
const NEW_API = `test/api
  http, cluster IP 10.96.0.21:80: opened, and leads to 10.244.2.9:8080
`;
const NEW_SIX = `test/six
  cluster IP [fd00:10:96::6]:80: opened, and leads to [fd00:10:244:1::6]:8080
`;
const ALL = `IPv4 ${MOVED}IPv4 ${NEW_API}IPv6 ${NEW_SIX}`;
const BACK = `IPv4 shop/web
  http, cluster IP 10.96.0.10:80 and node port 30080: reaches 10.244.2.99:8080
    instead of 10.244.2.5:8080
IPv4 test/api
  http, cluster IP 10.96.0.21:80: closed; led to 10.244.2.9:8080
IPv6 test/six
  cluster IP [fd00:10:96::6]:80: closed; led to [fd00:10:244:1::6]:8080
`;

describe('diff --effects', () => {
  test.each<readonly [name: string, line: string, stdout: string]>([
    ['of the kernel and a cluster', '--config config.yaml CLUSTER', ALL],
    [
      'of the kernel and a cluster, of a namespace',
      '-n test --config config.yaml CLUSTER',
      ALL.replace(`IPv4 ${MOVED}`, ''),
    ],
    ['of saved rules and a cluster', '--from-save ipv4 --config config.yaml CLUSTER', MOVED + NEW_API],
    ['of manifests and a cluster', '--from old.yaml CLUSTER', ALL],
    ['of a cluster and manifests', '--to old.yaml CLUSTER', BACK],
    ['of one family', '--from old.yaml --family ipv6 CLUSTER', NEW_SIX],
    ['of a namespace', '--from old.yaml -n shop CLUSTER', MOVED],
    [
      'of each Node',
      '--from old.yaml --all-nodes -n shop --server URL',
      `On node-a:\n${MOVED}\nOn node-b:\n${MOVED}`,
    ],
  ])('%s', async (_, line, stdout) => {
    expect(await printed(`diff --effects ${line.replace('URL', server.url)}`, 1)).toBe(stdout);
  });

  test('of a cluster and the same manifests, nothing', async () => {
    expect(await printed('diff --effects --prove --to new.yaml CLUSTER')).toBe(
      'Nothing changes for any packet.\nProved: every packet meets the same rules in both.\n',
    );
  });

  test('goes by what the cluster holds now', async () => {
    const web = SHOP.find(
      ({ kind, metadata }) => kind === 'Service' && JSON.stringify(metadata).includes('"web"'),
    );
    if (!web) throw new Error('the shop has a Service web');
    const local = JSON.parse(
      JSON.stringify(web).replace('"NodePort"', '"NodePort","externalTrafficPolicy":"Local"'),
    );
    server.put(local as ApiObject);
    try {
      expect(await printed('diff --effects --from new.yaml --config config.yaml CLUSTER', 1)).toBe(`shop/web
  http, node port 30080 from anybody outside 10.244.0.0/16: no longer reaches
    10.244.2.5:8080; share of 10.244.1.5:8080 1/2 → all
  http, node port 30080 from anybody but this node: no longer masqueraded, so
    endpoints see the sender's address
`);
    } finally {
      server.put(web as ApiObject);
    }
  });

  test('tells of a cluster that does not answer', async () => {
    const { exitCode, stdout, stderr } = await svc2ipt(
      'diff --effects --from old.yaml --server http://127.0.0.1:9',
    );
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(/^error: .*127\.0\.0\.1:9/);
  });
});
