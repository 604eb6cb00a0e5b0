/** The drawing. Boxes and Services are found again by `data-place` and `data-service`. */
import type { Arrangement } from '../arrangement/arrangement.ts';
import type { Arrow } from '../arrangement/arrows.ts';
import { PADDING, TITLE_HEIGHT } from '../arrangement/boxes.ts';
import type { Cell, CellBlock } from '../arrangement/cells.ts';
import {
  type Area,
  FRAME_PADDING,
  FRAME_TITLE_HEIGHT,
  type Frame,
  type PlacedBox,
} from '../arrangement/frames.ts';
import { svg } from './elements.ts';

/** Draws everything anew. */
export function draw(drawing: SVGGElement, { frames, collapsed, arrows }: Arrangement): void {
  drawing.replaceChildren(
    ...frames.map(frameElement),
    ...(collapsed ? [blockElement(collapsed)] : []),
    ...arrows.map(arrowElement),
    ...frames.flatMap(({ boxes }) => boxes.map(boxElement)),
    ...(collapsed?.cells.map(cellElement) ?? []),
  );
}

function frameElement(frame: Frame): SVGGElement {
  const { x, y, title, service } = frame;
  if (service === undefined) return svg('g', { class: 'frame' }, outline(frame), frameTitle(frame, title));
  const about = { role: 'button', tabindex: 0, 'aria-expanded': 'true', 'data-service': service };
  const handle = svg(
    'g',
    { class: 'handle', ...about, 'aria-label': `Collapse ${service}` },
    svg('rect', { x, y, width: frame.width, height: FRAME_TITLE_HEIGHT, rx: 8 }),
    frameTitle(frame, title),
  );
  return svg('g', { class: 'frame service' }, outline(frame), handle);
}

function blockElement(block: CellBlock): SVGGElement {
  const { length } = block.cells;
  const title = length === 1 ? '1 collapsed Service' : `${length} collapsed Services`;
  return svg('g', { class: 'frame' }, outline(block), frameTitle(block, title));
}

function cellElement({ service, text: name, ...area }: Cell): SVGGElement {
  return svg(
    'g',
    {
      class: 'cell',
      role: 'button',
      tabindex: 0,
      'aria-expanded': 'false',
      'aria-label': `Open ${service}`,
      'data-service': service,
    },
    svg('rect', { x: area.x, y: area.y, width: area.width, height: area.height, rx: 6 }),
    text(area.x + PADDING, area.y + area.height / 2, name),
    svg('title', {}, service),
  );
}

function boxElement({ id, node, rows, x, y, width, height }: PlacedBox): SVGGElement {
  const lines = rows.map(({ y: middle, text: words, aside, rule }) => {
    const line = svg('g', { class: 'row' }, text(x + PADDING, y + middle, words));
    if (aside !== '') {
      const end = text(x + width - PADDING, y + middle, aside);
      end.classList.add('aside');
      line.append(end);
    }
    if (rule) line.append(svg('title', {}, rule.comment ? `${rule.text}\n${rule.comment}` : rule.text));
    return line;
  });
  return svg(
    'g',
    {
      class: `box ${node.kind} ${node.target ?? ''}`,
      role: 'button',
      tabindex: 0,
      'aria-label': `${node.kind === 'target' ? 'Target' : 'Chain'} ${node.label}`,
      'data-place': id,
    },
    svg('rect', { x, y, width, height, rx: node.kind === 'target' ? TITLE_HEIGHT / 2 : 4 }),
    text(x + PADDING, y + TITLE_HEIGHT / 2, node.label),
    ...lines,
  );
}

function arrowElement({ from, to, aside, path }: Arrow): SVGPathElement {
  const kind = aside ? 'arrow back' : to === undefined ? 'arrow bundle' : 'arrow';
  return svg('path', {
    class: kind,
    d: path,
    'data-from': from,
    ...(to === undefined ? {} : { 'data-to': to }),
  });
}

function frameTitle({ x, y }: Area, title: string): SVGTextElement {
  return text(x + FRAME_PADDING, y + FRAME_TITLE_HEIGHT / 2, title);
}

function outline({ x, y, width, height }: Area): SVGRectElement {
  return svg('rect', { class: 'outline', x, y, width, height, rx: 8 });
}

/** @param y of the middle of the line */
function text(x: number, y: number, words: string): SVGTextElement {
  return svg('text', { x, y }, words);
}

/** Shows which box is looked at, and the arrows from it and to it; none where there is no place. */
export function light(drawing: SVGGElement, place: number | undefined): void {
  for (const element of drawing.querySelectorAll('.lit')) element.classList.remove('lit');
  if (place === undefined) return;
  const of = [`[data-place="${place}"]`, `[data-from="${place}"]`, `[data-to="${place}"]`];
  for (const element of drawing.querySelectorAll(of.join(','))) element.classList.add('lit');
}
