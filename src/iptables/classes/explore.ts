/**
 * What becomes of every packet of a class: the simulator's way through the tables (`simulator/simulate.ts`), taken by
 * whole classes. Where packets of one class part, the class is split; where chance decides, it goes both ways.
 */
import { type Family, joinPort } from '../../net/address.ts';
import type { Translation, Verdict } from '../simulator/effects.ts';
import { HOOKS, type Hook } from '../simulator/hooks.ts';
import type { PreparedChain, PreparedRule, PreparedRuleset } from '../simulator/prepare.ts';
import { WITH_PORTS } from '../simulator/protocols.ts';
import { chainOf, RulesetError, TOO_DEEP } from '../simulator/walk.ts';
import { type ClassFlow, mergeClassFlows, type Start, startOfClass } from './class-flow.ts';
import { type ClassRule, classRule, takeStep } from './class-rule.ts';
import type { PacketClass } from './packet-class.ts';
import {
  addressSorter,
  type ClassNode,
  every,
  type Here,
  localSorter,
  portSorter,
  type SortedFlows,
  type Sorter,
  stateSorter,
} from './questions.ts';
import { only, onlyOne } from './ranges.ts';
import { indexRules, type RuleIndex } from './rule-index.ts';

/** What has become of packets of a class in the end. */
export interface ClassEnd {
  readonly flow: ClassFlow;
  readonly verdict: Verdict;
  readonly rejectWith: string | undefined;
}

/** A ruleset whose rules ask questions of classes; prepared as packets come to its chains. */
export interface ClassRuleset {
  readonly ruleset: PreparedRuleset;
  readonly family: Family;
  readonly chains: Map<PreparedChain, RuleIndex>;
}

/** @param chains as other rulesets have them prepared */
export function forClasses(
  ruleset: PreparedRuleset,
  chains: ClassRuleset['chains'] = new Map(),
): ClassRuleset {
  return { ruleset, family: ruleset.family, chains };
}

/**
 * Sends every packet of a class through a ruleset.
 * @returns the ways that they may take. For each packet, the probabilities of the ways of the classes that it is in add
 *   up to 1
 * @throws RulesetError where rules lead to chains that there are not, or in a circle
 */
export function explore(
  rules: ClassRuleset,
  packets: PacketClass,
  start: Start,
  node: ClassNode,
): readonly ClassEnd[] {
  const journey: Journey = { rules, node, begins: start === 'begins', again: false, ended: [] };
  const flows = [startOfClass(packets)];
  const through = start === 'arrives' ? arrive(journey, flows) : leave(journey, flows);
  for (const flow of through) journey.ended.push({ flow, verdict: 'ACCEPT', rejectWith: undefined });
  return journey.ended;
}

interface Journey {
  readonly rules: ClassRuleset;
  readonly node: ClassNode;
  readonly begins: boolean;
  /** It has gone out by the loopback interface, and comes in there. */
  readonly again: boolean;
  readonly ended: ClassEnd[];
}

function arrive(journey: Journey, flows: readonly ClassFlow[]): ClassFlow[] {
  const { local, away } = route(journey, pass(journey, 'PREROUTING', flows));
  return [...pass(journey, 'INPUT', local), ...pass(journey, 'POSTROUTING', pass(journey, 'FORWARD', away))];
}

function leave(journey: Journey, flows: readonly ClassFlow[]): ClassFlow[] {
  const sent = pass(journey, 'POSTROUTING', pass(journey, 'OUTPUT', flows));
  const { local, away } = route(journey, sent);
  return [...away, ...arrive({ ...journey, again: true }, local)];
}

const toLocal = localSorter('destination');

function route(
  journey: Journey,
  flows: readonly ClassFlow[],
): { local: readonly ClassFlow[]; away: readonly ClassFlow[] } {
  const sorted = sortAll(toLocal, flows, hereOf(journey, 'PREROUTING', 'lo'));
  return { local: sorted.yes, away: sorted.no };
}

function sortAll(sorter: Sorter, flows: readonly ClassFlow[], here: Here): SortedFlows {
  const sorted = { yes: [] as ClassFlow[], no: [] as ClassFlow[] };
  for (const flow of flows) {
    const { yes, no } = sorter(flow, here);
    sorted.yes.push(...yes);
    sorted.no.push(...no);
  }
  return sorted;
}

function hereOf(
  { rules: { family }, node, begins, again }: Journey,
  hook: Hook,
  outInterface: Here['outInterface'],
): Here {
  const came = again ? 'lo' : begins ? '' : 'initial';
  return { family, hook, inInterface: hook === 'OUTPUT' ? '' : came, outInterface, ...node };
}

