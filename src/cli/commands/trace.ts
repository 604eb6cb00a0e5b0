/** `svc2ipt trace`: a packet's way through a node's rules, rule by rule, and what becomes of it. */
import { InputError } from '../../api/problem.ts';
import { routeTo, savedSets } from '../../applier/surroundings.ts';
import { present } from '../../errors/invariant.ts';
import type { Outcome } from '../../iptables/simulator/fate.ts';
import { parseIPSets } from '../../iptables/simulator/ip-set.ts';
import type { SimulatedNode } from '../../iptables/simulator/packet.ts';
import type { Family } from '../../iptables/types.ts';
import type { NamedThing } from '../../names/find.ts';
import { readSource } from '../../sources/files.ts';
import { WITH_PODS } from '../../sources/kubernetes/live-kinds.ts';
import { familyOfNames, knownNames } from '../../trace/known-names.ts';
import { simulatedNode } from '../../trace/known-node.ts';
import { placeIn } from '../../trace/place.ts';
import { familyOfQuestion, packetOf, type Question } from '../../trace/question.ts';
import { formatTrace, formatTraceJSON } from '../../trace/report.ts';
import { tracePacket } from '../../trace/trace.ts';
import { ownersOf, remarksOnAnswers, remarksOnDestination } from '../../trace/whose.ts';
import { placeNamed, searchIn, thingsOf } from '../names.ts';
import { paint, terminalWidth } from '../paint.ts';
import { checkedRules, openRules, type RulesSource, sourcesOfNodes } from '../rules.ts';
import type { CommandOutcome } from '../run.ts';
import type { TraceCommandOptions } from './trace.command.ts';

export async function traceAction(options: TraceCommandOptions): Promise<CommandOutcome> {
  const { output } = options;
  const source = await openRules(options, kindsFor(options));
  const traced = [];
  for (const one of sourcesOfNodes(source, options)) traced.push(await traceIn(one, options));
  if (options.allNodes === undefined) {
    const [only] = traced.map(({ asked, trace }) =>
      output === 'json' ? formatTraceJSON(asked, trace) : formatTrace(asked, trace, paint, terminalWidth()),
    );
    return { output: present(only, 'trace') };
  }
  if (output === 'json') {
    const nodes = traced.map(({ nodeName, asked, trace }) => {
      return { nodeName, ...JSON.parse(formatTraceJSON(asked, trace)) };
    });
    return { output: `${JSON.stringify({ nodes }, undefined, 2)}\n` };
  }
  const texts = traced.map(
    ({ nodeName, asked, trace }) =>
      `${paint('title', `On ${nodeName}:`)}\n${formatTrace(asked, trace, paint, terminalWidth())}`,
  );
  return { output: texts.join('\n') };
}

/** Pods are asked for where a name may be that of one. */
function kindsFor({ from, to }: TraceCommandOptions) {
  const mayBePod = [from, to].some(
    (text) => !['address', 'node', 'outside'].includes(placeIn(text)?.kind ?? ''),
  );
  return mayBePod ? WITH_PODS : undefined;
}

async function traceIn(source: RulesSource, options: TraceCommandOptions) {
  const { from, to, inInterface, mark, ctstate, all = false } = options;
  const searching = (kinds: readonly NamedThing['kind'][]) => async () => {
    const things = await thingsOf(source, options.family ?? source.family);
    return searchIn(things, kinds, options, source.input ? [source.input] : []);
  };
  const question: Question = {
    from: await placeNamed(from, '--from', searching(['pod'])),
    to: await placeNamed(to, '--to', searching(['service', 'pod'])),
    inInterface,
    mark,
    states: ctstate,
  };
  const { prepared } = await source.rules(familyFor(question, source, options.family));
  const asked = packetOf(question, knownNames(prepared, source.node, source.input));
  const node = await nodeFor(options, source);
  const owners = ownersOf(prepared, source.input);
  const { packet } = asked;
  const remark = (outcomes: readonly Outcome[]) => [
    ...remarksOnDestination(packet, owners, prepared, node),
    ...remarksOnAnswers(packet, outcomes, owners, source.node),
  ];
  const trace = checkedRules(() => tracePacket(prepared, packet, node, { all, remark }));
  return { nodeName: source.node.name, asked, trace };
}

/** What is known of the node: of this one, its routes and its sets as well. */
async function nodeFor(
  { outInterface, ipset }: TraceCommandOptions,
  { node, live }: RulesSource,
): Promise<SimulatedNode> {
  const sets = ipset !== undefined ? (await readSource(ipset)).text : live ? await savedSets() : undefined;
  return {
    ...(live && { outInterface: routeTo }),
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
