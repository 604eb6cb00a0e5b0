/** The rules that a command looks at: those of manifests, those that iptables-save printed, or this node's own. */
import type { HostFacts, NodeFacts } from '../api/node.ts';
import { allOf, InputError } from '../api/problem.ts';
import { HostError } from '../applier/host.ts';
import { savedText } from '../applier/save.ts';
import { present } from '../errors/invariant.ts';
import { looksSaved } from '../iptables/pasted.ts';
import type { CompilerInput } from '../library/compiler-input.ts';
import {
  compiledRules,
  type NodeRules,
  onceEach,
  prepareText,
  type RulesSource,
  type SharedRules,
  savedRulesSource,
  textRules,
} from '../library/rules.ts';
import { FAMILIES, type Family } from '../net/address.ts';
import { readSources } from '../sources/files.ts';
import type { LiveKind } from '../sources/kubernetes/live-kinds.ts';
import type { SourceText } from '../sources/source-text.ts';
import { isKubectlPlugin } from './calling.ts';
import { namesObjects, readInput, readInputWithWorkloads, readLive, readNamed, readNode } from './inputs.ts';
import { type ThisNode, thisNode } from './node.ts';
import type { InputOptions, RulesOptions, WorkloadsOptions } from './options.ts';
import { warn } from './run.ts';
import { readSavedRules } from './saved-rules.ts';
import { pipedText } from './standard-input.ts';

/** What is known of the question, as far as it says what is to be read. */
export interface AskedRules {
  /** What is asked of a live cluster. */
  readonly kinds?: readonly LiveKind[] | undefined;
  /** Of which families rules are asked for; of both unless given. */
  readonly families?: readonly Family[] | undefined;
}

/**
 * Opens the rules that the options name: those of `--save`, of this node's kernel, or what manifests or a cluster come to;
 * else those of what is piped in, manifests or saved rules; else this node's. Manifests and a cluster beside saved rules
 * or a kernel give names and reasons.
 */
export async function openRules(
  options: RulesOptions & WorkloadsOptions,
  asked: AskedRules = {},
): Promise<RulesSource> {
  const { kinds } = asked;
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
  if (options.kernel !== undefined || sources === undefined) return await openKernel(options, sources, asked);
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
  const node = input?.node ?? (await readNode(options, facts));
  return savedRulesSource({ saved, node, input, onWarning: warn });
}

async function openKernel(
  options: RulesOptions,
  sources: readonly SourceText[] | undefined,
  { families }: AskedRules = {},
): Promise<RulesSource> {
  const here = await thisNode(options.backend);
  const input = sources && (await readInput(options, here.facts, { sources: Promise.resolve(sources) }));
  return await kernelRules(here, input, input?.node ?? (await readNode(options, here.facts)), families);
}

/**
 * The rules of this node's kernel. What cannot be read is told to whoever asks for it.
 * @param asked the families that they are asked for, as far as that is known
 */
export async function kernelRules(
  { host }: ThisNode,
  input: CompilerInput | undefined,
  node: NodeFacts,
  asked: readonly Family[] = FAMILIES,
): Promise<RulesSource> {
  const families = FAMILIES.filter((family) => host.iptables[family] !== undefined);
  const read = await Promise.allSettled(
    asked.map(async (family) => {
      const programs = host.iptables[family];
      if (!programs) throw new HostError(`this node has no rules of ${family}`);
      return { name: programs.save, text: await savedText(programs) };
    }),
  );
  const rules = (family: Family, shared?: SharedRules): NodeRules => {
    const own = present(read[asked.indexOf(family)], 'rules of a family that is asked for');
    if (own.status === 'rejected') throw own.reason;
    const { name, text } = own.value;
    return textRules(text, name, () => prepareText(text, family, name, shared));
  };
  return { input, node, family: undefined, families, compiled: false, live: true, rules: onceEach(rules) };
}

async function readStandardInput() {
  const [source] = await readSources(['-']);
  return source ?? { name: '-', text: '' };
}
