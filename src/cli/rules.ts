/** The rules that a command looks at: those of manifests, those that iptables-save printed, or this node's own. */
import type { NodeFacts } from '../api/node.ts';
import { allOf, InputError } from '../api/problem.ts';
import { HostError } from '../applier/host.ts';
import { savedText } from '../applier/save.ts';
import { withJumps } from '../chains/jumps.ts';
import { compile } from '../compiler/compile.ts';
import { printSaved } from '../iptables/saved.ts';
import { ParseError } from '../iptables/saved-text.ts';
import { type PreparedRuleset, prepare, prepareSaved } from '../iptables/simulator/prepare.ts';
import { RulesetError } from '../iptables/simulator/walk.ts';
import { type Family, familyOf } from '../net/address.ts';
import { readSource, readSources } from '../sources/files.ts';
import { type CompilerInput, readInput, readInputWithWorkloads, readNode } from './inputs.ts';
import { thisNode } from './node.ts';
import type { RulesOptions, WorkloadsOptions } from './options.ts';
import { warn } from './run.ts';

export interface RulesSource {
  /** The manifests, where there are any. Beside saved rules, they give names and facts, not rules. */
  readonly input: CompilerInput | undefined;
  readonly node: NodeFacts;
  /** Where there are rules of one only. */
  readonly family: Family | undefined;
  /** Rejects with an InputError or a HostError where there are none of this family. */
  rules(family: Family): Promise<NodeRules>;
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

/** Opens the rules that the options name: those of `--save`, else of `-f`, else this node's. */
export async function openRules(options: RulesOptions & WorkloadsOptions): Promise<RulesSource> {
  if (options.save !== undefined) return await openSaved(options.save, options);
  return options.filename === undefined ? await openKernel(options) : await openManifests(options);
}

async function openManifests(options: RulesOptions & WorkloadsOptions): Promise<RulesSource> {
  const input = await readInputWithWorkloads(options);
  const rules = async (family: Family): Promise<NodeRules> => {
    const ruleset = withJumps(compile(input.cluster, input.node, input.options(family)));
    return { name: 'manifests', prepared: prepare(ruleset), text: () => printSaved(ruleset) };
  };
  return { input, node: input.node, family: undefined, rules };
}

async function openSaved(path: string, options: RulesOptions): Promise<RulesSource> {
  if (path === '-' && options.filename?.includes('-')) {
    throw new InputError([
      { at: ['--save'], message: 'standard input can be read once: name a file here or with -f' },
    ]);
  }
  const [input, source] = await allOf([
    options.filename === undefined ? undefined : readInput(options),
    path === '-' ? readStandardInput() : readSource(path),
  ]);
  const { name, text } = source;
  const family = familyOfText(text);
  const rules = async (asked: Family): Promise<NodeRules> => {
    if (family !== undefined && family !== asked) {
      throw new InputError([{ at: [name], message: `expected rules of ${asked}, got some of ${family}` }]);
    }
    return textRules(text, name, () => {
      const prepared = prepareText(text, asked, name);
      if (!prepared.chain('nat', 'PREROUTING') && prepared.chain('nat', 'KUBE-SERVICES')) {
        warn(
          `${name}: has no built-in chains, so that no packet comes to its rules; iptables-save prints them`,
        );
      }
      return prepared;
    });
  };
  return { input, node: input?.node ?? (await readNode(options)), family, rules };
}

async function openKernel(options: RulesOptions): Promise<RulesSource> {
  const { host, facts } = await thisNode(options.backend);
  const rules = async (family: Family): Promise<NodeRules> => {
    const programs = host.iptables[family];
    if (!programs) throw new HostError(`this node has no rules of ${family}`);
    const text = await savedText(programs);
    return textRules(text, programs.save, () => prepareText(text, family, programs.save));
  };
  return { input: undefined, node: await readNode(options, facts), family: undefined, rules };
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

function prepareText(text: string, family: Family, name: string): PreparedRuleset {
  return readRules(name, () => prepareSaved(text, family));
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
    throw new InputError([{ at: [], message: `no kernel takes these rules: ${error.message}` }]);
  }
}

/** The family of the first address in a text of rules. */
function familyOfText(text: string): Family | undefined {
  const [, address] = /^(?:\[\S*\] )?-A .*? -[sd] ([\da-fA-F.:]+)(?:\/|\s|$)/m.exec(text) ?? [];
  return address === undefined ? undefined : familyOf(address);
}
