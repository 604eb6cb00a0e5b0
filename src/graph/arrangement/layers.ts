/** Where boxes stand that lead to each other: in columns from left to right. Part of the page. */

/** A box of some size, in pixels. */
export interface LayerBox {
  readonly id: number;
  readonly width: number;
  readonly height: number;
  /** Which boxes its rows lead to, from top to bottom; what is not among the boxes does not count. */
  readonly exits: readonly { readonly to: number; readonly y: number }[];
}

export interface Layers {
  /** The upper left corner of each box, and how wide its column is. */
  readonly places: ReadonlyMap<number, Point & { readonly columnWidth: number }>;
  /** Of all of them together. */
  readonly width: number;
  readonly height: number;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

const COLUMN_GAP = 48;
const BOX_GAP = 12;
/** An arrow ends so far below the top of its box. */
export const ARROW_DEPTH = 12;

/**
 * Puts each box in a column to the right of all that lead to it, and near them. No two boxes overlap. Where boxes lead
 * around in a circle, which the kernel does not let chains do, one of the arrows points back.
 */
export function layered(boxes: readonly LayerBox[]): Layers {
  const byId = new Map(boxes.map((box) => [box.id, box]));
  const columns = columnsOf(boxes, byId);
  const columnOf = ({ id }: LayerBox) => columns.get(id) ?? 0;
  const { offsets, widths, width } = columnSizes(boxes, columns);
  const bottoms = offsets.map(() => 0);
  const places = new Map<number, Point & { columnWidth: number }>();
  const reserved = new Set<number>();

  /** Places the box and what it leads to, nothing higher than `top`. */
  const place = (box: LayerBox, top: number) => {
    const next = reserve(box);
    const height = next.reduce((sum, { target }) => sum + target.height + BOX_GAP, 0);
    if (height < box.height) {
      // A few stand each beside its row.
      const y = settle(box, top);
      for (const { target, y: row } of next) place(target, y + Math.max(0, row - ARROW_DEPTH));
    } else {
      // A box stands beside the middle of many.
      for (const { target } of next) place(target, top);
      settle(box, Math.max(top, middleOf(box) - box.height / 2));
    }
  };
  /** What the box leads to and nobody else has a place for. */
  const reserve = (box: LayerBox) => {
    reserved.add(box.id);
    return box.exits.flatMap(({ to, y }) => {
      const target = byId.get(to);
      if (!target || reserved.has(to)) return [];
      reserved.add(to);
      return [{ target, y }];
    });
  };
  /** Puts the box there, or below what is there already. */
  const settle = (box: LayerBox, wanted: number) => {
    const column = columnOf(box);
    const y = Math.max(wanted, bottoms[column] ?? 0);
    places.set(box.id, { x: offsets[column] ?? 0, y, columnWidth: widths[column] ?? 0 });
    bottoms[column] = y + box.height + BOX_GAP;
    return y;
  };
  const middleOf = ({ exits }: LayerBox) => {
    const [first, last] = [0, -1].map((at) => {
      const target = byId.get(exits.filter(({ to }) => places.has(to)).at(at)?.to ?? -1);
      return target && (places.get(target.id)?.y ?? 0) + target.height / 2;
    });
    return ((first ?? 0) + (last ?? 0)) / 2;
  };

  for (const box of boxes.toSorted((a, b) => columnOf(a) - columnOf(b))) {
    if (reserved.has(box.id)) continue;
    const isTree = box.exits.some(({ to }) => byId.has(to) && !reserved.has(to));
    place(box, isTree ? Math.max(...bottoms) : 0);
  }
  return { places, width, height: Math.max(0, ...bottoms.map((bottom) => bottom - BOX_GAP)) };
}

/** The column of each box: as many as there are arrows on the longest way to it. */
function columnsOf(
  boxes: readonly LayerBox[],
  byId: ReadonlyMap<number, LayerBox>,
): ReadonlyMap<number, number> {
  const sources = new Map<number, LayerBox[]>();
  for (const box of boxes) {
    for (const to of new Set(box.exits.map((exit) => exit.to))) {
      if (byId.has(to)) sources.set(to, [...(sources.get(to) ?? []), box]);
    }
  }
  const columns = new Map<number, number>();
  const columnOf = (id: number): number => {
    const known = columns.get(id);
    if (known !== undefined) return known;
    // Whoever comes back here, in a circle, finds this.
    columns.set(id, -1);
    const column = Math.max(-1, ...(sources.get(id) ?? []).map((source) => columnOf(source.id))) + 1;
    columns.set(id, column);
    return column;
  };
  for (const { id } of boxes) columnOf(id);
  return columns;
}

/** How far to the right each column begins, how wide it is, and how wide they are together. */
function columnSizes(boxes: readonly LayerBox[], columns: ReadonlyMap<number, number>) {
  const widths: number[] = [];
  for (const { id, width } of boxes) {
    const column = columns.get(id) ?? 0;
    widths[column] = Math.max(widths[column] ?? 0, width);
  }
  let x = 0;
  const offsets = widths.map((width) => {
    const offset = x;
    x += width + COLUMN_GAP;
    return offset;
  });
  return { offsets, widths, width: Math.max(0, x - COLUMN_GAP) };
}
