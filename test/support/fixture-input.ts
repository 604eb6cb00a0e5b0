/** The clusters under `fixtures`, as the compiler takes them. */
import { join } from 'node:path';
import { compileOptions } from '../../src/compiler/options.ts';
import { type Fixture, findFixtures } from '../../src/golden/fixtures.ts';
import { DEFAULT_SERVICE_RANGES, loadCluster } from '../../src/sources/cluster.ts';
import { parseConfiguration, parseHost } from '../../src/sources/configuration.ts';
import { workloadOptions } from '../../src/sources/control-plane/from-workloads.ts';
import { readSource, readSources } from '../../src/sources/files.ts';
import { resolveNode } from '../../src/sources/node.ts';
import type { CompilerInput } from './arbitrary/clusters.ts';
import { PROJECT } from './project.ts';

/** All of them, sorted by name. */
export const allFixtures = (): Promise<Fixture[]> => findFixtures(join(PROJECT, 'fixtures'));

/** What `compileFixture` compiles, for tests that need more than text. */
export async function fixtureInput({ manifests, config, host }: Fixture): Promise<CompilerInput> {
  const nothing = { name: 'nothing', text: '' };
  const { kubeProxy, own } = parseConfiguration(config ? await readSource(config) : nothing);
  const facts = parseHost(host ? await readSource(host) : nothing);
  const { hostnameOverride } = kubeProxy;
  const told = resolveNode({ flags: {}, host: facts, hostnameOverride, nodes: new Map() });
  const workloads = workloadOptions(told, kubeProxy);
  const options = { serviceRanges: DEFAULT_SERVICE_RANGES, strict: false, workloads };
  const { cluster, nodes, serviceCIDRs } = loadCluster(await readSources(manifests), options);
  const node = resolveNode({ flags: {}, host: facts, hostnameOverride, nodes });
  const all = { ...own, serviceRanges: serviceCIDRs };
  return { cluster, node, options: (family) => compileOptions(family, kubeProxy, node, all) };
}
