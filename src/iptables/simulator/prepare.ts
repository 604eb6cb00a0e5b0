/** Rulesets in the form that packets are sent through: of each chain that one comes to, what its rules ask and do. */
import { MATCH_TRAITS } from '../match-traits.ts';
import { parseRule } from '../parse.ts';
import { readSavedText } from '../saved-text.ts';
import type { Family, Match, Rule, Ruleset, TableName } from '../types.ts';
import { candidatesIn } from './candidates.ts';
import type { Condition } from './condition.ts';
import { conditionOf } from './conditions.ts';
import { type Effect, effectOf } from './effects.ts';
import type { Header } from './packet.ts';

/** A ruleset that packets can be sent through, as often as one likes: its chains are prepared when one comes to them. */
export interface PreparedRuleset {
  readonly family: Family;
  /** A chain by its table and name; undefined where there is none. */
  chain(table: TableName, name: string): PreparedChain | undefined;
  /** The same as it was given, which costs nothing. */
  given(table: TableName, name: string): GivenChain | undefined;
  /** The names of a table's chains. */
  names(table: TableName): Iterable<string>;
}

/** A chain as it was given: rules, or the lines that iptables-save prints. */
export interface GivenChain {
  readonly policy: 'ACCEPT' | 'DROP' | undefined;
  readonly rules: readonly (Rule | string)[];
}

export interface PreparedChain {
  readonly table: TableName;
  readonly name: string;
  /** Of built-in chains. */
  readonly policy: 'ACCEPT' | 'DROP' | undefined;
  readonly rules: readonly PreparedRule[];
  /** The rules that a packet can fit, in their order: all but those for another destination. */
  candidates(header: Header): readonly PreparedRule[];
}

/** A rule, and where it stands. */
export interface PlacedRule {
  readonly table: TableName;
  readonly chain: string;
  /** Its place in the chain, from 1 as iptables counts. */
  readonly number: number;
  readonly rule: Rule;
}

export interface PreparedRule extends PlacedRule {
  readonly conditions: readonly RuleCondition[];
  /** Its conditions look at the packet and do nothing else. */
  readonly onlyLooks: boolean;
  readonly effect: Effect;
}

/** A condition, and the match that it comes from. */
export type RuleCondition = Condition & { readonly match: Match };

/** Prepares a ruleset. Without built-in chains, no packet comes to it: see `withJumps`. */
export function prepare({ family, tables }: Ruleset): PreparedRuleset {
  const byName = tables.map(({ name, chains }): [string, Map<string, UnpreparedChain>] => [
    name,
    new Map(
      chains.map(({ name, policy, rules }) => [name, { given: { policy, rules }, rules: () => rules }]),
    ),
  ]);
  return prepared(family, new Map(byName));
}

/**
 * Prepares what iptables-save prints, with or without counters, or what iptables-restore reads: the text of whole
 * tables. Rules are parsed when a packet comes to their chain, since on a node of 5,000 Services most never are.
 * @throws ParseError where the text is not of that form
 */
export function prepareSaved(text: string, family: Family): PreparedRuleset {
  const byName = [...readSavedText(text)].map(([table, chains]): [string, Map<string, UnpreparedChain>] => [
    table,
    new Map(
      [...chains].map(([name, { policy, lines }]) => [
        name,
        { given: { policy, rules: lines }, rules: () => lines.map((line) => parseRule(line, family)) },
      ]),
    ),
  ]);
  return prepared(family, new Map(byName));
}

interface UnpreparedChain {
  readonly given: GivenChain;
  rules(): readonly Rule[];
}

function prepared(
  family: Family,
  tables: ReadonlyMap<string, ReadonlyMap<string, UnpreparedChain>>,
): PreparedRuleset {
  const known = new Map(tables.keys().map((table) => [table, new Map<string, PreparedChain>()]));
  return {
    family,
    chain(table, name) {
      const ofTable = known.get(table);
      const chain = ofTable?.get(name);
      if (chain) return chain;
      const unprepared = tables.get(table)?.get(name);
      if (!unprepared) return undefined;
      const prepared = prepareChain({ table, chain: name, family }, unprepared);
      ofTable?.set(name, prepared);
      return prepared;
    },
    given: (table, name) => tables.get(table)?.get(name)?.given,
    names: (table) => tables.get(table)?.keys() ?? [],
  };
}

interface Place {
  readonly table: TableName;
  readonly chain: string;
  readonly family: Family;
}

function prepareChain(place: Place, { given: { policy }, rules }: UnpreparedChain): PreparedChain {
  const all = rules().map((rule, i) => prepareRule(place, i + 1, rule));
  return { table: place.table, name: place.chain, policy, rules: all, candidates: candidatesIn(all) };
}

function prepareRule({ table, chain, family }: Place, number: number, rule: Rule): PreparedRule {
  const conditions = inOrder(rule.matches).flatMap((match): RuleCondition[] => {
    const condition = conditionOf(match, family);
    return condition ? [{ ...condition, match }] : [];
  });
  return {
    table,
    chain,
    number,
    rule,
    conditions,
    onlyLooks: conditions.every(({ condition }) => condition === 'test'),
    effect: effectOf(rule, family),
  };
}

/** Matches in the order in which the kernel looks at them. */
function inOrder(matches: readonly Match[]): Match[] {
  const base = matches.filter(isBase);
  const port = matches.find(({ match }) => match === 'destination-port');
  // The port is looked at where the extension of its protocol stands, wherever it is written.
  const extensions = matches.flatMap((match) => {
    if (port && match.match === 'protocol') return [port];
    return isBase(match) || match === port ? [] : [match];
  });
  return [...base, ...extensions];
}

/** Of another program's words: what the kernel looks at before any extension. */
const FOREIGN_BASE: ReadonlySet<string> = new Set(['-s', '-d', '-i', '-o', '-p', '-f']);

function isBase(match: Match): boolean {
  if (match.match !== 'unknown') return MATCH_TRAITS[match.match].looked === 'first';
  const [first = '', second = ''] = match.words;
  return FOREIGN_BASE.has(first === '!' ? second : first);
}
