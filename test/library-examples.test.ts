/** The examples of the library, as far as its page does not run them. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Scratch } from './support/documentation/scratch.ts';

let scratch: Scratch;

beforeAll(async () => {
  scratch = await Scratch.create();
});

afterAll(() => scratch[Symbol.asyncDispose]());

const run = (args: readonly string[], env: NodeJS.ProcessEnv = {}) =>
  execa(process.execPath, args, {
    cwd: join(scratch.folders.page, 'docs/examples/library'),
    env,
    reject: false,
  });

test.each([
  ['before.yaml', 0, /^no findings/],
  ['after.yaml', 1, /warning \[selector-without-workload\]/],
])('the check for CI, of %s', async (file, code, output) => {
  const { exitCode, stdout } = await run(['ci-check.ts', file], { GITHUB_ACTIONS: '' });
  expect({ exitCode, stdout }).toEqual({ exitCode: code, stdout: expect.stringMatching(output) });
});

test('the check for CI, on GitHub', async () => {
  const { stdout } = await run(['ci-check.ts', 'after.yaml'], { GITHUB_ACTIONS: 'true' });
  expect(stdout).toMatch(/^::warning file=after\.yaml,line=\d+/);
});

test('the bot posts its comment', async () => {
  const requests: unknown[] = [];
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const { url, method, headers } = request;
      requests.push({ url, method, authorization: headers.authorization, body: JSON.parse(body).body });
      response.writeHead(201).end('{}');
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  try {
    const env = { GITHUB_API_URL: `http://127.0.0.1:${port}`, GITHUB_TOKEN: 'token' };
    const args = ['pull-request-comment.ts', 'before.yaml', 'after.yaml', 'shop/web', '12'];
    expect(await run(args, env)).toMatchObject({ exitCode: 0, stderr: '' });
    expect(requests).toEqual([
      {
        url: '/repos/shop/web/issues/12/comments',
        method: 'POST',
        authorization: 'Bearer token',
        body: expect.stringMatching(/^\*\*What changes for packets\*\*\n\n~~~~~~text\nshop\/web\n/),
      },
    ]);
  } finally {
    server.close();
  }
});

test('the bot says that nothing changes, and what cannot be read', async () => {
  const same = await run(['pull-request-comment.ts', 'before.yaml', 'before.yaml']);
  expect(same.stdout).toBe('This change does nothing to packets.');
  const page = await run(['pull-request-comment.ts', 'before.yaml', 'page.html']);
  expect(page.stdout).toContain('**These manifests cannot be read**');
});
