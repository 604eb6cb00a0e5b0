/** Clusters as texts, the whole way from what a user writes to what iptables-restore reads. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../../src/api/problem.ts';
import { compile } from '../../src/compiler/compile.ts';
import { compileOptions } from '../../src/compiler/options.ts';
import { printRuleset } from '../../src/iptables/print.ts';
import { FAMILIES, type Family } from '../../src/net/address.ts';
import { DEFAULT_SERVICE_RANGES, loadCluster } from '../../src/sources/cluster.ts';
import { parseConfiguration, parseHost } from '../../src/sources/configuration.ts';
import { workloadOptions } from '../../src/sources/control-plane/from-workloads.ts';
import { resolveNode } from '../../src/sources/node.ts';
import { allFixtures } from './fixture-input.ts';
import { PROJECT } from './project.ts';

/** A cluster's objects, the configuration and the facts about the host; in messages each is called as it is here. */
export interface Texts {
  readonly objects: string;
  readonly config: string;
  readonly host: string;
}

export type RulesOfTexts =
  | { readonly rules: ReadonlyMap<Family, string>; readonly warnings: readonly string[] }
  | { readonly refused: InputError };

/** What texts come to. Throws whatever is not a mistake in them. */
export function rulesOf({ objects, config, host }: Texts): RulesOfTexts {
  try {
    const { kubeProxy, own } = parseConfiguration({ name: 'config', text: config });
    const facts = parseHost({ name: 'host', text: host });
    const { hostnameOverride } = kubeProxy;
    const told = resolveNode({ flags: {}, host: facts, hostnameOverride, nodes: new Map() });
    const workloads = workloadOptions(told, kubeProxy);
    const options = { serviceRanges: DEFAULT_SERVICE_RANGES, strict: false, workloads };
    const { cluster, nodes, serviceCIDRs, warnings } = loadCluster(
      [{ name: 'objects', text: objects }],
      options,
    );
    const node = resolveNode({ flags: {}, host: facts, hostnameOverride, nodes });
    const all = { ...own, serviceRanges: serviceCIDRs };
    const rules = FAMILIES.map((family): [Family, string] => [
      family,
      printRuleset(compile(cluster, node, compileOptions(family, kubeProxy, node, all))),
    ]);
    return { rules: new Map(rules), warnings };
  } catch (error) {
    if (error instanceof InputError) return { refused: error };
    throw error;
  }
}

const read = (path: string | undefined) => (path === undefined ? '' : readFile(path, 'utf8'));

/** A cluster that has every kind of object and every field that is read. */
export async function everything(): Promise<Texts> {
  const file = (name: string) => read(join(PROJECT, 'test/data', name));
  return {
    objects: await file('everything.yaml'),
    config: await file('everything.config.yaml'),
    host: await file('everything.host.yaml'),
  };
}

/** The clusters under `fixtures`, by their names. */
export async function fixtureTexts(): Promise<ReadonlyMap<string, Texts>> {
  const texts = (await allFixtures()).map(
    async ({ name, manifests: [objects], config, host }): Promise<[string, Texts]> => [
      name,
      { objects: await read(objects), config: await read(config), host: await read(host) },
    ],
  );
  return new Map(await Promise.all(texts));
}