/** The hook's tables, on the way of classes whose interfaces are known. */
function pass(journey: Journey, hook: Hook, flows: readonly ClassFlow[]): ClassFlow[] {
  if (flows.length === 0) return [];
  const chains = HOOKS[hook].flatMap((table) => journey.rules.ruleset.chain(table, hook) ?? []);
  if (chains.length === 0) return [...flows];
  if (hook === 'PREROUTING' || hook === 'INPUT') {
    return passTables(journey, hereOf(journey, hook, ''), chains, flows);
  }
  const { local, away } = route(journey, flows);
  return [
    ...passTables(journey, hereOf(journey, hook, 'lo'), chains, local),
    ...passTables(journey, hereOf(journey, hook, 'unknown'), chains, away),
  ];
}

function passTables(
  journey: Journey,
  here: Here,
  chains: readonly PreparedChain[],
  flows: readonly ClassFlow[],
): ClassFlow[] {
  let now = [...flows];
  for (const chain of chains) {
    if (now.length === 0) break;
    now = mergeClassFlows(passTable(journey, here, chain, now));
  }
  return now;
}

const isNew = stateSorter(['NEW']);

function passTable(
  journey: Journey,
  here: Here,
  chain: PreparedChain,
  flows: readonly ClassFlow[],
): ClassFlow[] {
  const passed: ClassFlow[] = [];
  let coming: readonly ClassFlow[] = flows;
  if (chain.table === 'nat') {
    // Only the first packet of a connection comes to nat, and only once; the others are translated like it.
    if (journey.again) return [...flows];
    const { yes, no } = sortAll(isNew, flows, here);
    passed.push(...no);
    coming = yes;
  }
  const before = chain.table === 'raw' && !journey.again;
  for (const flow of coming) {
    const ended: ClassEnd[] = [];
    const walk: Walk = { rules: journey.rules, here, ended };
    const left = walkChain(walk, chain, [before ? { ...flow, tracked: 'not yet' } : flow], 0);
    const { policy = 'ACCEPT' } = chain;
    for (const { flow: end, verdict, rejectWith } of [
      ...ended,
      ...left.map((flow): ClassEnd => ({ flow, verdict: policy, rejectWith: undefined })),
    ]) {
      const result: ClassFlow = end.tracked === 'not yet' ? { ...end, tracked: flow.tracked } : end;
      if (verdict === 'ACCEPT') passed.push(result);
      else journey.ended.push({ flow: result, verdict, rejectWith });
    }
  }
  return passed;
}

interface Walk {
  readonly rules: ClassRuleset;
  readonly here: Here;
  readonly ended: ClassEnd[];
}

/** Sends classes through a chain, and gives those that come out at its end, or return from it. */
function walkChain(
  walk: Walk,
  chain: PreparedChain,
  flows: readonly ClassFlow[],
  depth: number,
): ClassFlow[] {
  if (depth > TOO_DEEP) throw new RulesetError(`chains form a loop: ${chain.table} ${chain.name}`);
  const index = indexOf(walk.rules, chain);
  const left: ClassFlow[] = [];
  for (const { flow, rules } of flows.flatMap((flow) => index.candidates(flow, walk.here))) {
    let [now, merged] = [[flow], 1];
    for (const rule of rules) {
      if (now.length === 0) break;
      now = walkRule(walk, rule, now, left, depth);
      if (now.length <= 2 * merged) continue;
      now = mergeClassFlows(now);
      merged = now.length;
    }
    left.push(...now);
  }
  // What has not been split in this chain cannot be put together.
  return left.length > flows.length ? mergeClassFlows(left) : left;
}

/** So many chains are kept ready, and of those with fewer rules only some. */
const MOST_CHAINS = 2000;
const SMALL = 16;

function indexOf(rules: ClassRuleset, chain: PreparedChain): RuleIndex {
  const known = rules.chains.get(chain);
  if (known) return known;
  const index = indexRules(
    chain.rules.map((rule) => classRule(rule, rules.family)).filter(({ idle }) => !idle),
  );
  // Nearly all chains are those of one endpoint, and packets come to each of them a few times in a row.
  if (rules.chains.size > MOST_CHAINS) {
    for (const [small, { rules: few }] of rules.chains) if (few.length < SMALL) rules.chains.delete(small);
  }
  rules.chains.set(chain, index);
  return index;
}

