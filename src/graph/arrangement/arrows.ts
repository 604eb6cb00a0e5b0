/** The ways that arrows take. Part of the page. */
import { type Row, rowKey } from './boxes.ts';
import type { CellBlock } from './cells.ts';
import type { Frame, PlacedBox } from './frames.ts';
import { ARROW_DEPTH, type Point } from './layers.ts';

export interface Arrow {
  /** Places in the data's nodes; `to` is undefined where it leads to collapsed Services. */
  readonly from: number;
  readonly to: number | undefined;
  /** The row that it begins at. */
  readonly row: string;
  /** Leads back from a Service to a chain of the node; to be shown only with a box that somebody looks at. */
  readonly aside: boolean;
  /** As in SVG. */
  readonly path: string;
}

/** A box, and what it is in. */
interface Home {
  readonly frame: Frame;
  readonly box: PlacedBox;
}

/** How much room an arrow has to leave its lane before its box. */
const LANE_EXIT = 24;

/** How an arrow gets from a row of the node's chains to a place among the Services. */
type Way = (from: Home, row: Row, end: Point) => string;

/**
 * The arrows of all rows.
 * @param turn how far right arrows go from the node's chains before they turn to Services; undefined where these are below
 */
export function arrowsOf(
  frames: readonly Frame[],
  collapsed: CellBlock | undefined,
  turn: number | undefined,
): Arrow[] {
  const homes = new Map(frames.flatMap((frame) => frame.boxes.map((box) => [box.id, { frame, box }])));
  const way: Way = turn === undefined ? downward() : rightward(turn);
  return [...homes.values()].flatMap((from) =>
    from.box.rows.flatMap((row): Arrow[] => {
      const begins = { from: from.box.id, row: rowKey(from.box.id, row) };
      const home = row.rule?.to === undefined ? undefined : homes.get(row.rule.to);
      if (home) {
        const isAside = row.aside !== '';
        const path = isAside ? pathBack(from, row, home) : pathTo(from, row, home, way);
        return [{ ...begins, to: home.box.id, aside: isAside, path }];
      }
      if (!row.collapsed || !collapsed) return [];
      const path = way(from, row, { x: collapsed.x, y: collapsed.y + ARROW_DEPTH });
      return [{ ...begins, to: undefined, aside: false, path }];
    }),
  );
}

function pathTo(from: Home, row: Row, { frame, box }: Home, way: Way): string {
  const end = { x: box.x, y: box.y + ARROW_DEPTH };
  if (from.frame === frame) {
    const start = { x: from.box.x + from.box.width, y: from.box.y + row.y };
    return `M${start.x} ${start.y}${curve(start, end)}`;
  }
  const lane = frame.lanes.get(box.id);
  if (lane === undefined) return way(from, row, end);
  const exit = { x: box.x - LANE_EXIT, y: lane };
  return `${way(from, row, { x: frame.x, y: lane })}H${exit.x}${curve(exit, end)}`;
}

function rightward(turn: number): Way {
  return ({ box }, row, end) => {
    const [x, y] = [box.x + box.width, box.y + row.y];
    return `M${x} ${y}H${turn}${curve({ x: turn, y }, end)}`;
  };
}

/** So far arrows are from each other that go the same way, and so many before the first of these places comes again. */
const [SPACING, SPACES] = [4, 5];

/** Between two columns down to the edge of the frame, to the left of everything, and down again. */
function downward(): Way {
  const taken = new Map<string, number>();
  return ({ frame, box }, row, end) => {
    const used = taken.get(frame.title) ?? 0;
    taken.set(frame.title, used + 1);
    const space = (used % SPACES) * SPACING;
    const [x, y] = [box.x + box.width, box.y + row.y];
    const channel = x + 4 + space / 2;
    const gap = frame.y + frame.height + 4 + space;
    const trunk = 4 + space;
    return cornered([
      { x, y },
      { x: channel, y },
      { x: channel, y: gap },
      { x: trunk, y: gap },
      { x: trunk, y: end.y },
      end,
    ]);
  };
}

const RADIUS = 5;

/** Level and upright lines, with rounded corners. */
function cornered(points: readonly Point[]): string {
  return points
    .map((point, i) => {
      const [before, after] = [points[i - 1], points[i + 1]];
      if (!before) return `M${point.x} ${point.y}`;
      if (!after) return `L${point.x} ${point.y}`;
      const [start, end] = [towards(point, before), towards(point, after)];
      return `L${start.x} ${start.y}Q${point.x} ${point.y} ${end.x} ${end.y}`;
    })
    .join('');
}

/** A place near a point, in the direction of another. */
function towards(from: Point, to: Point): Point {
  const length = Math.hypot(to.x - from.x, to.y - from.y);
  const part = length === 0 ? 0 : Math.min(RADIUS, length / 2) / length;
  return { x: from.x + (to.x - from.x) * part, y: from.y + (to.y - from.y) * part };
}

function pathBack(from: Home, row: Row, { box }: Home): string {
  const start = { x: from.box.x, y: from.box.y + row.y };
  return `M${start.x} ${start.y}${curve(start, { x: box.x + box.width, y: box.y + ARROW_DEPTH })}`;
}

/** Leaves and arrives levelly. */
function curve(from: Point, to: Point): string {
  const middle = (from.x + to.x) / 2;
  return `C${middle} ${from.y} ${middle} ${to.y} ${to.x} ${to.y}`;
}
