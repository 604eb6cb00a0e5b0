/** `svc2ipt trace`: a packet's way through a node's rules, rule by rule, and what becomes of it. */
import { InputError } from '../../api/problem.ts';
import { routeTo, savedSets } from '../../applier/surroundings.ts';
import type { Outcome } from '../../iptables/simulator/fate.ts';
import { parseIPSets } from '../../iptables/simulator/ip-set.ts';
import type { SimulatedNode } from '../../iptables/simulator/packet.ts';
import type { Family } from '../../iptables/types.ts';
import { readSource } from '../../sources/files.ts';
import { familyOfNames, knownNames } from '../../trace/known-names.ts';
import { simulatedNode } from '../../trace/known-node.ts';
import { parsePlace } from '../../trace/place.ts';
import { familyOfQuestion, packetOf, type Question } from '../../trace/question.ts';
import { formatTrace, formatTraceJSON } from '../../trace/report.ts';
import { tracePacket } from '../../trace/trace.ts';
import { ownersOf, remarksOnAnswers, remarksOnDestination } from '../../trace/whose.ts';
import { paint, terminalWidth } from '../paint.ts';
import { checkedRules, openRules, type RulesSource } from '../rules.ts';
import type { CommandOutcome } from '../run.ts';
import type { TraceCommandOptions } from './trace.command.ts';

export async function traceAction(options: TraceCommandOptions): Promise<CommandOutcome> {
  const { from, to, inInterface, mark, ctstate, all = false, output } = options;
  const question: Question = {
    from: parsePlace(from, '--from'),
    to: parsePlace(to, '--to'),
    inInterface,
    mark,
    states: ctstate,
  };
  const source = await openRules(options);
  const { prepared } = await source.rules(familyFor(question, source, options.family));
  const asked = packetOf(question, knownNames(prepared, source.node, source.input));
  const node = await nodeFor(options, source);
  const owners = ownersOf(prepared, source.input);
  const { packet } = asked;
  const remark = (outcomes: readonly Outcome[]) => [
    ...remarksOnDestination(packet, owners, prepared, node),
    ...remarksOnAnswers(packet, outcomes, owners, source.node),
  ];
  const traced = checkedRules(() => tracePacket(prepared, packet, node, { all, remark }));
  if (output === 'json') return { output: formatTraceJSON(asked, traced) };
  return { output: formatTrace(asked, traced, paint, terminalWidth()) };
}

/** What is known of the node: of this one, its routes and its sets as well. */
async function nodeFor(
  { outInterface, ipset, save, filename }: TraceCommandOptions,
  { node }: RulesSource,
): Promise<SimulatedNode> {
  const isLive = save === undefined && filename === undefined;
  const sets = ipset !== undefined ? (await readSource(ipset)).text : isLive ? await savedSets() : undefined;
  return {
    ...(isLive && { outInterface: routeTo }),
    ...simulatedNode(node, outInterface),
    ...(sets !== undefined && { sets: parseIPSets(sets) }),
  };
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
