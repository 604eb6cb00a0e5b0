/** The picture as a part of any page: `mountPicture` in a real browser, as a person uses it. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { rolldown } from 'rolldown';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { withJumps } from '../src/chains/jumps.ts';
import { compile } from '../src/compiler/compile.ts';
import { type WalkStep, walkSteps } from '../src/graph/arrangement/walk-steps.ts';
import { pageData } from '../src/graph/formats/page-data.ts';
import { graphOf } from '../src/graph/graph.ts';
import { prepare } from '../src/iptables/simulator/prepare.ts';
import { tracePacket } from '../src/trace/trace.ts';
import { CHROMIUM, launchChromium, seriousFaults } from './support/browser.ts';
import { PROJECT } from './support/project.ts';
import { inputOf, service, slice } from './support/rules.ts';

/** No test is a race: a machine may have other things to do. */
const PATIENCE = { timeout: 60_000 };

/** Two namespaces; in the first, a Service with two endpoints. */
const { cluster, node, options } = inputOf({
  objects: [
    service({ type: 'NodePort', ports: [{ name: 'http', port: 80, nodePort: 30080 }] }),
    service({ clusterIP: '10.96.0.11' }, { metadata: { name: 'db', namespace: 'bank' } }),
    slice(['10.244.1.5', '10.244.2.6']),
  ],
});
const ruleset = compile(cluster, node, options('ipv4'));
const pods = new Map([['10.244.1.5', 'Pod web-1 on node-a']]);
const data = pageData(graphOf(ruleset), false, (address) => pods.get(address));

/** From outside to the node port. */
const steps: readonly WalkStep[] = walkSteps(
  tracePacket(
    prepare(withJumps(ruleset)),
    {
      source: '203.0.113.9',
      destination: '192.168.0.2',
      protocol: 'tcp',
      destinationPort: 30080,
      arrives: true,
    },
    { isLocal: (address) => address === '192.168.0.2' },
  ).stages,
);

