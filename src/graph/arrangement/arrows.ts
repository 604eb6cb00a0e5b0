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

/**
 * The arrows of all rows.
 * @param turn how far right arrows go from the node's chains before they turn to Services
 */
export function arrowsOf(frames: readonly Frame[], collapsed: CellBlock | undefined, turn: number): Arrow[] {
  const homes = new Map(frames.flatMap((frame) => frame.boxes.map((box) => [box.id, { frame, box }])));
  return [...homes.values()].flatMap((from) =>
    from.box.rows.flatMap((row): Arrow[] => {
      const begins = { from: from.box.id, row: rowKey(from.box.id, row) };
      const home = row.rule?.to === undefined ? undefined : homes.get(row.rule.to);
      if (home) {
        const isAside = row.aside !== '';
        const path = isAside ? pathBack(from, row, home) : pathTo(from, row, home, turn);
        return [{ ...begins, to: home.box.id, aside: isAside, path }];
      }
      if (!row.collapsed || !collapsed) return [];
      return [{ ...begins, to: undefined, aside: false, path: pathToCells(from, row, collapsed, turn) }];
    }),
  );
}

function pathTo(from: Home, row: Row, { frame, box }: Home, turn: number): string {
  const [x, y] = [from.box.x + from.box.width, from.box.y + row.y];
  const end = { x: box.x, y: box.y + ARROW_DEPTH };
  if (from.frame === frame) return `M${x} ${y}${curve({ x, y }, end)}`;
  const start = `M${x} ${y}H${turn}`;
  const lane = frame.lanes.get(box.id);
  if (lane === undefined) return start + curve({ x: turn, y }, end);
  const [entry, exit] = [
    { x: frame.x, y: lane },
    { x: box.x - LANE_EXIT, y: lane },
  ];
  return `${start}${curve({ x: turn, y }, entry)}H${exit.x}${curve(exit, end)}`;
}

function pathBack(from: Home, row: Row, { box }: Home): string {
  const start = { x: from.box.x, y: from.box.y + row.y };
  return `M${start.x} ${start.y}${curve(start, { x: box.x + box.width, y: box.y + ARROW_DEPTH })}`;
}

function pathToCells(from: Home, row: Row, block: CellBlock, turn: number): string {
  const [x, y] = [from.box.x + from.box.width, from.box.y + row.y];
  return `M${x} ${y}H${turn}${curve({ x: turn, y }, { x: block.x, y: block.y + ARROW_DEPTH })}`;
}

/** Leaves and arrives levelly. */
function curve(from: Point, to: Point): string {
  const middle = (from.x + to.x) / 2;
  return `C${middle} ${from.y} ${middle} ${to.y} ${to.x} ${to.y}`;
}
