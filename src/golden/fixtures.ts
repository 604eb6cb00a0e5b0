/** Fixtures: clusters as folders of manifests, for golden files. */
import { readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { namespacedName } from '../api/cluster.ts';
import { DEFAULT_LAYOUT, type LayoutName } from '../api/layout-names.ts';
import type { HostFacts, NodeFacts } from '../api/node.ts';
import { allOf, formatProblem, InputError } from '../api/problem.ts';
import { compile } from '../compiler/compile.ts';
import { compileOptions } from '../compiler/options.ts';
import { unassignedWarnings } from '../compiler/unassigned.ts';
import { printRuleset } from '../iptables/print.ts';
import type { FindingLocation } from '../lint/locator.ts';
import { positionsIn } from '../lint/positions.ts';
import { FAMILIES, type Family } from '../net/address.ts';
import { DEFAULT_SERVICE_RANGES, type LoadedCluster, loadCluster } from '../sources/cluster.ts';
import { type Configuration, parseConfiguration, parseHost } from '../sources/configuration.ts';
import type { MadePods, WorkloadOptions } from '../sources/control-plane/from-workloads.ts';
import { isManifest, readSource, readSources } from '../sources/files.ts';
import { resolveNode } from '../sources/node.ts';
import type { SourceText } from '../sources/source-text.ts';
import { workloadOptionsOf } from '../sources/workload-options.ts';

/** A folder that holds manifests: one cluster, with `config.yaml` and `host.yaml` beside its objects. */
export interface Fixture {
  /** The folder's path below the folder of all fixtures, `.` for that folder itself. */
  readonly name: string;
  readonly folder: string;
  /** The files with the cluster's objects. */
  readonly manifests: readonly string[];
  readonly config: string | undefined;
  readonly host: string | undefined;
}

/** Finds the clusters under a folder, sorted by name. */
export async function findFixtures(root: string): Promise<Fixture[]> {
  const fixtures: Fixture[] = [];
  const visit = async (folder: string): Promise<void> => {
    const entries = await readdir(folder, { withFileTypes: true });
    const files = entries
      .filter((entry) => !entry.isDirectory() && isManifest(entry.name))
      .map(({ name }) => name);
    const path = (name: string) => (files.includes(name) ? join(folder, name) : undefined);
    const manifests = files.filter((name) => name !== 'config.yaml' && name !== 'host.yaml').sort();
    if (manifests.length > 0) {
      fixtures.push({
        name: relative(root, folder) || '.',
        folder,
        manifests: manifests.map((name) => join(folder, name)),
        config: path('config.yaml'),
        host: path('host.yaml'),
      });
    }
    for (const entry of entries) {
      if (entry.isDirectory() && !entry.name.startsWith('.')) await visit(join(folder, entry.name));
    }
  };
  await visit(root);
  return fixtures.sort((a, b) => (a.name < b.name ? -1 : 1));
}

export interface CompiledFixture {
  /**
   * The rules as text for `iptables-restore`, by the path of their file below the cluster's: `ipv4.rules`, and behind the
   * name of the node where each is compiled, `node-a/ipv4.rules`.
   */
  readonly rules: ReadonlyMap<string, string>;
  /** The node that each of these files is for. */
  readonly nodeOf: ReadonlyMap<string, NodeFacts>;
  readonly warnings: readonly string[];
  /** What was made from workloads. */
  readonly made: MadePods;
  /** Where the manifests have a Service, by `namespace/name`; undefined where they have none of this name. */
  locationOf(service: string): FindingLocation | undefined;
}

export interface FixtureOptions {
  /** Whether Pods are made from Deployments and other workloads; unless given, they are. */
  readonly workloads?: boolean;
  /** Whether what no API server holds, and what is misspelt, is an error. */
  readonly strict?: boolean;
  /** Whether the rules of each of its Nodes are compiled, and not those of the one that `host.yaml` tells. */
  readonly allNodes?: boolean;
  /** The IP families that rules are compiled for; both, unless given. */
  readonly families?: readonly Family[];
}

/**
 * The layout that a cluster's configuration asks for.
 * @throws InputError for what is wrong in the configuration
 */
export async function layoutOf({ config }: Fixture): Promise<LayoutName> {
  const { own } = await readConfiguration(config);
  return own.layout ?? DEFAULT_LAYOUT;
}

/**
 * Compiles a cluster. One without a Service is a mistake, unless it has no objects at all, as one on purpose.
 * @throws InputError for what is wrong in its files
 */
export async function compileFixture(
  fixture: Fixture,
  { workloads = true, strict = false, allNodes = false, families = FAMILIES }: FixtureOptions = {},
): Promise<CompiledFixture> {
  const given = [readConfiguration(fixture.config), readHost(fixture.host)] as const;
  const workload = workloads ? workloadOptionsOf(...given) : undefined;
  const [config, host, { loaded, sources }] = await allOf([
    ...given,
    readManifests(fixture.manifests, strict, workload),
  ]);
  const { cluster, nodes, typos, ignored, made } = loaded;
  if (cluster.services.size === 0 && (typos.length > 0 || ignored.size > 0 || loaded.objects.length > 0)) {
    const message = 'this cluster has objects, but no Service';
    throw new InputError([...typos, { at: [fixture.folder], message }]);
  }
  if (allNodes && nodes.size === 0) {
    throw new InputError([
      { at: [fixture.folder], message: 'this cluster has no Node, which --all-nodes requires' },
    ]);
  }
  const { hostnameOverride } = config.kubeProxy;
  const own = { ...config.own, serviceRanges: loaded.serviceCIDRs };
  const rules = new Map<string, string>();
  const nodeOf = new Map<string, NodeFacts>();
  for (const name of allNodes ? [...nodes.keys()].sort() : [undefined]) {
    const facts = name === undefined ? host : capabilitiesOf(host);
    const node = resolveNode({ flags: { name }, host: facts, hostnameOverride, nodes });
    for (const family of families) {
      const options = compileOptions(family, config.kubeProxy, node, own);
      const file = join(name ?? '', `${family}.rules`);
      rules.set(file, printRuleset(compile(cluster, node, options)));
      nodeOf.set(file, node);
    }
  }
  const unassigned = {
    rejectUnassigned: config.own.rejectUnassigned ?? false,
    serviceRanges: loaded.serviceCIDRs,
  };
  const told = resolveNode({ flags: {}, host, hostnameOverride, nodes });
  const lacks = unassignedWarnings(unassigned, { configuration: config.kubeProxy, node: told });
  const warnings = [...typos.map(formatProblem), ...loaded.warnings, ...lacks];
  return { rules, nodeOf, warnings, made, locationOf: serviceLocations(loaded, sources) };
}

function serviceLocations(
  { objects }: LoadedCluster,
  sources: readonly SourceText[],
): CompiledFixture['locationOf'] {
  const places = new Map(
    objects.flatMap(({ object, at }) =>
      object.kind === 'Service' ? [[namespacedName(object), at.slice(0, -1)]] : [],
    ),
  );
  return (service) => {
    const [file, ...place] = places.get(service) ?? [];
    const source = sources.find(({ name }) => name === file);
    return source && { file, position: positionsIn(source.text)(place, '') };
  };
}

/** What of a node's facts is taken to be that of others, too. */
function capabilitiesOf({ randomFully, bpf, recent, nfacct, conntrackTCPBeLiberal }: HostFacts): HostFacts {
  return { randomFully, bpf, recent, nfacct, conntrackTCPBeLiberal };
}

async function readConfiguration(path: string | undefined): Promise<Configuration> {
  return parseConfiguration(path === undefined ? { name: 'config.yaml', text: '' } : await readSource(path));
}

async function readHost(path: string | undefined): Promise<HostFacts> {
  return path === undefined ? {} : parseHost(await readSource(path));
}

async function readManifests(
  paths: readonly string[],
  strict: boolean,
  workload: Promise<WorkloadOptions> | undefined,
): Promise<{ readonly loaded: LoadedCluster; readonly sources: readonly SourceText[] }> {
  const [sources, workloads] = await Promise.all([readSources(paths), workload]);
  const loaded = loadCluster(sources, { serviceRanges: DEFAULT_SERVICE_RANGES, strict, workloads });
  return { loaded, sources };
}
