/** The kernel tests' core on several releases of iptables, as the table of docs/systems.md. */

/** The document, and the name of the marks around the table in it. */
export const SYSTEMS_PAGE = 'docs/systems.md';
export const RELEASES_MARK = 'iptables releases';

/** The releases of Debian that are tried, from the oldest. */
export const RELEASES: readonly string[] = ['bullseye', 'bookworm', 'trixie', 'forky'];

/** The parts of the core, each a column, with the kernel tests that it consists of. */
export const CORE = [
  ['rules taken, and read back', ['round-trip']],
  ['apply, diff, cleanup', ['apply', 'foreign']],
  ["kube-proxy's rules taken over", ['takeover', 'backend']],
  ['packets, and parts missing', ['systems']],
] as const;

/** The files of the core. */
export const CORE_FILES: readonly string[] = CORE.flatMap(([, names]) =>
  names.map((name) => `test/${name}.kernel.test.ts`),
);

/** By their names, the tests of the core's short form: some of each part. */
export const SHORT_FORM = [
  'from one cluster to another',
  'features/(dual-stack|no-endpoints|nodeport-nfacct|loadbalancer-source-ranges)',
  'a second apply runs',
  'what iptables refuses',
  'stay as they are while ours',
  'is found by its chains',
  // Vitest joins names in a way of its own.
  'on a node without[ >]*(nothing|the library of .recent)',
].join('|');

/** The columns before those of the core, for what was installed. */
export const VERSION_COLUMNS = ['Debian', 'iptables', 'nftables', 'conntrack'] as const;

/** How a test ended, by vitest's JSON reporter. */
export interface TestEnd {
  /** The file's path. */
  readonly file: string;
  readonly state: string;
}

/** What was found out about one release. */
export interface ReleaseRun {
  /** Its code name: `trixie`. */
  readonly release: string;
  /** The version of each package, without Debian's revision: `1.8.11`. */
  readonly versions: Readonly<Record<'iptables' | 'nftables' | 'conntrack', string>>;
  readonly tests: readonly TestEnd[];
}

/**
 * The table, as Markdown. A cell of the core says how many tests passed, or how many of them failed.
 * @param where what is the same for all: the kernel, backends, layouts
 */
export function releasesTable(runs: readonly ReleaseRun[], where: string): string {
  const head = [...VERSION_COLUMNS, ...CORE.map(([name]) => name)];
  const rows = runs.map(({ release, versions, tests }) => [
    release,
    versions.iptables,
    versions.nftables,
    versions.conntrack,
    ...CORE.map(([, names]) => partCell(tests, names)),
  ]);
  const lines = [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
  return `${where}:\n\n${lines.join('\n')}\n`;
}

function partCell(tests: readonly TestEnd[], names: readonly string[]): string {
  const own = tests.filter(({ file }) => names.some((name) => file.endsWith(`/${name}.kernel.test.ts`)));
  const passed = own.filter(({ state }) => state === 'passed').length;
  const failed = own.filter(({ state }) => state === 'failed').length;
  if (failed > 0) return `**${failed} of ${passed + failed} fail**`;
  return passed > 0 ? `${passed} tests pass` : 'not run';
}

/** `1.8.9` of `1.8.9-2`, `1.4.7` of `1:1.4.7-1+b2`. */
export function upstreamVersion(version: string): string {
  return version.replace(/^\d+:/, '').replace(/-[^-]*$/, '');
}
