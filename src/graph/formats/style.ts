/** How the page looks around its picture, by day and by night. */
import { COLOURS, type Theme } from '../arrangement/look.ts';

const colour = (name: 'ground' | 'surface' | 'line' | 'ink' | 'soft') =>
  `light-dark(${COLOURS[name].join(', ')})`;

export function pageStyle(theme: Theme): string {
  return `
:root { color-scheme: ${theme === 'auto' ? 'light dark' : theme}; }
* { box-sizing: border-box; }
html, body { height: 100%; margin: 0; }
body {
  display: grid; grid: auto minmax(0, 1fr) / minmax(0, 1fr);
  background: ${colour('ground')}; color: ${colour('ink')}; font: 14px/1.45 system-ui, sans-serif;
}
header {
  display: flex; flex-wrap: wrap; align-items: baseline; gap: .2rem 1rem; padding: .5rem .8rem;
  background: ${colour('surface')}; border-bottom: 1px solid ${colour('line')};
}
h1 { font-size: 1rem; margin: 0; }
#summary { margin: 0; color: ${colour('soft')}; }
`;
}
