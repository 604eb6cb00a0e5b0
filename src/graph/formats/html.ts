/** One file of HTML that shows a graph, in any browser, from a disk, without a network. */
import { sha256 } from '../../text/sha256.ts';
import type { Theme } from '../arrangement/look.ts';
import type { PageData } from '../arrangement/page-types.ts';
import { pageStyle } from './style.ts';

/**
 * The page for a graph.
 * @param script what brings it to life
 * @param theme whether it is for day or night; `auto` follows whoever looks at it
 */
export function printHtml(data: PageData, script: string, theme: Theme = 'auto'): string {
  const style = pageStyle(theme);
  // Whatever a cluster's names are, the browser runs this script only, and asks nobody for anything.
  const policy = `default-src 'none'; script-src ${digest(script)}; style-src ${digest(style)}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width">
<title>svc2ipt: rules of ${data.family}</title>
<style>${style}</style>
</head>
<body>
<header>
<h1>svc2ipt</h1>
<p id="summary"></p>
</header>
<main id="picture"></main>
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
