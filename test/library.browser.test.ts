/** The library in a real browser: the same answers as in Node.js, and the example of a page. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { rolldown } from 'rolldown';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pageScriptInside } from '../scripts/page-as-text.ts';
import * as svc2ipt from '../src/index.ts';
import { CHROMIUM } from './support/browser.ts';
import { PROJECT } from './support/project.ts';

/** What the library says of a cluster: data and texts, by what they answer. */
function answersTo(
  library: typeof svc2ipt,
  manifests: string,
  config: string | undefined,
  host: string,
): Record<string, string> {
  const question = { manifests, config, node: library.parseHost({ name: 'host.yaml', text: host }) };
  const { ruleset, warnings } = library.render(question);
  const text = library.printRuleset(ruleset);
  const saved = library.printSaved(library.withJumps(ruleset));
  const fast = library.render({ ...question, family: 'ipv6', layout: 'fast' });
  const packet = { from: 'outside', to: '10.96.0.10:80/tcp' };
  const graph = library.graphOf(ruleset);
  return {
    text,
    warnings: warnings.join('\n'),
    fast: library.printRuleset(fast.ruleset),
    parsed: library.printRuleset(library.parseRuleset(text, 'ipv4')),
    explained:
      // Where there are no Services, there is nothing to explain.
      text.includes('-A KUBE-SVC-') ? library.printExplained(library.explain(question)) : '',
    traced: library.printTraced(library.trace({ ...question, ...packet })),
    ofSaved: library.printTraced(library.trace({ ...packet, save: saved }), { output: 'json' }),
    linted: library.printLinted(library.lint(question), { output: 'sarif', version: '1.2.3' }),
    effects: library.printEffects(
      library.effects({ ...question, from: manifests, to: manifests.replaceAll('10.96.0.1', '10.96.1.1') }),
      { output: 'json', prove: true },
    ),
    dot: library.printDot(graph),
    mermaid: library.printMermaid(graph),
    html: library.printHtml(library.pageData(graph, false), 'none'),
  };
}

/** Some clusters of each kind: a browser takes its time. */
const CLUSTERS = globSync('golden/**/ipv4.rules', { cwd: PROJECT })
  .map((path) => dirname(path).replace(/^golden\//, ''))
  .filter((name) => existsSync(join(PROJECT, 'fixtures', name, 'objects.yaml')))
  .filter((name, i) => !name.startsWith('conformance') || i % 10 === 0);

describe.skipIf(!CHROMIUM)('in Chromium', () => {
  let folder: string;
  let browser: Browser;
  let page: Page;
  const complaints: string[] = [];
  const asked: string[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'svc2ipt-'));
    await bundle(join(PROJECT, 'src/index.ts'), 'library.js', 'svc2ipt');
    await writeFile(
      join(folder, 'library.html'),
      '<!doctype html><meta charset="utf-8"><script src="library.js"></script>',
    );
    await cp(join(PROJECT, 'docs/examples/library/page.html'), join(folder, 'page.html'));
    await bundle(join(PROJECT, 'docs/examples/library/page.js'), 'page.bundle.js', 'page');
    const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
    browser = await chromium.launch({ executablePath: CHROMIUM ?? '', args });
    page = await browser.newPage();
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => complaints.push(message.text()));
    page.on('request', (request) => asked.push(request.url()));
  });

  afterAll(async () => {
    await browser?.close();
    await rm(folder, { recursive: true });
    expect(complaints).toEqual([]);
    expect(asked.filter((url) => !url.startsWith('file:'))).toEqual([]);
  });

  /** As users' bundlers do it, of the sources: a module of Node.js would be an error, or fail in the browser. */
  async function bundle(input: string, file: string, name: string): Promise<void> {
    const warnings: string[] = [];
    const made = await rolldown({
      input,
      platform: 'browser',
      resolve: { alias: { svc2ipt: join(PROJECT, 'src/index.ts') } },
      plugins: [pageScriptInside],
      onLog: (_, { message }) => void warnings.push(message),
    });
    await made.write({ file: join(folder, file), format: 'iife', name });
    expect(warnings).toEqual([]);
  }

  const open = (name: string) => page.goto(pathToFileURL(join(folder, name)).href);

  test.each(CLUSTERS)('%s has the same answers', async (cluster) => {
    const read = (file: string) => {
      const path = join(PROJECT, 'fixtures', cluster, file);
      return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
    };
    const given = [read('objects.yaml') ?? '', read('config.yaml'), read('host.yaml') ?? ''] as const;
    await open('library.html');
    // The function is sent as its text, and meets the library of the page.
    const call = `(${answersTo})(svc2ipt, ...${JSON.stringify(given).replaceAll('null', 'undefined')})`;
    const inBrowser = await page.evaluate(call);
    const inNode = answersTo(svc2ipt, ...given);
    expect(inNode.text).toBe(readFileSync(join(PROJECT, 'golden', cluster, 'ipv4.rules'), 'utf8'));
    expect(inBrowser).toEqual(inNode);
  });

  test('there is no Node.js', async () => {
    await open('library.html');
    expect(await page.evaluate('typeof process')).toBe('undefined');
  });

  test('everything that is exported is there', async () => {
    await open('library.html');
    expect(await page.evaluate('Object.keys(svc2ipt).sort()')).toEqual(Object.keys(svc2ipt).sort());
  });

  test('the page of a graph has its script, which Node.js reads from files', async () => {
    await open('library.html');
    expect(await page.evaluate('svc2ipt.pageScript()')).toBe(await svc2ipt.pageScript());
  });

  test('the example of a page shows rules as one types', async () => {
    await open('page.html');
    expect(await page.locator('#problems').textContent()).toContain('web');
    const before = readFileSync(join(PROJECT, 'docs/examples/library/before.yaml'), 'utf8');
    await page.fill('#manifests', before);
    expect(await page.locator('#rules').textContent()).toContain('-A KUBE-SERVICES');
    expect(await page.locator('#trace').textContent()).toContain('10.96.0.10:80');
    await page.fill('#manifests', 'kind: [');
    expect(await page.locator('#problems').textContent()).toContain('manifests, document 1, line 1');
  });
});
