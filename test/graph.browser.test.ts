/** The page of `svc2ipt graph -o html` in a real browser, opened from the disk. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { printDot } from '../src/graph/formats/dot.ts';
import { printHtml } from '../src/graph/formats/html.ts';
import { pageData } from '../src/graph/formats/page-data.ts';
import { pageScript } from '../src/graph/formats/page-script.ts';
import { drawSvg } from '../src/graph/formats/svg.ts';
import { graphOf } from '../src/graph/graph.ts';
import type { RuleGraph } from '../src/graph/types.ts';
import { nastyRuleset } from './support/arbitrary/nasty-rulesets.ts';
import type { Manifest } from './support/arbitrary/raw.ts';
import { CHROMIUM } from './support/chromium.ts';
import { compiledGraph } from './support/graphs.ts';
import { loadBalancer, service, slice } from './support/rules.ts';

/** So many Services of all kinds, most of them with three endpoints. */
function manyServices(count: number): Manifest[] {
  return Array.from({ length: count }, (_, i) => {
    const [high, low] = [Math.floor(i / 200), (i % 200) + 1];
    const name = `service-${i}`;
    const spec = {
      clusterIP: `10.96.${high}.${low}`,
      ...(i % 5 === 2 ? { sessionAffinity: 'ClientIP' } : {}),
    };
    const bare = i % 5 === 1 ? loadBalancer(spec, `203.0.${high}.${low}`) : service(spec);
    const named = { ...bare, metadata: { name, namespace: 'shop' } };
    const labels = { 'kubernetes.io/service-name': name };
    const endpoints = slice([1, 2, 3].map((pod) => `10.244.${i % 250}.${high * 10 + pod}`));
    const bound = { ...endpoints, metadata: { name: `${name}-1`, namespace: 'shop', labels } };
    return i % 5 === 4 ? [named] : [named, bound];
  }).flat();
}

