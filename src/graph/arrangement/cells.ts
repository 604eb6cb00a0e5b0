/** Collapsed Services: a small box for each, in rows. Part of the page. */
import { type Measure, PADDING, shortened } from './boxes.ts';
import { type Area, FRAME_PADDING, FRAME_TITLE_HEIGHT } from './frames.ts';
import type { Point } from './layers.ts';

export interface CellBlock extends Area {
  readonly cells: readonly Cell[];
}

/** A collapsed Service. */
export interface Cell extends Area {
  readonly service: string;
  readonly text: string;
}

const CELL_HEIGHT = 26;
const CELL_GAP = 8;

/**
 * Lays out collapsed Services.
 * @param endpoints how many each has
 * @param least how wide the block may be in any case; `aspect` is what its width should be to its height
 */
export function cellBlock(
  services: readonly string[],
  endpoints: ReadonlyMap<string, number>,
  { x, y }: Point,
  { least, aspect }: { readonly least: number; readonly aspect: number },
  measure: Measure,
): CellBlock {
  const texts = services.map((service) => {
    const count = endpoints.get(service) ?? 0;
    return `${shortened(service)} (${count === 1 ? '1 endpoint' : `${count} endpoints`})`;
  });
  const step = {
    x: Math.max(0, ...texts.map(measure)) + 2 * PADDING + CELL_GAP,
    y: CELL_HEIGHT + CELL_GAP,
  };
  const columns = Math.max(
    1,
    Math.floor((least + CELL_GAP - 2 * FRAME_PADDING) / step.x),
    Math.round(Math.sqrt((aspect * services.length * step.y) / step.x)),
  );
  const inner = { x: x + FRAME_PADDING, y: y + FRAME_TITLE_HEIGHT };
  const cells = services.map((service, i): Cell => {
    const [column, row] = [i % columns, Math.floor(i / columns)];
    return {
      service,
      text: texts[i] ?? '',
      x: inner.x + column * step.x,
      y: inner.y + row * step.y,
      width: step.x - CELL_GAP,
      height: CELL_HEIGHT,
    };
  });
  const rows = Math.ceil(services.length / columns);
  return {
    x,
    y,
    width: Math.min(columns, services.length) * step.x - CELL_GAP + 2 * FRAME_PADDING,
    height: FRAME_TITLE_HEIGHT + rows * step.y - CELL_GAP + FRAME_PADDING,
    cells,
  };
}
