/** One file of HTML that shows a graph, in any browser, from a disk, without a network. */
import { sha256 } from '../../text/sha256.ts';
import type { PageData } from '../arrangement/page-types.ts';
import { STYLE } from './style.ts';

/**
 * The page for a graph.
 * @param script what brings it to life
 */
export function printHtml(data: PageData, script: string): string {
  // Whatever a cluster's names are, the browser runs this script only, and asks nobody for anything.
  const policy = `default-src 'none'; script-src ${digest(script)}; style-src ${digest(STYLE)}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width">
<title>svc2ipt: rules of ${data.family}</title>
<style>${STYLE}</style>
</head>
<body>
<header>
<h1>svc2ipt</h1>
<p id="summary"></p>
<div role="group" aria-label="Services">
<button type="button" id="open-all">Open all</button>
<button type="button" id="close-all">Collapse all</button>
</div>
<div role="group" aria-label="Zoom">
<button type="button" id="zoom-out" aria-label="Zoom out">&minus;</button>
<output id="zoom"></output>
<button type="button" id="zoom-in" aria-label="Zoom in">+</button>
<button type="button" id="fit">Fit</button>
</div>
</header>
<nav aria-label="Services">
<input type="search" id="search" placeholder="Service, chain or address ( / )" aria-label="Service, chain or address">
<p id="found" role="status"></p>
<ul id="results"></ul>
<p>Drag to move, wheel to zoom; click a chain for its rules.</p>
</nav>
<main id="canvas" tabindex="0" aria-label="Chains and the jumps between them">
<svg id="drawing" role="group" aria-label="Chains">
<defs>
<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0L8 4L0 8z"/></marker>
<marker id="head-lit" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="10" markerHeight="10" markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0L8 4L0 8z"/></marker>
</defs>
</svg>
</main>
<aside id="panel" aria-label="Rules" hidden>
<button type="button" id="close-panel" aria-label="Close">&times;</button>
<div id="rules"></div>
</aside>
<script type="application/json" id="data">${embedded(data)}</script>
<script type="module">${script}</script>
</body>
</html>
`;
}

/** JSON that no parser of HTML takes for the end of its element, or for a comment. */
function embedded(data: PageData): string {
  return JSON.stringify(data).replaceAll('<', '\\u003c');
}

function digest(text: string): string {
  return `'sha256-${btoa(sha256(text))}'`;
}