describe.skipIf(!CHROMIUM)('the page in Chromium', () => {
  let folder: string;
  let browser: Browser;
  let page: Page;
  /** What went wrong on the page. */
  let complaints: string[];
  /** What the page asked for. */
  let asked: string[];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'svc2ipt-'));
    // Chromium's sandbox does not work for root.
    const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
    browser = await chromium.launch({ executablePath: CHROMIUM ?? '', args });
  });

  afterAll(async () => {
    await browser.close();
    await rm(folder, { recursive: true });
  });

  beforeEach(async () => {
    page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
    complaints = [];
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => complaints.push(message.text()));
    page.on('dialog', (dialog) => complaints.push(dialog.message()));
    page.on('request', (request) => asked.push(request.url()));
    asked = [];
  });

  afterEach(async () => {
    await page.close();
    expect(complaints).toEqual([]);
  });

  /** Opens a file in the browser, which must ask for nothing else. */
  async function open(name: string, text: string): Promise<void> {
    const file = join(folder, name);
    await writeFile(file, text);
    await page.goto(pathToFileURL(file).href);
    expect(asked).toEqual([pathToFileURL(file).href]);
  }

  async function show(graph: RuleGraph, collapsed: boolean): Promise<void> {
    await open('graph.html', printHtml(pageData(graph, collapsed), await pageScript()));
  }

  const texts = (selector: string) => page.locator(selector).allTextContents();
  /** Where the drawing stands, and how large it is. */
  const view = () => page.locator('#drawing > g').getAttribute('transform');
  const chain = (name: string) => page.locator(`[aria-label="Chain ${name}"]`).first();

  describe('5 Services', () => {
    const graph = compiledGraph({ objects: manyServices(5) });
    beforeEach(() => show(graph, false));

    test('all chains are there, and all targets', async () => {
      const labels = graph.nodes.map(({ label }) => label);
      expect((await texts('.box > text')).sort()).toEqual(labels.sort());
      expect(await texts('#summary')).toEqual([
        expect.stringMatching(/^ipv4 \u00b7 5 Services \u00b7 \d+ chains \u00b7 \d+ rules$/),
      ]);
      expect(await page.locator('.arrow').count()).toBe(graph.edges.length);
    });

    test('a click shows the rules of a chain with their comments, and another one where they lead', async () => {
      await chain('KUBE-NODEPORTS').click();
      expect(await texts('#rules h2')).toEqual(['KUBE-NODEPORTS']);
      await page.locator('#rules ul button').first().click();
      expect(await texts('#rules h2')).toEqual(['KUBE-SERVICES']);
      expect(await texts('#rules .comment')).toContain('shop/service-0:http cluster IP');
      expect(await texts('#rules code')).toContainEqual(
        expect.stringMatching(/^-A KUBE-SERVICES -m tcp -p tcp -d 10\.96\.0\.1 --dport 80 -j KUBE-SVC-/),
      );
      await page.locator('#close-panel').click();
      expect(await page.locator('#panel').isVisible()).toBe(false);
    });

    test('what is looked at is lit, with all arrows from it and to it', async () => {
      await chain('KUBE-MARK-MASQ').dispatchEvent('click');
      const masquerade = graph.nodes.find(({ label }) => label === 'KUBE-MARK-MASQ')?.id;
      const touching = graph.edges.filter(({ from, to }) => from === masquerade || to === masquerade);
      expect(await page.locator('.arrow.lit').count()).toBe(touching.length);
      expect(await page.locator('.box.lit').count()).toBe(1);
    });

    test('a Service collapses to one box, and opens again', async () => {
      const before = await page.locator('.box').count();
      await page.locator('.handle').first().click();
      expect(await texts('.cell text')).toEqual(['shop/service-0']);
      expect(await page.locator('.box').count()).toBeLessThan(before);
      await page.locator('.cell').click();
      expect(await page.locator('.box').count()).toBe(before);
      expect(await page.locator('.cell').count()).toBe(0);
      await page.locator('#close-all').click();
      expect(await page.locator('.cell').count()).toBe(5);
      await page.locator('#open-all').click();
      expect(await page.locator('.box').count()).toBe(before);
    });

    test.each<[string, () => Promise<void>]>([
      ['by a button', () => page.locator('#zoom-in').click()],
      ['by another button', () => page.locator('#zoom-out').click()],
      ['by the wheel', () => page.mouse.move(800, 500).then(() => page.mouse.wheel(0, -300))],
      ['by dragging', () => drag()],
      ['by a key', () => page.locator('#canvas').press('ArrowRight')],
      ['by another key', () => page.locator('#canvas').press('-')],
      ['to see everything', () => page.locator('#fit').click()],
    ])('the view changes %s', async (_, act) => {
      const before = await view();
      await act();
      await expect.poll(view).not.toBe(before);
    });

    async function drag(): Promise<void> {
      await page.mouse.move(1300, 860);
      await page.mouse.down();
      await page.mouse.move(1200, 700, { steps: 5 });
      await page.mouse.up();
    }

    test('whoever drags clicks on nothing', async () => {
      await chain('KUBE-NODEPORTS').hover();
      await page.mouse.down();
      await page.mouse.move(1200, 700, { steps: 5 });
      await page.mouse.up();
      expect(await page.locator('#panel').isVisible()).toBe(false);
    });

    test('without a mouse', async () => {
      await page.keyboard.press('/');
      await page.keyboard.type('kube-postrouting');
      await page.keyboard.press('Tab');
      await page.keyboard.press('Enter');
      expect(await texts('#rules h2')).toEqual(['KUBE-POSTROUTING']);
      await page.keyboard.press('Escape');
      expect(await page.locator('#panel').isVisible()).toBe(false);
      await page.keyboard.press('Enter');
      expect(await texts('#rules h2')).toEqual(['KUBE-POSTROUTING']);
      const handle = page.locator('.handle').first();
      await handle.focus();
      await handle.press(' ');
      expect(await page.locator('.cell').count()).toBe(1);
      expect(await page.locator('.cell:focus').count()).toBe(1);
    });

    test('by day and by night', async () => {
      const ground = () => page.evaluate('getComputedStyle(document.body).backgroundColor');
      await page.emulateMedia({ colorScheme: 'light' });
      const day = await ground();
      await page.emulateMedia({ colorScheme: 'dark' });
      expect(await ground()).not.toBe(day);
    });
  });

  describe('500 Services', () => {
    const graph = compiledGraph({ objects: manyServices(500) });
    beforeEach(() => show(graph, true));

    test('each is one box', async () => {
      expect(await page.locator('.cell').count()).toBe(500);
      const ofNode = graph.nodes.filter((node) => node.service === undefined);
      expect(await page.locator('.box').count()).toBe(ofNode.length);
    });

    test.each<[string, string, string, RegExp | undefined]>([
      ['a Service', 'service-321', 'shop/service-321', undefined],
      ['a chain', 'KUBE-SVC-', 'shop/service-0', /^KUBE-SVC-/],
      ['a cluster IP', '10.96.1.122', 'shop/service-321', /^KUBE-SVC-/],
      ['an endpoint', '10.244.71.13:8080', 'shop/service-321', /^KUBE-SEP-/],
      ['where nobody answers', '10.96.2.100', 'shop/service-499', /^REJECT$/],
    ])('the search finds %s', async (_, query, service, looksAt) => {
      await page.locator('#search').fill(query);
      const hit = page.locator('#results button').first();
      expect(await hit.locator('span').textContent()).toBe(service);
      await hit.click();
      expect(await texts('.handle text')).toEqual([`\u25be ${service}`]);
      expect(await texts('#rules h2')).toEqual(looksAt ? [expect.stringMatching(looksAt)] : []);
    });

    test('Enter goes to what is found first', async () => {
      await page.locator('#search').fill('10.244.71.13:8080');
      await page.locator('#search').press('Enter');
      expect(await texts('.handle text')).toEqual(['\u25be shop/service-321']);
      expect(await texts('#rules h2')).toEqual([expect.stringMatching(/^KUBE-SEP-/)]);
    });

    test('what is found is in view', async () => {
      await page.locator('#search').fill('10.96.1.122');
      await page.locator('#results button').first().click();
      const [seen, lit] = await Promise.all([
        page.locator('#canvas').boundingBox(),
        page.locator('.box.lit > rect').boundingBox(),
      ]);
      expect(lit && seen && lit.x >= seen.x && lit.y >= seen.y).toBe(true);
      expect(lit && seen && lit.x + lit.width <= seen.x + seen.width).toBe(true);
    });

    test('a click opens one, and all can be opened', async () => {
      await page.locator('#fit').click();
      await page.locator('.cell').nth(123).click();
      expect(await texts('.handle text')).toEqual(['\u25be shop/service-123']);
      await page.locator('#open-all').click();
      expect(await page.locator('.box').count()).toBe(graph.nodes.length);
    });
  });

  test('names that are none do nothing', async () => {
    const text = `"'</script><script>broken=1</script><img src=x onerror=broken=1>--><!--\\u003c]]>`;
    const graph = graphOf(nastyRuleset(text));
    await show(graph, false);
    const labels = graph.nodes.map(({ label }) => label);
    expect((await texts('.box > text')).sort()).toEqual(labels.sort());
    await page.locator('#search').fill('broken');
    await page.locator('#results button').last().click();
    expect(await page.evaluate('typeof broken')).toBe('undefined');
  });

  test('a picture with names that are none', async () => {
    const text = `"'</svg><script>broken=1</script>&amp;<!-- -->]]>`;
    const graph = graphOf(nastyRuleset(text));
    await open('graph.svg', await drawSvg(printDot(graph)));
    const shown = (await texts('text')).map((text) => text.replaceAll('\u00a0', ' '));
    for (const { label } of graph.nodes) expect(shown).toContain(label);
    expect(await page.evaluate('document.querySelectorAll("parsererror, script").length')).toBe(0);
  });
});
