/**
 * One call for each question: texts in, an answer as data out, and beside it what is no error. Each answer has a function
 * that prints it as the command of that name does.
 */
import { InputError } from '../api/problem.ts';
import type { NodeEffects } from '../effects/text.ts';
import type { Family, Ruleset, TableName } from '../iptables/types.ts';
import { ManifestError, noManifests } from '../sources/cluster.ts';
import { effectsIn } from './effects-in.ts';
import { type Explained, explainIn } from './explain-in.ts';
import { findingsIn, findingsOfError, type Linted, linted } from './lint-in.ts';
import { inOptionNames, withOptionNames } from './option-names.ts';
import {
  type ManifestsQuestion,
  type NodeQuestion,
  namedTexts,
  openQuestion,
  type RulesQuestion,
  readQuestion,
  type Texts,
  type Warned,
} from './question.ts';
import { compileServices, onlyTable, servicesToShow } from './service-rules.ts';
import type { Narrowing } from './shown.ts';
import { type PacketQuestion, type Traced, traceIn } from './trace-in.ts';

export interface RenderQuestion extends ManifestsQuestion, Omit<Narrowing, 'allNamespaces'> {
  /** `ipv4` unless given. */
  readonly family?: Family | undefined;
  /** Only the rules of these Services, as people write names; those of all unless given. */
  readonly services?: readonly string[] | undefined;
  /** Only this table. */
  readonly table?: TableName | undefined;
}

export interface Rendered extends Warned {
  /** `printRuleset` makes text of it, as iptables-restore takes it. */
  readonly ruleset: Ruleset;
}

/**
 * The rules of a node, as kube-proxy writes them.
 * @throws InputError with every problem of manifests, configuration and node
 */
export function render({
  manifests,
  family = 'ipv4',
  services: named,
  table,
  ...rest
}: RenderQuestion): Rendered {
  return told((warn) => {
    const { input, warnings } = readQuestion(manifests, rest);
    warnings.forEach(warn);
    const services = servicesToShow(input, named, rest);
    return { ruleset: onlyTable(compileServices(input, family, services, warn), table) };
  });
}

export interface ExplainQuestion extends RulesQuestion, Omit<Narrowing, 'allNamespaces'> {
  /**
   * A Service, an endpoint, an address, a chain or a rule, as people write them; all Services that {@link namespace} and
   * {@link selector} leave unless given.
   */
  readonly what?: string | undefined;
  /** The only family; those of the Service unless given. */
  readonly family?: Family | undefined;
}

/**
 * What a Service comes to on a node, what a chain or a rule is there for, or why an address is refused.
 * @throws InputError with every problem of what is read, and where `what` is nothing, or may be several things
 */
export function explain({ manifests, save, what, ...rest }: ExplainQuestion): Explained & Warned {
  return told((warn) => explainIn(openQuestion({ manifests, save }, rest, warn), what, rest));
}

export interface TraceQuestion extends RulesQuestion, PacketQuestion, Omit<Narrowing, 'allNamespaces'> {}

/**
 * A packet's way through a node's rules, and what becomes of it.
 * @throws InputError with every problem of what is read, and where a name stands for nothing, or may stand for several
 * things
 */
export function trace({ manifests, save, ...rest }: TraceQuestion): Traced & Warned {
  return told((warn) => traceIn(openQuestion({ manifests, save }, rest, warn), rest));
}

export interface LintQuestion extends ManifestsQuestion, Omit<Narrowing, 'allNamespaces'> {
  /** Every finding, however many there are of a kind; ten unless given. */
  readonly all?: boolean | undefined;
}

/**
 * What is wrong in manifests, and what is legal and will surprise on a node. Manifests that cannot be read are findings.
 * @throws InputError for what is wrong in the configuration and the node
 */
export function lint({ manifests, ...rest }: LintQuestion): Linted & Warned {
  return told((warn) => {
    try {
      const { input, typos, warnings } = readQuestion(manifests, rest, { tellsOfLacks: true });
      warnings.forEach(warn);
      return linted(findingsIn(input, typos, rest), input.sources, rest);
    } catch (error) {
      if (!(error instanceof ManifestError)) throw error;
      return linted(findingsOfError(error), namedTexts(manifests), rest);
    }
  });
}

export interface EffectsQuestion extends NodeQuestion, Omit<Narrowing, 'allNamespaces'> {
  /** The manifests before. */
  readonly from?: Texts | undefined;
  /** The manifests after. */
  readonly to?: Texts | undefined;
  /** The rules before, as iptables-save prints them, instead of manifests. */
  readonly fromSave?: string | undefined;
  /** The rules after. */
  readonly toSave?: string | undefined;
  /** The only family; those that have rules on both sides unless given. */
  readonly family?: Family | undefined;
}

/**
 * What a change does to packets: all packets, class by class.
 * @throws InputError with every problem of what is read, and where there is nothing to compare
 */
export function effects({ from, to, fromSave, toSave, ...rest }: EffectsQuestion): NodeEffects & Warned {
  return told((warn) => {
    const known = noManifests();
    const side = (name: 'from' | 'to', manifests: Texts | undefined, save: string | undefined) => {
      if (manifests !== undefined && save !== undefined) throw sideProblem(name, 'names a side twice');
      if (manifests === undefined && save === undefined) throw sideProblem(name, 'nothing to compare');
      return openQuestion({ manifests, save }, rest, warn, { known });
    };
    const [before, after] = [side('from', from, fromSave), side('to', to, toSave)];
    return effectsIn({ nodeName: undefined, before, after }, rest);
  });
}

function sideProblem(name: 'from' | 'to', message: string): InputError {
  return new InputError([{ at: [name], message: `${message}: expected ${name} or ${name}Save` }]);
}

/** An answer with what is to be told beside it, once. */
function told<Answer extends object>(answer: (warn: (warning: string) => void) => Answer): Answer & Warned {
  const warnings = new Set<string>();
  const given = withOptionNames(() => answer((warning) => void warnings.add(inOptionNames(warning))));
  return { ...given, warnings: [...warnings] };
}
