/** What else decides where packets go on this node: its routes and its sets. It is looked at, and never changed. */
import { execaSync } from 'execa';
import { run } from './command.ts';

/** Seconds that a look at the kernel may take. */
const PATIENCE = 10;

const known = new Map<string, string | undefined>();

/**
 * The interface by which packets to an address leave this node, by its routes (`ip route get`); undefined where there is no
 * route, or nobody who tells.
 */
export function routeTo(address: string): string | undefined {
  if (!known.has(address)) {
    const { stdout, failed } = execaSync('ip', ['-oneline', 'route', 'get', address], {
      reject: false,
      env: { LC_ALL: 'C' },
      cwd: '/',
      timeout: PATIENCE * 1000,
    });
    known.set(address, failed ? undefined : deviceOf(String(stdout)));
  }
  return known.get(address);
}

/** Behind `dev` in what `ip route get` prints: `10.0.0.1 via 192.0.2.9 dev eth0 src 192.0.2.1 uid 0`. */
export function deviceOf(printed: string): string | undefined {
  return / dev (\S+)/.exec(printed)?.[1];
}

/** The sets of this node as `ipset save` prints them; undefined where it has no ipset, or may not be asked. */
export async function savedSets(): Promise<string | undefined> {
  try {
    return (await run(['ipset', 'save'], { patience: PATIENCE })).stdout;
  } catch {
    return undefined;
  }
}
