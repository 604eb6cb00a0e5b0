/** `svc2ipt playground`, printed and served. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { MAIN } from '../../../test/support/project.ts';
import { readPlaygroundPage } from '../playground-page.ts';

const page = await readPlaygroundPage();

test('it prints the page', async () => {
  const { stdout } = await execa(process.execPath, [MAIN, 'playground'], { stripFinalNewline: false });
  expect(stdout === page).toBe(true);
});

describe('--serve', () => {
  /** Starts it; what it prints first is where the page is. */
  async function serving<T>(args: readonly string[], use: (address: string) => Promise<T>): Promise<T> {
    const program = execa(process.execPath, [MAIN, 'playground', '--serve', ...args]);
    try {
      const [first] = await once(program.stdout, 'data');
      const [address] = /^http:\/\/127\.0\.0\.1:\d+\//.exec(String(first)) ?? [];
      if (address === undefined) throw new Error(`it printed ${first}`);
      return await use(address);
    } finally {
      program.kill('SIGINT');
      expect((await program).exitCode).toBe(0);
    }
  }

  test('serves the page on 127.0.0.1 until it is interrupted, and nothing else', async () => {
    await serving([], async (address) => {
      const found = await fetch(address);
      expect(found.headers.get('content-type')).toBe('text/html; charset=utf-8');
      expect((await found.text()) === page).toBe(true);
      expect((await fetch(`${address}../package.json`)).status).toBe(404);
      expect((await fetch(address, { method: 'POST' })).status).toBe(405);
    });
  });

  test('a port that is taken is told', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const bound = other.address();
    const port = typeof bound === 'object' && bound !== null ? bound.port : 0;
    const { exitCode, stderr } = await execa(
      process.execPath,
      [MAIN, 'playground', '--serve', String(port)],
      { reject: false },
    );
    other.close();
    expect(exitCode).toBe(2);
    expect(stderr).toContain(`cannot serve the page on port ${port}`);
    expect(stderr).not.toContain('    at ');
  });

  test.each(['x', '70000'])('%s is no port', async (port) => {
    const { exitCode, stderr } = await execa(process.execPath, [MAIN, 'playground', '--serve', port], {
      reject: false,
    });
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining('Expected a port')]);
  });
});
