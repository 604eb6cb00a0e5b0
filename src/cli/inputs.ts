/** From the options that commands share to what the compiler takes. */
import { DEFAULT_CONFIGURATION } from '../api/kube-proxy-configuration.ts';
import { type HostFacts, hostSchema, type NodeFacts } from '../api/node.ts';
import { allOf, check, InputError, type Problem } from '../api/problem.ts';
import { unassignedWarnings } from '../compiler/unassigned.ts';
import { type CompilerInput, checkedServiceRanges, compilerInput } from '../library/compiler-input.ts';
import { clusterWarnings, typoWarnings, unknownNodeWarnings } from '../library/warnings.ts';
import {
  DEFAULT_SERVICE_RANGES,
  type KnownManifests,
  type LoadedCluster,
  loadCluster,
} from '../sources/cluster.ts';
import { type Configuration, NO_OPTIONS, parseConfiguration, parseHost } from '../sources/configuration.ts';
import type { WorkloadOptions } from '../sources/control-plane/from-workloads.ts';
import { readSource, readSources } from '../sources/files.ts';
import { type LiveKind, NEEDED } from '../sources/kubernetes/live-kinds.ts';
import { resolveNode } from '../sources/node.ts';
import type { SourceText } from '../sources/source-text.ts';
import { workloadOptionsOf } from '../sources/workload-options.ts';
import { isKubectlPlugin } from './calling.ts';
import { hasDefaultCluster, namesCluster, readLiveCluster } from './live-cluster.ts';
import { madePodsInWords } from './made-pods.ts';
import type { InputOptions, ObjectsOptions, WorkloadsOptions } from './options.ts';
import { progress } from './progress.ts';
import { note, warn } from './run.ts';
import { isPiped, pipedText } from './standard-input.ts';

/** How to read, where a command has more to do with it than to compile it. */
export interface Reading {
  /** The texts of the manifests, where the caller wants them whatever is in them. */
  readonly sources?: Promise<readonly SourceText[]>;
  /** Is told what is most likely misspelt, though it is no error. By default, each is a warning. */
  readonly onTypos?: (typos: readonly Problem[]) => void;
  /** Whether the caller itself tells what the cluster and the node lack, which are warnings otherwise. */
  readonly tellsOfLacks?: boolean;
  /** What is asked of a live cluster; what rules are made from, unless given. */
  readonly kinds?: readonly LiveKind[];
  /** Whether the cluster that the environment names is read where nothing else is. */
  readonly defaultCluster?: boolean;
  /** What was read before, of the other side of a comparison. */
  readonly known?: KnownManifests;
}

/**
 * Reads everything that the options name; tells of warnings on standard error.
 * @param live what was found out on this machine, where it is the node
 * @throws InputError; a ManifestError where nothing is wrong but the manifests
 */
export async function readInput(
  options: InputOptions,
  live: HostFacts = {},
  reading: Reading = {},
): Promise<CompilerInput> {
  return await read(options, false, live, { ...reading, defaultCluster: reading.defaultCluster ?? false });
}

/**
 * Like {@link readInput}, and makes Pods of Deployments and other workloads unless the options leave them out: for what
 * looks at manifests alone. Where rules come from a kernel or go into one, addresses that nobody has would do harm.
 */
export async function readInputWithWorkloads(
  options: InputOptions & WorkloadsOptions,
  { toldOfPods = false, ...reading }: Reading & { readonly toldOfPods?: boolean } = {},
): Promise<CompilerInput> {
  const input = await read(options, options.workloads, {}, reading);
  const words = toldOfPods ? undefined : madePodsInWords([input.made]);
  if (words !== undefined) note(words);
  return input;
}

