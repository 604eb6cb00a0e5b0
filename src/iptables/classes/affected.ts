/**
 * Which packets two rulesets can treat in another way at all: those that can come to a rule that is not in both. All
 * others meet the same rules in the same order, and need not be followed.
 */
import { addressValue, parseAddress } from '../../net/address.ts';
import { printRule } from '../print.ts';
import { type OnlyDestination, onlyDestinationOf } from '../simulator/candidates.ts';
import type { GivenChain, PreparedChain, PreparedRule, PreparedRuleset } from '../simulator/prepare.ts';
import type { Rule, TableName } from '../types.ts';
import { everyPacket } from './packet-class.ts';
import { rangeOf, serviceRange } from './questions.ts';
import { common, holds, isEmpty, type Ranges, union } from './ranges.ts';

/** Packets by where they are sent. */
export interface AffectedBox {
  readonly destination: Ranges;
  readonly service: Ranges;
}

/** The packets that may fare differently; undefined where that may be any. */
export function affectedBoxes(
  before: PreparedRuleset,
  after: PreparedRuleset,
): readonly AffectedBox[] | undefined {
  const search = new Search(before, after);
  const { destination, service } = everyPacket(before.family);
  const everything: AffectedBox = { destination, service };
  const found: AffectedBox[] = [];
  for (const [table, hooks] of BUILT_IN) {
    for (const hook of hooks) {
      if (search.isSame(table, hook)) continue;
      const boxes = search.boxes(table, hook, everything);
      const isBeforeNAT = table === 'nat' && (hook === 'PREROUTING' || hook === 'OUTPUT');
      // Behind NAT, packets may be on their way from elsewhere.
      if (!isBeforeNAT && boxes.some((box) => search.isTarget(box))) return undefined;
      found.push(...boxes);
    }
  }
  return found.some((box) => box === everything) ? undefined : found;
}

