/** The rules that a question is about: those that manifests come to, or those that iptables-save printed. */
import { deepEqual } from 'fast-equals';
import type { NodeFacts } from '../api/node.ts';
import { InputError } from '../api/problem.ts';
import { withJumps } from '../chains/jumps.ts';
import { IncrementalCompiler } from '../compiler/incremental.ts';
import type { CompileOptions } from '../compiler/options.ts';
import { readPasted } from '../iptables/pasted.ts';
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
import type { SourceText } from '../sources/source-text.ts';
import { type CompilerInput, eachNode } from './compiler-input.ts';

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
   * Throws an InputError or a HostError where there are none of this family.
   * @param shared with the rules that they are compared with
   */
  rules(family: Family, shared?: SharedRules): NodeRules;
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
    known && deepEqual([known.node, known.options], [node, options])
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

/** What an input comes to. */
export function compiledRules(input: CompilerInput): RulesSource {
  const rules = (family: Family, shared?: SharedRules): NodeRules => {
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

/** Rules as iptables-save printed them, and what is known beside them. */
export interface SavedRulesParts {
  readonly saved: SourceText;
  readonly node: NodeFacts;
  readonly input: CompilerInput | undefined;
  /** Is told what is no error, but leaves the rules without effect. */
  readonly onWarning: (warning: string) => void;
}

/** Rules that iptables-save printed, of either family or of both. They are read when somebody asks for them. */
export function savedRulesSource({ saved, node, input, onWarning }: SavedRulesParts): RulesSource {
  const { name, text } = saved;
  const pasted = readPasted(text);
  const [first, ...others] = pasted;
  const rules = (asked: Family, shared?: SharedRules): NodeRules => {
    const own =
      pasted.find(({ family }) => family === asked) ?? pasted.find(({ family }) => family === undefined);
    if (own === undefined) {
      const got = pasted.map(({ family }) => `some of ${family}`).join(' and ');
      throw new InputError([{ at: [name], message: `expected rules of ${asked}, got ${got}` }]);
    }
    return textRules(own.text, name, () => {
      const prepared = prepareText(own.text, asked, name, shared);
      if (!prepared.chain('nat', 'PREROUTING') && prepared.chain('nat', 'KUBE-SERVICES')) {
        onWarning(
          `${name}: has no built-in chains, so no packet reaches its rules; iptables-save prints them`,
        );
      }
      return prepared;
    });
  };
  const family = others.length === 0 ? first?.family : undefined;
  const told = FAMILIES.filter((one) => pasted.some((dump) => dump.family === one));
  const families = told.length > 0 ? told : FAMILIES;
  return { input, node, family, families, compiled: false, live: false, rules: onceEach(rules) };
}

/** Has the rules of each family made no more than once. */
export function onceEach(rules: RulesSource['rules']): RulesSource['rules'] {
  const made = new Map<Family, NodeRules>();
  return (family, shared) => {
    const known = made.get(family) ?? rules(family, shared);
    made.set(family, known);
    return known;
  };
}

/** Rules that are text, which a large node has 16 MB of: it is read when somebody wants to send packets. */
export function textRules(text: string, name: string, prepare: () => PreparedRuleset): NodeRules {
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

/** @param name where the text comes from, for the InputError where it is not one of rules */
export function prepareText(
  text: string,
  family: Family,
  name: string,
  shared?: SharedRules,
): PreparedRuleset {
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
