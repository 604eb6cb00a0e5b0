/**
 * How fast the playground is, in Chromium: `npm run bench:playground`. What it prints are medians: from opening to the first
 * rules, and, with 20 Services, how long a keystroke keeps the page busy and when the rules of it are there.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import type { Page } from 'playwright-core';
import { playgroundPage } from '../scripts/playground-page.ts';
import { launchChromium } from '../test/support/browser.ts';
import { type Figure, tellFigures } from './figures.ts';
import { median } from './statistics.ts';

const RUNS = process.argv.includes('--quick') ? 3 : 9;
const KEYSTROKES = 20;

/** Services of a Deployment of three Pods each. */
function services(count: number): string {
  return Array.from(
    { length: count },
    (_, i) => `apiVersion: v1
kind: Service
metadata: { name: web-${i}, namespace: shop }
spec: { type: NodePort, selector: { app: web-${i} }, ports: [{ port: 80, targetPort: 8080, nodePort: ${30000 + i} }] }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: web-${i}, namespace: shop }
spec:
  replicas: 3
  selector: { matchLabels: { app: web-${i} } }
  template:
    metadata: { labels: { app: web-${i} } }
    spec: { containers: [{ name: web, image: web }] }
---
`,
  ).join('');
}

/** From navigation to the first rules, in milliseconds, as the page's own clock has it. */
async function opening(page: Page, address: string): Promise<number> {
  await page.goto('about:blank');
  await page.goto(`${address}#tab=rules`);
  await page.locator('.rule').first().waitFor({ timeout: 120_000 });
  return await page.evaluate<number>('performance.now()');
}

/** Types a character, in milliseconds: how long that keeps the page busy, and when rules of it are shown. */
async function keystroke(page: Page, port: number): Promise<{ busy: number; shown: number }> {
  await page.keyboard.press('Backspace');
  // Its rules are not those that are waited for.
  await page.waitForTimeout(300);
  await page.locator('.cm-content').evaluate('(element) => element.focus()');
  return await page.evaluate<{ busy: number; shown: number }>(`new Promise((resolve) => {
    const start = performance.now();
    let busy = 0;
    new MutationObserver((_, observer) => {
      observer.disconnect();
      requestAnimationFrame(() => resolve({ busy, shown: performance.now() - start }));
    }).observe(document.querySelector('.rule-lines'), { subtree: true, childList: true, characterData: true, attributes: true });
    document.execCommand('insertText', false, '${port % 10}');
    busy = performance.now() - start;
  })`);
}

const folder = mkdtempSync(join(tmpdir(), 'svc2ipt-bench-'));
const browser = await launchChromium();
try {
  const text = await playgroundPage();
  const file = join(folder, 'playground.html');
  writeFileSync(file, text);
  const address = pathToFileURL(file).href;
  const page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
  const openings: number[] = [];
  for (let run = 0; run < RUNS; run++) openings.push(await opening(page, address));
  await page.locator('.cm-content').first().click();
  await page.keyboard.press('Control+a');
  await page.evaluate(`{
    const clipboardData = new DataTransfer();
    clipboardData.setData('text/plain', ${JSON.stringify(services(20))});
    const paste = new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true });
    document.querySelector('.cm-content').dispatchEvent(paste);
  }`);
  await page.locator('.chain', { hasText: 'shop/web-19' }).first().waitFor({ timeout: 120_000 });
  // The port of the first Service is on its fourth line: each keystroke makes another rule.
  await page.keyboard.press('Control+Home');
  for (let line = 0; line < 3; line++) await page.keyboard.press('ArrowDown');
  await page.keyboard.press('End');
  for (let column = 0; column < ' }] }'.length; column++) await page.keyboard.press('ArrowLeft');
  const taken = [];
  for (let stroke = 0; stroke < KEYSTROKES; stroke++) {
    taken.push(await keystroke(page, stroke));
    await page.waitForTimeout(300);
  }
  const ms = (name: string, values: readonly number[], limit: number): Figure => ({
    name,
    value: median(values),
    unit: 'ms',
    limit,
  });
  const keystrokes = '20 Services: a keystroke';
  process.exitCode = tellFigures(
    [
      { name: 'size, gzipped', value: gzipSync(text).length / 1e6, unit: 'MB', limit: 1.5 },
      ms('from opening to the first rules', openings, 1000),
      ms(
        `${keystrokes} keeps the page busy`,
        taken.map(({ busy }) => busy),
        50,
      ),
      ms(
        `${keystrokes}, until its rules are shown`,
        taken.map(({ shown }) => shown),
        50,
      ),
    ],
    {},
  );
} finally {
  await browser.close();
  rmSync(folder, { recursive: true });
}
