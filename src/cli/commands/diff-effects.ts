/** `svc2ipt diff --effects`: what a change does to packets, and the proof that it does nothing. */
import { InputError } from '../../api/problem.ts';
import { appliedTo } from '../../effects/applied.ts';
import { type Effects, effectsOf } from '../../effects/effects.ts';
import { effectsJSON } from '../../effects/json.ts';
import { knownClassNode } from '../../effects/known-node.ts';
import { effectsText } from '../../effects/text.ts';
import { parseRuleset } from '../../iptables/parse.ts';
import { type PreparedRuleset, prepare } from '../../iptables/simulator/prepare.ts';
import { FAMILIES, type Family } from '../../net/address.ts';
import { paint, terminalWidth } from '../paint.ts';
import { checkedRules, type NodeRules, nothingShared, type RulesSource, readRules } from '../rules.ts';
import type { CommandOutcome } from '../run.ts';
import { isNarrowed, shownOf } from '../shown.ts';
import type { DiffCommandOptions } from './diff.command.ts';

/** Where rules come from on each side, for one node. */
export interface Sides {
  /** Told above the effects, where there are several. */
  readonly nodeName: string | undefined;
  readonly before: RulesSource;
  readonly after: RulesSource;
}

export async function diffEffects(
  options: DiffCommandOptions,
  sides: readonly Sides[],
): Promise<CommandOutcome> {
  if (options.prove && isNarrowed(options)) {
    throw new InputError([
      { at: ['--prove'], message: 'is about every packet, and -n, -A and -l leave some out' },
    ]);
  }
  const nodes = [];
  for (const { nodeName, before, after } of sides) {
    const families: Effects[] = [];
    for (const family of familiesOf(options, before, after)) {
      families.push(await effectsOfFamily(family, before, after));
    }
    nodes.push({ nodeName, families: narrowed(families, options, [before, after]) });
  }
  const same = nodes.every(({ families }) =>
    families.every(({ services, others }) => services.length === 0 && others.length === 0),
  );
  const proves = options.prove === true;
  const whole = !isNarrowed(options);
  const output =
    options.output === 'json'
      ? `${JSON.stringify(effectsJSON(nodes), undefined, 2)}\n`
      : effectsText(nodes, { proves, whole, width: terminalWidth(), paint });
  return { output, exitCode: same ? 0 : 1 };
}

function familiesOf(
  { family }: DiffCommandOptions,
  before: RulesSource,
  after: RulesSource,
): readonly Family[] {
  const both = FAMILIES.filter((one) => before.families.includes(one) && after.families.includes(one));
  const asked = both.filter((one) => family === undefined || family === one);
  if (asked.length > 0) return asked;
  throw new InputError([{ at: [], message: 'no IP family has rules on both sides' }]);
}

async function effectsOfFamily(family: Family, before: RulesSource, after: RulesSource): Promise<Effects> {
  const shared = nothingShared();
  const [was, is] = [await before.rules(family, shared), await after.rules(family, shared)];
  return checkedRules(() => {
    const wanted = after.compiled && !before.compiled ? applied(was, is, family) : is.prepared;
    return effectsOf(was.prepared, wanted, knownClassNode(after.input?.node ?? before.node, family));
  });
}

/** Manifests against a node's rules: what these become where `apply` has been. */
function applied(found: NodeRules, wanted: NodeRules, family: Family): PreparedRuleset {
  const read = ({ name, text }: NodeRules) => readRules(name, () => parseRuleset(text(), family));
  return prepare(appliedTo(read(found), read(wanted)));
}

/** What options leave of Services; what is of no Service stays. */
function narrowed(
  families: readonly Effects[],
  options: DiffCommandOptions,
  sides: readonly RulesSource[],
): readonly Effects[] {
  if (!isNarrowed(options)) return families;
  const shown = shownOf(
    options,
    sides.flatMap(({ input }) => input ?? []),
  );
  return families.map((effects) => ({
    ...effects,
    services: effects.services.filter(({ service }) => shown.service(service)),
  }));
}
