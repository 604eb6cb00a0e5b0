/** The rules that a command looks at: those of manifests, those that iptables-save printed, or this node's own. */
import { isDeepStrictEqual } from 'node:util';
import type { HostFacts, NodeFacts } from '../api/node.ts';
import { allOf, InputError } from '../api/problem.ts';
import { HostError } from '../applier/host.ts';
import { savedText } from '../applier/save.ts';
import { withJumps } from '../chains/jumps.ts';
import { IncrementalCompiler } from '../compiler/incremental.ts';
import type { CompileOptions } from '../compiler/options.ts';
import { looksSaved, readPasted } from '../iptables/pasted.ts';
import { printSaved } from '../iptables/saved.ts';
import { ParseError } from '../iptables/saved-text.ts';
import {
  type KnownChains,
  type PreparedRuleset,
  prepare,
  prepareSaved,
} from '../iptables/simulator/prepare.ts';
import { RulesetError } from '../iptables/simulator/walk.ts';
import type { Ruleset } from '../iptables/types.ts';
import { FAMILIES, type Family } from '../net/address.ts';
import { readSources } from '../sources/files.ts';
import type { LiveKind } from '../sources/kubernetes/live-kinds.ts';
import type { SourceText } from '../sources/source-text.ts';
import { isKubectlPlugin } from './calling.ts';
import {
  type CompilerInput,
  eachNode,
  namesObjects,
  readInput,
  readInputWithWorkloads,
  readLive,
  readNamed,
  readNode,
} from './inputs.ts';
import { type ThisNode, thisNode } from './node.ts';
import type { InputOptions, RulesOptions, WorkloadsOptions } from './options.ts';
import { warn } from './run.ts';
import { readSavedRules } from './saved-rules.ts';
import { pipedText } from './standard-input.ts';

export interface RulesSource {
  /** The manifests or the cluster, where there are any. Beside rules of elsewhere, they give names and facts, not rules. */
  readonly input: CompilerInput | undefined;
  readonly node: NodeFacts;
  /** Where there are rules of one only. */
  readonly family: Family | undefined;
  /** That there are rules of. */
  readonly families: readonly Family[];
  /** Whether the rules are what the input comes to, and not those of a kernel. */
  readonly compiled: boolean;
  /** Whether the rules are those of this node's kernel now. */
  readonly live: boolean;
  /**
   * Rejects with an InputError or a HostError where there are none of this family.
   * @param shared with the rules that they are compared with
   */
  rules(family: Family, shared?: SharedRules): Promise<NodeRules>;
}

/** What rules that are compared have in common, and is done once for all of them: one node's at a time. */
export interface SharedRules {
  readonly chains: KnownChains;
  readonly compilers: Map<Family, SharedCompiler>;
}

interface SharedCompiler {
  readonly node: NodeFacts;
  readonly options: CompileOptions;
  readonly compiler: IncrementalCompiler;
}

export function nothingShared(): SharedRules {
  return { chains: new Map(), compilers: new Map() };
}

/** Compiles an input; where it was another one of the same node before, what differs. */
function compileShared(
  { cluster, node, ...input }: CompilerInput,
  family: Family,
  shared?: SharedRules,
): Ruleset {
  const options = input.options(family);
  const known = shared?.compilers.get(family);
  const { compiler } =
    known && isDeepStrictEqual([known.node, known.options], [node, options])
      ? known
      : { compiler: new IncrementalCompiler(node, options) };
  shared?.compilers.set(family, { node, options, compiler });
  compiler.update(cluster);
  return compiler.ruleset();
}

/** Rules of one family, with those in built-in chains. */
export interface NodeRules {
  /** Where they come from: a file, a program. */
  readonly name: string;
  /** Throws an InputError where the text is not one of rules. */
  readonly prepared: PreparedRuleset;
  /** All of them, as iptables-save prints them. */
  text(): string;
}

/**
 * Opens the rules that the options name: those of `--save`, of this node's kernel, or what manifests or a cluster come to;
 * else those of what is piped in, manifests or saved rules; else this node's. Manifests and a cluster beside saved rules
 * or a kernel give names and reasons.
 * @param kinds what is asked of a live cluster
 */
