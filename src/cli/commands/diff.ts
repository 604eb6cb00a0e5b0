/** `svc2ipt diff`: this node's kernel against manifests, or two sets of manifests against each other. */
import { allOf, InputError } from '../../api/problem.ts';
import { readTables } from '../../applier/applier.ts';
import { type ChainDifference, chainDifferences } from '../../applier/chain-diff.ts';
import { currentTables } from '../../applier/current.ts';
import { planChanges } from '../../applier/plan.ts';
import { compile } from '../../compiler/compile.ts';
import type { Ruleset } from '../../iptables/types.ts';
import { FAMILIES } from '../../net/address.ts';
import { unified } from '../../text/unified-diff.ts';
import { readInput, readInputWithWorkloads } from '../inputs.ts';
import { thisNode } from '../node.ts';
import { paintDiff } from '../paint.ts';
import type { CommandOutcome } from '../run.ts';
import type { DiffCommandOptions } from './diff.command.ts';

export async function diffAction(options: DiffCommandOptions): Promise<CommandOutcome> {
  const { from, to } = options;
  if (from === undefined && to === undefined) return await diffKernel(options);
  if (from === undefined || to === undefined) {
    throw new InputError([
      { at: [], message: '--from and --to go together: what there was, and what there will be' },
    ]);
  }
  return await diffManifests(options, from, to);
}

/** What `apply` would change. */
async function diffKernel(options: DiffCommandOptions): Promise<CommandOutcome> {
  const { iptables, facts } = await thisNode(options.backend);
  const input = await readInput(options, facts);
  const families = iptables.filter(({ family }) => options.family === undefined || family === options.family);
  const differences = await Promise.all(
    families.map(async (host) => {
      const wanted = compile(input.cluster, input.node, input.options(host.family));
      return {
        family: host.family,
        chains: chainDifferences(planChanges(await readTables(host), wanted), host.family),
      };
    }),
  );
  return report(differences, 'the kernel holds these rules');
}

/** What a change of manifests does to a node; no kernel is looked at. */
async function diffManifests(
  options: DiffCommandOptions,
  from: readonly string[],
  to: readonly string[],
): Promise<CommandOutcome> {
  const first = readInputWithWorkloads({ ...options, filename: from });
  // One after the other, as standard input and what is told have an order; what is wrong in both is told all the same.
  const second = first
    .catch(() => undefined)
    .then((before) =>
      readInputWithWorkloads(
        { ...options, filename: to },
        { toldOfPods: (before?.made.pods.length ?? 0) > 0 },
      ),
    );
  const [before, after] = await allOf([first, second]);
  const families = FAMILIES.filter((family) => options.family === undefined || family === options.family);
  const differences = families.map((family) => {
    const [old, now] = [before, after].map((input) =>
      compile(input.cluster, input.node, input.options(family)),
    );
    return { family, chains: old && now ? manifestDifferences(old, now) : [] };
  });
  return report(differences, 'both come to the same rules');
}

/** As if a node that holds the one ruleset were to be given the other. */
function manifestDifferences(before: Ruleset, after: Ruleset): ChainDifference[] {
  const { family, tables: nothing } = currentTables(new Map(), before.family);
  const tables = new Map(
    [...nothing].map(([name, table]) => {
      const chains = before.tables.find((wanted) => wanted.name === name)?.chains ?? [];
      return [name, { ...table, chains: new Map(chains.map((chain) => [chain.name, chain])) }];
    }),
  );
  const changes = planChanges({ family, tables, kubelet: false }, after).map((table) => ({
    ...table,
    added: table.added.filter(({ name }) => name !== 'KUBE-PROXY-CANARY'),
    jumpsAdded: [],
    jumpsRemoved: [],
  }));
  return chainDifferences(changes, family);
}

function report(
  families: readonly { readonly family: string; readonly chains: readonly ChainDifference[] }[],
  same: string,
): CommandOutcome {
  const lines = families.flatMap(({ family, chains }) =>
    chains.flatMap(({ table, chain, current, wanted }) =>
      unified(`${family} ${table} ${chain}`, current, wanted),
    ),
  );
  if (lines.length === 0) return { output: `no difference: ${same}\n` };
  return { output: `${lines.map(paintDiff).join('\n')}\n`, exitCode: 1 };
}
