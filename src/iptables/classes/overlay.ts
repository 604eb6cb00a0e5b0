/** Divides packets by which ways they may take. */
import {
  commonClass,
  labelWithout,
  localFact,
  otherClasses,
  type PacketClass,
  TO_ITSELF,
} from './packet-class.ts';
import { type Ranges, union } from './ranges.ts';

/** A way that packets may take. */
export interface ClassWay {
  readonly packets: PacketClass;
}

/** Packets, and the ways of them all in each ruleset. */
export interface OverlayCell<W> {
  readonly packets: PacketClass;
  readonly before: readonly W[];
  readonly after: readonly W[];
}

/** Fewer ways are laid over each other one by one. */
export const MANY_WAYS = 64;

/** Divides the packets of these ways into classes all of whose packets may take the same ones. */
export function overlay<W extends ClassWay>(
  before: readonly W[],
  after: readonly W[],
): readonly OverlayCell<W>[] {
  if (before.length + after.length <= MANY_WAYS) return oneByOne(before, after);
  return bySource(before, after) ?? oneByOne(before, after);
}

interface OpenCell<W> extends OverlayCell<W> {
  readonly before: W[];
  readonly after: W[];
}

function oneByOne<W extends ClassWay>(before: readonly W[], after: readonly W[]): readonly OverlayCell<W>[] {
  const cells: OpenCell<W>[] = [];
  const lay = (way: W, side: 'before' | 'after') => {
    let left: PacketClass[] = [way.packets];
    for (let i = 0, count = cells.length; i < count && left.length > 0; i++) {
      const cell = cells[i];
      if (!cell) continue;
      const others = otherClasses(cell.packets, way.packets);
      if (others[0] === cell.packets) continue;
      left = left.flatMap((packets) => otherClasses(packets, cell.packets));
      if (others.length > 0) {
        const both = commonClass(cell.packets, way.packets);
        if (!both) continue;
        cells[i] = { packets: both, before: [...cell.before], after: [...cell.after] };
        for (const packets of others)
          cells.push({ ...cell, packets, before: [...cell.before], after: [...cell.after] });
      }
      cells[i]?.[side].push(way);
    }
    for (const packets of left) cells.push({ packets, before: [], after: [], [side]: [way] });
  };
  for (const way of before) lay(way, 'before');
  for (const way of after) lay(way, 'after');
  return cells;
}

/** The ways of packets that are the same but for their sources. */
interface SourceGroup<W> extends ClassWay {
  readonly before: W[];
  readonly after: W[];
}

/**
 * Where there are very many ways, they are those to the endpoints of one Service, and each endpoint is a source of its own:
 * it may reach itself. Such ways are followed along the line of all sources, as each packet's differ from those of the one
 * beside it in few. Undefined where sources are not all that tells the ways apart.
 */
function bySource<W extends ClassWay>(
  before: readonly W[],
  after: readonly W[],
): readonly OverlayCell<W>[] | undefined {
  const every = union([...before, ...after].map(({ packets }) => packets.source));
  const groups = new Map<string, SourceGroup<W>>();
  const add = (way: W, side: 'before' | 'after') => {
    const label = labelWithout(way.packets, 'source');
    const group = groups.get(label) ?? { packets: { ...way.packets, source: every }, before: [], after: [] };
    group[side].push(way);
    groups.set(label, group);
  };
  for (const way of before) add(way, 'before');
  for (const way of after) add(way, 'after');
  const all = [...groups.values()];
  const asksForSource = all.some(
    ({ packets: { facts } }) => facts.has(TO_ITSELF) || facts.has(SOURCE_IS_LOCAL),
  );
  if (all.length > MANY_WAYS || asksForSource) return undefined;
  return oneByOne(all, []).flatMap(({ packets, before: groups }) =>
    sweep(
      packets,
      groups.flatMap(({ before }) => before),
      groups.flatMap(({ after }) => after),
    ),
  );
}

const SOURCE_IS_LOCAL = localFact('source');

/** Divides packets by source. */
function sweep<W extends ClassWay>(
  packets: PacketClass,
  before: readonly W[],
  after: readonly W[],
): readonly OverlayCell<W>[] {
  const ways = [...before, ...after];
  const { places, turns } = turnsOf(ways);
  const usual = usualOf(ways.length, turns);
  // Of each source, the ways that it has and others have not, and the other way round.
  const unusual = new Set(usual.flatMap((is, i) => (is ? [i] : [])));
  const found = new Map<string, { readonly unusual: ReadonlySet<number>; readonly ranges: Ranges[] }>();
  let count = 0;
  for (const [i, first] of places.entries()) {
    for (const way of turns[i] ?? []) {
      const comes = unusual.has(way) === usual[way];
      count += comes ? 1 : -1;
      if (!unusual.delete(way)) unusual.add(way);
    }
    const next = places[i + 1];
    if (count === 0 || next === undefined) continue;
    const key = [...unusual].sort((a, b) => a - b).join();
    const same = found.get(key);
    if (same) same.ranges.push([first, next - 1n]);
    else found.set(key, { unusual: new Set(unusual), ranges: [[first, next - 1n]] });
  }
  const usualBefore = before.filter((_, i) => usual[i]);
  const usualAfter = after.filter((_, i) => usual[before.length + i]);
  return [...found.values()].map(({ unusual, ranges }): OverlayCell<W> => {
    const mask = [...usual];
    for (const i of unusual) mask[i] = !mask[i];
    const isOf = { before: (i: number) => i < before.length, after: (i: number) => i >= before.length };
    return {
      packets: { ...packets, source: union(ranges) },
      // Nearly all cells share a list, and what it comes to.
      before: [...unusual].some(isOf.before) ? before.filter((_, i) => mask[i]) : usualBefore,
      after: [...unusual].some(isOf.after) ? after.filter((_, i) => mask[before.length + i]) : usualAfter,
    };
  });
}

/** The sources at which any way begins or ends, in their order, and at each of them the numbers of these ways. */
function turnsOf(ways: readonly ClassWay[]) {
  const at = new Map<bigint, number[]>();
  for (const [i, { packets }] of ways.entries()) {
    for (const [j, end] of packets.source.entries()) {
      const place = j % 2 === 0 ? end : end + 1n;
      const there = at.get(place);
      if (there) there.push(i);
      else at.set(place, [i]);
    }
  }
  const places = [...at.keys()].sort((a, b) => (a < b ? -1 : 1));
  return { places, turns: places.map((place) => at.get(place) ?? []) };
}

/** Which ways more than half of all stretches of sources have. */
function usualOf(count: number, turns: readonly (readonly number[])[]): readonly boolean[] {
  const [since, times] = [new Int32Array(count).fill(-1), new Int32Array(count)];
  for (const [i, ways] of turns.entries()) {
    for (const way of ways) {
      const began = since[way] ?? -1;
      if (began >= 0) times[way] = (times[way] ?? 0) + i - began;
      since[way] = began >= 0 ? -1 : i;
    }
  }
  return Array.from(times, (time) => 2 * time > turns.length);
}