export async function openRules(
  options: RulesOptions & WorkloadsOptions,
  kinds?: readonly LiveKind[],
): Promise<RulesSource> {
  if (options.backend !== undefined && options.kernel === undefined && namesObjects(options)) {
    const message = 'needs --kernel, as the rules come from elsewhere';
    throw new InputError([{ at: ['--backend'], message }]);
  }
  const { save } = options;
  if (save === '-' && options.filename?.includes('-')) {
    throw new InputError([
      { at: ['--save'], message: 'standard input can be read once: name a file here or with -f' },
    ]);
  }
  const named = readNamed(options, kinds);
  if (save !== undefined) {
    const names = named ?? (save === '-' ? undefined : pipedSources(options));
    return await openSaved(options, await savedAndNames(save, options, names));
  }
  const sources = (await named) ?? (await pipedSources(options));
  const piped = savedIn(sources ?? []);
  if (piped !== undefined) {
    if (options.kernel === undefined) return await openSavedText(options, piped);
    const message = 'conflicts with the saved rules that are piped in: leave out one of them';
    throw new InputError([{ at: ['--kernel'], message }]);
  }
  if (options.kernel !== undefined || sources === undefined) return await openKernel(options, sources);
  return await openManifests(options, sources);
}

/** What is piped in; else, where kubectl calls and nothing else says whose the rules are, its cluster. */
async function pipedSources(options: RulesOptions): Promise<readonly SourceText[] | undefined> {
  const asPlugin = isKubectlPlugin() && options.kernel === undefined && options.save === undefined;
  const piped = await pipedText(
    asPlugin ? INSTEAD.cluster : options.save === undefined ? INSTEAD.kernel : INSTEAD.save,
  );
  if (piped !== undefined) return [piped];
  return asPlugin ? [await readLive(options)] : undefined;
}

/** What is looked at where nothing is piped in. */
const INSTEAD = {
  cluster: 'the rules are those of the cluster',
  kernel: "the rules are those of this node's kernel",
  save: 'names are those of the saved rules',
} as const;

async function openManifests(
  options: RulesOptions & WorkloadsOptions,
  sources: readonly SourceText[],
): Promise<RulesSource> {
  const input = await readInputWithWorkloads(options, { sources: Promise.resolve(sources) });
  return compiledRules(input);
}

/** What an input comes to. */
export function compiledRules(input: CompilerInput): RulesSource {
  const rules = async (family: Family, shared?: SharedRules): Promise<NodeRules> => {
    const ruleset = withJumps(compileShared(input, family, shared));
    return {
      name: 'manifests',
      prepared: prepare(ruleset, shared?.chains),
      text: () => printSaved(ruleset),
    };
  };
  return {
    input,
    node: input.node,
    family: undefined,
    families: FAMILIES,
    compiled: true,
    live: false,
    rules: onceEach(rules),
  };
}

/**
 * The rules of each node that the options ask for: of every Node of the input, or of the one.
 * @throws InputError where there are no Nodes, or the rules are those of one node
 */
export function sourcesOfNodes(
  source: RulesSource,
  options: { readonly allNodes?: true | undefined },
): readonly RulesSource[] {
  const { input, compiled } = source;
  if (options.allNodes === undefined) return [source];
  if (input === undefined || !compiled) {
    const message = 'these rules are of one node: name manifests (-f, -k) or a cluster instead';
    throw new InputError([{ at: ['--all-nodes'], message }]);
  }
  return eachNode(input, options).map(compiledRules);
}

interface Saved {
  readonly saved: SourceText;
  /** What is known of the node beside its rules. */
  readonly facts: HostFacts;
  readonly input: CompilerInput | undefined;
}

async function savedAndNames(
  path: string,
  options: RulesOptions,
  named: Promise<readonly SourceText[] | undefined> | undefined,
): Promise<Saved> {
  const read = async () =>
    path === '-'
      ? { source: await readStandardInput(), facts: {} }
      : await readSavedRules(path, options.backend);
  const [sources, { source, facts }] = await allOf([named, read()]);
  const input = sources && (await readInput(options, facts, { sources: Promise.resolve(sources) }));
  return { saved: source, facts, input };
}

/** Reads the rules of each family no more than once. */
function onceEach(rules: RulesSource['rules']): RulesSource['rules'] {
  const read = new Map<Family, Promise<NodeRules>>();
  return (family, shared) => {
    const known = read.get(family) ?? rules(family, shared);
    read.set(family, known);
    return known;
  };
}

