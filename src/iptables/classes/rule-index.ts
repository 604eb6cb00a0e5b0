/** Which rules of a chain the packets of a class can fit, and what parts of the class each is for. */
import { addressValue } from '../../net/address.ts';
import { onlyDestinationOf } from '../simulator/candidates.ts';
import { WITH_PORTS } from '../simulator/protocols.ts';
import type { ClassFlow } from './class-flow.ts';
import { type ClassRule, mayFit } from './class-rule.ts';
import { type Here, serviceValue } from './questions.ts';
import { common, holds, isEmpty, only, onlyOne, type Ranges, union, without } from './ranges.ts';

/** A part of a class, and the rules that it comes to, in their order. */
export interface ClassPart {
  readonly flow: ClassFlow;
  readonly rules: readonly ClassRule[];
}

export interface RuleIndex {
  readonly rules: readonly ClassRule[];
  /** Parts a class by the addresses and ports that rules are for. */
  candidates(flow: ClassFlow, here: Here): readonly ClassPart[];
}

/** Shorter chains are as fast without an index. */
const WORTH_AN_INDEX = 16;

interface Keyed {
  readonly byAddress: ReadonlyMap<bigint, readonly ClassRule[]>;
  readonly byPort: ReadonlyMap<bigint, readonly ClassRule[]>;
  readonly others: readonly ClassRule[];
}

export function indexRules(rules: readonly ClassRule[]): RuleIndex {
  if (rules.length < WORTH_AN_INDEX) return { rules, candidates: (flow) => [{ flow, rules }] };
  const [byAddress, byPort] = [new Map<bigint, ClassRule[]>(), new Map<bigint, ClassRule[]>()];
  const others: ClassRule[] = [];
  for (const rule of rules) {
    const only = onlyDestinationOf(rule.rule);
    if (only === undefined) {
      others.push(rule);
      continue;
    }
    const map = only.by === 'address' ? byAddress : byPort;
    const value = only.by === 'address' ? addressValue(only.address) : serviceValue(only.protocol, only.port);
    const same = map.get(value);
    if (same) same.push(rule);
    else map.set(value, [rule]);
  }
  const keyed: Keyed = { byAddress, byPort, others };
  return { rules, candidates: (flow, here) => partsOf(keyed, flow, here) };
}

function partsOf({ byAddress, byPort, others }: Keyed, flow: ClassFlow, here: Here): readonly ClassPart[] {
  return byDestination(byAddress, flow, here).flatMap((part) =>
    byService(byPort, part.flow, here).map(({ flow, rules }): ClassPart => {
      const found = [...part.rules, ...rules];
      return {
        flow,
        rules:
          found.length === 0 ? others : [...others, ...found].sort((a, b) => a.rule.number - b.rule.number),
      };
    }),
  );
}

function byDestination(rules: Keyed['byAddress'], flow: ClassFlow, here: Here): readonly ClassPart[] {
  const now = flow.destination ?? onlyOne(flow.packets.destination);
  if (now !== undefined) return [{ flow, rules: rules.get(now) ?? [] }];
  return splitBy('destination', rules, flow, here);
}

function byService(rules: Keyed['byPort'], flow: ClassFlow, here: Here): readonly ClassPart[] {
  if (rules.size === 0) return [{ flow, rules: [] }];
  const { destinationPort: now } = flow;
  if (now !== undefined) {
    const found = WITH_PORTS.flatMap((protocol) => rules.get(serviceValue(protocol, now)) ?? []);
    return [{ flow, rules: found }];
  }
  const single = onlyOne(flow.packets.service);
  if (single !== undefined) return [{ flow, rules: rules.get(single) ?? [] }];
  return splitBy('service', rules, flow, here);
}

/** Splits a class by the numbers that rules are for; last what is left. */
function splitBy(
  dimension: 'destination' | 'service',
  rules: ReadonlyMap<bigint, readonly ClassRule[]>,
  flow: ClassFlow,
  here: Here,
): readonly ClassPart[] {
  const numbers = flow.packets[dimension];
  const wanted = [...rules].filter(
    ([key, rules]) => holds(numbers, key) && rules.some((rule) => mayFit(rule, flow, here)),
  );
  const keys = union(wanted.map(([key]) => only(key)));
  const rest = without(numbers, keys);
  return [
    ...wanted.map(([key, rules]): ClassPart => ({ flow: withNumbers(flow, dimension, only(key)), rules })),
    ...(isEmpty(rest) ? [] : [{ flow: withNumbers(flow, dimension, rest), rules: [] }]),
  ];
}

function withNumbers(flow: ClassFlow, dimension: 'destination' | 'service', ranges: Ranges): ClassFlow {
  return { ...flow, packets: { ...flow.packets, [dimension]: common(flow.packets[dimension], ranges) } };
}
