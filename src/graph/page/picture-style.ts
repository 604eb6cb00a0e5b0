/** How a picture looks in a page, with its buttons and lists. */
import { COLOURS, drawingStyle } from '../arrangement/look.ts';

const VARIABLES = Object.entries(COLOURS)
  .map(([name, [day, night]]) => `--${name}: light-dark(${day}, ${night});`)
  .join(' ');

export const PICTURE_STYLE = `
:host { display: block; container-type: inline-size; height: 100%; min-height: 16rem; }
:host([hidden]) { display: none; }
* { box-sizing: border-box; }
[hidden] { display: none !important; }
.picture {
  ${VARIABLES}
  height: 100%; min-height: inherit; display: grid; grid: auto minmax(0, 1fr) auto / auto minmax(0, 1fr) auto; position: relative;
  grid-template-areas: "bar bar bar" "list canvas panel" "list walk panel";
  background: var(--ground); color: var(--ink); font: 14px/1.45 system-ui, sans-serif;
}
.bar {
  grid-area: bar; display: flex; flex-wrap: wrap; align-items: center; gap: .4rem .8rem; padding: .4rem .6rem;
  background: var(--surface); border-bottom: 1px solid var(--line);
}
.bar > div, .walk > div { display: flex; flex-wrap: wrap; gap: .3rem; align-items: center; }
.zoom { min-width: 3.4rem; text-align: center; color: var(--soft); }
.space { flex: 1; }
button, input, select {
  font: inherit; color: inherit; background: var(--surface); border: 1px solid var(--line); border-radius: 6px;
  padding: .2rem .6rem; min-height: 1.9rem; max-width: 100%;
}
button { cursor: pointer; }
.bar button { white-space: nowrap; }
.bar select { max-width: 11rem; }
button:hover:enabled, select:hover { border-color: var(--accent); }
button:disabled { opacity: .45; cursor: default; }
button[aria-pressed=true], button[aria-expanded=true] { background: var(--cell); border-color: var(--accent); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }
.list {
  grid-area: list; width: 17rem; display: flex; flex-direction: column; min-height: 0;
  background: var(--surface); border-right: 1px solid var(--line);
}
.list input { margin: .6rem .6rem 0; }
.list p { margin: .4rem .8rem; color: var(--soft); font-size: .85rem; }
.results { list-style: none; margin: 0; padding: 0 .4rem; overflow-y: auto; flex: 1; }
.results button {
  display: block; width: 100%; text-align: left; border-color: transparent; overflow-wrap: anywhere; padding: .25rem .5rem;
}
.results button:hover { background: var(--cell); }
.results .open span { color: var(--accent); }
.results small { display: block; color: var(--soft); font-family: ui-monospace, monospace; }
.more { padding: .3rem .5rem; color: var(--soft); }
.canvas { grid-area: canvas; overflow: hidden; cursor: grab; touch-action: none; position: relative; min-height: 0; }
.canvas:active { cursor: grabbing; }
.canvas:focus-visible { outline-offset: -2px; }
.canvas > svg { display: block; width: 100%; height: 100%; user-select: none; -webkit-user-select: none; }
.legend {
  grid-area: canvas; justify-self: end; align-self: start; z-index: 1; margin: .6rem; padding: .5rem .8rem;
  list-style: none; max-width: 24rem; max-height: calc(100% - 1.2rem); overflow-y: auto;
  background: var(--surface); border: 1px solid var(--line); border-radius: 8px; box-shadow: 0 2px 10px rgb(0 0 0 / .15);
}
.legend li { display: grid; grid-template-columns: 40px 1fr; gap: .6rem; align-items: center; margin: .15rem 0; }
.legend b { text-align: center; font: 12px ui-monospace, monospace; }
.panel {
  grid-area: panel; width: min(28rem, 42cqw); overflow-y: auto; padding: .6rem .9rem;
  background: var(--surface); border-left: 1px solid var(--line);
}
.close-panel { float: right; }
h2 { font: bold 1rem ui-monospace, monospace; overflow-wrap: anywhere; margin: .2rem 0; }
h3 { font-size: .95rem; margin: 1rem 0 .3rem; }
.whose { margin: 0; color: var(--soft); }
.panel ol, .panel ul { margin: 0; padding-left: 1.6rem; }
.panel li { margin: .5rem 0; }
.panel ul li { margin: .15rem 0; }
.comment { margin: 0; color: var(--soft); font-style: italic; }
code { font: 12px/1.5 ui-monospace, monospace; overflow-wrap: anywhere; }
code span { display: inline-block; max-width: 100%; }
.link { border: 0; padding: 0; background: none; color: var(--accent); text-align: left; overflow-wrap: anywhere; display: block; }
.link:hover { text-decoration: underline; }
.walk {
  grid-area: walk; display: grid; grid-template-columns: auto minmax(4rem, 1fr) auto; gap: .3rem .8rem; align-items: center;
  padding: .4rem .6rem; background: var(--surface); border-top: 1px solid var(--line);
}
.walk p { grid-column: 1 / -1; margin: 0; min-height: 2.9em; overflow-wrap: anywhere; }
.walk b { font: bold 12px ui-monospace, monospace; }
.walk input { width: 100%; padding: 0; accent-color: var(--walked); }
.walk .count, .walk .share { color: var(--soft); }
.walk .yes, .walk .chance { color: var(--walked); font-weight: bold; }
${drawingStyle((name) => `var(--${name})`)}
.arrow { marker-end: url(#head); pointer-events: none; }
.arrow.back { display: none; }
.handle rect, .row rect { fill: transparent; pointer-events: all; }
.handle, .cell, .box { cursor: pointer; }
.handle:hover rect { fill: var(--cell); }
.cell:hover rect, .box:hover > rect { stroke: var(--accent); }
.lit > rect { stroke: var(--accent); stroke-width: 2.5; }
.arrow.lit { display: inline; stroke: var(--accent); stroke-width: 2; marker-end: url(#head-lit); }
svg g:focus { outline: none; }
.handle:focus-visible rect, .cell:focus-visible rect, .box:focus-visible > rect { stroke: var(--accent); stroke-width: 2.5; }
.head-lit { fill: var(--accent); }
.walking .box, .walking .cell, .walking .arrow { opacity: .35; }
.walking .box.met, .walking .arrow.walked { opacity: 1; }
.arrow.walked { display: inline; stroke: var(--walked); stroke-width: 2.4; marker-end: url(#head-walked); }
.head-walked { fill: var(--walked); }
.box.here > rect { stroke: var(--walked); stroke-width: 3; }
.row.met text { fill: var(--walked); font-weight: bold; }
.row.here rect { fill: var(--walked); fill-opacity: .18; stroke: var(--walked); }
.packet { fill: var(--walked); stroke: var(--surface); stroke-width: 2; }
@container (max-width: 700px) {
  .picture { grid-template-areas: "bar bar bar" "canvas canvas canvas" "walk walk walk"; }
  .list, .panel {
    position: absolute; z-index: 1; inset: auto 0 0; width: auto; max-height: 55%;
    border: 0; border-top: 1px solid var(--line); box-shadow: 0 -2px 10px rgb(0 0 0 / .2);
  }
  .list { height: 55%; }
  .list > p:last-child { display: none; }
  .bar { gap: .3rem; padding: .3rem; }
  .space { display: none; }
  button, select, input { min-height: 2.4rem; min-width: 2.4rem; }
}
`;
