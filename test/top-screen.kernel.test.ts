/** The live table of `svc2ipt top` on a terminal: keys, sizes, and a terminal that is as it was afterwards. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MAY_USE_NAMESPACES, NetworkNamespace } from './support/kernel/namespace.ts';
import { MAIN, PROJECT } from './support/project.ts';
import { PseudoTerminal } from './support/pseudo-terminal.ts';

const [ENTERS, LEAVES] = ['ESC[?1049h', 'ESC[?1049l'];
const SHOWS_CURSOR = 'ESC[?25h';

describe.skipIf(!MAY_USE_NAMESPACES)('on a terminal', () => {
  let node: NetworkNamespace;

  beforeAll(async () => {
    node = await NetworkNamespace.create();
    const rules = await readFile(join(PROJECT, 'golden/fast-layout/small/ipv4.rules'), 'utf8');
    expect(await node.restore({ backend: 'nft', family: 'ipv4' }, rules)).toMatchObject({ exitCode: 0 });
  });
  afterAll(async () => await node?.[Symbol.asyncDispose]());

  const command = (args: string) =>
    `ip netns exec ${node.name} '${process.execPath}' '${MAIN}' top --backend nft --interval 300ms ${args}`;
  const start = (args = '', env: Readonly<Record<string, string>> = {}) =>
    PseudoTerminal.start(`exec ${command(args)}`, env);

  const shows = (text: string) => (terminal: PseudoTerminal) =>
    terminal.screen.some((line) => line.includes(text));

  test('a table of 80 columns; q leaves the terminal as it was', async () => {
    await using terminal = await start();
    await terminal.until(shows('shop/web:http'));
    await terminal.until(shows('NEW/S'));
    const { screen } = terminal;
    expect(screen).toHaveLength(24);
    expect(screen.filter((line) => line.length > 80)).toEqual([]);
    expect(screen[0]).toMatch(/^svc2ipt top, \d\d:\d\d:\d\d, every 0\.3 s$/);
    expect(screen.at(-1)).toMatch(/^q quit/);
    terminal.type('q');
    expect(await terminal.ended()).toBe(0);
    expect(terminal.output.split(ENTERS)).toHaveLength(2);
    expect(terminal.output.slice(terminal.output.lastIndexOf(SHOWS_CURSOR))).toContain(LEAVES);
  });

  test('keys filter, sort and open', async () => {
    await using terminal = await start('--sort name');
    await terminal.until(shows('by name'));
    terminal.type('/nob\r');
    await terminal.until(shows('only "nob"'));
    await terminal.until((one) => !shows('shop/web:http')(one));
    terminal.type('\u001b');
    await terminal.until(shows('shop/web:http'));
    terminal.type('\u001b[B\u001b[B\r');
    await terminal.until(shows('10.244.1.5:8080'));
    expect(terminal.screen.join('\n')).toContain('33.3 %');
    terminal.type('\u001b');
    await terminal.until(shows('shop/nobody'));
    terminal.type('?');
    await terminal.until(shows('its endpoints and their shares'));
    terminal.type('xs');
    await terminal.until(shows('by rate'));
    terminal.type('q');
    expect(await terminal.ended()).toBe(0);
  });

  test('follows the size of its window', async () => {
    await using terminal = await start();
    await terminal.until(shows('shop/web:http'));
    await terminal.resize(100, 10);
    await terminal.until(({ screen }) => screen.length === 10);
    await terminal.until(({ screen }) => screen.some((line) => line.length > 80 && line.length <= 100));
    terminal.type('q');
    expect(await terminal.ended()).toBe(0);
  });

  test.each<[string, number, (terminal: PseudoTerminal) => void | Promise<void>]>([
    ['Ctrl-C', 130, (terminal) => terminal.type('\u0003')],
    ['SIGTERM', 143, async (terminal) => void process.kill(await terminal.pid(), 'SIGTERM')],
  ])('%s ends it, and leaves the terminal as it was', async (_, exitCode, end) => {
    await using terminal = await start();
    await terminal.until(shows('shop/web:http'));
    await end(terminal);
    expect(await terminal.ended()).toBe(exitCode);
    expect(terminal.output.slice(terminal.output.lastIndexOf(SHOWS_CURSOR))).toContain(LEAVES);
  });

  test('Ctrl-Z stops it, with the terminal as it was, and fg has it go on', async () => {
    await using terminal = await PseudoTerminal.start(
      `exec bash -c 'set -m; ${command('').replaceAll("'", '"')}; echo STOPPED; read; fg'`,
    );
    await terminal.until(shows('shop/web:http'));
    terminal.type('\u001a');
    await terminal.until(({ output }) => output.includes('STOPPED'));
    const { output } = terminal;
    expect(output.lastIndexOf(LEAVES)).toBeGreaterThan(output.lastIndexOf(ENTERS));
    expect(output.lastIndexOf('STOPPED')).toBeGreaterThan(output.lastIndexOf(LEAVES));
    terminal.type('\n');
    await terminal.until(({ output }) => output.lastIndexOf(ENTERS) > output.lastIndexOf(LEAVES));
    await terminal.until(shows('shop/web:http'));
    terminal.type('q');
    expect(await terminal.ended()).toBe(0);
  });

  test('Ctrl-Z where no shell could have it go on', async () => {
    await using terminal = await start();
    await terminal.until(shows('shop/web:http'));
    terminal.type('\u001a');
    await terminal.until(({ output }) => output.split(ENTERS).length === 3);
    await terminal.until(shows('shop/web:http'));
    terminal.type('q');
    expect(await terminal.ended()).toBe(0);
  });

  test('one Service has its endpoints', async () => {
    await using terminal = await start('shop/web');
    await terminal.until(shows('10.244.2.6:8080'));
    expect(terminal.screen.join('\n')).not.toContain('shop/nobody');
    terminal.type('q');
    expect(await terminal.ended()).toBe(0);
  });

  test('a terminal that can do nothing gets tables one below the other', async () => {
    await using terminal = await start('', { TERM: 'dumb' });
    await terminal.until(({ output }) => output.split('SERVICE, WAY IN').length > 2);
    expect(terminal.output).not.toContain(ENTERS);
  });
});
