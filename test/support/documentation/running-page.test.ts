import { existsSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { here } from './place.ts';
import { RunningPage } from './running-page.ts';
import { NOTHING_STANDS_FOR } from './stand-ins.ts';

let page: RunningPage;
beforeAll(async () => {
  const files = { 'shop/web.yaml': 'from: http://api-server.invalid\n' };
  page = await RunningPage.start({ hostname: '', files, before: ['made=ready'], objects: undefined }, here);
});
afterAll(async () => await page[Symbol.asyncDispose]());

test.each([
  ['svc2ipt --version', 0, /^\d+\.\d+\.\d+\n$/],
  ['node --version', 0, new RegExp(`^${RegExp.escape(process.version)}\n$`)],
  ['cat shop/web.yaml; echo $made', 0, /^from: .*\nready\n$/],
  ['ls fixtures/sample', 0, /^config\.yaml\nhost\.yaml\nobjects\.yaml\n$/],
  ['kubectl get svc,endpointslices,nodes -A -o yaml | head -2 | tail -1', 0, /^apiVersion: v1\n$/],
  ['kubectl get pods', 1, new RegExp(`^${NOTHING_STANDS_FOR} .*kubectl get pods\n$`)],
  ['helm template .', 1, new RegExp(`^${NOTHING_STANDS_FOR} .*helm template .\n$`)],
])('%s', async (command, exitCode, output) => {
  expect(await page.run(command)).toEqual({ exitCode, output: expect.stringMatching(output) });
});

test('a module of the page has the library', async () => {
  await page.write(
    'example.ts',
    "import { compile } from 'svc2ipt';\nconsole.log(typeof (compile as unknown));\n",
  );
  expect(await page.run('node example.ts')).toEqual({ exitCode: 0, output: 'function\n' });
});

test('what it writes over is not the checkout', async () => {
  await page.run('rm -r fixtures golden docs deploy');
  expect(existsSync(new URL('../../../fixtures/sample/objects.yaml', import.meta.url))).toBe(true);
});

test('a world that cannot be made', async () => {
  const world = { hostname: '', files: {}, before: ['echo so; false'], objects: undefined };
  await expect(RunningPage.start(world, here)).rejects.toThrow('echo so; false: exit code 1\nso\n');
});
