/** From a packet as people describe it to its way through rules. */
import { InputError } from '../api/problem.ts';
import type { Outcome } from '../iptables/simulator/fate.ts';
import type { SimulatedNode } from '../iptables/simulator/packet.ts';
import type { ConntrackState, Family } from '../iptables/types.ts';
import type { NamedThing } from '../names/find.ts';
import { type Printing, unpainted } from '../text/paint.ts';
import { USUAL_WIDTH } from '../text/wrap.ts';
import { familyOfNames, knownNames } from '../trace/known-names.ts';
import { simulatedNode } from '../trace/known-node.ts';
import { type Asked, familyOfQuestion, packetOf, type Question } from '../trace/question.ts';
import { formatTrace, formatTraceJSON } from '../trace/report.ts';
import { type Trace, tracePacket } from '../trace/trace.ts';
import { ownersOf, remarksOnAnswers, remarksOnDestination } from '../trace/whose.ts';
import { placeNamed, searchIn, thingsOf } from './names.ts';
import { checkedRules, type RulesSource } from './rules.ts';
import type { Narrowing } from './shown.ts';

/** A packet, as people describe it. */
export interface PacketQuestion {
  /** Where the packet comes from: an address, `pod/NAME`, `node` or `outside`. */
  readonly from: string;
  /** Where it goes: a Service, an address with a port, `pod/NAME`. */
  readonly to: string;
  /** That of the addresses unless given. */
  readonly family?: Family | undefined;
  /** The incoming interface. */
  readonly inInterface?: string | undefined;
  /** The outgoing interface, if it leaves the node. */
  readonly outInterface?: string | undefined;
  /** The packet mark that it has already. */
  readonly mark?: number | undefined;
  /** What conntrack knows of it; it is of a new connection unless given. */
  readonly ctstate?: readonly ConntrackState[] | undefined;
  /** Every rule that it meets, and not only those that matter to it. */
  readonly all?: boolean | undefined;
}

/** A packet, and what is known of the node. */
export interface TraceOptions extends PacketQuestion, Narrowing {
  /** What else is known of the node: its routes, its IP sets. */
  readonly simulated?: Partial<SimulatedNode> | undefined;
}

/** A packet and its way through the rules of a node. */
export interface Traced {
  /** '' where it is not known. */
  readonly nodeName: string;
  readonly asked: Asked;
  readonly trace: Trace;
}

/**
 * @throws InputError where a name stands for nothing, or may stand for several things, and where no kernel takes the rules
 */
export function traceIn(source: RulesSource, options: TraceOptions): Traced {
  const { from, to, inInterface, mark, ctstate, simulated, all = false } = options;
  const searching = (kinds: readonly NamedThing['kind'][]) => () => {
    const things = thingsOf(source, options.family ?? source.family);
    return searchIn(things, kinds, options, source.input ? [source.input] : []);
  };
  const question: Question = {
    from: placeNamed(from, '--from', searching(['pod'])),
    to: placeNamed(to, '--to', searching(['service', 'pod'])),
    inInterface,
    mark,
    states: ctstate,
  };
  const { prepared } = source.rules(familyFor(question, source, options.family));
  const asked = packetOf(question, knownNames(prepared, source.node, source.input));
  const node = { ...simulated, ...simulatedNode(source.node, options.outInterface) };
  const owners = ownersOf(prepared, source.input);
  const { packet } = asked;
  const remark = (outcomes: readonly Outcome[]) => [
    ...remarksOnDestination(packet, owners, prepared, node),
    ...remarksOnAnswers(packet, outcomes, owners, source.node),
  ];
  const trace = checkedRules(() => tracePacket(prepared, packet, node, { all, remark }));
  return { nodeName: source.node.name, asked, trace };
}

function familyFor(question: Question, { family, input }: RulesSource, given: Family | undefined): Family {
  const addressed = familyOfQuestion(question);
  if (given !== undefined && addressed !== undefined && given !== addressed) {
    throw new InputError([
      { at: ['--family'], message: `expected ${addressed}, as the addresses are, got ${given}` },
    ]);
  }
  return given ?? addressed ?? familyOfNames([question.to, question.from], input) ?? family ?? 'ipv4';
}

/** How a packet's way is printed. */
export interface TracedPrinting extends Printing<'title' | 'yes' | 'no' | 'chance' | 'unknown' | 'aside'> {
  readonly output?: 'text' | 'json' | undefined;
}

/** A packet's way as `svc2ipt trace` prints it; several, each under the name of its node. */
export function printTraced(
  traced: Traced | readonly Traced[],
  { output = 'text', width = USUAL_WIDTH, paint = unpainted }: TracedPrinting = {},
): string {
  const text = ({ asked, trace }: Traced) => formatTrace(asked, trace, paint, width);
  const json = ({ asked, trace }: Traced) => formatTraceJSON(asked, trace);
  if ('trace' in traced) return output === 'json' ? json(traced) : text(traced);
  if (output === 'text') {
    return traced.map((one) => `${paint('title', `On ${one.nodeName}:`)}\n${text(one)}`).join('\n');
  }
  const nodes = traced.map((one) => ({ nodeName: one.nodeName, ...JSON.parse(json(one)) }));
  return `${JSON.stringify({ nodes }, undefined, 2)}\n`;
}
