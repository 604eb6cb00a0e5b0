import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { CommandError } from '../errors/command-error.ts';
import type { Family } from '../net/address.ts';
import { run } from './command.ts';
import { detectHost, explainFailure, findIptables, HostError, leftoverWarnings } from './host.ts';
import { type Backend, iptablesPrograms } from './programs.ts';

/** The error of a program that says something and fails. */
async function failure(stderr: string): Promise<unknown> {
  const script = `console.error(${JSON.stringify(stderr)}); process.exit(3)`;
  return await run([process.execPath, '-e', script]).catch((error: unknown) => error);
}

describe('what the failure of a program means', () => {
  test.each<[string, string, Family | undefined, string]>([
    [
      'no privileges, iptables-nft',
      'iptables-nft-save v1.8.9 (nf_tables): Could not fetch rule set generation id: Permission denied (you must be root)',
      'ipv4',
      'iptables-save is not permitted to read the rules: run as root or with CAP_NET_ADMIN ' +
        '(iptables-nft-save v1.8.9 (nf_tables): Could not fetch rule set generation id: Permission denied (you must be root))',
    ],
    [
      'no privileges, iptables-legacy',
      'iptables-save v1.8.9 (legacy): Cannot initialize: Permission denied (you must be root)\n',
      'ipv4',
      'iptables-save is not permitted to read the rules: run as root or with CAP_NET_ADMIN ' +
        '(iptables-save v1.8.9 (legacy): Cannot initialize: Permission denied (you must be root))',
    ],
    [
      'no table',
      "iptables v1.8.9 (legacy): can't initialize iptables table `nat': Table does not exist (do you need to insmod?)\nPerhaps iptables or your kernel needs to be upgraded.",
      'ipv4',
      'the kernel has no nat table for iptables-save: modprobe iptable_nat ' +
        "(iptables v1.8.9 (legacy): can't initialize iptables table `nat': Table does not exist (do you need to insmod?))",
    ],
    [
      'IPv6 disabled when the machine starts',
      "ip6tables v1.8.9 (legacy): can't initialize ip6tables table `nat': Address family not supported by protocol\nPerhaps ip6tables or your kernel needs to be upgraded.",
      'ipv6',
      'the kernel has IPv6 disabled for iptables-save ' +
        "(ip6tables v1.8.9 (legacy): can't initialize ip6tables table `nat': Address family not supported by protocol)",
    ],
    [
      'no IPv6',
      'ip6tables-nft-save v1.8.9 (nf_tables): Could not fetch rule set generation id: Protocol not supported',
      'ipv6',
      'the kernel has no nat table for iptables-save: modprobe ip6table_nat ' +
        '(ip6tables-nft-save v1.8.9 (nf_tables): Could not fetch rule set generation id: Protocol not supported)',
    ],
  ])('%s', async (_, stderr, family, message) => {
    const explained = explainFailure(await failure(stderr), 'iptables-save', family);
    expect(explained).toBeInstanceOf(HostError);
    expect(explained).toMatchObject({ message });
  });

  test('no such program', async () => {
    const error = await run(['svc2ipt-no-such-program']).catch((error: unknown) => error);
    expect(error).toMatchObject({ name: 'CommandError', code: 'ENOENT', exitCode: undefined });
    expect(explainFailure(error, 'iptables')).toMatchObject({
      name: 'MissingError',
      message: 'iptables is not installed: install iptables (Debian and Ubuntu: apt install iptables)',
    });
  });

  test('anything else stays what it is', async () => {
    const error = await failure('out of cheese');
    expect(error).toBeInstanceOf(CommandError);
    expect(error).toMatchObject({ exitCode: 3, stderr: 'out of cheese' });
    expect(explainFailure(error, 'iptables-save')).toBe(error);
    const other = new Error('no program failed');
    expect(explainFailure(other, 'iptables-save')).toBe(other);
  });
});

test.each([
  ['ipv4', 'nft', 'iptables-nft'],
  ['ipv6', 'legacy', 'ip6tables-legacy'],
] as const)('the programs of %s and %s', (family, backend, program) => {
  expect(iptablesPrograms(family, backend)).toEqual({
    family,
    backend,
    iptables: program,
    save: `${program}-save`,
    restore: `${program}-restore`,
  });
});

