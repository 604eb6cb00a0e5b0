/** The worlds of pages. */
import { FILES, NODE_FILES, OBJECTS } from './example-cluster.ts';
import type { World } from './world.ts';

/**
 * Pages in docs/commands whose examples need root and a kernel, by their names, each with commands that make the world
 * ready: they are written from the help, which has no prompts.
 */
const COMMANDS_OF_ROOT: Readonly<Record<string, readonly string[]>> = {
  README: [],
  agent: [],
  apply: [],
  cleanup: ['svc2ipt apply -f manifests/'],
  diff: [],
  explain: ['svc2ipt apply -f manifests/'],
  render: [],
  top: [
    'svc2ipt apply -f manifests/',
    'iptables-save -c > before.save; sleep 1; iptables-save -c > after.save',
  ],
  trace: ['svc2ipt apply -f manifests/'],
};

/** Whether a page needs a node, whatever its prompts say. */
export function isOfRoot(path: string): boolean {
  return commandOf(path) in COMMANDS_OF_ROOT;
}

/** The world of a page. */
export function worldOf(path: string, onNode: boolean): World {
  const command = commandOf(path);
  return {
    hostname: command === '' ? 'node-a' : 'node1',
    files: { ...(command === '' ? {} : FILES), ...(onNode ? NODE_FILES : {}) },
    before: ['mkdir -p ~/.config/fish/completions', ...(COMMANDS_OF_ROOT[command] ?? [])],
    objects: onNode ? OBJECTS : undefined,
  };
}

/** The name of a page in docs/commands; empty for others. */
function commandOf(path: string): string {
  return /^docs\/commands\/(.*)\.md$/.exec(path)?.[1] ?? '';
}