async function read(
  options: InputOptions,
  workloads: boolean,
  live: HostFacts,
  { sources: given, onTypos = warnOfTypos, tellsOfLacks = false, known, ...from }: Reading,
): Promise<CompilerInput> {
  const reading = given ?? readManifests(options, from);
  const ranges = givenServiceRanges(options.serviceClusterIpRange);
  const told = [readConfiguration(options.config), readHost(options.host), factsFromFlags(options)] as const;
  const [configuration, host, flags, loaded, serviceRanges] = await allOf([
    ...told,
    readCluster(options, reading, ranges, workloads ? workloadOptionsOf(...told) : undefined, known),
    ranges,
  ]);
  const { cluster, nodes, sources, warnings, ignored } = loaded;
  const { legacyPortNames, layout, rejectUnassigned } = options;
  const input = compilerInput({
    loaded,
    sources,
    configuration,
    isConfigured: options.config !== undefined,
    own: { legacyPortNames, layout, rejectUnassigned, serviceRanges },
    flags,
    host,
    live,
  });
  const { node, unassigned } = input;
  // An API server has fields of its own version, and takes no others.
  const asked = new Set(sources.flatMap(({ name, origin }) => (origin === 'cluster' ? [name] : [])));
  const typos = loaded.typos.filter(({ at: [source = ''] }) => !asked.has(source));

  onTypos(typos);
  const ofCluster = tellsOfLacks ? [] : clusterWarnings(cluster);
  const ofNode = 'allNodes' in options ? [] : unknownNodeWarnings(cluster, node, nodes, tellsOfLacks);
  for (const warning of [...warnings, ...ofCluster, ...ofNode]) warn(warning);
  if (options.verbose) {
    for (const [kind, count] of [...ignored].sort()) note(`ignored: ${count} ${kind}`);
  }
  // What comes now has no steps to count, and takes long only after a long reading.
  (await progress('compiling'))(0, 1);
  if (!tellsOfLacks) {
    for (const warning of unassignedWarnings(unassigned, { configuration: configuration.kubeProxy, node }))
      warn(warning);
  }
  return input;
}

/**
 * What the options tell of the node, where there is no cluster to read. Throws an InputError.
 * @param live what was found out on this machine, where it is the node
 */
export async function readNode(options: InputOptions, live: HostFacts = {}): Promise<NodeFacts> {
  const [host, flags] = await allOf([readHost(options.host), factsFromFlags(options)]);
  return resolveNode({ flags, host, hostnameOverride: undefined, nodes: new Map(), live });
}

/**
 * The texts of the manifests that the options name, or of the cluster; else of what is piped in, or of the cluster that
 * the environment names.
 * @throws InputError where nothing is named
 */
export async function readManifests(
  options: InputOptions,
  { kinds, defaultCluster = true }: Pick<Reading, 'kinds' | 'defaultCluster'> = {},
): Promise<readonly SourceText[]> {
  const named = readNamed(options, kinds);
  if (named !== undefined) return await named;
  const asPlugin = defaultCluster && isKubectlPlugin();
  if (isPiped() && !asPlugin) return await readSources([STANDARD_INPUT_PATH]);
  const piped = await pipedText('the cluster is read');
  if (piped !== undefined) return [piped];
  if (asPlugin || (defaultCluster && hasDefaultCluster())) return [await readLive(options, kinds)];
  if (!process.stdin.isTTY) return await readSources([STANDARD_INPUT_PATH]);
  const cluster = defaultCluster ? ', or name a cluster with --context or --kubeconfig' : '';
  throw new InputError([
    { at: [], message: `nothing to read: name manifests with -f or -k, or pipe them in${cluster}` },
  ]);
}

/** What `-f` takes for standard input. */
const STANDARD_INPUT_PATH = '-';

/** Whether options name manifests, or a cluster. */
export function namesObjects(options: ObjectsOptions): boolean {
  return options.filename !== undefined || options.kustomize !== undefined || namesCluster(options);
}

/** The texts of what options name, manifests or a cluster; undefined where they name neither. */
export function readNamed(
  options: ObjectsOptions,
  kinds?: readonly LiveKind[],
): Promise<readonly SourceText[]> | undefined {
  const { filename = [], kustomize = [] } = options;
  const hasManifests = filename.length + kustomize.length > 0;
  if (hasManifests && namesCluster(options)) {
    return Promise.reject(
      new InputError([
        { at: [], message: 'manifests (-f, -k) and a live cluster exclude each other: name one of them' },
      ]),
    );
  }
  if (hasManifests) return readGiven(filename, kustomize);
  return namesCluster(options) ? readLive(options, kinds).then((source) => [source]) : undefined;
}

