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
  readonly #same = new Map<string, boolean>();
  #targets: ReadonlySet<bigint | 'another port'> | undefined;

  constructor(before: PreparedRuleset, after: PreparedRuleset) {
    this.#before = before;
    this.#after = after;
  }

  /** Whether a chain, and all that it leads to, is in both, or in neither. */
  isSame(table: TableName, name: string): boolean {
    const key = `${table} ${name}`;
    const known = this.#same.get(key);
    if (known !== undefined) return known;
    // In a circle, nothing more is to be found.
    this.#same.set(key, true);
    const [a, b] = [this.#before.given(table, name), this.#after.given(table, name)];
    const same = sameGiven(a, b) && (a?.rules ?? []).every((rule) => this.#leadsToSame(table, rule));
    this.#same.set(key, same);
    return same;
  }

  #leadsToSame(table: TableName, rule: Rule | string): boolean {
    const target = targetOf(rule);
    return target === undefined || this.isSame(table, target);
  }

  /** The packets of a box that may come to a rule of a chain, or below it, that is not in both. */
  boxes(table: TableName, name: string, within: AffectedBox): readonly AffectedBox[] {
    if (isEmpty(within.destination) || isEmpty(within.service) || this.isSame(table, name)) return [];
    const [a, b] = [this.#before.chain(table, name), this.#after.chain(table, name)];
    if (!a || !b || a.policy !== b.policy) return [within];
    const [before, after] = [byPlace(a), byPlace(b)];
    const general = [before, after].map((rules) => (rules.get('') ?? []).map(({ text }) => text));
    if (general[0]?.join('\n') !== general[1]?.join('\n')) return [within];
    const found: AffectedBox[] = [];
    for (const key of new Set([...before.keys(), ...after.keys()])) {
      const [was, is] = [before.get(key) ?? [], after.get(key) ?? []];
      const same =
        was.length === is.length &&
        was.every(({ text, after }, i) => text === is[i]?.text && after === is[i].after);
      if (!same) {
        found.push(inside(within, around([...was, ...is])));
        continue;
      }
      for (const { rule } of was) {
        const { effect } = rule;
        if (effect.effect !== 'jump' && effect.effect !== 'goto') continue;
        found.push(...this.boxes(table, effect.chain, inside(within, boxOf(rule))));
      }
    }
    return found;
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

const LEADS = / (?:-j|-g|--jump|--goto) (\S+)/;

function targetOf(rule: Rule | string): string | undefined {
  if (typeof rule === 'string') return LEADS.exec(rule)?.[1];
  const { target } = rule;
  if (target?.target === 'jump') return target.chain;
  return target?.target === 'unknown' ? LEADS.exec(` ${target.words.join(' ')}`)?.[1] : undefined;
}

interface Placed {
  readonly rule: PreparedRule;
  readonly text: string;
  readonly box: AffectedBox;
  /** How many rules for any packet come before it. */
  readonly after: number;
}

/** The rules of a chain by the one address or port that they are for; '' for all others, whose order counts for every rule. */
function byPlace({ rules }: PreparedChain): Map<string, Placed[]> {
  // A packet may meet a rule for its address and one for its port: in one chain, only one of them tells rules apart.
  const by = rules.some((rule) => keyOf(rule, 'address') !== '') ? 'address' : 'port';
  const places = new Map<string, Placed[]>([['', []]]);
  let general = 0;
  for (const rule of rules) {
    const key = keyOf(rule, by);
    const placed = { rule, text: JSON.stringify(rule.rule), box: boxOf(rule), after: general };
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
    destination: union(rules.map(({ box }) => box.destination)),
    service: union(rules.map(({ box }) => box.service)),
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
