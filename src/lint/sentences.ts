/** Findings of service ports, told once for all ports and families that they hold for. */
import type { Service } from '../api/service.ts';
import { FAMILY_NAMES, type Family } from '../net/address.ts';
import type { PlannedEntry, PlannedPort } from './context.ts';
import type { Found, ObjectReference } from './finding.ts';
import type { RuleCode } from './rules.ts';

/** What holds for a service port in one family. */
export interface PortFound {
  readonly code: RuleCode;
  /** The cause, as a sentence without its first capital and its full stop. */
  readonly clause: string;
  /** Where to point where all ports have it in common; without it, each port is told of. */
  readonly commonField?: string;
}

export function serviceReference({ namespace, name }: Service): ObjectReference {
  return { kind: 'Service', namespace, name };
}

/** Judges every port of a Service in each of its families. A family is only named where the other is not concerned. */
export function judgePorts(
  { entry, ports }: PlannedEntry,
  judge: (port: PlannedPort) => PortFound | undefined,
): Found[] {
  const families = new Set(ports.map(({ family }) => family));
  const concerned = new Map<string, { found: PortFound; families: Map<number, Family[]> }>();
  for (const port of ports) {
    const found = judge(port);
    if (!found) continue;
    const key = `${found.code} ${found.clause}`;
    const same = concerned.get(key) ?? { found, families: new Map<number, Family[]>() };
    same.families.set(port.index, [...(same.families.get(port.index) ?? []), port.family]);
    concerned.set(key, same);
  }
  const object = serviceReference(entry.service);
  return [...concerned.values()].flatMap(({ found: { code, clause, commonField }, families: of }) => {
    const byFamilies = Map.groupBy(of, ([, some]) => (some.length === families.size ? '' : some.join()));
    return [...byFamilies.values()].flatMap((indices) => {
      const [, some] = indices[0] ?? [0, []];
      const over = some.length === families.size ? '' : `over ${some.map((f) => FAMILY_NAMES[f]).join()}, `;
      const cause = sentence(over + clause);
      if (commonField !== undefined && indices.length === entry.service.ports.length) {
        return [{ code, object, field: commonField, cause }];
      }
      return indices.map(([index]) => ({ code, object, field: `spec.ports[${index}]`, cause }));
    });
  });
}

export function sentence(clause: string): string {
  return `${clause.charAt(0).toUpperCase()}${clause.slice(1)}.`;
}

/** `none of its 3 endpoints is`, `its only endpoint is not` */
export function noneIs(count: number, noun = 'endpoint'): string {
  return count === 1 ? `its only ${noun} is not` : `none of its ${count} ${noun}s is`;
}

/** `all of its 3 endpoints are`, `its only endpoint is` */
export function allAre(count: number, noun = 'endpoint'): string {
  return count === 1 ? `its only ${noun} is` : `all of its ${count} ${noun}s are`;
}

/** `1 endpoint`, `3 endpoints` */
export function counted(count: number, noun = 'endpoint'): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
