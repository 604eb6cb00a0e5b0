/** Effects as data. */
import type { Effects, Fates, PacketEffect } from './effects.ts';
import type { NodeEffects } from './text.ts';
import { tellOthers, tellServices } from './words.ts';

/** As `diff --effects -o json` prints it. */
export function effectsJSON(nodes: readonly NodeEffects[]) {
  const all = nodes.map(({ nodeName, families }) => ({
    ...(nodeName !== undefined && { nodeName }),
    families: families.map(familyJSON),
  }));
  const [first] = all;
  return first && all.length === 1 && nodes[0]?.nodeName === undefined ? first : { nodes: all };
}

function familyJSON(effects: Effects) {
  const { family, services, others, untold, undecided, classes } = effects;
  const told = new Map(tellServices(effects).map(({ service, sentences }) => [service, sentences]));
  return {
    family,
    classes,
    services: services.map(({ service, ways }) => ({
      service,
      sentences: told.get(service) ?? [],
      ways: ways.map(({ to, was, is, effects, untold }) => ({
        ...to,
        was,
        is,
        effects: effects.map(effectJSON),
        untoldClasses: untold.length,
      })),
    })),
    others: { sentences: tellOthers(effects), effects: others.map(effectJSON), untoldClasses: untold.length },
    undecided,
  };
}

function effectJSON({
  kind,
  senders,
  before,
  after,
  example: { packet, assumed },
  differences,
}: PacketEffect) {
  return {
    kind,
    senders,
    before: fatesJSON(before),
    after: fatesJSON(after),
    example: { packet, assumed: assumed.map(([fact, is]) => ({ fact, is })) },
    classes: differences.length,
  };
}

function fatesJSON({ endpoints, ends, lost, masqueraded, affinitySeconds }: Fates) {
  return {
    endpoints: [...endpoints].map(([endpoint, share]) => ({ endpoint, share })),
    ends: Object.fromEntries(ends),
    lost,
    masqueraded,
    affinitySeconds,
  };
}
