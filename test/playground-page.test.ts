/** The page of the playground that is in the repository, and published. */
import { hash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { PLAYGROUND_PAGE, playgroundPage } from '../scripts/playground-page.ts';

const page = await playgroundPage();

describe('docs/playground/index.html', () => {
  test('is current (npm run playground writes it anew)', async () => {
    // A million letters are no difference that anybody would read.
    const there = await readFile(PLAYGROUND_PAGE, 'utf8');
    expect(hash('sha256', there)).toBe(hash('sha256', page));
  });

  test('takes no more than 1.5 MB on its way', () => {
    const size = gzipSync(page).length;
    console.log(`the playground has ${page.length >> 10} KiB, ${size >> 10} KiB gzipped`);
    expect(size).toBeLessThan(1_500_000);
  });

  test('lets nothing out, and nothing in', () => {
    const [, policy = ''] = /Content-Security-Policy" content="([^"]*)"/.exec(page) ?? [];
    expect(policy).toContain("default-src 'none'; connect-src 'none'; script-src 'sha256-");
    expect(policy).not.toMatch(/unsafe|https?:/);
    const script = page.slice(page.indexOf('<script type="module">') + 22, page.lastIndexOf('</script>'));
    expect(policy).toContain(`'sha256-${hash('sha256', script, 'base64')}'`);
  });

  test('names no file and no person of the machine that made it', () => {
    expect(page).not.toMatch(/\/(?:home|root|work|Users)\/|file:\/\//);
  });

  test.each(['@codemirror/view', 'preact', 'zod', 'yaml', '@noble/hashes'])(
    'has the licence of %s, which is in it',
    (name) => {
      expect(page).toMatch(new RegExp(`^(?:<script .*>)?${name} \\d+\\.\\d+\\.\\d+ \\([\\w-]+\\)$`, 'm'));
    },
  );
});
