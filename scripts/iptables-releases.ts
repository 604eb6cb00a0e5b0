/**
 * Runs the core of the kernel tests on the iptables of several Debian releases, and writes what came of it into
 * docs/systems.md: scripts/iptables-releases [--keep FOLDER] [--layouts] [--short] [--mirror URL] [RELEASE...]
 *
 * Each release is unpacked by debootstrap into a folder of its own, with the packages that a node has. The tests run there,
 * on the Node.js and the checkout of this machine: their own mounts and processes, and network namespaces as always.
 */
import { access, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { release as kernelRelease, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type ExecaError, execa } from 'execa';
import { z } from 'zod';
import { publish } from '../bench/publish.ts';
import { aptSource, NO_APT_SOURCE } from './debian-base.ts';
import {
  CORE_FILES,
  RELEASES,
  RELEASES_MARK,
  type ReleaseRun,
  releasesTable,
  SHORT_FORM,
  SYSTEMS_PAGE,
  upstreamVersion,
} from './iptables-table.ts';

const PROJECT = join(import.meta.dirname, '..');
const SCRIPTS = '/usr/share/debootstrap/scripts';
/** What the tests need, and what Node.js does. */
const PACKAGES = [
  ...['iptables', 'iproute2', 'conntrack', 'nftables', 'nfacct', 'procps', 'python3', 'util-linux'],
  ...['libatomic1', 'libstdc++6'],
];

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    keep: { type: 'string' },
    layouts: { type: 'boolean', default: false },
    short: { type: 'boolean', default: false },
    mirror: { type: 'string' },
  },
});

const reportSchema = z.object({
  testResults: z.array(
    z.object({
      name: z.string(),
      message: z.string(),
      assertionResults: z.array(z.object({ status: z.string() })),
    }),
  ),
});

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}

/** Unpacks a release, unless it is there already. */
async function unpack(release: string, root: string, mirror: string): Promise<void> {
  const done = join(root, 'unpacked');
  if (await exists(done)) return;
  // What debootstrap does is the same for all since sid; it knows the names of those alone that were there when it was made.
  const known = await exists(join(SCRIPTS, release));
  const script = known ? [] : [join(SCRIPTS, 'sid')];
  const args = ['--variant=minbase', `--include=${PACKAGES.join(',')}`, release, root, mirror, ...script];
  await execa('debootstrap', args).catch((error: ExecaError) => {
    throw new Error(`${error.shortMessage}: ${String(error.stdout).slice(-2000)}`);
  });
  await mkdir(done);
}

/** Shell commands as root of a release: the mounts that they need are gone with the last of them. */
async function inside(root: string, script: string): Promise<string> {
  // The root is a mount of its own: `ip netns exec` looks for one.
  const mounts = `
    mount --bind "$0" "$0"
    mount -t proc proc "$0/proc"
    mount --rbind /sys "$0/sys"
    mount --rbind /dev "$0/dev"
    mount -t tmpfs tmpfs "$0/run"
    mount -t tmpfs tmpfs "$0/tmp"
    mkdir -p "$0$1"
    mount --bind "$1" "$0$1"
    exec chroot "$0" sh -euc 'cd "$0"; eval "$1"' "$1" "$2"`;
  const apart = ['--mount', '--pid', '--fork', '--kill-child', '--propagation', 'private'];
  const env = { PATH: `${PROJECT}/node_modules/.bin:/usr/sbin:/usr/bin:/sbin:/bin`, LC_ALL: 'C.UTF-8' };
  const { stdout } = await execa('unshare', [...apart, 'sh', '-euc', mounts, root, PROJECT, script], {
    env,
    stderr: ['pipe', 'inherit'],
    reject: true,
  });
  return stdout;
}

async function versionsIn(root: string): Promise<ReleaseRun['versions']> {
  const printed = await inside(root, 'dpkg-query -W iptables nftables conntrack');
  const of = (name: string) => {
    const [, version] = new RegExp(`^${name}\\t(.+)$`, 'm').exec(printed) ?? [];
    if (version === undefined) throw new Error(`no version of ${name} in ${printed}`);
    return upstreamVersion(version);
  };
  return { iptables: of('iptables'), nftables: of('nftables'), conntrack: of('conntrack') };
}

async function run(release: string, root: string): Promise<ReleaseRun> {
  const versions = await versionsIn(root);
  process.stderr.write(`${release}: iptables ${versions.iptables}\n`);
  const report = `dist/iptables-${release}.json`;
  const layouts = options.layouts ? ["--project 'kernel, fast layout'"] : [];
  const some = options.short ? [`-t '${SHORT_FORM}'`] : [];
  const output = `--reporter=json --outputFile=${report}`;
  const vitest = ['vitest run --project kernel', ...layouts, ...some, output].join(' ');
  // Failed tests are what the table is for; a run without a report is none.
  await inside(root, `SVC2IPT_TESTED=$PWD/dist/tested-${release} ${vitest} ${CORE_FILES.join(' ')} || true`);
  const { testResults } = reportSchema.parse(JSON.parse(await readFile(join(PROJECT, report), 'utf8')));
  for (const { name, message } of testResults) if (message !== '') throw new Error(`${name}: ${message}`);
  const tests = testResults.flatMap(({ name, assertionResults }) =>
    assertionResults.map(({ status }) => ({ file: name, state: status })),
  );
  return { release, versions, tests };
}

const mirror = options.mirror ?? (await aptSource())?.mirror;
if (mirror === undefined) throw new Error(`${NO_APT_SOURCE}: name a mirror of Debian with --mirror`);
const folder = options.keep ?? (await mkdtemp(join(tmpdir(), 'svc2ipt-releases-')));
try {
  await mkdir(join(PROJECT, 'dist'), { recursive: true });
  const runs: ReleaseRun[] = [];
  for (const release of positionals.length > 0 ? positionals : RELEASES) {
    const root = join(folder, release);
    await unpack(release, root, mirror);
    runs.push(await run(release, root));
  }
  const form = options.short ? ', the short form of the tests' : '';
  const layouts = options.layouts ? 'both layouts' : "kube-proxy's layout";
  const table = releasesTable(
    runs,
    `Linux ${kernelRelease().split('-')[0]}, both backends, IPv4 and IPv6, ${layouts}${form}`,
  );
  console.log(table);
  // Some of the releases make no table.
  if (positionals.length === 0) await publish(SYSTEMS_PAGE, RELEASES_MARK, table);
} finally {
  if (options.keep === undefined) await rm(folder, { recursive: true, force: true });
}
