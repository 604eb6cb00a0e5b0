/** How the page looks, by day and by night. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --ground: #f8fafc; --surface: #ffffff; --line: #cbd5e1; --ink: #0f172a; --soft: #64748b;
  --accent: #2563eb; --entry: #e2e8f0; --good: #dcfce7; --good-line: #16a34a; --bad: #fee2e2; --bad-line: #dc2626;
  --other: #fef9c3; --other-line: #ca8a04; --cell: #eff6ff; --arrow: #94a3b8;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #0f172a; --surface: #1e293b; --line: #475569; --ink: #e2e8f0; --soft: #94a3b8;
    --accent: #60a5fa; --entry: #334155; --good: #14532d; --good-line: #4ade80; --bad: #7f1d1d; --bad-line: #f87171;
    --other: #713f12; --other-line: #facc15; --cell: #1a2740; --arrow: #64748b;
  }
}
* { box-sizing: border-box; }
html, body { height: 100%; margin: 0; }
body {
  display: grid; grid: auto minmax(0, 1fr) / 17rem minmax(0, 1fr) auto;
  background: var(--ground); color: var(--ink); font: 14px/1.45 system-ui, sans-serif;
}
header {
  grid-column: 1 / -1; display: flex; flex-wrap: wrap; align-items: center; gap: .4rem 1rem;
  padding: .5rem .8rem; background: var(--surface); border-bottom: 1px solid var(--line);
}
h1 { font-size: 1rem; margin: 0; }
#summary { margin: 0; color: var(--soft); flex: 1; }
header div { display: flex; gap: .3rem; align-items: center; }
#zoom { min-width: 3.6rem; text-align: center; color: var(--soft); }
button, input {
  font: inherit; color: inherit; background: var(--surface); border: 1px solid var(--line); border-radius: 6px;
  padding: .2rem .6rem;
}
button { cursor: pointer; }
button:hover { border-color: var(--accent); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }
nav { display: flex; flex-direction: column; min-height: 0; background: var(--surface); border-right: 1px solid var(--line); }
nav input { margin: .6rem .6rem 0; }
nav p { margin: .4rem .8rem; color: var(--soft); font-size: .85rem; }
#results { list-style: none; margin: 0; padding: 0 .4rem; overflow-y: auto; flex: 1; }
#results button {
  display: block; width: 100%; text-align: left; border-color: transparent; overflow-wrap: anywhere; padding: .25rem .5rem;
}
#results button:hover { background: var(--cell); }
#results .open span { color: var(--accent); }
#results small { display: block; color: var(--soft); font-family: ui-monospace, monospace; }
.more { padding: .3rem .5rem; color: var(--soft); }
main { overflow: hidden; cursor: grab; touch-action: none; position: relative; }
main:active { cursor: grabbing; }
main:focus-visible { outline-offset: -2px; }
svg { display: block; width: 100%; height: 100%; user-select: none; }
svg text {
  font: 12px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: var(--ink); dominant-baseline: central;
}
.outline { fill: none; stroke: var(--line); }
.frame.service .outline { fill: var(--cell); fill-opacity: .45; }
.frame text { fill: var(--soft); }
.handle { cursor: pointer; }
.handle rect { fill: transparent; }
.handle text { font-weight: bold; fill: var(--accent); }
.handle:hover rect { fill: var(--cell); }
.cell, .box { cursor: pointer; }
.cell rect { fill: var(--cell); stroke: var(--line); }
.box rect { fill: var(--surface); stroke: var(--soft); }
.box > text { font-weight: bold; }
.built-in rect { fill: var(--entry); }
.target rect { fill: var(--other); stroke: var(--other-line); }
.target > text { font-weight: normal; }
.DNAT rect, .ACCEPT rect { fill: var(--good); stroke: var(--good-line); }
.REJECT rect, .DROP rect { fill: var(--bad); stroke: var(--bad-line); }
.cell:hover rect, .box:hover > rect { stroke: var(--accent); }
svg .aside { text-anchor: end; fill: var(--soft); }
.lit > rect { stroke: var(--accent); stroke-width: 2.5; }
.arrow { fill: none; stroke: var(--arrow); stroke-width: 1.3; marker-end: url(#head); pointer-events: none; }
.arrow.bundle { stroke-dasharray: 4 3; }
.arrow.back { display: none; stroke-dasharray: 4 3; }
.arrow.lit { display: inline; stroke: var(--accent); stroke-width: 2; marker-end: url(#head-lit); }
#head path { fill: var(--arrow); }
#head-lit path { fill: var(--accent); }
svg g:focus { outline: none; }
g:focus-visible > rect { stroke: var(--accent); stroke-width: 2.5; }
aside { width: min(30rem, 42vw); overflow-y: auto; padding: .6rem .9rem; background: var(--surface); border-left: 1px solid var(--line); }
#close-panel { float: right; }
h2 { font: bold 1rem ui-monospace, monospace; overflow-wrap: anywhere; margin: .2rem 0; }
h3 { font-size: .95rem; margin: 1rem 0 .3rem; }
.whose { margin: 0; color: var(--soft); }
aside ol, aside ul { margin: 0; padding-left: 1.6rem; }
aside li { margin: .5rem 0; }
aside ul li { margin: .15rem 0; }
.comment { margin: 0; color: var(--soft); font-style: italic; }
code { font: 12px/1.5 ui-monospace, monospace; overflow-wrap: anywhere; }
code span { display: inline-block; max-width: 100%; }
.link { border: 0; padding: 0; background: none; color: var(--accent); text-align: left; overflow-wrap: anywhere; display: block; }
.link:hover { text-decoration: underline; }
@media (max-width: 700px) {
  body { grid: auto auto minmax(0, 1fr) / minmax(0, 1fr); }
  nav { border: 0; max-height: 30vh; }
  aside { position: fixed; inset: auto 0 0; width: auto; max-height: 45vh; border-top: 1px solid var(--line); }
}
`;