describe.skipIf(!CHROMIUM)('a picture in a page', () => {
  let folder: string;
  let browser: Browser;
  let script: string;
  let page: Page;
  let complaints: string[];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'svc2ipt-'));
    browser = await launchChromium();
    const bundle = await rolldown({ cwd: PROJECT, input: 'src/graph/page/picture.ts', platform: 'browser' });
    const { output } = await bundle.generate({ format: 'iife', name: 'pictures' });
    script = output[0].code;
  });

  afterAll(async () => {
    await browser.close();
    await rm(folder, { recursive: true });
  });

  beforeEach(() => {
    complaints = [];
  });

  afterEach(async () => {
    await page.close();
    expect(complaints).toEqual([]);
  });

  /** A page of its own styles, which lets nobody else's in, with the same picture in two elements, the second by night. */
  async function open(given: BrowserContextOptions = {}): Promise<void> {
    page = await browser.newPage({ viewport: { width: 1300, height: 800 }, ...given });
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => complaints.push(message.text()));
    const file = join(folder, 'page.html');
    await writeFile(join(folder, 'script.js'), script);
    await writeFile(
      file,
      `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Shop</title>
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src file:; style-src 'nonce-a'">
<style nonce="a">
  html, body { height: 100%; margin: 0; color-scheme: light dark; }
  h1 { margin: 0; font-size: 12px; } button { display: none; } rect { fill: red; }
  #one, #two { height: calc(50% - 10px); }
</style></head>
<body><main><h1>Shop</h1><div id="one"></div><div id="two"></div></main><script src="script.js"></script></body></html>`,
    );
    await page.goto(pathToFileURL(file).href);
    await page.evaluate(
      `var data = ${JSON.stringify(data)}; var steps = ${JSON.stringify(steps)}; var told = [];
       var tell = (...words) => told.push(words);
       var one = pictures.mountPicture(document.getElementById('one'), data, {
         list: false, onSelect: (chain) => tell('chain', chain), onFilter: (name) => tell('namespace', name) });
       var two = pictures.mountPicture(document.getElementById('two'), data, { list: false, theme: 'dark' });`,
    );
  }

  const one = (selector: string) => page.locator(`#one ${selector}`);
  const texts = (selector: string) => one(selector).allTextContents();
  const run = (expression: string) => page.evaluate<unknown>(expression);

  test('two pictures, neither of which knows the other or its page', async () => {
    await open();
    expect(await one('.box').count()).toBe(data.nodes.length);
    await one('.box').first().dispatchEvent('click');
    expect(await one('.box.lit').count()).toBe(1);
    expect(await page.locator('#two .box.lit').count()).toBe(0);
    const ground = (id: string) =>
      run(
        `getComputedStyle(document.querySelector('#${id} > div').shadowRoot.querySelector('.picture')).backgroundColor`,
      );
    expect(await ground('one')).not.toBe(await ground('two'));
    expect(await run('document.querySelectorAll("[id]").length')).toBe(2);
    expect(await one('.fit').isVisible()).toBe(true);
  });

  test('it opens with everything in view, and keeps it so', async () => {
    await open();
    const isInView = async () => {
      const [seen, all] = await Promise.all([
        one('.canvas').boundingBox(),
        one('.canvas > svg > g').boundingBox(),
      ]);
      return (
        seen !== null &&
        all !== null &&
        all.x >= seen.x &&
        all.y >= seen.y &&
        all.x + all.width <= seen.x + seen.width &&
        all.y + all.height <= seen.y + seen.height
      );
    };
    expect(await isInView()).toBe(true);
    await page.setViewportSize({ width: 600, height: 900 });
    await expect.poll(isInView, PATIENCE).toBe(true);
  });

  test('Pods and addresses stand on the boxes of endpoints', async () => {
    await open();
    expect((await texts('.about')).sort()).toEqual([
      '10.244.1.5:8080',
      '10.244.2.6:8080',
      'Pod web-1 on node-a',
      'Pod web-1 on node-a',
    ]);
  });

  test('show leads to a chain, and tells that it is looked at', async () => {
    await open();
    expect(await run("one.show({ table: 'nat', chain: 'KUBE-NODEPORTS' })")).toBe(true);
    expect(await texts('.panel h2')).toEqual(['KUBE-NODEPORTS']);
    expect(await run("one.show({ table: 'nat', chain: 'KUBE-NOTHING' })")).toBe(false);
    await page.keyboard.press('Escape');
    expect(await run('told')).toEqual([
      ['chain', { table: 'nat', chain: 'KUBE-NODEPORTS' }],
      ['chain', undefined],
    ]);
  });

  test('one namespace only', async () => {
    await open();
    expect(await texts('.namespace option')).toEqual(['All namespaces', 'bank', 'shop']);
    await one('.namespace').selectOption('bank');
    expect(await texts('.handle text')).toEqual(['\u25be bank/db']);
    expect(await run('told')).toEqual([['namespace', 'bank']]);
    // What is looked at is drawn, whatever was asked for.
    const chain = data.nodes.find(({ label }) => label.startsWith('KUBE-SVC-'))?.label;
    expect(await run(`one.show({ table: 'nat', chain: '${chain}' })`)).toBe(true);
    expect(await texts('.handle text')).toEqual(['\u25be bank/db', '\u25be shop/web']);
    expect(await run("one.filter('nowhere')")).toBe(false);
  });

  test('other data: what was looked at stays so where it is there still', async () => {
    await open();
    await run("one.show({ table: 'nat', chain: 'KUBE-NODEPORTS' })");
    await run(
      "one.update({ ...data, nodes: data.nodes.filter(({ service }) => service !== 'bank/db').map((node) => ({ ...node, rules: [] })) })",
    );
    expect(await texts('.handle text')).toEqual(['\u25be shop/web']);
    expect(await texts('.panel h2')).toEqual(['KUBE-NODEPORTS']);
    expect(await texts('.panel h3')).toEqual(['0 rules']);
  });

  test('a legend', async () => {
    await open();
    await one('.legend-button').click();
    expect((await texts('.legend li')).length).toBeGreaterThan(5);
    await one('.legend-button').click();
    expect(await one('.legend').isVisible()).toBe(false);
  });

  describe('a walk', () => {
    const caption = () => one('.walk p').textContent();

    test('step by step, to each rule with its reason', async () => {
      await open({ reducedMotion: 'reduce' });
      await run('var walk = one.walk(steps)');
      const seen: (string | null)[] = [];
      for (const [i, { table, chain, number, reason }] of steps.entries()) {
        const where = number === undefined ? `${table} ${chain}` : `${table} ${chain}, rule ${number}`;
        expect(await caption()).toContain(`${i + 1}/${steps.length} ${where}`);
        expect(await caption()).toContain(reason);
        seen.push(await caption());
        if (i < steps.length - 1) await one('[aria-label="Step forward"]').click();
      }
      expect(await one('[aria-label="Step forward"]').isDisabled()).toBe(true);
      // Each of two endpoints gets half of what comes.
      expect(seen.filter((text) => text?.includes('(50 % of all)')).length).toBeGreaterThanOrEqual(2);
      expect(await texts('.box.met > text:first-of-type')).toEqual(
        expect.arrayContaining(['KUBE-NODEPORTS', 'DNAT 10.244.1.5:8080', 'DNAT 10.244.2.6:8080']),
      );
      expect(await one('.arrow.walked').count()).toBeGreaterThan(4);
    });

    test('plays, pauses and plays again, as fast as one likes', async () => {
      await open();
      await run(
        'var seen = []; one.walk(steps, { autoplay: true, onStep: (step) => seen.push(step) }).speed(100)',
      );
      await expect.poll(() => run('seen.at(-1)'), PATIENCE).toBe(steps.length - 1);
      expect(await run('seen.slice(-3)')).toEqual([-3, -2, -1].map((from) => steps.length + from));
      await expect.poll(() => one('.play').getAttribute('aria-label'), PATIENCE).toBe('Play');
      await one('.walk select').selectOption('0.5');
      await one('.play').click();
      expect(await caption()).toContain(`1/${steps.length} `);
      await one('.play').click();
      expect(await one('.play').getAttribute('aria-label')).toBe('Play');
    });

    test('a packet goes along the arrow; it stands still for whoever asks for that', async () => {
      const taken = steps.findIndex(({ fits, number }) => fits > 0 && number !== undefined);
      for (const [reducedMotion, isMoving] of [
        ['no-preference', true],
        ['reduce', false],
      ] as const) {
        await open({ reducedMotion });
        await run(
          `var walk = one.walk(steps); walk.speed(0.5); walk.go(${taken}); var places = new Set();
           var look = () => { const packet = document.querySelector('#one > div').shadowRoot.querySelector('.packet');
             if (packet) places.add(packet.getAttribute('cx') + ' ' + packet.getAttribute('cy'));
             requestAnimationFrame(look); }; look();`,
        );
        if (taken === 0) await run('walk.play()');
        await run(
          'new Promise((done) => { let left = 20; const wait = () => left-- ? requestAnimationFrame(wait) : done(); wait(); })',
        );
        if (taken > 0 && isMoving) expect(await run('places.size')).toBeGreaterThan(1);
        if (!isMoving) expect(await run('places.size')).toBe(1);
        if (isMoving) await page.close();
      }
    });

    test('by keyboard, from the first button to the end', async () => {
      await open();
      await run('one.walk(steps)');
      await one('.play').focus();
      await page.keyboard.press('Shift+Tab');
      await page.keyboard.press('Tab');
      await page.keyboard.press('Space');
      expect(await one('.play').getAttribute('aria-label')).toBe('Pause');
      await page.keyboard.press('Space');
      await one('.walk input').focus();
      await page.keyboard.press('End');
      expect(await caption()).toContain(`${steps.length}/${steps.length} `);
      await one('.close-walk').focus();
      await page.keyboard.press('Enter');
      expect(await one('.walk').isVisible()).toBe(false);
      expect(await one('.met').count()).toBe(0);
    });

    test('marks without a walk, and none', async () => {
      await open();
      await run('one.highlight(steps, 3)');
      expect(await one('.row.here, .box.here').count()).toBeGreaterThan(0);
      expect(await one('.walk').isVisible()).toBe(false);
      await run('one.highlight([], 0)');
      expect(await one('.met, .here, .walked').count()).toBe(0);
    });
  });

  test('it goes away without a trace, and may come again', async () => {
    await open();
    await run('one.walk(steps, { autoplay: true }); one.destroy()');
    expect(await run("document.getElementById('one').childElementCount")).toBe(0);
    await run("one = pictures.mountPicture(document.getElementById('one'), data)");
    expect(await one('.box').count()).toBe(data.nodes.length);
  });

  describe('on a phone', () => {
    const PHONE = { viewport: { width: 390, height: 1400 }, hasTouch: true, isMobile: true };

    /** Fingers, each from one place to another, of the middle of the drawing. */
    async function touch(fingers: readonly (readonly [from: [number, number], to: [number, number]])[]) {
      const box = await one('.canvas').boundingBox();
      if (!box) throw new Error('no drawing');
      const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
      const session = await page.context().newCDPSession(page);
      const at = (part: number) =>
        fingers.map(([from, to], id) => ({
          id,
          x: x + from[0] + (to[0] - from[0]) * part,
          y: y + from[1] + (to[1] - from[1]) * part,
        }));
      await session.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: at(0) });
      for (const part of [0.25, 0.5, 0.75, 1]) {
        await session.send('Input.dispatchTouchEvent', { type: 'touchMove', touchPoints: at(part) });
      }
      await session.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
    }

    const zoom = async () => Number.parseInt((await one('.zoom').textContent()) ?? '', 10);
    const stand = () => one('.canvas > svg > g').getAttribute('transform');

    test('one finger moves it, two pinch', async () => {
      await open(PHONE);
      const [before, zoomBefore] = [await stand(), await zoom()];
      await touch([
        [
          [0, 0],
          [60, 40],
        ],
      ]);
      await expect.poll(stand, PATIENCE).not.toBe(before);
      expect(await zoom()).toBe(zoomBefore);
      await touch([
        [
          [-20, 0],
          [-80, 0],
        ],
        [
          [20, 0],
          [80, 0],
        ],
      ]);
      await expect.poll(zoom, PATIENCE).toBeGreaterThan(2 * zoomBefore);
      expect(await one('.panel').isVisible()).toBe(false);
    });

    test('a tap shows rules over the drawing, and the list makes room', async () => {
      await open(PHONE);
      await run("one.showService('shop/web')");
      await one('.list-button').tap();
      await one('.search').fill('KUBE-NODEPORTS');
      await one('.results button').first().tap();
      expect(await one('.list').isVisible()).toBe(false);
      expect(await texts('.panel h2')).toEqual(['KUBE-NODEPORTS']);
      await one('.close-panel').tap();
      expect(await one('.panel').isVisible()).toBe(false);
      expect(await run('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
    });
  });

  test.each(['light', 'dark'] as const)('nothing serious that axe finds, %s', async (colorScheme) => {
    await open({ colorScheme });
    await run("one.focusSearch(); one.show({ table: 'nat', chain: 'KUBE-SERVICES' })");
    await one('.legend-button').click();
    await run('two.walk(steps).go(4)');
    expect(await seriousFaults(page)).toEqual([]);
  });
});
