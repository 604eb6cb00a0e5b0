/**
 * Where our jumps stand in built-in chains among rules of others that decide what becomes of a packet. A rule that its
 * owner puts in front of ours is the owner's business, and a firewall may mean it: no jump goes in front of it. A jump
 * of ours that somebody moves behind a rule that it stood in front of goes back.
 */
import type { Jump } from '../chains/jumps.ts';
import type { TableName } from '../iptables/types.ts';

/** By table and built-in chain. */
export type PlacesByTable = ReadonlyMap<TableName, ReadonlyMap<string, JumpPlaces>>;

/** Of one built-in chain. */
export interface JumpPlaces {
  /** The rules of others that decide, as iptables-save prints them. */
  readonly deciding: ReadonlySet<string>;
  /** Those that each jump stands behind. */
  readonly inFront: ReadonlyMap<Jump, ReadonlySet<string>>;
}

/** A packet that one of these takes comes to no rule behind it. */
const DECIDING = new Set([
  'ACCEPT',
  'DROP',
  'REJECT',
  'RETURN',
  'QUEUE',
  'NFQUEUE',
  'DNAT',
  'REDIRECT',
  'SNAT',
  'MASQUERADE',
  'NETMAP',
]);

/** Is told the rules of a built-in chain, one after the other. */
export class PlacesReader {
  readonly #deciding = new Set<string>();
  readonly #inFront = new Map<Jump, ReadonlySet<string>>();

  get places(): JumpPlaces {
    return { deciding: this.#deciding, inFront: this.#inFront };
  }

  /** A rule of somebody else. */
  foreign(line: string, target: string): void {
    if (DECIDING.has(target)) this.#deciding.add(line);
  }

  /** A jump of ours; of several that are the same, the first counts. */
  ours(jump: Jump): void {
    if (!this.#inFront.has(jump)) this.#inFront.set(jump, new Set(this.#deciding));
  }
}

/** Whether a rule stands in front of a jump of ours that stood behind it before. */
export function areDisplaced(before: JumpPlaces | undefined, now: JumpPlaces | undefined): boolean {
  if (!before || !now || before === now) return false;
  return [...now.inFront].some(([jump, rules]) => {
    const former = before.inFront.get(jump);
    return former && [...rules].some((rule) => before.deciding.has(rule) && !former.has(rule));
  });
}

/**
 * The places once jumps were written.
 * @param jumps all that are in the chain now
 * @param inFrontOfAll those of them that were put in front of everything
 */
export function placesAfter(
  { deciding, inFront }: JumpPlaces,
  jumps: readonly Jump[],
  inFrontOfAll: ReadonlySet<Jump>,
): JumpPlaces {
  const behind = (jump: Jump) => (inFrontOfAll.has(jump) ? undefined : inFront.get(jump));
  return { deciding, inFront: new Map(jumps.map((jump) => [jump, behind(jump) ?? new Set()])) };
}