const BUILT_IN: readonly (readonly [TableName, readonly string[]])[] = (
  ['raw', 'mangle', 'nat', 'filter', 'security'] as const
).map((table) => [table, ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING']]);

class Search {
  readonly #before: PreparedRuleset;
  readonly #after: PreparedRuleset;
  readonly #same = new Map<TableName, Map<string, boolean>>();
  #targets: ReadonlySet<bigint | 'another port'> | undefined;

  constructor(before: PreparedRuleset, after: PreparedRuleset) {
    this.#before = before;
    this.#after = after;
  }

  /** Whether a chain, and all that it leads to, is in both, or in neither. */
  isSame(table: TableName, name: string): boolean {
    const ofTable = this.#same.get(table) ?? new Map<string, boolean>();
    this.#same.set(table, ofTable);
    const known = ofTable.get(name);
    if (known !== undefined) return known;
    // In a circle, nothing more is to be found.
    ofTable.set(name, true);
    const [a, b] = [this.#before.given(table, name), this.#after.given(table, name)];
    const same =
      sameGiven(a, b) && [...(a ? targetsOf(a) : [])].every((target) => this.isSame(table, target));
    ofTable.set(name, same);
    return same;
  }

  /** The packets of a box that may come to a rule of a chain, or below it, that is not in both. */
  boxes(table: TableName, name: string, within: AffectedBox): readonly AffectedBox[] {
    if (isEmpty(within.destination) || isEmpty(within.service) || this.isSame(table, name)) return [];
    const [a, b] = [this.#before.chain(table, name), this.#after.chain(table, name)];
    if (!a || !b || a.policy !== b.policy) return [within];
    if (a === b) return a.rules.flatMap((rule) => this.#below(table, rule, within));
    const [before, after] = [byPlace(a), byPlace(b)];
    const [generalBefore, generalAfter] = [before.get('') ?? [], after.get('') ?? []];
    if (!sameRules(generalBefore, generalAfter)) return [within];
    const found: AffectedBox[] = [];
    for (const key of new Set([...before.keys(), ...after.keys()])) {
      const [was, is] = [before.get(key) ?? [], after.get(key) ?? []];
      if (!sameRules(was, is) || !was.every(({ after }, i) => after === is[i]?.after)) {
        found.push(inside(within, around([...was, ...is])));
        continue;
      }
      for (const { rule } of was) found.push(...this.#below(table, rule, within));
    }
    return found;
  }

  /** Those that a rule leads on. */
  #below(table: TableName, rule: PreparedRule, within: AffectedBox): readonly AffectedBox[] {
    const { effect } = rule;
    if (effect.effect !== 'jump' && effect.effect !== 'goto') return [];
    return this.isSame(table, effect.chain)
      ? []
      : this.boxes(table, effect.chain, inside(within, boxOf(rule)));
  }

  /** Whether any rule sends packets there. */
  isTarget({ destination }: AffectedBox): boolean {
    this.#targets ??= new Set([...targetsIn(this.#before), ...targetsIn(this.#after)]);
    for (const target of this.#targets) {
      if (target === 'another port' || holds(destination, target)) return true;
    }
    return false;
  }
}

function sameGiven(a: GivenChain | undefined, b: GivenChain | undefined): boolean {
  if (a === b) return true;
  if (!a || !b || a.policy !== b.policy || a.rules.length !== b.rules.length) return false;
  return a.rules.every((rule, i) => {
    const other = b.rules[i];
    if (rule === other) return true;
    return typeof rule === 'object' && typeof other === 'object' && printRule(rule) === printRule(other);
  });
}

/** Where a chain leads; of lines, without taking the text apart, as most chains of a large node are looked at for this alone. */
function targetsOf({ rules, text }: GivenChain): Set<string> {
  const targets = new Set<string>();
  if (text === undefined) {
    for (const rule of rules) add(targets, targetOf(rule));
    return targets;
  }
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf('\n', start);
    const end = newline === -1 ? text.length : newline;
    const space = text.lastIndexOf(' ', end - 1);
    // Nearly always it is the last word.
    const isLast = text.startsWith(' -j', space - 3) && space - 3 > start;
    add(targets, isLast ? text.slice(space + 1, end) : targetOf(text.slice(start, end)));
    start = end + 1;
  }
  return targets;
}

function add(targets: Set<string>, target: string | undefined): void {
  if (target !== undefined) targets.add(target);
}

const LEADS = / (?:-j|-g|--jump|--goto) (\S+)/;

function targetOf(rule: Rule | string): string | undefined {
  if (typeof rule === 'string') return LEADS.exec(rule)?.[1];
  const { target } = rule;
  if (target?.target === 'jump') return target.chain;
  return target?.target === 'unknown' ? LEADS.exec(` ${target.words.join(' ')}`)?.[1] : undefined;
}

interface Placed {
  readonly rule: PreparedRule;
  /** How many rules for any packet come before it. */
  readonly after: number;
}

function sameRules(a: readonly Placed[], b: readonly Placed[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ rule: { rule } }, i) => {
      const other = b[i]?.rule.rule;
      return rule === other || JSON.stringify(rule) === JSON.stringify(other);
    })
  );
}

/** The rules of a chain by the one address or port that they are for; '' for all others, whose order counts for every rule. */
function byPlace({ rules }: PreparedChain): Map<string, Placed[]> {
  // A packet may meet a rule for its address and one for its port: in one chain, only one of them tells rules apart.
  const by = rules.some((rule) => keyOf(rule, 'address') !== '') ? 'address' : 'port';
  const places = new Map<string, Placed[]>([['', []]]);
  let general = 0;
  for (const rule of rules) {
    const key = keyOf(rule, by);
    const placed = { rule, after: general };
    if (key === '') general++;
    const same = places.get(key);
    if (same) same.push(placed);
    else places.set(key, [placed]);
  }
  return places;
}

function keyOf(rule: PreparedRule, by: OnlyDestination['by']): string {
  const only = onlyDestinationOf(rule);
  if (only?.by !== by) return '';
  return only.by === 'address' ? only.address : `${only.protocol} ${only.port}`;
}

/** What a rule says of where the packets are sent that it is for. */
function boxOf({ rule: { matches } }: PreparedRule): AffectedBox {
  const address = matches.find((match) => match.match === 'destination');
  const port = matches.find((match) => match.match === 'destination-port');
  const protocol = matches.find((match) => match.match === 'protocol');
  return {
    destination: address && address.negated !== true ? rangeOf(address.address) : EVERYWHERE,
    service:
      protocol && port ? serviceRange(protocol.protocol, [port.port, port.last ?? port.port]) : ANY_SERVICE,
  };
}

const { destination: EVERYWHERE, service: ANY_SERVICE } = everyPacket('ipv6');

/** All that any of these rules is for, and perhaps more. */
function around(rules: readonly Placed[]): AffectedBox {
  return {
    destination: union(rules.map(({ rule }) => boxOf(rule).destination)),
    service: union(rules.map(({ rule }) => boxOf(rule).service)),
  };
}

function inside(a: AffectedBox, b: AffectedBox): AffectedBox {
  const box = { destination: common(a.destination, b.destination), service: common(a.service, b.service) };
  return box.destination === a.destination && box.service === a.service ? a : box;
}

/** Where DNAT sends packets. */
function* targetsIn(ruleset: PreparedRuleset): Generator<bigint | 'another port'> {
  for (const name of ruleset.names('nat')) {
    for (const rule of ruleset.given('nat', name)?.rules ?? []) {
      const to = destinationIn(rule);
      if (to !== undefined) yield to;
    }
  }
}

function destinationIn(rule: Rule | string): bigint | 'another port' | undefined {
  const to = targetTextIn(rule);
  if (to === undefined) return undefined;
  const [address = ''] = /^[\d.]+(?=$|:)|(?<=^\[)[^\]]+|^[\da-f:]*::?[\da-f:]+$/i.exec(to) ?? [];
  return parseAddress(address) === undefined ? 'another port' : addressValue(address);
}

function targetTextIn(rule: Rule | string): string | undefined {
  if (typeof rule === 'string') return / --to-destination (\S+)/.exec(rule)?.[1];
  const { target } = rule;
  if (target?.target === 'DNAT') return target.to;
  return target?.target === 'unknown'
    ? / --to-destination (\S+)/.exec(` ${target.words.join(' ')}`)?.[1]
    : undefined;
}
