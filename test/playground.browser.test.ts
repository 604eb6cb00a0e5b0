/** The playground in a real browser, opened from the disk, as somebody uses it. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { playgroundPage } from '../scripts/playground-page.ts';
import { TABS } from '../src/playground/state.ts';
import { CHROMIUM, launchChromium, seriousFaults } from './support/browser.ts';

// Where others work on the machine, a page takes its time.
const PATIENCE = 60_000;
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

describe.skipIf(!CHROMIUM)('the playground in Chromium', () => {
  let folder: string;
  let address: string;
  let browser: Browser;
  let page: Page;
  /** What went wrong on the page, its policy's complaints too. */
  let complaints: string[];
  /** What the page asked anybody for. */
  let asked: string[];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'svc2ipt-'));
    const file = join(folder, 'playground.html');
    await writeFile(file, await playgroundPage());
    address = pathToFileURL(file).href;
    browser = await launchChromium();
  });

  afterAll(async () => {
    await browser.close();
    await rm(folder, { recursive: true });
  });

  beforeEach(async () => {
    page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
    page.setDefaultTimeout(PATIENCE);
    complaints = [];
    asked = [];
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => complaints.push(message.text()));
    page.on('dialog', (dialog) => complaints.push(dialog.message()));
    page.on('request', (request) => asked.push(request.url()));
  });

  afterEach(async () => {
    const elsewhere = asked.filter((url) => !/^(?:file|blob|data):/.test(url));
    await page.close();
    expect(complaints).toEqual([]);
    expect(elsewhere).toEqual([]);
  });

  const open = (fragment = '') => page.goto(`${address}${fragment}`);
  const tab = (name: string) => page.getByRole('tab', { name }).click();
  const see = (text: string | RegExp) => page.locator('#panel').getByText(text).first().waitFor();
  const example = (name: string) => page.getByLabel('Example', { exact: true }).selectOption(name);
  /** Selects all of the editor's text, and pastes another in its place. */
  const type = async (text: string) => {
    await page.locator('.edit .cm-content').click();
    await page.keyboard.press('ControlOrMeta+a');
    await page.evaluate(`{
      const clipboardData = new DataTransfer();
      clipboardData.setData('text/plain', ${JSON.stringify(text)});
      const paste = new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true });
      document.querySelector('.edit .cm-content').dispatchEvent(paste);
    }`);
  };
  const poll = <Value>(get: () => Promise<Value>) => expect.poll(get, { timeout: PATIENCE });
  const findings = () => page.locator('.findings li').allTextContents();
  const fragment = () => page.evaluate<string>('location.hash');

  const SERVICE = [
    'apiVersion: v1',
    'kind: Service',
    'metadata: { name: mine, namespace: own }',
    'spec:',
    '  clusterIP: 10.96.0.77',
    '  ports: [{ port: 81 }]',
    '',
  ].join('\n');

  const CONFIGURATION = 'apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n';

  test('it begins with a node port, and says what that means', async () => {
    await open();
    await see('node port 30080 answers on every address of this node');
    await see('10.244.1.10:8080');
    expect(await page.locator('.endpoints .share-bar').allTextContents()).toEqual(['1/2', '1/2']);
    await page.getByText('No findings.').waitFor();
  });

  test('what somebody types becomes rules, and the address shares it', async () => {
    await open('#tab=rules');
    await see('KUBE-SERVICES');
    await type(SERVICE);
    await see('own/mine has no endpoints');
    await poll(fragment).toContain('manifests=');
    const link = await page.evaluate<string>('location.href');
    await open();
    await page.goto('about:blank');
    await page.goto(link);
    await see('own/mine has no endpoints');
    expect(await page.locator('.edit .cm-content').textContent()).toContain('clusterIP: 10.96.0.77');
  });

  test('findings stand below the editor and under the text, and lead to it', async () => {
    await open();
    await see('node port 30080');
    await type(SERVICE.replace('port: 81', 'port: 81000').replace('clusterIP', 'clusterIPP'));
    await poll(findings).toContainEqual(expect.stringContaining('Expected 1 to 65535, got 81000'));
    await poll(findings).toContainEqual(expect.stringContaining('clusterIPP'));
    await poll(() => page.locator('.cm-lintRange-error').allTextContents()).toContain('port: 81000');
    // What could be read last is still there.
    await see('node port 30080');
    await see('This is of the last text that could be read.');
    await page.locator('.findings button', { hasText: '81000' }).click();
    await poll(() => page.locator('.cm-activeLine').textContent()).toContain('81000');
    await type(SERVICE);
    await poll(findings).toContainEqual(expect.stringContaining('Service own/mine'));
    await see('own/mine');
  });

  test('fields and values complete', async () => {
    await open();
    await type(`${SERVICE.trimEnd()}\n  exter`);
    await page.keyboard.type('nal');
    const options = page.locator('.cm-tooltip-autocomplete li');
    await poll(() => options.allTextContents()).toContain('externalTrafficPolicy');
    await options.getByText('externalTrafficPolicy').click();
    await page.keyboard.press('Control+Space');
    await poll(() => options.allTextContents()).toEqual(['Cluster', 'Local']);
    await options.getByText('Local').click();
    await poll(() => page.locator('.edit .cm-content').textContent()).toContain(
      'externalTrafficPolicy: Local',
    );
  });

  test('no letter is lost, however fast somebody types', async () => {
    await open();
    await type('# ');
    const letters = 'abcdefghijklmnopqrstuvwxyz'.repeat(4);
    await page.keyboard.type(letters);
    await poll(fragment).toContain('manifests=');
    await page.waitForTimeout(1000);
    expect(await page.locator('.edit .cm-line').allTextContents()).toEqual([`# ${letters}`]);
  });

  test('every part of a rule says what it is, to the mouse and to the keyboard', async () => {
    await open('#tab=rules');
    const part = (text: string) => page.locator('.part', { hasText: text }).first();
    const explained = page.locator('.explained');
    await part('--dport 30080').hover();
    await poll(() => explained.textContent()).toContain('port 30080, the node port of shop/web');
    await part('DNAT').hover();
    await poll(() => explained.textContent()).toContain('Pod shop/web-1 on node-a');
    await page.mouse.move(5, 5);
    await page.locator('.part[tabindex="0"]').focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('End');
    await poll(() => explained.textContent()).toContain('Goes on in chain KUBE-');
    await page.keyboard.press('Enter');
    await poll(() => page.locator('.chain.lit').count()).toBeGreaterThan(0);
    await poll(fragment).toContain('chain=nat/KUBE-');
    await page.keyboard.press('Escape');
    expect(await explained.count()).toBe(0);
    const parts = await page.locator('.part').count();
    expect(await page.locator('.part[aria-description$="."]').count()).toBe(parts);
  });

  test('a link leads to a chain of the picture', async () => {
    await open('#tab=picture&chain=nat/KUBE-NODEPORTS');
    await page.locator('.panel .rules h2', { hasText: 'KUBE-NODEPORTS' }).waitFor();
    await page.getByRole('button', { name: 'Zoom in' }).click();
    await page.getByRole('button', { name: 'Legend' }).click();
    await page.getByRole('list', { name: 'Legend' }).waitFor();
    await page.getByRole('button', { name: 'Legend' }).click();
    await page.getByRole('button', { name: 'Close' }).click();
    await poll(fragment).toBe('#tab=picture');
  });

  test('a packet walks through the chains, with a reason at each rule and its share', async () => {
    await open('#tab=packet');
    await see('It goes to one of 2 destinations, 1/2 each, masqueraded.');
    await see('its destination 192.168.0.1 is not 10.96.0.10');
    expect(await page.locator('.outcomes .mono').allTextContents()).toEqual([
      '10.244.1.10:8080',
      '10.244.2.10:8080',
    ]);
    const here = () => page.locator('.stage .here').textContent();
    const first = await here();
    await page.getByRole('button', { name: 'Step forward' }).click();
    await poll(here).not.toBe(first);
    await page.locator('.stage li', { hasText: 'DNAT' }).first().getByRole('button').click();
    await poll(here).toContain('--to-destination 10.244.1.10:8080');
    await poll(() => page.locator('.box.here').textContent()).toContain('KUBE-SEP-');
    await page.getByLabel('From', { exact: true }).selectOption('pod/shop/web-1');
    await page.getByLabel('To', { exact: true }).selectOption('10.96.0.10:80');
    await see('1/2 each, masqueraded in 1/2 of all cases');
    await page.getByLabel('To', { exact: true }).selectOption('other');
    await page.getByLabel('To: ADDRESS:PORT').fill('10.96.0.99:80');
    await page.getByLabel('To: ADDRESS:PORT').press('Enter');
    await see('which no rule rewrites');
    await page.getByLabel('To: ADDRESS:PORT').fill('nonsense');
    await page.getByLabel('To: ADDRESS:PORT').press('Enter');
    await see('no Service or Pod "nonsense"');
  });

  test('from a way in, one sends a packet that goes it', async () => {
    await open();
    await page.getByRole('button', { name: 'Send a packet from anybody to node port 30080' }).click();
    await see('It goes to one of 2 destinations');
    expect(await page.getByLabel('To', { exact: true }).inputValue()).toBe('node-port/shop/web:30080');
  });

  test('two versions are compared by what becomes of packets', async () => {
    await open('#example=external-local&tab=compare');
    await see(/externalTrafficPolicy|local|masqueraded/);
    await see('What changes in the rules');
    expect(await page.locator('.difference .added').count()).toBeGreaterThan(0);
    await page.getByRole('button', { name: 'Begin anew' }).click();
    await see('Nothing has changed yet');
  });

  test('both layouts stand side by side, and a packet meets fewer rules in one', async () => {
    await open('#tab=layouts');
    await see('Trees of addresses, ports and endpoints');
    await poll(() => page.locator('.side-by-side > section').count()).toBe(2);
    const cells = await page.locator('.counts tbody td').allTextContents();
    expect(cells.map(Number).every((count) => count > 0)).toBe(true);
  });

  test('node, family, layout and configuration make other rules', async () => {
    await open('#example=internal-local&tab=packet&from=pod/shop/web-2&to=10.96.0.10:80');
    await see(/10\.244\.1\.10/);
    await page.getByLabel('Node', { exact: true }).selectOption('node-b');
    await see(/It goes to 10\.244\.2\.10:8080|10\.244\.2\.10:8080/);
    await tab('Rules');
    const endpointChains = () => page.locator('.chain[data-chain^="nat/KUBE-SEP-"]').count();
    await poll(endpointChains).toBeGreaterThan(0);
    await page.getByLabel('Layout', { exact: true }).selectOption('fast');
    // There, an endpoint is a rule and no chain.
    await poll(endpointChains).toBe(0);
    await page.getByRole('button', { name: 'kube-proxy configuration' }).click();
    await type(`${CONFIGURATION}iptables:\n  masqueradeBit: 3\n`);
    await see('--or-mark 0x00000008');
    await example('dual-stack');
    await page.getByLabel('Family', { exact: true }).selectOption('ipv6');
    await see('fd00:10:96::a');
    await poll(fragment).toContain('family=ipv6');
  });

  test('each example has an answer on each tab', async () => {
    await open();
    const names = await page.evaluate<string[]>(
      '[...document.querySelectorAll(".field.wide option")].map(({ value }) => value)',
    );
    expect(names.length).toBeGreaterThan(10);
    for (const name of names) {
      await example(name);
      await poll(() => page.locator('.findings > p').textContent()).not.toContain('error');
      await tab('What it means');
      await page.locator('.card .summary').first().waitFor();
    }
  });

  test('a damaged link says so, and a strange one does nothing', async () => {
    await open('#manifests=AAAA');
    await page.getByText('This link is damaged').waitFor();
    await page.goto('about:blank');
    await open(`#tab=packet&to=${encodeURIComponent('<img src=x onerror=broken=1>')}`);
    await see(/to: .*<img src=x onerror=broken=1>/);
    expect(await page.evaluate('typeof broken')).toBe('undefined');
  });

  test('names in YAML that are none do nothing', async () => {
    await open();
    const text = `'"</script><script>broken=1</script><img src=x onerror=broken=1>'`;
    await type(
      SERVICE.replace('name: mine', `name: ${text}`).replace('namespace: own', `labels: { a: ${text} }`),
    );
    await poll(findings).toContainEqual(expect.stringContaining('onerror'));
    expect(await page.evaluate('typeof broken')).toBe('undefined');
  });

  test('without a mouse', async () => {
    await open();
    await see('shop/web');
    await page.getByRole('tab', { name: 'What it means' }).focus();
    await page.keyboard.press('ArrowRight');
    await see('KUBE-SERVICES');
    await page.keyboard.press('End');
    await see('Trees of addresses');
    await page.keyboard.press('Home');
    await see('node port 30080');
    expect(await page.locator('[role=tab]:focus').textContent()).toBe('What it means');
  });

  test('on a phone', async () => {
    await page.setViewportSize({ width: 390, height: 844 });
    await open();
    await page.getByRole('button', { name: 'See' }).click();
    await see('node port 30080');
    for (const name of ['Rules', 'Picture', 'Send a packet', 'Compare', 'Layouts']) {
      await tab(name);
      await page.locator('.rule-lines, .drawing, .verdict, .before, .counts').first().waitFor();
      const tooWide = await page.evaluate('document.documentElement.scrollWidth > innerWidth');
      expect(tooWide, name).toBe(false);
    }
  });

  test.each(['light', 'dark'] as const)(
    'nothing serious is wrong for those who see or point less: %s',
    async (colorScheme) => {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await open('#example=load-balancer');
      for (const name of TABS) {
        await page.locator(`#tab-${name}`).click();
        await page.locator('.card, .rule, .drawing, .verdict, .counts').first().waitFor();
        expect(await seriousFaults(page), `${name}, ${colorScheme}`).toEqual([]);
      }
    },
  );
});
