import { readFileSync } from 'node:fs';
import { getAsset, isSea } from 'node:sea';

/** The version of svc2ipt. */
export function version(): string {
  const text = isSea()
    ? getAsset('package.json', 'utf8')
    : readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const manifest: { version: string } = JSON.parse(text);
  return manifest.version;
}
