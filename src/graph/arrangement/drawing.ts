/**
 * What is drawn of an arrangement, as plain data: the page makes elements of it, a picture text. Boxes, rows and arrows are
 * found again by their `data-` attributes. Part of the page.
 */
import type { Arrangement } from './arrangement.ts';
import type { Arrow } from './arrows.ts';
import { PADDING, type Row, rowKey, TITLE_HEIGHT } from './boxes.ts';
import type { Cell, CellBlock } from './cells.ts';
import {
  type Area,
  FRAME_PADDING,
  FRAME_TITLE_HEIGHT,
  type Frame,
  HANDLE_SIGN,
  type PlacedBox,
} from './frames.ts';

/** An element of SVG. */
export interface Shape {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string | number>>;
  readonly children: readonly (Shape | string)[];
}

export function shape(name: string, attributes: Shape['attributes'], ...children: Shape['children']): Shape {
  return { name, attributes, children };
}

/**
 * The shapes of an arrangement, in the order in which they are painted.
 * @param live in a page, where Services can be collapsed and arrows back shown; not in a picture
 */
export function shapesOf({ frames, collapsed, arrows }: Arrangement, live: boolean): Shape[] {
  return [
    ...frames.map((frame) => frameShape(frame, live)),
    ...(collapsed ? [blockShape(collapsed)] : []),
    ...arrows.filter(({ aside }) => live || !aside).map(arrowShape),
    ...frames.flatMap(({ boxes }) => boxes.map(boxShape)),
    ...(collapsed?.cells.map(cellShape) ?? []),
  ];
}

function frameShape(frame: Frame, live: boolean): Shape {
  const { x, y, title, service } = frame;
  if (service === undefined)
    return shape('g', { class: 'frame' }, outlineShape(frame), titleShape(frame, title));
  const handle = shape(
    'g',
    { class: 'handle', 'data-service': service },
    shape('rect', { x, y, width: frame.width, height: FRAME_TITLE_HEIGHT, rx: 8, fill: 'none' }),
    titleShape(frame, live ? `${HANDLE_SIGN}${title}` : title),
  );
  return shape('g', { class: 'frame service' }, outlineShape(frame), handle);
}

function blockShape(block: CellBlock): Shape {
  const { length } = block.cells;
  const title = length === 1 ? '1 collapsed Service' : `${length} collapsed Services`;
  return shape('g', { class: 'frame' }, outlineShape(block), titleShape(block, title));
}

function cellShape({ service, text, x, y, width, height }: Cell): Shape {
  return shape(
    'g',
    { class: 'cell', 'data-service': service },
    shape('rect', { x, y, width, height, rx: 6 }),
    textShape(x + PADDING, y + height / 2, text),
    shape('title', {}, service),
  );
}

function boxShape({ id, node, rows, about, x, y, width, height }: PlacedBox): Shape {
  const isTarget = node.kind === 'target';
  return shape(
    'g',
    {
      class: ['box', node.kind, ...(node.target === undefined ? [] : [node.target])].join(' '),
      'data-place': id,
    },
    shape('rect', { x, y, width, height, rx: isTarget ? TITLE_HEIGHT / 2 : 4 }),
    textShape(x + PADDING, y + TITLE_HEIGHT / 2, node.label),
    ...about.map((line) => textShape(x + PADDING, y + line.y, line.text, 'about')),
    ...rows.map((row) => rowShape({ id, x, y, width }, row)),
  );
}

function rowShape({ id, x, y, width }: Pick<PlacedBox, 'id' | 'x' | 'y' | 'width'>, row: Row): Shape {
  const { rule, aside } = row;
  const middle = y + row.y;
  return shape(
    'g',
    { class: 'row', 'data-row': rowKey(id, row) },
    shape('rect', { x: x + 2, y: middle - row.height / 2, width: width - 4, height: row.height, rx: 3 }),
    textShape(x + PADDING, middle, row.text),
    ...(aside === '' ? [] : [textShape(x + width - PADDING, middle, aside, 'aside')]),
    ...(rule ? [shape('title', {}, rule.comment ? `${rule.text}\n${rule.comment}` : rule.text)] : []),
  );
}

function arrowShape({ from, to, row, aside, path }: Arrow): Shape {
  return shape('path', {
    class: aside ? 'arrow back' : to === undefined ? 'arrow bundle' : 'arrow',
    d: path,
    'data-from': from,
    'data-row-from': row,
    ...(to === undefined ? {} : { 'data-to': to }),
  });
}

function titleShape({ x, y }: Area, title: string): Shape {
  return textShape(x + FRAME_PADDING, y + FRAME_TITLE_HEIGHT / 2, title);
}

function outlineShape({ x, y, width, height }: Area): Shape {
  return shape('rect', { class: 'outline', x, y, width, height, rx: 8 });
}

/** @param y of the middle of the line */
function textShape(x: number, y: number, words: string, kind?: string): Shape {
  // Not every program knows dominant-baseline.
  return shape('text', { ...(kind === undefined ? {} : { class: kind }), x, y, dy: '.35em' }, words);
}
