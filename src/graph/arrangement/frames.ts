/** Frames around boxes that belong together. Part of the page. */
import type { Box, Measure } from './boxes.ts';
import { layered, type Point } from './layers.ts';

/** In pixels. */
export interface Area extends Point {
  readonly width: number;
  readonly height: number;
}

/** Around the chains of a table, or those of a Service. */
export interface Frame extends Area {
  readonly title: string;
  /** Undefined for a table. */
  readonly service: string | undefined;
  readonly boxes: readonly PlacedBox[];
  /** At which height arrows from outside go to boxes that have others in front of them. */
  readonly lanes: ReadonlyMap<number, number>;
}

export interface PlacedBox extends Box, Point {}

/** Before the name of a Service that can be collapsed. */
export const HANDLE_SIGN = '\u25be ';
export const FRAME_GAP = 24;
export const FRAME_TITLE_HEIGHT = 28;
export const FRAME_PADDING = 14;
const LANE_HEIGHT = 9;

/**
 * Lays out boxes in a frame.
 * @param entered the boxes that arrows from outside lead to
 */
export function framed(
  { title, service }: Pick<Frame, 'title' | 'service'>,
  { x, y }: Point,
  boxes: readonly Box[],
  entered: ReadonlySet<number>,
  measure: Measure,
): Frame {
  const { places, width, height } = layered(boxes);
  const lanes = new Map<number, number>();
  const top = y + FRAME_TITLE_HEIGHT;
  for (const { id } of boxes) {
    const isBehindOthers = (places.get(id)?.x ?? 0) > 0;
    if (isBehindOthers && entered.has(id)) lanes.set(id, top + (lanes.size + 0.5) * LANE_HEIGHT);
  }
  const inner = { x: x + FRAME_PADDING, y: top + lanes.size * LANE_HEIGHT + FRAME_PADDING / 2 };
  return {
    title,
    service,
    x,
    y,
    width: Math.max(width, measure(`${HANDLE_SIGN}${title}`)) + 2 * FRAME_PADDING,
    height: inner.y - y + height + FRAME_PADDING,
    boxes: boxes.map((box) => {
      const place = places.get(box.id) ?? { x: 0, y: 0, columnWidth: 0 };
      // Arrows leave at the edge of the column, where they meet no other box.
      const width = box.exits.length > 0 ? place.columnWidth : box.width;
      return { ...box, width, x: inner.x + place.x, y: inner.y + place.y };
    }),
    lanes,
  };
}

/** Frames one below the other, each made at its place. */
export function stacked<T>(
  { x, y: top }: Point,
  things: readonly T[],
  frameOf: (thing: T, place: Point) => Frame,
): Frame[] {
  let y = top;
  return things.map((thing) => {
    const frame = frameOf(thing, { x, y });
    y += frame.height + FRAME_GAP;
    return frame;
  });
}

/** How far areas reach to the right, and down. */
export function extent(areas: readonly Area[]): { readonly right: number; readonly bottom: number } {
  return {
    right: Math.max(0, ...areas.map(({ x, width }) => x + width)),
    bottom: Math.max(0, ...areas.map(({ y, height }) => y + height)),
  };
}
