/** `svc2ipt trace`: a packet's way through a node's rules, rule by rule, and what becomes of it. */
import { InputError } from '../../api/problem.ts';
import type { Family } from '../../iptables/types.ts';
import { familyOfNames, knownNames } from '../../trace/known-names.ts';
import { simulatedNode } from '../../trace/known-node.ts';
import { parsePlace } from '../../trace/place.ts';
import { familyOfQuestion, packetOf, type Question } from '../../trace/question.ts';
import { formatTrace, formatTraceJSON } from '../../trace/report.ts';
import { tracePacket } from '../../trace/trace.ts';
import { paint } from '../paint.ts';
import { checkedRules, openRules, type RulesSource } from '../rules.ts';
import type { CommandOutcome } from '../run.ts';
import type { TraceCommandOptions } from './trace.command.ts';

export async function traceAction(options: TraceCommandOptions): Promise<CommandOutcome> {
  const { from, to, inInterface, outInterface, mark, ctstate, all = false, output } = options;
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
  const node = simulatedNode(source.node, outInterface);
  const traced = checkedRules(() => tracePacket(prepared, asked.packet, node, { all }));
  return { output: output === 'json' ? formatTraceJSON(asked, traced) : formatTrace(asked, traced, paint) };
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
