/** How a drawing looks, by day and by night: in the page and in pictures alike. Part of the page. */

/** What a colour is for. */
type Colour =
  | 'ground'
  | 'surface'
  | 'line'
  | 'ink'
  | 'soft'
  | 'accent'
  | 'entry'
  | 'good'
  | 'good-line'
  | 'bad'
  | 'bad-line'
  | 'other'
  | 'other-line'
  | 'cell'
  | 'arrow'
  | 'walked';

/** By day, and by night. */
export const COLOURS: Readonly<Record<Colour, readonly [day: string, night: string]>> = {
  ground: ['#f8fafc', '#0f172a'],
  surface: ['#ffffff', '#1e293b'],
  line: ['#cbd5e1', '#475569'],
  ink: ['#0f172a', '#e2e8f0'],
  soft: ['#526077', '#a3b1c6'],
  accent: ['#1d4ed8', '#7db4fb'],
  entry: ['#e2e8f0', '#334155'],
  good: ['#dcfce7', '#14532d'],
  'good-line': ['#16a34a', '#4ade80'],
  bad: ['#fee2e2', '#7f1d1d'],
  'bad-line': ['#dc2626', '#f87171'],
  other: ['#fef9c3', '#713f12'],
  'other-line': ['#ca8a04', '#facc15'],
  cell: ['#eff6ff', '#1a2740'],
  arrow: ['#94a3b8', '#64748b'],
  walked: ['#c2410c', '#fb923c'],
};

/** Whether a drawing follows whoever looks at it, or is by day or by night for all. */
export type Theme = 'auto' | 'light' | 'dark';

/** All of them are about as wide: {@link LETTER_WIDTH} holds for pictures, which cannot measure. */
const FONTS = '"DejaVu Sans Mono", Menlo, Consolas, "Liberation Mono", monospace';

/** As CSS and canvases take it. */
export const LETTERS = `12px ${FONTS}`;

/** In pixels, of the widest of these fonts. */
export const LETTER_WIDTH = 7.25;

/**
 * The rules of CSS for what is drawn.
 * @param colour how one is written
 */
export function drawingStyle(colour: (name: Colour) => string): string {
  const filled = (fill: Colour, stroke: Colour) => `fill: ${colour(fill)}; stroke: ${colour(stroke)};`;
  return `
.ground { fill: ${colour('ground')}; }
text { font: ${LETTERS}; fill: ${colour('ink')}; white-space: pre; }
.outline { fill: none; stroke: ${colour('line')}; }
.frame.service .outline { fill: ${colour('cell')}; fill-opacity: .45; }
.frame text { fill: ${colour('soft')}; }
.frame.service text { font-weight: bold; fill: ${colour('accent')}; }
.cell rect { ${filled('cell', 'line')} }
.box > rect { ${filled('surface', 'soft')} }
.box > text { font-weight: bold; }
.built-in > rect { ${filled('entry', 'soft')} }
.target > rect { ${filled('other', 'other-line')} }
.target > text { font-weight: normal; }
.DNAT > rect, .ACCEPT > rect { ${filled('good', 'good-line')} }
.REJECT > rect, .DROP > rect { ${filled('bad', 'bad-line')} }
.row rect { fill: none; }
.box .about, .aside { fill: ${colour('soft')}; font-weight: normal; }
.aside { text-anchor: end; }
.arrow { fill: none; stroke: ${colour('arrow')}; stroke-width: 1.3; }
.arrow.bundle, .arrow.back { stroke-dasharray: 4 3; }
.head { fill: ${colour('arrow')}; }
`;
}
