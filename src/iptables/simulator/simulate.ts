/** What becomes of a packet that comes to a node, or begins there. */
import { type Fate, outcomesOf } from './fate.ts';
import { BEFORE_TRACKING, type Flow, mergeFlows, startOf, statesOf } from './flow.ts';
import { HOOKS, type Hook } from './hooks.ts';
import type { Packet, SimulatedNode } from './packet.ts';
import { mergeStages, type Stage, stagePacket } from './path.ts';
import type { PreparedChain, PreparedRule, PreparedRuleset } from './prepare.ts';
import { type Ended, type Walk, walkChain } from './walk.ts';

/**
 * Sends a packet through a ruleset, as the kernel does.
 *
 * Everything that is left to chance is followed each way it may go. Not known to us are routes: a packet is taken to
 * arrive where it is sent, and to be let in, whatever its addresses.
 * @param record give the rules that it comes to, too. That takes longer: each is looked at, whatever its destination.
 * @throws RangeError where the packet's addresses are none, or not of the ruleset's family
 * @throws RulesetError where rules lead to chains that there are not, or in a circle
 */
export function simulate(
  ruleset: PreparedRuleset,
  packet: Packet,
  node: SimulatedNode,
  { record = false }: { readonly record?: boolean } = {},
): Fate {
  const arrives = packet.inInterface !== undefined || packet.arrives === true;
  const journey: Journey = {
    ruleset,
    node,
    packet,
    inInterface: arrives ? packet.inInterface : '',
    again: false,
    ended: [],
    undecided: new Set(),
    stages: record ? [] : undefined,
  };
  const start = startOf(packet, ruleset.family);
  const through = arrives ? arrive(journey, [start]) : leave(journey, [start]);
  const accepted = through.map((flow): Ended => ({ flow, verdict: 'ACCEPT', rejectWith: undefined }));
  return {
    outcomes: outcomesOf([...journey.ended, ...accepted]),
    unknown: [...journey.undecided].map(({ table, chain, number, rule }) => ({ table, chain, number, rule })),
    ...(journey.stages && { path: journey.stages }),
  };
}

interface Journey {
  readonly ruleset: PreparedRuleset;
  readonly node: SimulatedNode;
  readonly packet: Packet;
  /** '' where the packet begins on the node; undefined where it is not known. */
  readonly inInterface: string | undefined;
  /** The packet has gone out by the loopback interface, and comes in there. */
  readonly again: boolean;
  /** What has come to its end on the way. */
  readonly ended: Ended[];
  readonly undecided: Set<PreparedRule>;
  readonly stages: Stage[] | undefined;
}

/** Packets that come in by an interface. */
function arrive(journey: Journey, flows: Flow[]): Flow[] {
  const { local, away } = route(journey, pass(journey, 'PREROUTING', flows));
  return [...pass(journey, 'INPUT', local), ...pass(journey, 'POSTROUTING', pass(journey, 'FORWARD', away))];
}

/** Packets that begin on the node. Those that are for the node itself come in again, by the loopback interface. */
function leave(journey: Journey, flows: Flow[]): Flow[] {
  const sent = pass(journey, 'POSTROUTING', pass(journey, 'OUTPUT', flows));
  const { local, away } = route(journey, sent);
  return [...away, ...arrive({ ...journey, inInterface: 'lo', again: true }, local)];
}

function route({ node }: Journey, flows: readonly Flow[]): { local: Flow[]; away: Flow[] } {
  const isLocal = ({ header }: Flow) => node.isLocal(header.destination.text);
  return { local: flows.filter(isLocal), away: flows.filter((flow) => !isLocal(flow)) };
}

/** Sends packets through the tables of a hook, and gives those that come out of it. */
function pass(journey: Journey, hook: Hook, flows: readonly Flow[]): Flow[] {
  // The interfaces are the same for all tables of a hook, even where DNAT in OUTPUT has changed the route.
  let here = flows.map((flow) => ({ ...flow, ...interfacesAt(hook, journey, flow) }));
  for (const table of HOOKS[hook]) {
    const chain = journey.ruleset.chain(table, hook);
    if (!chain) continue;
    const stages: Stage[] | undefined = journey.stages && [];
    const passed = here.flatMap((flow) => passTable(journey, chain, flow, stages));
    here = passed.length > here.length ? mergeFlows(passed) : passed;
    if (stages) journey.stages?.push(...mergeStages(stages));
  }
  return here;
}

function interfacesAt(hook: Hook, { node, inInterface }: Journey, { header }: Flow) {
  const { text } = header.destination;
  const arrives = hook === 'PREROUTING' || hook === 'INPUT';
  const out = node.isLocal(text) ? 'lo' : node.outInterface?.(text);
  // Since Linux 5.7, packets in POSTROUTING have the interface that they came in by.
  return { inInterface: hook === 'OUTPUT' ? '' : inInterface, outInterface: arrives ? '' : out };
}

/** Sends a packet through a table, from a built-in chain on. */
function passTable(
  { ruleset, node, packet, again, ended, undecided, stages }: Journey,
  chain: PreparedChain,
  flow: Flow,
  recorded: Stage[] | undefined,
): Flow[] {
  const states = statesOf(packet);
  const untracked = chain.table === 'raw' && !again;
  // Only the first packet of a connection comes to nat, and only once; the others are translated like it.
  if (chain.table === 'nat' && (again || !flow.states.includes('NEW'))) return [flow];

  const walk: Walk = { ruleset, node, ended: [], undecided, steps: stages && [] };
  const start: Flow = { ...flow, states: untracked ? BEFORE_TRACKING : flow.states, probability: 1 };
  const left = walkChain(walk, chain, [start]);
  const { policy = 'ACCEPT' } = chain;
  const all = [
    ...walk.ended,
    ...left.map((flow): Ended => ({ flow, verdict: policy, rejectWith: undefined })),
  ];
  if (walk.steps) {
    recorded?.push({
      table: chain.table,
      chain: chain.name,
      packets: [stagePacket(flow)],
      steps: walk.steps,
      policy: left.length > 0 ? policy : undefined,
    });
  }
  const passed: Flow[] = [];
  for (const { flow: end, verdict, rejectWith } of all) {
    const result: Flow = {
      ...end,
      states: end.states === BEFORE_TRACKING ? states : end.states,
      probability: end.probability * flow.probability,
    };
    if (verdict === 'ACCEPT') passed.push(result);
    else ended.push({ flow: result, verdict, rejectWith });
  }
  return passed;
}
