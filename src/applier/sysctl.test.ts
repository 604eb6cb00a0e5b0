import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  allowLocalnetRouting,
  type ConntrackSettings,
  readConntrackTable,
  setUpConntrack,
} from './sysctl.ts';

const NETFILTER = 'proc/sys/net/netfilter';
const HASH_SIZE = 'sys/module/nf_conntrack/parameters/hashsize';

const MACHINE = {
  [`${NETFILTER}/nf_conntrack_max`]: '65536',
  [`${NETFILTER}/nf_conntrack_tcp_timeout_established`]: '432000',
  [`${NETFILTER}/nf_conntrack_tcp_timeout_close_wait`]: '60',
  [`${NETFILTER}/nf_conntrack_udp_timeout`]: '30',
  [`${NETFILTER}/nf_conntrack_udp_timeout_stream`]: '120',
  [`${NETFILTER}/nf_conntrack_tcp_be_liberal`]: '0',
  [HASH_SIZE]: '16384',
  'proc/sys/net/ipv4/conf/all/route_localnet': '0',
};

const NOTHING: ConntrackSettings = {
  maxPerCore: 0,
  min: 131_072,
  tcpEstablishedTimeout: 0,
  tcpCloseWaitTimeout: 0,
  tcpBeLiberal: false,
  udpTimeout: 0,
  udpStreamTimeout: 0,
};

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'svc2ipt-sysctl-'));
  for (const [path, value] of Object.entries(MACHINE)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), `${value}\n`);
  }
});
afterEach(async () => await rm(root, { recursive: true, force: true }));

/** The settings that are others than before. */
async function changed(): Promise<Record<string, string>> {
  const values = await Promise.all(
    Object.entries(MACHINE).map(async ([path, before]) => {
      const now = (await readFile(join(root, path), 'utf8')).trim();
      return now === before ? [] : [[path.replace(`${NETFILTER}/nf_conntrack_`, ''), now] as const];
    }),
  );
  return Object.fromEntries(values.flat());
}

test('how full the table of connections is', async () => {
  await expect(readConntrackTable(root)).rejects.toThrow(
    /nf_conntrack_count: the kernel has no connection tracking/,
  );
  await writeFile(join(root, `${NETFILTER}/nf_conntrack_count`), '4711\n');
  expect(await readConntrackTable(root)).toEqual({ entries: 4711, limit: 65_536 });
});

describe('connection tracking', () => {
  test.each<[string, Partial<ConntrackSettings>, Record<string, string>]>([
    ['nothing is asked for', {}, {}],
    ['a limit by cores', { maxPerCore: 32_768, min: 0 }, { max: '131072', [HASH_SIZE]: '32768' }],
    ['a limit by very many cores', { maxPerCore: 600_000 }, { max: '1048576', [HASH_SIZE]: '262144' }],
    ['a limit at least', { maxPerCore: 1, min: 262_144 }, { max: '262144', [HASH_SIZE]: '65536' }],
    [
      'a limit at least, beyond what cores ask for',
      { maxPerCore: 600_000, min: 2_000_000 },
      { max: '2000000', [HASH_SIZE]: '500000' },
    ],
    ['a limit that is lower than there is', { maxPerCore: 1, min: 1000 }, {}],
    ['no limit, whatever the least', { maxPerCore: 0, min: 1_000_000 }, {}],
    [
      'times',
      { tcpEstablishedTimeout: 86_400_000, tcpCloseWaitTimeout: 3_600_000, udpTimeout: 10_500 },
      { tcp_timeout_established: '86400', tcp_timeout_close_wait: '3600', udp_timeout: '10' },
    ],
    ['times that are so already', { udpStreamTimeout: 120_000 }, {}],
    ['liberal TCP', { tcpBeLiberal: true }, { tcp_be_liberal: '1' }],
  ])('%s', async (_, settings, expected) => {
    expect(await setUpConntrack({ ...NOTHING, ...settings }, root, 4)).toEqual([]);
    expect(await changed()).toEqual(expected);
  });

  test('a table that is too small for a limit that is high enough', async () => {
    await writeFile(join(root, HASH_SIZE), '1024\n');
    expect(await setUpConntrack({ ...NOTHING, maxPerCore: 1, min: 65_536 }, root)).toEqual([]);
    expect(await changed()).toEqual({}); // 16384 again, which is a quarter of 65536
  });

  test('a kernel without it', async () => {
    await rm(join(root, NETFILTER), { recursive: true });
    const set = setUpConntrack({ ...NOTHING, maxPerCore: 1 }, root);
    await expect(set).rejects.toThrow('modprobe nf_conntrack');
  });

  /** Holds 65536, and refuses to be written even by root. */
  const readOnly = async (path: string) => {
    await rm(join(root, path));
    await symlink('/proc/sys/kernel/ngroups_max', join(root, path));
  };

  test.each([
    [
      'the limit',
      `${NETFILTER}/nf_conntrack_max`,
      /^net\.netfilter\.nf_conntrack_max stays 65536, .*sysctl -w/,
    ],
    ['the table', HASH_SIZE, /hashsize cannot be written .*echo/],
  ])('%s that may not be written: services do without', async (_, path, warning) => {
    await readOnly(path);
    const warnings = await setUpConntrack({ ...NOTHING, maxPerCore: 1, min: 1_000_000 }, root);
    expect(warnings).toEqual([expect.stringMatching(warning)]);
  });

  test('a time that may not be written: they do not', async () => {
    await readOnly(`${NETFILTER}/nf_conntrack_udp_timeout`);
    const set = setUpConntrack({ ...NOTHING, udpTimeout: 1000 }, root);
    await expect(set).rejects.toThrow(/^net\.netfilter\.nf_conntrack_udp_timeout cannot be set to 1 /);
  });
});

test('localhost may be routed', async () => {
  await allowLocalnetRouting(root);
  expect(await changed()).toEqual({ 'proc/sys/net/ipv4/conf/all/route_localnet': '1' });
});
