/** What a change of rules does to packets, from where the rules of both sides come from. */
import { InputError } from '../api/problem.ts';
import { appliedTo } from '../effects/applied.ts';
import { type Effects, effectsOf } from '../effects/effects.ts';
import { effectsJSON } from '../effects/json.ts';
import { knownClassNode } from '../effects/known-node.ts';
import { effectsText, type NodeEffects } from '../effects/text.ts';
import { parseRuleset } from '../iptables/parse.ts';
import { type PreparedRuleset, prepare } from '../iptables/simulator/prepare.ts';
import { FAMILIES, type Family } from '../net/address.ts';
import { type Printing, unpainted } from '../text/paint.ts';
import { USUAL_WIDTH } from '../text/wrap.ts';
import { checkedRules, type NodeRules, nothingShared, type RulesSource, readRules } from './rules.ts';
import { isNarrowed, type Narrowing, shownOf } from './shown.ts';

/** Where rules come from on each side, for one node. */
export interface Sides {
  /** Told above the effects, where there are several. */
  readonly nodeName: string | undefined;
  readonly before: RulesSource;
  readonly after: RulesSource;
}

/** What is compared. */
export interface EffectsOptions extends Narrowing {
  /** The only family; those that have rules on both sides unless given. */
  readonly family?: Family | undefined;
}

/** @throws InputError where no family has rules on both sides, or no kernel takes the rules */
export function effectsIn({ nodeName, before, after }: Sides, options: EffectsOptions): NodeEffects {
  const families = familiesOf(options, before, after).map((family) => effectsOfFamily(family, before, after));
  return { nodeName, families: narrowed(families, options, [before, after]) };
}

/** Whether nothing changes for any packet. */
export function isSame({ families }: NodeEffects): boolean {
  return families.every(({ services, others }) => services.length === 0 && others.length === 0);
}

/** How effects are printed. */
export interface EffectsPrinting extends Printing<'title'> {
  readonly output?: 'text' | 'json' | undefined;
  /** Says how many classes of packets were compared. */
  readonly prove?: boolean | undefined;
  /** Whether no Service is left out; none is unless given. */
  readonly whole?: boolean | undefined;
}

/** Effects on nodes as `svc2ipt diff --effects` prints them. */
export function printEffects(
  effects: NodeEffects | readonly NodeEffects[],
  {
    output = 'text',
    prove = false,
    whole = true,
    width = USUAL_WIDTH,
    paint = unpainted,
  }: EffectsPrinting = {},
): string {
  const nodes = 'families' in effects ? [effects] : effects;
  if (output === 'json') return `${JSON.stringify(effectsJSON(nodes), undefined, 2)}\n`;
  return effectsText(nodes, { proves: prove, whole, width, paint });
}

function familiesOf({ family }: EffectsOptions, before: RulesSource, after: RulesSource): readonly Family[] {
  const both = FAMILIES.filter((one) => before.families.includes(one) && after.families.includes(one));
  const asked = both.filter((one) => family === undefined || family === one);
  if (asked.length > 0) return asked;
  throw new InputError([{ at: [], message: 'no IP family has rules on both sides' }]);
}

function effectsOfFamily(family: Family, before: RulesSource, after: RulesSource): Effects {
  const shared = nothingShared();
  const [was, is] = [before.rules(family, shared), after.rules(family, shared)];
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
  options: EffectsOptions,
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
