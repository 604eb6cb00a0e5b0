/** `svc2ipt diff`: this node's kernel against manifests, or two sets of manifests against each other. */
import { allOf, InputError } from '../../api/problem.ts';
import { readTables } from '../../applier/applier.ts';
import { type ChainDifference, chainDifferences } from '../../applier/chain-diff.ts';
import { currentTables } from '../../applier/current.ts';
import { planChanges } from '../../applier/plan.ts';
import { aboutOf, serviceOf } from '../../chains/comments.ts';
import { isServicePortChain } from '../../chains/names.ts';
import { compile } from '../../compiler/compile.ts';
import { present } from '../../errors/invariant.ts';
import { parseRule } from '../../iptables/parse.ts';
import type { Ruleset } from '../../iptables/types.ts';
import type { CompilerInput } from '../../library/compiler-input.ts';
import type { Sides } from '../../library/effects-in.ts';
import { compiledRules } from '../../library/rules.ts';
import { isNarrowed, shownOf } from '../../library/shown.ts';
import { FAMILIES, type Family } from '../../net/address.ts';
import { type KnownManifests, noManifests } from '../../sources/cluster.ts';
import { readSources } from '../../sources/files.ts';
import type { SourceText } from '../../sources/source-text.ts';
import { unified } from '../../text/unified-diff.ts';
import { isKubectlPlugin } from '../calling.ts';
import { namesObjects, readInput, readInputWithWorkloads, readLive, readNamed } from '../inputs.ts';
import { thisNode } from '../node.ts';
import { paintDiff } from '../paint.ts';
import { kernelRules, openSavedText } from '../rules.ts';
import type { CommandOutcome } from '../run.ts';
import { readSavedRules } from '../saved-rules.ts';
import { pipedText } from '../standard-input.ts';
import type { DiffCommandOptions } from './diff.command.ts';
import { diffEffects } from './diff-effects.ts';

export async function diffAction(options: DiffCommandOptions): Promise<CommandOutcome> {
  const { from, to, allNodes, effects } = options;
  if (from !== undefined && to !== undefined && namesObjects(options)) {
    throw problem('--from and --to are two sides already: leave out -f, -k and the cluster');
  }
  if (effects !== undefined) return diffEffects(options, await sidesOf(options));
  for (const option of ['prove', 'fromSave', 'toSave'] as const) {
    if (options[option] !== undefined) throw problem(`${FLAGS[option]} goes with --effects`);
  }
  const other = () => readOther(options);
  if (from !== undefined && to !== undefined) return await diffManifests(options, from, to);
  if (from !== undefined) return await diffManifests(options, from, await other());
  if (to !== undefined) return await diffManifests(options, await other(), to);
  if (allNodes !== undefined) throw problem('--all-nodes needs --from and --to: a kernel is of one node');
  return await diffKernel(options);
}

const FLAGS = { prove: '--prove', fromSave: '--from-save', toSave: '--to-save' } as const;

/** Where the rules of each side come from, for each node. */
async function sidesOf(options: DiffCommandOptions): Promise<Sides[]> {
  const { from, to, fromSave, toSave, allNodes } = options;
  for (const [manifests, save, flag] of [
    [from, fromSave, '--from'],
    [to, toSave, '--to'],
  ] as const) {
    if (manifests !== undefined && save !== undefined) {
      throw problem(`${flag} and ${flag}-save name one side twice`);
    }
  }
  const isOneNode = fromSave !== undefined || toSave !== undefined || (from ?? to) === undefined;
  if (allNodes !== undefined && isOneNode) {
    throw problem('these rules are those of one node: --all-nodes goes with --from and --to');
  }
  if (fromSave === undefined && toSave === undefined && from === undefined && to === undefined) {
    const here = await thisNode(options.backend);
    const input = await readInput(options, here.facts, { defaultCluster: true });
    const asked = options.family && [options.family];
    const before = await kernelRules(here, undefined, input.node, asked);
    return [{ nodeName: undefined, before, after: compiledRules(input) }];
  }
  const known = noManifests();
  const side = async (saved: string | undefined, manifests: Side | undefined, told: Told = {}) => {
    if (saved === undefined) {
      return await readSide(options, manifests ?? (await readOther(options)), { ...told, known });
    }
    const { source, facts } = await readSavedRules(saved, options.backend);
    return await openSavedText(options, source, facts);
  };
  const [before, after] = await inTurn(side(fromSave, from), (before) =>
    side(toSave, to, before && !('rules' in before) ? toldAfter(before) : {}),
  );
  const inputs = [before, after].flatMap((side) => ('rules' in side ? [] : [side]));
  return nodesOf(options, ...inputs).map((nodeName): Sides => {
    const [was, is] = [before, after].map((side) => {
      if ('rules' in side) return side;
      return compiledRules(nodeName === undefined ? side : side.forNode(nodeName));
    });
    return { nodeName, before: present(was, 'side'), after: present(is, 'side') };
  });
}

/** Paths of manifests, or texts of them, and of a cluster. */
type Side = readonly string[] | { readonly sources: readonly SourceText[] };

