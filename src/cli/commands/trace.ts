/** `svc2ipt trace`: a packet's way through a node's rules, rule by rule, and what becomes of it. */
import { routeTo, savedSets } from '../../applier/surroundings.ts';
import { present } from '../../errors/invariant.ts';
import { parseIPSets } from '../../iptables/simulator/ip-set.ts';
import type { SimulatedNode } from '../../iptables/simulator/packet.ts';
import { isWholePlace } from '../../library/names.ts';
import { type RulesSource, sourcesOfNodes } from '../../library/rules.ts';
import { printTraced, type Traced, traceIn } from '../../library/trace-in.ts';
import { type Family, familyOf } from '../../net/address.ts';
import { readSource } from '../../sources/files.ts';
import { WITH_PODS } from '../../sources/kubernetes/live-kinds.ts';
import { placeIn } from '../../trace/place.ts';
import { paint, terminalWidth } from '../paint.ts';
import { openRules } from '../rules.ts';
import type { CommandOutcome } from '../run.ts';
import type { TraceCommandOptions } from './trace.command.ts';

export async function traceAction(options: TraceCommandOptions): Promise<CommandOutcome> {
  const source = await openRules(options, { kinds: kindsFor(options), families: familiesFor(options) });
  const traced: Traced[] = [];
  for (const one of sourcesOfNodes(source, options)) {
    traced.push(traceIn(one, { ...options, simulated: await surroundingsOf(options, one) }));
  }
  const asked = options.allNodes === undefined ? present(traced[0], 'trace') : traced;
  return { output: printTraced(asked, { output: options.output, width: terminalWidth(), paint }) };
}

/** Pods are asked for where a name may be that of one. */
function kindsFor({ from, to }: TraceCommandOptions) {
  const mayBePod = [from, to].some(
    (text) => !['address', 'node', 'outside'].includes(placeIn(text)?.kind ?? ''),
  );
  return mayBePod ? WITH_PODS : undefined;
}

/** Where addresses say which family it is, a kernel's rules of the other one need not be read. */
function familiesFor({ family, from, to }: TraceCommandOptions): readonly Family[] | undefined {
  if (family !== undefined) return [family];
  const [source, destination] = [placeIn(from), placeIn(to)];
  if (destination?.kind !== 'address' || !isWholePlace(destination)) return undefined;
  if (source === undefined || !['address', 'node', 'outside'].includes(source.kind)) return undefined;
  return [familyOf(destination.address)];
}

/** What is known of this node beside its rules: its routes and its sets. */
async function surroundingsOf(
  { ipset }: TraceCommandOptions,
  { live }: RulesSource,
): Promise<Partial<SimulatedNode>> {
  const sets = ipset !== undefined ? (await readSource(ipset)).text : live ? await savedSets() : undefined;
  return {
    ...(live && { outInterface: routeTo }),
    ...(sets !== undefined && { sets: parseIPSets(sets) }),
  };
}
