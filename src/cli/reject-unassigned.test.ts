/** Where commands find the range of cluster IPs, and whether they refuse what nobody serves in it. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { FakeApiServer } from '../../test/support/api-server/fake-api-server.ts';
import { runCommandLine } from '../../test/support/command-line.ts';
import { LAYOUT_NAMES } from '../api/layout-names.ts';

const SERVICE = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web', namespace: 'shop' },
  spec: { clusterIP: '10.96.0.10', clusterIPs: ['10.96.0.10'], ports: [{ port: 80 }] },
};
const RANGES = {
  apiVersion: 'networking.k8s.io/v1',
  kind: 'ServiceCIDR',
  metadata: { name: 'kubernetes' },
  spec: { cidrs: ['10.96.0.0/16'] },
};
const PATH = '/apis/networking.k8s.io/v1/servicecidrs';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'svc2ipt-'));
  await writeFile(join(folder, 'on.yaml'), 'svc2ipt: {rejectUnassigned: true}\n');
  await writeFile(join(folder, 'service.json'), JSON.stringify(SERVICE));
  await writeFile(join(folder, 'ranges.json'), JSON.stringify(RANGES));
});
afterAll(() => rm(folder, { recursive: true }));

/** The ranges that rules refuse, and what is told. */
async function rendered(...args: string[]) {
  const { stdout, stderr } = await runCommandLine(['render', '--family', 'ipv4', ...args], {
    folder,
    onlyEnv: true,
  });
  const refused = stdout.matchAll(/-A KUBE-SERVICES -d (\S+) .*rejectUnassigned.* -j REJECT/g);
  return { refused: Array.from(refused, ([, range]) => range), stderr };
}

describe('of manifests', () => {
  const both = ['-f', 'service.json', '-f', 'ranges.json'];
  test.each<[string, string[], string[]]>([
    ['off', both, []],
    ['by the flag', [...both, '--reject-unassigned'], ['10.96.0.0/16']],
    ['by the configuration', [...both, '--config', 'on.yaml'], ['10.96.0.0/16']],
    [
      'with a range that counts more',
      [...both, '--config', 'on.yaml', '--service-cluster-ip-range', '10.97.0.0/16,fd00::/112'],
      ['10.97.0.0/16'],
    ],
    [
      'without objects, by the range',
      ['-f', 'service.json', '--reject-unassigned', '--service-cluster-ip-range', '10.96.0.0/12'],
      ['10.96.0.0/12'],
    ],
  ])('%s', async (_, args, expected) => {
    const { refused, stderr } = await rendered(...args);
    expect(refused).toEqual(expected);
    expect(stderr).not.toContain('rejectUnassigned');
  });

  test('without a range, a warning names the flag and the object', async () => {
    const { refused, stderr } = await rendered('-f', 'service.json', '--reject-unassigned');
    expect(refused).toEqual([]);
    expect(stderr).toMatch(/rejectUnassigned has no effect: .*no ServiceCIDR.*--service-cluster-ip-range/);
  });

  test.each(LAYOUT_NAMES)('trace names the rule and the setting, in the layout %s', async (layout) => {
    const packet = ['--from', 'outside', '--to', '10.96.0.99:80', '--node-ip', '192.168.0.2'];
    const words = ['trace', ...both, '--reject-unassigned', '--layout', layout, ...packet];
    const { exitCode, stdout } = await runCommandLine(words, { folder, onlyEnv: true });
    expect(exitCode).toBe(0);
    expect(stdout.split('\n\n', 1)[0]?.replaceAll('\n', ' ')).toMatch(
      /^It is refused with icmp-port-unreachable by rule \d+ of KUBE-SERVICES in the filter table \(svc2ipt\.rejectUnassigned: /,
    );
  });

  test('lint finds it', async () => {
    const args = ['lint', '-f', 'service.json', '--reject-unassigned'];
    const { stdout } = await runCommandLine(args, { folder, onlyEnv: true });
    expect(stdout).toContain('[service-range-unknown] svc2ipt.rejectUnassigned');
  });
});

describe('of a live cluster', () => {
  let server: FakeApiServer;
  beforeEach(async () => {
    server = new FakeApiServer();
    await server.start();
    server.put(SERVICE);
    server.put(RANGES);
  });
  afterEach(() => server.stop());

  const asked = () => server.requests.filter((request) => request.endsWith(PATH)).length;

  test.each<[string, string[], string[]]>([
    ['off', [], []],
    ['by the flag', ['--reject-unassigned'], ['10.96.0.0/16']],
    ['by the configuration', ['--config', 'on.yaml'], ['10.96.0.0/16']],
  ])('%s', async (_, args, expected) => {
    const { refused } = await rendered('--server', server.url, ...args);
    expect(refused).toEqual(expected);
    expect(asked()).toBe(expected.length);
  });

  test('with a range, nobody asks', async () => {
    const args = ['--reject-unassigned', '--service-cluster-ip-range', '10.97.0.0/16'];
    expect((await rendered('--server', server.url, ...args)).refused).toEqual(['10.97.0.0/16']);
    expect(asked()).toBe(0);
  });

  test('of a server that has no ServiceCIDRs', async () => {
    server.refused.set(PATH, 404);
    const { refused, stderr } = await rendered('--server', server.url, '--reject-unassigned');
    expect(refused).toEqual([]);
    expect(stderr).toContain('servicecidrs.networking.k8s.io');
    expect(stderr).toContain('rejectUnassigned has no effect');
  });
});
