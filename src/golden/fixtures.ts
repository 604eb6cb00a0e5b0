/** Fixtures: clusters as folders of manifests, for golden files. */
import { readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { compile } from '../compiler/compile.ts';
import { compileOptions } from '../compiler/options.ts';
import { printRuleset } from '../iptables/print.ts';
import { FAMILIES, type Family } from '../net/address.ts';
import { DEFAULT_SERVICE_RANGES, loadCluster } from '../sources/cluster.ts';
import { parseConfiguration, parseHost } from '../sources/configuration.ts';
import { type MadePods, workloadOptions } from '../sources/control-plane/from-workloads.ts';
import { isManifest, readSource, readSources } from '../sources/files.ts';
import { resolveNode } from '../sources/node.ts';

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
  /** The rules of each family, as text for `iptables-restore`. */
  readonly rules: Readonly<Record<Family, string>>;
  readonly warnings: readonly string[];
  /** What was made from workloads. */
  readonly made: MadePods;
}

export interface FixtureOptions {
  /** Whether Pods are made from Deployments and other workloads. */
  readonly workloads: boolean;
}

/** Compiles a cluster. Throws an InputError for what is wrong in its files. */
export async function compileFixture(
  fixture: Fixture,
  { workloads }: FixtureOptions = { workloads: true },
): Promise<CompiledFixture> {
  const config = parseConfiguration(
    fixture.config ? await readSource(fixture.config) : { name: 'config.yaml', text: '' },
  );
  const host = fixture.host ? parseHost(await readSource(fixture.host)) : {};
  const { hostnameOverride } = config.kubeProxy;
  const told = resolveNode({ flags: {}, host, hostnameOverride, nodes: new Map() });
  const { cluster, nodes, warnings, made } = loadCluster(await readSources(fixture.manifests), {
    serviceRanges: DEFAULT_SERVICE_RANGES,
    strict: false,
    workloads: workloads ? workloadOptions(told, config.kubeProxy) : undefined,
  });
  const node = resolveNode({ flags: {}, host, hostnameOverride, nodes });
  const rules = FAMILIES.map((family): [Family, string] => {
    const options = compileOptions(family, config.kubeProxy, node, config.own);
    return [family, printRuleset(compile(cluster, node, options))];
  });
  return { rules: Object.fromEntries(rules) as Record<Family, string>, warnings, made };
}
