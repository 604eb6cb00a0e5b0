/**
 * A process that lives on the node of a lab and keeps its kernel equal to a cluster, as an agent would: one compiler
 * and one applier for each family, change after change. Takes commands as JSON, one on each line.
 */
import { createInterface } from 'node:readline';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { machineFacts } from '../../../src/agent/machine.ts';
import type { ClusterState } from '../../../src/api/cluster.ts';
import { Applier, readTables } from '../../../src/applier/applier.ts';
import { chainDifferences } from '../../../src/applier/chain-diff.ts';
import { detectHost, findIptables, type IptablesHost } from '../../../src/applier/host.ts';
import { followRules, type NodeKernel, nodeKernel } from '../../../src/applier/node-kernel.ts';
import { planChanges } from '../../../src/applier/plan.ts';
import { UdpFlows } from '../../../src/applier/udp-flows.ts';
import { compile } from '../../../src/compiler/compile.ts';
import { IncrementalCompiler } from '../../../src/compiler/incremental.ts';
import { type CompileOptions, compileOptions } from '../../../src/compiler/options.ts';
import { FAMILIES } from '../../../src/net/address.ts';
import { DEFAULT_SERVICE_RANGES, loadCluster } from '../../../src/sources/cluster.ts';
import { parseConfiguration, parseHost } from '../../../src/sources/configuration.ts';
import { resolveNode } from '../../../src/sources/node.ts';
import { configurationText, HOST } from './lab.ts';

const backend = z.enum(['nft', 'legacy']).parse(process.argv[2]);

const command = z.object({
  id: z.number(),
  command: z.enum(['apply', 'difference']),
  objects: z.array(z.unknown()),
  /** Read the kernel first, as somebody else has written to it. */
  fresh: z.boolean().optional(),
});

const configuration = parseConfiguration({ name: 'config.json', text: configurationText() });
const host = await detectHost(await findIptables(backend));
const node = resolveNode({
  flags: {},
  host: parseHost({ name: 'host.json', text: JSON.stringify(HOST) }),
  hostnameOverride: undefined,
  nodes: new Map(),
  live: { ...machineFacts(host), name: undefined },
});

interface FamilyAgent {
  readonly host: IptablesHost;
  readonly options: CompileOptions;
  readonly compiler: IncrementalCompiler;
  readonly kernel: NodeKernel;
  readonly flows: UdpFlows;
  readonly applier: Applier;
}

const agents = FAMILIES.flatMap((family): FamilyAgent[] => {
  const iptables = host.iptables[family];
  if (!iptables) return [];
  const options = compileOptions(family, configuration.kubeProxy, node, configuration.own);
  const compiler = new IncrementalCompiler(node, options);
  const kernel = nodeKernel(iptables);
  const flows = new UdpFlows(family, kernel);
  return [{ host: iptables, options, compiler, kernel, flows, applier: new Applier(iptables, flows.tables) }];
});

let cluster: ClusterState = { services: new Map() };

/** Clusters that have been loaded, by their text: tests come back to the same ones. */
const known = new Map<string, ClusterState>();

/** What has not changed stays the same object, as an agent that watches a cluster would have it. */
function load(objects: readonly unknown[]): ClusterState {
  const text = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
  const former = known.get(text);
  if (former) return former;
  const loaded = loadCluster([{ name: 'cluster.json', text }], {
    serviceRanges: DEFAULT_SERVICE_RANGES,
    strict: true,
  });
  const services = [...loaded.cluster.services].map(([key, entry]) => {
    const former = cluster.services.get(key);
    return [key, former && isDeepStrictEqual(former, entry) ? former : entry] as const;
  });
  const state = { services: new Map(services) };
  known.set(text, state);
  return state;
}

async function apply({ host, compiler, kernel, flows, applier }: FamilyAgent) {
  const changes = compiler.update(cluster);
  flows.expect(compiler.udpDestinations());
  const result = await applier.applyChanges(changes, () => compiler.ruleset());
  const { flowsDeleted } = await followRules(kernel, flows, {
    localhostNodePorts: compiler.nodePlan.localhostNodePorts,
    udpDestinations: compiler.udpDestinations(),
  });
  return { family: host.family, input: String(result.input), flowsDeleted };
}

async function difference({ host, options }: FamilyAgent) {
  return chainDifferences(planChanges(await readTables(host), compile(cluster, node, options)), host.family);
}

for await (const line of createInterface({ input: process.stdin })) {
  const { id, command: name, objects, fresh = false } = command.parse(JSON.parse(line));
  let reply: object;
  try {
    cluster = load(objects);
    if (fresh) for (const { applier } of agents) applier.forget();
    const result =
      name === 'apply'
        ? await Promise.all(agents.map(apply))
        : (await Promise.all(agents.map(difference))).flat();
    reply = { id, result };
  } catch (error) {
    reply = { id, error: error instanceof Error ? error.message : String(error) };
  }
  process.stdout.write(`${JSON.stringify(reply)}\n`);
}
