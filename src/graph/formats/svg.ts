/** Graphs as pictures: what the page draws, in a file of its own. */
import { arrange } from '../arrangement/arrangement.ts';
import { belongingsOf } from '../arrangement/belongings.ts';
import { type Shape, shape, shapesOf } from '../arrangement/drawing.ts';
import { COLOURS, drawingStyle, LETTER_WIDTH, type Theme } from '../arrangement/look.ts';
import type { Direction, PageData } from '../arrangement/page-types.ts';

/** Around the drawing, in pixels. */
const MARGIN = 12;

/**
 * A picture of a graph, in SVG. Nothing in it is fetched or run.
 * @param theme whether it is for day or night; `auto` follows whoever looks at it, where the program that shows it can
 */
export function printSvg(
  data: PageData,
  { direction = 'right', theme = 'auto' }: { readonly direction?: Direction; readonly theme?: Theme } = {},
): string {
  const belongings = belongingsOf(data);
  const opened = new Set(data.collapsed ? [] : belongings.services.keys());
  const arrangement = arrange(data, belongings, { opened, namespace: undefined, direction }, widthOf);
  const [width, height] = [arrangement.width, arrangement.height].map((size) => Math.ceil(size) + 2 * MARGIN);
  const picture = shape(
    'svg',
    {
      xmlns: 'http://www.w3.org/2000/svg',
      width: width ?? 0,
      height: height ?? 0,
      viewBox: `${-MARGIN} ${-MARGIN} ${width} ${height}`,
      role: 'img',
      'xml:space': 'preserve',
    },
    shape('title', {}, `svc2ipt: rules of ${data.family}`),
    shape('style', {}, STYLES[theme]),
    shape('defs', {}, HEAD),
    shape('rect', { class: 'ground', x: -MARGIN, y: -MARGIN, width: width ?? 0, height: height ?? 0 }),
    ...shapesOf(arrangement, false),
  );
  return `${printShape(picture)}\n`;
}

/** The letters of a picture are as wide as each other. */
function widthOf(text: string): number {
  return [...text].length * LETTER_WIDTH;
}

const DAY = drawingStyle((name) => COLOURS[name][0]);
const NIGHT = drawingStyle((name) => COLOURS[name][1]);
const HEAD_STYLE = '.arrow { marker-end: url(#head); }';

const STYLES: Readonly<Record<Theme, string>> = {
  auto: `${DAY}${HEAD_STYLE}\n@media (prefers-color-scheme: dark) {${NIGHT}}\n`,
  light: `${DAY}${HEAD_STYLE}\n`,
  dark: `${NIGHT}${HEAD_STYLE}\n`,
};

const HEAD = shape(
  'marker',
  {
    id: 'head',
    viewBox: '0 0 8 8',
    refX: 7,
    refY: 4,
    markerWidth: 8,
    markerHeight: 8,
    markerUnits: 'userSpaceOnUse',
    orient: 'auto',
  },
  shape('path', { class: 'head', d: 'M0 0L8 4L0 8z' }),
);

/** Groups and what stands in none have a line each, so that differences of pictures can be read. */
function printShape({ name, attributes, children }: Shape): string {
  const words = Object.entries(attributes).map(([key, value]) => ` ${key}="${escaped(String(value))}"`);
  const start = `<${name}${words.join('')}`;
  if (children.length === 0) return `${start}/>`;
  const inside = children.map((child) =>
    typeof child === 'string' ? escaped(child) : `\n${printShape(child)}`,
  );
  return `${start}>${inside.join('')}</${name}>`;
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** Texts of a drawing have no control characters, which XML could not hold. */
function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => ENTITIES[character] ?? character);
}