describe('what a node can do', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'svc2ipt-host-'));
  });
  afterEach(() => {
    vi.unstubAllEnvs();
  });
  afterAll(() => rm(folder, { recursive: true }));

  /** Programs of a backend that know all parts of rules but some, and of which one runs at a time where there is a lock. */
  async function programs(backend: Backend, unknown: string): Promise<void> {
    const lock = join(folder, 'lock');
    const script = `#!/bin/sh
case $* in
--version) echo 'iptables v1.8.9 (${backend === 'nft' ? 'nf_tables' : 'legacy'})'; exit ;;
esac
if [ ${backend} = legacy ]; then
  if ! mkdir '${lock}' 2>/dev/null; then
    echo 'Another app is currently holding the xtables lock. Stopped waiting after 5s.' >&2
    exit 4
  fi
  sleep 0.02
  rmdir '${lock}'
fi
case $* in
*' -S '*) exit 0 ;;
*'-m ${unknown} '* | *'--${unknown}'*) echo "no $0 knows ${unknown}" >&2; exit 2 ;;
*) exit 1 ;;
esac
`;
    for (const program of ['iptables', 'ip6tables']) {
      await writeFile(join(folder, `${program}-${backend}`), script);
      await chmod(join(folder, `${program}-${backend}`), 0o755);
    }
    const rest = (process.env.PATH ?? '').split(delimiter).filter((path) => !/sbin/.test(path));
    vi.stubEnv('PATH', [folder, ...rest].join(delimiter));
  }

  const all = { randomFully: true, recent: true, bpf: true, nfacct: true };
  test.each<[Backend, string, typeof all, RegExp?]>(
    (['nft', 'legacy'] as const).flatMap((backend) => [
      [backend, 'nothing', all],
      [backend, 'random-fully', { ...all, randomFully: false }],
      [
        backend,
        'recent',
        { ...all, recent: false },
        /^sessionAffinity has no effect: ip6?tables-\w+ cannot use xt_recent \(no \S+ knows recent\): modprobe xt_recent/,
      ],
      [backend, 'bpf', { ...all, bpf: false }],
      [backend, 'nfacct', { ...all, nfacct: false }],
      [
        backend,
        'statistic',
        all,
        /^rules for more than one endpoint will be refused, and no others written: .*\(no \S+ knows statistic\)/,
      ],
    ]),
  )(
    'iptables-%s that does not know %s, asked once at a time where it has a lock',
    async (backend, unknown, expected, warned) => {
      await programs(backend, unknown);
      const { iptables, warnings } = await detectHost(await findIptables(backend));
      expect(warnings).toHaveLength(warned ? 2 : 0);
      for (const warning of warnings) expect(warning).toMatch(warned ?? /^$/);
      for (const host of Object.values(iptables)) expect(host).toMatchObject({ backend, ...expected });
    },
  );

  test.each([
    ['', []],
    [
      String.raw`printf '*nat\n:KUBE-SERVICES - [0:0]\n:KUBE-NODEPORTS - [0:0]\n:OTHER - [0:0]\nCOMMIT\n'`,
      [
        'iptables-legacy has 2 chains of kube-proxy too, and packets meet both: svc2ipt cleanup removes them from both',
      ],
    ],
    ['echo no such table >&2; exit 3', []],
  ])('chains of ours in the other backend: %s', async (script, expected) => {
    await programs('nft', 'nothing');
    await writeFile(join(folder, 'iptables-legacy-save'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    expect(await leftoverWarnings([iptablesPrograms('ipv4', 'nft')])).toEqual(expected);
  });

  test('no IPv6 in the kernel, of which ip6tables-legacy tells with the exit code of a rule that is not there', async () => {
    await programs('legacy', 'nothing');
    const refusal = 'Address family not supported by protocol';
    const script = `#!/bin/sh
case $* in
--version) echo 'ip6tables v1.8.9 (legacy)'; exit ;;
*' -C '*) echo 'Could not open socket to kernel: ${refusal}' >&2; exit 1 ;;
esac
echo "ip6tables v1.8.9 (legacy): can't initialize the table nat: ${refusal}" >&2; exit 3
`;
    await writeFile(join(folder, 'ip6tables-legacy'), script);
    const { iptables, warnings } = await detectHost(await findIptables('legacy'));
    expect(iptables).toMatchObject({ ipv4: { backend: 'legacy' }, ipv6: undefined });
    expect(warnings).toContainEqual(
      expect.stringMatching(/^no rules for IPv6: the kernel has IPv6 disabled for ip6tables-legacy \(/),
    );
  });
});
