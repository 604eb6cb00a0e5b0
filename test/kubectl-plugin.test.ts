/** The plugin of kubectl: its manifest for krew, the role that it needs, and what it completes. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { complete } from '../src/cli/complete.ts';
import { WITH_PODS } from '../src/sources/kubernetes/live-kinds.ts';
import { readCluster } from '../src/sources/kubernetes/read-cluster.ts';
import { FakeApiServer } from './support/api-server/fake-api-server.ts';
import { problemsOf } from './support/kubernetes-schemas.ts';
import { PROJECT } from './support/project.ts';

const read = (path: string): unknown => parse(readFileSync(`${PROJECT}/${path}`, 'utf8'));

/** A path below the plugin's own folder (krew's `isSupportedPath` and `bin`). */
const inside = z.string().refine((path) => !path.startsWith('/') && !path.split('/').includes('..'));

const requirement = z.strictObject({
  key: z.enum(['os', 'arch']),
  operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']),
  values: z.array(z.string()).optional(),
});

const platform = z.strictObject({
  selector: z
    .strictObject({
      matchLabels: z.record(z.enum(['os', 'arch']), z.string()).optional(),
      matchExpressions: z.array(requirement).min(1).optional(),
    })
    .optional(),
  uri: z.url({ protocol: /^https$/ }).regex(/\.(?:tar\.gz|zip)$/),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  files: z.array(z.strictObject({ from: z.string().min(1), to: inside })).min(1),
  bin: inside,
});

/** What krew (v0.4, `internal/index/validation`) and the rules of its index ask of a plugin. */
const plugin = z.strictObject({
  apiVersion: z.literal('krew.googlecontainertools.github.com/v1alpha2'),
  kind: z.literal('Plugin'),
  metadata: z.strictObject({ name: z.string().regex(/^[a-z0-9-]+$/) }),
  spec: z.strictObject({
    version: z.string().regex(/^v(0|[1-9]\d*)(\.(0|[1-9]\d*)){2}(?:[-+].+)?$/),
    homepage: z.url({ protocol: /^https$/ }),
    shortDescription: z.string().min(1).max(60),
    description: z.string().min(1),
    caveats: z.string().optional(),
    platforms: z.array(platform).min(1),
  }),
});

const { version, bin } = z
  .object({ version: z.string(), bin: z.record(z.string(), z.string()) })
  .parse(JSON.parse(readFileSync(`${PROJECT}/package.json`, 'utf8')));

describe('the manifest for krew', () => {
  const manifest = plugin.parse(read('deploy/krew/svc2ipt.yaml'));

  test('is of this version, and runs what the package installs', () => {
    expect(manifest.spec.version).toBe(`v${version}`);
    expect(manifest.spec.platforms.map((one) => one.bin)).toEqual([bin['kubectl-svc2ipt']]);
  });

  test.each<[string, (spec: z.output<typeof plugin>['spec']) => object]>([
    ['a version without its v', (spec) => ({ ...spec, version: '0.1.0' })],
    ['no platform', (spec) => ({ ...spec, platforms: [] })],
    ['a program outside', (spec) => ({ ...spec, platforms: [{ ...spec.platforms[0], bin: '../sh' }] })],
    ['half a checksum', (spec) => ({ ...spec, platforms: [{ ...spec.platforms[0], sha256: 'abc' }] })],
    ['a field that there is not', (spec) => ({ ...spec, shortdescription: 'x' })],
  ])('is refused with %s', (_, change) => {
    expect(plugin.safeParse({ ...manifest, spec: change(manifest.spec) }).success).toBe(false);
  });
});

describe('the role', () => {
  const role = read('deploy/reader/clusterrole.yaml');

  test('is one by the schemas of Kubernetes', () => {
    expect(problemsOf(role)).toEqual([]);
  });

  test('allows what is asked, and nothing else', async () => {
    const server = new FakeApiServer();
    await server.start();
    const options = { kubeconfig: undefined, master: server.url, requestTimeout: undefined };
    await readCluster([...WITH_PODS, 'ServiceCIDR'], { ...options, onMissing: expect.unreachable });
    await server.stop();
    const { rules } = z
      .object({
        rules: z.array(
          z.object({
            apiGroups: z.array(z.string()),
            resources: z.array(z.string()),
            verbs: z.array(z.string()),
          }),
        ),
      })
      .parse(role);
    const allowed = rules.flatMap(({ apiGroups, resources, verbs }) =>
      verbs.flatMap((verb) =>
        apiGroups.flatMap((group) =>
          resources.map(
            (one) => `${verb.toUpperCase()} ${group === '' ? '/api/v1' : `/apis/${group}/v1`}/${one}`,
          ),
        ),
      ),
    );
    expect([...new Set(server.requests)].sort()).toEqual(allowed.sort());
  });
});

describe('what kubectl completes', () => {
  const SHOP = [
    '-f',
    `${PROJECT}/docs/examples/cluster.yaml`,
    '-f',
    `${PROJECT}/docs/examples/node-port.yaml`,
  ];
  test.each<[string[], string[]]>([
    [['rend'], ['render', ':4']],
    [
      ['golden', ''],
      ['check', 'update', ':4'],
    ],
    [
      ['render', '--fam'],
      ['--family', ':4'],
    ],
    [
      ['render', '--family', ''],
      ['ipv4', 'ipv6', ':4'],
    ],
    [
      ['render', '--family=ipv4'],
      ['--family=ipv4', ':4'],
    ],
    [['render', '-f', ''], [':0']],
    [['render', '-k', ''], [':16']],
    [
      ['explain', ...SHOP, ''],
      ['shop/web', ':4'],
    ],
    [['explain', ...SHOP, 'x'], [':4']],
    [
      ['render', ...SHOP, '--service', 's'],
      ['shop/web', ':4'],
    ],
    [
      ['render', ...SHOP, '--node-name', ''],
      ['node-a', 'node-b', ':4'],
    ],
    [
      ['render', ...SHOP, '-n', ''],
      ['shop', ':4'],
    ],
    [['render', '-f', 'nothing.yaml', '-n', ''], [':4']],
  ])('%j', async (words, offered) => {
    expect((await complete(words)).trimEnd().split('\n')).toEqual(offered);
  });

  test('of a live cluster', async () => {
    const server = new FakeApiServer();
    await server.start();
    server.put({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-z' } });
    const offered = await complete(['trace', '--server', server.url, '--node-name', '']);
    await server.stop();
    expect(offered).toBe('node-z\n:4\n');
  });
});