/** The only text of some, where it is saved rules that are piped in: no manifest looks like these. */
export function savedIn(sources: readonly SourceText[]): SourceText | undefined {
  const [only, ...others] = sources;
  if (only?.origin !== 'standard input' || others.length > 0) return undefined;
  return looksSaved(only.text) ? only : undefined;
}

/**
 * Opens saved rules alone.
 * @param facts what is known of the node beside them
 */
export async function openSavedText(
  options: InputOptions,
  saved: SourceText,
  facts: HostFacts = {},
): Promise<RulesSource> {
  return await openSaved(options, { saved, facts, input: undefined });
}

async function openSaved(options: InputOptions, { saved, facts, input }: Saved): Promise<RulesSource> {
  const { name, text } = saved;
  const pasted = readPasted(text);
  const [first, ...others] = pasted;
  const rules = async (asked: Family, shared?: SharedRules): Promise<NodeRules> => {
    const own =
      pasted.find(({ family }) => family === asked) ?? pasted.find(({ family }) => family === undefined);
    if (own === undefined) {
      const got = pasted.map(({ family }) => `some of ${family}`).join(' and ');
      throw new InputError([{ at: [name], message: `expected rules of ${asked}, got ${got}` }]);
    }
    return textRules(own.text, name, () => {
      const prepared = prepareText(own.text, asked, name, shared);
      if (!prepared.chain('nat', 'PREROUTING') && prepared.chain('nat', 'KUBE-SERVICES')) {
        warn(`${name}: has no built-in chains, so no packet reaches its rules; iptables-save prints them`);
      }
      return prepared;
    });
  };
  const family = others.length === 0 ? first?.family : undefined;
  const told = FAMILIES.filter((one) => pasted.some((dump) => dump.family === one));
  const families = told.length > 0 ? told : FAMILIES;
  const node = input?.node ?? (await readNode(options, facts));
  return { input, node, family, families, compiled: false, live: false, rules: onceEach(rules) };
}

async function openKernel(
  options: RulesOptions,
  sources: readonly SourceText[] | undefined,
): Promise<RulesSource> {
  const here = await thisNode(options.backend);
  const input = sources && (await readInput(options, here.facts, { sources: Promise.resolve(sources) }));
  return kernelRules(here, input, input?.node ?? (await readNode(options, here.facts)));
}

/** The rules of this node's kernel. */
export function kernelRules(
  { host }: ThisNode,
  input: CompilerInput | undefined,
  node: NodeFacts,
): RulesSource {
  const rules = async (family: Family, shared?: SharedRules): Promise<NodeRules> => {
    const programs = host.iptables[family];
    if (!programs) throw new HostError(`this node has no rules of ${family}`);
    const text = await savedText(programs);
    return textRules(text, programs.save, () => prepareText(text, family, programs.save, shared));
  };
  const families = FAMILIES.filter((family) => host.iptables[family] !== undefined);
  return { input, node, family: undefined, families, compiled: false, live: true, rules: onceEach(rules) };
}

async function readStandardInput() {
  const [source] = await readSources(['-']);
  return source ?? { name: '-', text: '' };
}

/** Rules that are text, which a large node has 16 MB of: it is read when somebody wants to send packets. */
function textRules(text: string, name: string, prepare: () => PreparedRuleset): NodeRules {
  let prepared: PreparedRuleset | undefined;
  return {
    name,
    get prepared() {
      prepared ??= prepare();
      return prepared;
    },
    text: () => text,
  };
}

function prepareText(text: string, family: Family, name: string, shared?: SharedRules): PreparedRuleset {
  return readRules(name, () => prepareSaved(text, family, shared?.chains));
}

/**
 * Does something with the text of rules. One that is none is a mistake of whoever gave it: an InputError.
 * @param name where the text comes from
 */
export function readRules<Result>(name: string, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    const message = `${error.message} (iptables-save prints what is expected here)`;
    throw new InputError([{ at: [name], message }]);
  }
}

/** Does something with rules. Those that no kernel takes are a mistake of whoever gave them. */
export function checkedRules<Result>(work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof RulesetError)) throw error;
    throw new InputError([{ at: [], message: `no kernel accepts these rules: ${error.message}` }]);
  }
}
