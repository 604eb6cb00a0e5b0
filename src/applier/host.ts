/** What a node can do, found once, as data. */
import { readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { isOwnChain } from '../chains/names.ts';
import { CommandError } from '../errors/command-error.ts';
import { OperationalError } from '../errors/operational-error.ts';
import { FAMILIES, type Family } from '../net/address.ts';
import { quotable } from '../text/printable.ts';
import { backendInUse } from './backend.ts';
import { run, runReading } from './command.ts';
import { SavedReader } from './kernel.ts';
import { hasNfacct } from './nfacct.ts';
import {
  type Backend,
  type IptablesPrograms,
  iptablesPrograms,
  PROGRAMS,
  programsNamed,
} from './programs.ts';

/** A node that cannot do what it is asked to: what was tried, what came back, what to do. */
export class HostError extends OperationalError {}

/** A program of iptables, or a table of the kernel, that is not there: then it holds nothing. */
export class MissingError extends HostError {}

/** How long iptables-legacy waits for another program to let go of its lock, in seconds. */
export const LOCK_WAIT_SECONDS = 5;

/** Another program holds the lock of iptables-legacy, and does not let go of it. */
export class LockError extends HostError {
  constructor(program: string) {
    super(
      `${program}: another program has held the xtables lock for more than ${LOCK_WAIT_SECONDS} s: ` +
        'find it with fuser /run/xtables.lock, then try again',
    );
  }

  /** Whether that is what iptables complains about. */
  static isToldBy(stderr: string): boolean {
    return /xtables lock/i.test(stderr);
  }
}

/** Without a number, iptables would wait for ever. */
export const WAIT_FOR_LOCK: readonly string[] = ['--wait', String(LOCK_WAIT_SECONDS)];

/** iptables for one family, as far as it tells by itself. */
export interface FoundIptables extends IptablesPrograms {
  /** `1.8.9` */
  readonly version: string;
}

/** iptables for one family, and what it can do. */
export interface IptablesHost extends FoundIptables {
  /** MASQUERADE takes `--random-fully`. */
  readonly randomFully: boolean;
  /** xt_recent: session affinity works. */
  readonly recent: boolean;
  /** xt_bpf: a packet whose source is its destination can be told in one rule. */
  readonly bpf: boolean;
  /** xt_nfacct: rules can count with the kernel's named counters. */
  readonly nfacct: boolean;
  /** What else it cannot do and rules need, in its own words: for people. */
  readonly lacks: readonly string[];
}

export interface Host {
  /** Undefined where the kernel or the machine has no iptables for the family. */
  readonly iptables: Readonly<Record<Family, IptablesHost | undefined>>;
  /** What is missing, and what to do about it, for people. */
  readonly warnings: readonly string[];
  /** The nfacct objects that kube-proxy counts with exist, and rules can name them. */
  readonly nfacct: boolean;
  readonly conntrackTCPBeLiberal: boolean;
  /** The addresses on its interfaces, such as `192.168.0.2/24`. */
  readonly interfaceAddresses: readonly string[];
}

/** By family; why there is none for IPv6. */
export interface FoundFamilies {
  readonly ipv4: FoundIptables;
  readonly ipv6: FoundIptables | HostError;
}

/**
 * Finds iptables, and does not ask yet what it and the kernel can do.
 * @param wanted which to use; unless given, the one that the node uses already, or else the machine's own choice
 * @throws HostError where it is missing, or may not be used
 */
export async function findIptables(wanted?: Backend): Promise<FoundFamilies> {
  const backend =
    wanted ?? (await backendInUse({ nft: savePrograms('nft'), legacy: savePrograms('legacy') }));
  const [ipv4, ipv6] = await Promise.all([
    findProgram('ipv4', backend),
    findProgram('ipv6', backend).catch(insteadOfIPv6),
  ]);
  return { ipv4, ipv6 };
}

/** A lock is no reason to do without IPv6: it is there. */
function insteadOfIPv6(error: unknown): HostError {
  if (error instanceof HostError && !(error instanceof LockError)) return error;
  throw error;
}

/**
 * Finds out what this machine, in this network namespace, can do. Nothing is changed.
 * @param preparing what changes the node meanwhile, and knows then whether all nfacct objects exist
 * @throws HostError where iptables may not be used; what `preparing` throws
 */
export async function detectHost(
  found: FoundFamilies,
  preparing?: Promise<{ readonly nfacct: boolean }>,
): Promise<Host> {
  const detectingIPv4 = detectIptables(found.ipv4, undefined);
  const [ipv4, ipv6, { nfacct, conntrackTCPBeLiberal }] = await Promise.all([
    detectingIPv4,
    found.ipv6 instanceof HostError
      ? found.ipv6
      : detectIptables(found.ipv6, detectingIPv4).catch(insteadOfIPv6),
    detectPrepared(preparing),
  ]);
  const iptables = { ipv4, ipv6: ipv6 instanceof HostError ? undefined : ipv6 };
  return {
    iptables,
    warnings: [
      ...(ipv6 instanceof HostError ? [`no rules for IPv6: ${ipv6.message}`] : []),
      ...FAMILIES.flatMap((family) => iptables[family]?.lacks ?? []),
    ],
    nfacct: nfacct && FAMILIES.every((family) => iptables[family]?.nfacct !== false),
    conntrackTCPBeLiberal,
    interfaceAddresses: interfaceAddresses(),
  };
}

/** What a node may have been prepared with. */
async function detectPrepared(preparing: Promise<{ readonly nfacct: boolean }> | undefined) {
  const prepared = await preparing;
  const [nfacct, liberal] = await Promise.all([
    prepared?.nfacct ?? hasNfacct(),
    readFile('/proc/sys/net/netfilter/nf_conntrack_tcp_be_liberal', 'utf8').catch(() => '0'),
  ]);
  return { nfacct, conntrackTCPBeLiberal: liberal.trim() === '1' };
}

const savePrograms = (backend: Backend) => FAMILIES.map((family) => iptablesPrograms(family, backend).save);

/** @param before what asks the same kernel and comes first where both need one lock: iptables-legacy has one for all */
async function detectIptables(
  found: FoundIptables,
  before: Promise<unknown> | undefined,
): Promise<IptablesHost> {
  const { family, backend, iptables } = found;
  // Each reads the whole table first. On a large one all at once would wait too long for the lock.
  if (backend === 'legacy') await before;
  const missing = await missingParts(iptables, family);
  return {
    ...found,
    randomFully: !missing.has('randomFully'),
    recent: !missing.has('recent'),
    bpf: !missing.has('bpf'),
    nfacct: !missing.has('nfacct'),
    lacks: [...missing].flatMap(([part, why]) => lackOf(part, iptables, why)),
  };
}

/**
 * The iptables of a backend, or the machine's own choice. That is called by the name that it alone has where there is one:
 * what `iptables` stands for may be changed while we run (update-alternatives), and rules would then be in both.
 */
async function findProgram(family: Family, wanted: Backend | undefined): Promise<FoundIptables> {
  const program = PROGRAMS[family];
  if (wanted) {
    const programs = iptablesPrograms(family, wanted);
    return { ...programs, ...(await detectVersion(programs.iptables)) };
  }
  const own = await detectVersion(program);
  const named = `${program}-${own.backend}`;
  const same = await detectVersion(named).catch((error: unknown) => {
    if (error instanceof OperationalError) return undefined;
    throw error;
  });
  const isSame = same?.version === own.version && same.backend === own.backend;
  return { ...programsNamed(isSame ? named : program, family, own.backend), version: own.version };
}

/**
 * Where the programs go by a name that may come to stand for another backend, makes sure that it has not.
 * @throws HostError where it has: what we write would be beside our rules in the other
 */
export async function expectSameBackend({ family, backend, iptables }: IptablesPrograms): Promise<void> {
  if (iptables !== PROGRAMS[family]) return;
  const now = await detectVersion(iptables);
  if (now.backend === backend) return;
  throw new HostError(
    `writing no rules: ${iptables} was iptables-${backend} and is now iptables-${now.backend}, and packets would meet the rules of ` +
      'both: change it back, or restart svc2ipt',
  );
}

async function detectVersion(program: string): Promise<{ version: string; backend: Backend }> {
  const { stdout } = await run([program, '--version']).catch((error: unknown) => {
    throw explainFailure(error, program);
  });
  // `iptables v1.8.9 (nf_tables)`; before 1.8 there was one backend, and no word of it.
  const [, version, name] = /v(\d+(?:\.\d+)+)(?: \((\w+)\))?/.exec(stdout) ?? [];
  if (version === undefined) {
    const got = JSON.stringify(quotable(stdout));
    throw new HostError(
      `${program} --version: expected a version, got ${got}: check which program that is (command -v ${program})`,
    );
  }
  return { version, backend: name === 'nf_tables' ? 'nft' : 'legacy' };
}

/** What rules are made of where iptables and the kernel know it. */
const PARTS = {
  randomFully: ['-j', 'MASQUERADE', '--random-fully'],
  recent: ['-m', 'recent', '--name', 'KUBE-PROXY-PROBE', '--rcheck', '--seconds', '1', '--reap'],
  bpf: ['-m', 'bpf', '--bytecode', '1,6 0 0 65535'],
  statistic: ['-m', 'statistic', '--mode', 'random', '--probability', '0.5'],
  nfacct: ['-m', 'nfacct', '--nfacct-name', 'KUBE-PROXY-PROBE'],
} as const;

type Part = keyof typeof PARTS;

const PART_NAMES: readonly Part[] = ['recent', 'bpf', 'statistic', 'nfacct', 'randomFully'];

/**
 * The parts that are not known, each with what iptables says of it. Nearly everywhere all are, which one question tells, as it
 * tells that the nat table can be read; where one is not, each is asked for.
 * @throws HostError where the nat table may not be read
 */
async function missingParts(iptables: string, family: Family): Promise<ReadonlyMap<Part, string>> {
  const missing = new Map<Part, string>();
  const all = PART_NAMES.flatMap((part) => PARTS[part]);
  if ((await refusalOf(iptables, all)) === undefined) return missing;
  await checkReadable(iptables, family);
  for (const part of PART_NAMES) {
    const refusal = await refusalOf(iptables, PARTS[part]);
    if (refusal !== undefined) missing.set(part, refusal);
  }
  return missing;
}

/** What follows for Services where a part is missing; nothing where rules do without and lose nothing. */
function lackOf(part: Part, program: string, why: string): string[] {
  switch (part) {
    case 'recent':
      return [
        `sessionAffinity has no effect: ${program} cannot use xt_recent (${why}): ${REPAIR('xt_recent')}`,
      ];
    case 'statistic':
      return [
        `rules for more than one endpoint will be refused, and no others written: ${program} cannot use xt_statistic ` +
          `(${why}): ${REPAIR('xt_statistic')}`,
      ];
    case 'bpf':
    case 'nfacct':
    case 'randomFully':
      return [];
  }
}

const REPAIR = (module: string): string => `modprobe ${module}, or install all of iptables`;

/** What iptables ends with 1 for as well, where it cannot look for the rule at all. */
const TOLD_WITH_1 = /missing kernel module|is incompatible|address family not supported/i;

/**
 * What iptables says where it or the kernel does not know the parts of a rule; undefined where both do. The rule is only
 * looked for, which fails with exit code 1 where it would be possible; nothing is written.
 */
async function refusalOf(iptables: string, rule: readonly string[]): Promise<string | undefined> {
  try {
    await run([iptables, ...WAIT_FOR_LOCK, '-t', 'nat', '-C', 'POSTROUTING', ...rule]);
    return undefined;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    if (LockError.isToldBy(error.stderr)) throw new LockError(iptables);
    // What was not asked to the end is neither known nor unknown.
    if (error.interrupted) throw error;
    if (error.exitCode === 1 && !TOLD_WITH_1.test(error.stderr)) return undefined;
    return firstLine(quotable(error.stderr));
  }
}

/** Looks at the nat table once, so that what is missing is told before anything is done. */
async function checkReadable(iptables: string, family: Family): Promise<void> {
  await run([iptables, ...WAIT_FOR_LOCK, '-t', 'nat', '-S', 'POSTROUTING']).catch((error: unknown) => {
    throw explainFailure(error, iptables, family);
  });
}

/**
 * What is to be told of chains of ours in the other backend: packets meet the rules of both. Nothing is changed.
 * @throws CommandError, OutputError where it is there and cannot be read
 */
export async function leftoverWarnings(hosts: readonly IptablesPrograms[]): Promise<readonly string[]> {
  const warnings = await Promise.all(
    hosts.map(async ({ family, backend }) => {
      const other = iptablesPrograms(family, backend === 'nft' ? 'legacy' : 'nft');
      const chains = await ownChains(other.save);
      if (chains === 0) return [];
      return [
        `${other.iptables} has ${chains} ${chains === 1 ? 'chain' : 'chains'} of kube-proxy too, and packets meet both: ` +
          'svc2ipt cleanup removes them from both',
      ];
    }),
  );
  return warnings.flat();
}

async function ownChains(save: string): Promise<number> {
  try {
    const reader = new SavedReader();
    await runReading([save, '--counters'], reader);
    return [...reader.tables].reduce(
      (sum, [table, chains]) => sum + [...chains.keys()].filter((chain) => isOwnChain(table, chain)).length,
      0,
    );
  } catch (error) {
    // The other backend is not installed, or not in the kernel: then it holds nothing.
    if (error instanceof CommandError && !error.interrupted) return 0;
    throw error;
  }
}

/** What a failed program means, in words that help; a CommandError stays one where that is not known. */
export function explainFailure(error: unknown, program: string, family?: Family): unknown {
  if (!(error instanceof CommandError)) return error;
  if (LockError.isToldBy(error.stderr)) return new LockError(program);
  if (error.code === 'ENOENT') {
    return new MissingError(
      `${program} is not installed: install iptables (Debian and Ubuntu: apt install iptables)`,
    );
  }
  const words = firstLine(quotable(error.stderr));
  if (/permission denied|must be root|operation not permitted/i.test(error.stderr)) {
    return new HostError(
      `${program} is not permitted to read the rules: run as root or with CAP_NET_ADMIN (${words})`,
    );
  }
  if (/address family not supported/i.test(error.stderr)) {
    return new MissingError(`the kernel has IPv6 disabled for ${program} (${words})`);
  }
  if (/table does not exist|insmod|missing kernel module|protocol not supported/i.test(error.stderr)) {
    const module = family === 'ipv6' ? 'ip6table_nat' : 'iptable_nat';
    return new MissingError(`the kernel has no nat table for ${program}: modprobe ${module} (${words})`);
  }
  return error;
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? '';
}

/**
 * The addresses on this machine's interfaces, such as `192.168.0.2/24`.
 * @throws HostError where the system does not tell, as there is no file descriptor left to ask it with
 */
export function interfaceAddresses(): string[] {
  let interfaces: ReturnType<typeof networkInterfaces>;
  try {
    interfaces = networkInterfaces();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new HostError(
      `cannot read the addresses of this node (${reason}): check its limits (ulimit -a, prlimit)`,
    );
  }
  return Object.values(interfaces).flatMap((addresses) =>
    (addresses ?? []).flatMap(({ cidr, scopeid }) => (cidr && !scopeid ? [cidr] : [])),
  );
}