/** Sends classes to a rule, and gives those that go on to the next one. */
function walkRule(
  walk: Walk,
  rule: ClassRule,
  flows: readonly ClassFlow[],
  returned: ClassFlow[],
  depth: number,
): ClassFlow[] {
  const on: ClassFlow[] = [];
  for (const flow of flows) {
    let fitting: readonly ClassFlow[] = [flow];
    for (const step of rule.steps) {
      const [only, another] = fitting;
      if (only === undefined) break;
      // As nearly always.
      if (another === undefined) fitting = takeStep(step, only, walk.here, on);
      else fitting = fitting.flatMap((flow) => takeStep(step, flow, walk.here, on));
    }
    if (fitting.length > 0) on.push(...follow(walk, rule.rule, fitting, returned, depth));
  }
  return on;
}

function follow(
  walk: Walk,
  rule: PreparedRule,
  flows: readonly ClassFlow[],
  returned: ClassFlow[],
  depth: number,
): readonly ClassFlow[] {
  const { effect } = rule;
  const end = (flows: readonly ClassFlow[], verdict: Verdict, rejectWith?: string): ClassFlow[] => {
    for (const flow of flows) walk.ended.push({ flow, verdict, rejectWith });
    return [];
  };
  switch (effect.effect) {
    case 'none':
      return flows;
    case 'unknown':
      return flows.map((flow) => ({ ...flow, met: [...flow.met, wordsOf(rule)] }));
    case 'mark':
      return flows.map((flow) => ({
        ...flow,
        mark: {
          keep: (flow.mark.keep & ~effect.mask) >>> 0,
          flip: ((flow.mark.flip & ~effect.mask) ^ effect.value) >>> 0,
        },
      }));
    case 'notrack':
      return flows.map((flow) => (flow.tracked === 'not yet' ? { ...flow, tracked: 'not at all' } : flow));
    case 'jump':
      return walkChain(walk, chainOf(walk.rules.ruleset, rule, effect.chain), flows, depth + 1);
    case 'goto':
      returned.push(...walkChain(walk, chainOf(walk.rules.ruleset, rule, effect.chain), flows, depth + 1));
      return [];
    case 'return':
      returned.push(...flows);
      return [];
    case 'verdict':
      return end(flows, effect.verdict, effect.rejectWith);
    case 'dnat':
      return end(
        flows.flatMap((flow) => redirect(flow, effect.to, walk.here)),
        'ACCEPT',
      );
    case 'snat':
      return end(
        flows.flatMap((flow) => translateSource(flow, effect.to, walk.here)),
        'ACCEPT',
      );
    case 'masquerade':
      return end(
        flows.map((flow) => ({ ...flow, isSNAT: true, translation: 'masquerade' })),
        'ACCEPT',
      );
  }
}

function wordsOf({ rule: { target } }: PreparedRule): string {
  return target?.target === 'unknown' ? target.words.join(' ') : 'words that are no rule';
}

const STAYING = new WeakMap<Translation, Sorter>();

/** Whether packets go to, or come from, what they are sent to anyway. */
function staying(side: 'source' | 'destination', to: Translation): Sorter {
  const known = STAYING.get(to);
  if (known) return known;
  const { address, port } = to;
  const sorter = every([
    ...(address ? [addressSorter(side, only(address.value))] : []),
    ...(port === undefined ? [] : [portSorter(`${side}Port`, [port, port], WITH_PORTS)]),
  ]);
  STAYING.set(to, sorter);
  return sorter;
}

/** Sends packets to another destination. A connection that is sent to where it goes anyway, is none that was translated. */
function redirect(flow: ClassFlow, to: Translation, here: Here): ClassFlow[] {
  const { address, port } = to;
  const sent = {
    ...(address && { destination: address.value }),
    ...(port !== undefined && { destinationPort: port }),
    redirected: true,
  };
  const now = flow.destination ?? onlyOne(flow.packets.destination);
  if (now !== undefined && address && now !== address.value) return [{ ...flow, ...sent, isDNAT: true }];
  const stays = staying('destination', to);
  const { yes, no } = stays(flow, here);
  return [
    ...yes.map((flow) => ({ ...flow, ...sent })),
    ...no.map((flow) => ({ ...flow, ...sent, isDNAT: true })),
  ];
}

/** Lets packets come from another source. */
function translateSource(flow: ClassFlow, to: Translation, here: Here): ClassFlow[] {
  const { address, port } = to;
  const text = address?.text ?? '';
  const sent = {
    ...(address && { source: address.value }),
    ...(port !== undefined && { sourcePort: port }),
    translation: { to: port === undefined ? text : joinPort(text, port) },
  };
  const stays = staying('source', to);
  const { yes, no } = stays(flow, here);
  return [
    ...yes.map((flow) => ({ ...flow, ...sent })),
    ...no.map((flow) => ({ ...flow, ...sent, isSNAT: true })),
  ];
}
