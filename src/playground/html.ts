/** The playground as one file of HTML, which works from a disk and asks nobody for anything. */
import { sha256 } from '../text/sha256.ts';
import type { PlaygroundExample } from './state.ts';

export interface PlaygroundParts {
  /** What brings the page to life. */
  readonly script: string;
  /** What works things out, in a thread of its own. */
  readonly thread: string;
  readonly style: string;
  readonly examples: readonly PlaygroundExample[];
  /** Of the libraries that are in the scripts. */
  readonly licences: string;
}

/**
 * The page. Its policy lets it run its own two scripts and nothing else, and connect to nobody. Editors write style sheets:
 * they show a word that only they know, made of the scripts so that the same page is the same text.
 */
export function printPlayground({ script, thread, style, examples, licences }: PlaygroundParts): string {
  const nonce = digest(script + thread).slice(0, 24);
  const policy = [
    "default-src 'none'",
    "connect-src 'none'",
    `script-src 'sha256-${digest(inScript(script))}'`,
    'worker-src blob:',
    `style-src 'nonce-${nonce}'`,
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<meta name="description" content="How traffic to a Kubernetes Service gets to a Pod: your own YAML, the iptables rules that it becomes, and packets that walk through them.">
<title>svc2ipt playground: from Kubernetes Services to iptables rules</title>
<link rel="icon" href="${ICON}">
<style nonce="${nonce}">${style}</style>
</head>
<body>
<noscript>This page works things out by itself, in your browser: it needs JavaScript.</noscript>
<script type="application/json" id="examples">${JSON.stringify(examples).replaceAll('<', '\\u003c')}</script>
<script type="text/plain" id="licences">${licences.replaceAll('<', '(')}</script>
<script type="text/plain" id="thread">${inScript(thread)}</script>
<script type="module">${inScript(script)}</script>
</body>
</html>
`;
}

/** Packets that fan out from one address to several endpoints. */
const ICON =
  "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24'%3E%3Crect width='24' height='24' rx='6' fill='%232563eb'/%3E%3Cpath d='M4 12h5c4 0 3-6 8-6M9 12h8M9 12c4 0 3 6 8 6' fill='none' stroke='%23fff' stroke-width='1.8'/%3E%3C/svg%3E";

/** A script that no parser of HTML takes for the end of its element, or for a comment. It means the same. */
function inScript(script: string): string {
  return script.replaceAll(/<(?=\/script|script|!--)/gi, '\\x3c');
}

function digest(text: string): string {
  return btoa(sha256(text));
}
