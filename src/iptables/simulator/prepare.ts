/** Rulesets in the form that packets are sent through: of each chain that one comes to, what its rules ask and do. */
import { MATCH_TRAITS } from '../match-traits.ts';
import { parseRule } from '../parse.ts';
import { readSavedChains } from '../saved-text.ts';
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
  readonly policy?: 'ACCEPT' | 'DROP' | undefined;
  readonly rules: readonly (Rule | string)[];
  /** Its rules one below the other, where they are lines. */
  readonly text?: string;
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

/**
 * The chains of the ruleset that was prepared last, by family, table and name. One that is the same in the next ruleset is
 * the same object there, and is prepared once; of one that is not, the rules are that are the same.
 */
export type KnownChains = Map<Family, ReadonlyMap<string, ReadonlyMap<string, UnpreparedChain>>>;

/**
 * Prepares a ruleset. Without built-in chains, no packet comes to it: see `withJumps`.
 * @param known of the ruleset that it is compared with
 */
export function prepare({ family, tables }: Ruleset, known?: KnownChains): PreparedRuleset {
  const byName = new Map<string, Map<string, UnpreparedChain>>();
  for (const { name: table, chains } of tables) {
    const former = known?.get(family)?.get(table);
    const byChain = new Map<string, UnpreparedChain>();
    for (const chain of chains) {
      byChain.set(chain.name, unprepared(chain, chain.rules, former?.get(chain.name)));
    }
    byName.set(table, byChain);
  }
  known?.set(family, byName);
  return prepared(family, byName);
}

/**
 * Prepares what iptables-save prints, with or without counters, or what iptables-restore reads: the text of whole
 * tables. Rules are parsed when a packet comes to their chain, since on a node of 5,000 Services most never are.
 * @param known of the ruleset that it is compared with
 * @throws ParseError where the text is not of that form
 */
export function prepareSaved(text: string, family: Family, known?: KnownChains): PreparedRuleset {
  const byName = new Map<string, Map<string, UnpreparedChain>>();
  for (const [table, chains] of readSavedChains(text)) {
    const former = known?.get(family)?.get(table);
    const byChain = new Map<string, UnpreparedChain>();
    for (const [name, chain] of chains) byChain.set(name, unprepared(chain, chain.text, former?.get(name)));
    byName.set(table, byChain);
  }
  known?.set(family, byName);
  return prepared(family, byName);
}

/** A chain, prepared when a packet comes to it first. */
interface UnpreparedChain {
  readonly given: GivenChain;
  /** What only chains with the same rules have in common: a text, or the list itself. */
  readonly content: unknown;
  /** The chain of this name in the other ruleset, which has other rules. */
  readonly former: UnpreparedChain | undefined;
  prepared: PreparedChain | undefined;
}

function unprepared(
  given: GivenChain,
  content: unknown,
  former: UnpreparedChain | undefined,
): UnpreparedChain {
  const isSame = former && former.content === content && former.given.policy === given.policy;
  return isSame ? former : { given, content, former, prepared: undefined };
}

function prepared(
  family: Family,
  tables: ReadonlyMap<string, ReadonlyMap<string, UnpreparedChain>>,
): PreparedRuleset {
  return {
    family,
    chain(table, name) {
      const chain = tables.get(table)?.get(name);
      if (chain) chain.prepared ??= prepareChain({ table, chain: name, family }, chain);
      return chain?.prepared;
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

function prepareChain(place: Place, { given: { policy, rules }, former }: UnpreparedChain): PreparedChain {
  const before = former?.prepared && preparedBy(former.given, former.prepared);
  const all = rules.map((rule, i) => {
    const same = before?.get(rule);
    if (same?.number === i + 1) return same;
    return same ? { ...same, number: i + 1 } : prepareRule(place, i + 1, rule);
  });
  return { table: place.table, name: place.chain, policy, rules: all, candidates: candidatesIn(all) };
}

function preparedBy(
  { rules }: GivenChain,
  prepared: PreparedChain,
): ReadonlyMap<Rule | string, PreparedRule> {
  return new Map(prepared.rules.map((rule, i) => [rules[i] ?? '', rule]));
}

function prepareRule({ table, chain, family }: Place, number: number, given: Rule | string): PreparedRule {
  const rule = typeof given === 'string' ? parseRule(given, family) : given;
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
