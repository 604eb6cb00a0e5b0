/** `svc2ipt agent` as a node's own scripts call it. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { MAIN } from '../../../test/support/project.ts';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'svc2ipt-agent-'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

test.each([
  ['dashes', '--write-config-to', '--cluster-cidr', '--iptables-min-sync-period'],
  [
    'underscores, as kube-proxy takes them',
    '--write_config_to',
    '--cluster_cidr',
    '--iptables_min_sync_period',
  ],
])(
  'flags with %s',
  async (name, writeConfigTo, clusterCidr, minSyncPeriod) => {
    const file = join(folder, `${name}.yaml`);
    const args = ['agent', `${writeConfigTo}=${file}`, clusterCidr, '10.0.0.0/8', `${minSyncPeriod}=5s`];
    await execa(process.execPath, [MAIN, ...args]);
    expect(parse(await readFile(file, 'utf8'))).toMatchObject({
      clusterCIDR: '10.0.0.0/8',
      iptables: { minSyncPeriod: '5s' },
    });
  },
  60_000,
);

test('a value keeps its underscores', async () => {
  const file = join(folder, 'a_name.yaml');
  await execa(process.execPath, [MAIN, 'agent', `--write_config_to=${file}`]);
  expect(await readFile(file, 'utf8')).toContain('KubeProxyConfiguration');
});