async function readGiven(
  filename: readonly string[],
  kustomize: readonly string[],
): Promise<readonly SourceText[]> {
  const [files, ...built] = await allOf([
    filename.length === 0 ? [] : readSources(filename),
    ...kustomize.map(async (folder) =>
      (await import('../sources/kustomization.ts')).buildKustomization(folder),
    ),
  ]);
  return [...files, ...built];
}

/** The cluster that the options name, or else the environment. */
export async function readLive(
  options: ObjectsOptions,
  kinds: readonly LiveKind[] = NEEDED,
): Promise<SourceText> {
  (await progress('reading the cluster'))(0, 1);
  const ranges: readonly LiveKind[] = (await needsServiceCIDRs(options)) ? ['ServiceCIDR'] : [];
  return await readLiveCluster(options, [...kinds, ...ranges]);
}

/** Whether rules go by the cluster's ServiceCIDRs. What is wrong in the configuration is told where it is read. */
async function needsServiceCIDRs(options: ObjectsOptions & Partial<InputOptions>): Promise<boolean> {
  if (options.serviceClusterIpRange !== undefined) return false;
  if (options.rejectUnassigned !== undefined) return options.rejectUnassigned;
  const { own } = await readConfiguration(options.config).catch(() => ({ own: NO_OPTIONS }));
  return own.rejectUnassigned ?? false;
}

async function readCluster(
  options: InputOptions,
  reading: Promise<readonly SourceText[]>,
  ranges: Promise<readonly string[] | undefined>,
  workloads: Promise<WorkloadOptions> | undefined,
  known: KnownManifests | undefined,
): Promise<LoadedCluster & Pick<CompilerInput, 'sources'>> {
  const sources = await reading;
  const loaded = loadCluster(sources, {
    serviceRanges: (await ranges) ?? DEFAULT_SERVICE_RANGES,
    strict: options.strict ?? false,
    workloads: await workloads,
    onProgress: await progress('reading'),
    known,
  });
  return { ...loaded, sources };
}

async function readConfiguration(path: string | undefined): Promise<Configuration> {
  if (path !== undefined) return parseConfiguration(await readSource(path));
  return { kubeProxy: DEFAULT_CONFIGURATION, own: NO_OPTIONS };
}

async function readHost(path: string | undefined): Promise<HostFacts> {
  return path === undefined ? {} : parseHost(await readSource(path));
}

const RANGE_FLAG = '--service-cluster-ip-range';

async function givenServiceRanges(flag: string | undefined): Promise<readonly string[] | undefined> {
  return flag === undefined ? undefined : checkedServiceRanges(flag.split(','), RANGE_FLAG);
}

/** The flag of each fact that a flag can get wrong. */
const FLAG_OF_FACT: Readonly<Record<string, string>> = {
  name: '--node-name',
  ips: '--node-ip',
  podCIDRs: '--pod-cidr',
  interfaceAddresses: '--interface-address',
};

/** The facts that have a flag each, held to the same schema as the file of facts. */
async function factsFromFlags(options: InputOptions): Promise<HostFacts> {
  const list = (value: string | undefined) => value?.split(',');
  const facts = {
    name: options.nodeName,
    zone: options.zone,
    region: options.region,
    ips: list(options.nodeIp),
    podCIDRs: list(options.podCidr),
    interfaceAddresses: list(options.interfaceAddress),
    randomFully: options.randomFully,
    bpf: options.bpf,
    nfacct: options.nfacct,
    conntrackTCPBeLiberal: options.conntrackTcpBeLiberal,
  };
  const result = check(hostSchema, facts, []);
  if (result.ok) return result.value;
  throw new InputError(
    result.problems.map(({ at: [path = ''], message }) => {
      const fact = path.replace(/\[\d+\]$/, '');
      return { at: [FLAG_OF_FACT[fact] ?? fact], message };
    }),
  );
}

function warnOfTypos(typos: readonly Problem[]): void {
  for (const warning of typoWarnings(typos)) warn(warning);
}