/** What there is beside `--from` or `--to`. */
async function readOther(options: DiffCommandOptions): Promise<Side> {
  const named = await readNamed(options);
  if (named !== undefined) return { sources: named };
  const piped = await pipedText('there is nothing to compare with');
  if (piped !== undefined) return { sources: [piped] };
  if (isKubectlPlugin()) return { sources: [await readLive(options)] };
  throw problem('name both --from and --to, or one of them and a cluster (--context)');
}

function problem(message: string): InputError {
  return new InputError([{ at: [], message }]);
}

/** What `apply` would change. */
async function diffKernel(options: DiffCommandOptions): Promise<CommandOutcome> {
  const { iptables, facts } = await thisNode(options.backend);
  const input = await readInput(options, facts, { defaultCluster: true });
  const families = iptables.filter(({ family }) => options.family === undefined || family === options.family);
  const differences = await Promise.all(
    families.map(async (host) => {
      const wanted = compile(input.cluster, input.node, input.options(host.family));
      const chains = chainDifferences(planChanges(await readTables(host), wanted), host.family);
      return { of: host.family, family: host.family, chains };
    }),
  );
  return report(narrowed(differences, options, [input]), 'the kernel holds these rules');
}

/** What a change of manifests does to a node; no kernel is looked at. */
async function diffManifests(options: DiffCommandOptions, from: Side, to: Side): Promise<CommandOutcome> {
  const known = noManifests();
  const [before, after] = await inTurn(readSide(options, from, { known }), (before) =>
    readSide(options, to, { ...(before && toldAfter(before)), known }),
  );
  const families = FAMILIES.filter((family) => options.family === undefined || family === options.family);
  const differences = nodesOf(options, before, after).flatMap((node) =>
    families.map((family): FamilyDifferences => {
      const [old, now] = [before, after].map((input) => {
        const seen = node === undefined ? input : input.forNode(node);
        return compile(seen.cluster, seen.node, seen.options(family));
      });
      const chains = old && now ? manifestDifferences(old, now) : [];
      return { of: node === undefined ? family : `${node} ${family}`, family, chains };
    }),
  );
  return report(narrowed(differences, options, [before, after]), 'both give the same rules');
}

/** One after the other, as standard input and what is told have an order; what is wrong in both is told all the same. */
async function inTurn<A, B>(
  first: Promise<A>,
  second: (first: A | undefined) => Promise<B>,
): Promise<[A, B]> {
  return await allOf([first, first.catch(() => undefined).then(second)]);
}

interface Told {
  readonly toldOfPods?: boolean;
}

/** What need not be told of the second side, as it was of the first. */
function toldAfter({ made }: CompilerInput): Told {
  return { toldOfPods: made.pods.length > 0 };
}

/** @param known what was read of the other side, which is much like this one */
async function readSide(
  options: DiffCommandOptions,
  side: Side,
  how: Told & { readonly known: KnownManifests },
): Promise<CompilerInput> {
  const sources = 'sources' in side ? Promise.resolve(side.sources) : readSources(side);
  return await readInputWithWorkloads(options, { ...how, sources });
}

/** Every Node of both, where options ask for that; else undefined for the one that they name. */
function nodesOf(
  { allNodes }: DiffCommandOptions,
  ...inputs: readonly CompilerInput[]
): readonly (string | undefined)[] {
  if (allNodes === undefined) return [undefined];
  const names = [...new Set(inputs.flatMap(({ nodes }) => [...nodes.keys()]))].sort();
  if (names.length === 0) throw new InputError([{ at: ['--all-nodes'], message: 'no Node in the input' }]);
  return names;
}

interface FamilyDifferences {
  /** The family, behind the node where there are several. */
  readonly of: string;
  readonly family: Family;
  readonly chains: readonly ChainDifference[];
}

/** What options leave of differences: the chains of Services that are shown, and the lines about them in all others. */
function narrowed(
  differences: readonly FamilyDifferences[],
  options: DiffCommandOptions,
  inputs: readonly CompilerInput[],
): readonly FamilyDifferences[] {
  if (!isNarrowed(options)) return differences;
  const shown = shownOf(options, inputs);
  return differences.map(({ family, chains, ...rest }) => {
    const isAbout = (line: string) => {
      const [, rule] = /^-A \S+(.*)$/s.exec(line) ?? [];
      const about = rule === undefined ? undefined : aboutOf(parseRule(rule, family));
      return about !== undefined && shown.service(serviceOf(about.servicePort));
    };
    const kept = chains.flatMap((difference): ChainDifference[] => {
      const { chain, current, wanted } = difference;
      if (![...current, ...wanted].some(isAbout)) return [];
      if (isServicePortChain(chain)) return [difference];
      return [{ ...difference, current: current.filter(isAbout), wanted: wanted.filter(isAbout) }];
    });
    return { ...rest, family, chains: kept };
  });
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

function report(families: readonly FamilyDifferences[], same: string): CommandOutcome {
  const lines = families.flatMap(({ of, chains }) =>
    chains.flatMap(({ table, chain, current, wanted }) =>
      unified(`${of} ${table} ${chain}`, current, wanted),
    ),
  );
  if (lines.length === 0) return { output: `no difference: ${same}\n` };
  return { output: `${lines.map(paintDiff).join('\n')}\n`, exitCode: 1 };
}
