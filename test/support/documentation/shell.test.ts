import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { PageShell } from './shell.ts';

let own: string;
let shell: PageShell;

beforeEach(async () => {
  own = await mkdtemp(join(tmpdir(), 'svc2ipt-shell-'));
  const [page, programs] = [join(own, 'page'), join(own, 'programs')];
  await mkdir(page);
  shell = new PageShell({ own, page, programs, inside: [], env: { GIVEN: 'yes' } });
});
afterEach(async () => {
  await shell[Symbol.asyncDispose]();
  await rm(own, { recursive: true, force: true });
});

/** Waits until a process is gone; one that nobody has asked about yet has no command line any more. */
async function hasEnded(pid: string): Promise<void> {
  await vi.waitFor(async () => {
    const words = await readFile(`/proc/${pid.trim()}/cmdline`, 'utf8').catch(() => '');
    expect(words).toBe('');
  });
}

test('folders, variables, functions and jobs stay from command to command', async () => {
  await shell.run('mkdir sub; cd sub; a=1; f() { echo "f $a"; }; sleep 100 &');
  expect(await shell.run('pwd; f; jobs -p | wc -l')).toEqual({
    exitCode: 0,
    output: `${join(own, 'page', 'sub')}\nf 1\n1\n`,
  });
});

test.each([
  ['false', 1, ''],
  ['echo a >&2; echo b; exit_code=3; (exit 3)', 3, 'a\nb\n'],
  ['printf "no end of line"', 0, 'no end of line'],
  ['cat', 0, ''],
  ['cat <<EOF | tr a b\na\nEOF', 0, 'b\n'],
  ['echo $HOME $GIVEN $TERM $USER', 0, 'HOME yes dumb\n'],
])('%s', async (command, exitCode, output) => {
  const printed = await shell.run(command);
  expect({ ...printed, output: printed.output.replace(join(own, 'page'), 'HOME') }).toEqual({
    exitCode,
    output,
  });
});

test('what bash refuses fails, and the next command runs', async () => {
  expect((await shell.run('ls )')).exitCode).not.toBe(0);
  expect(await shell.run('echo a')).toEqual({ exitCode: 0, output: 'a\n' });
});

test('a command that takes too long is killed with what it started, and the next one runs', async () => {
  const { exitCode, output } = await shell.run('sleep 1000 & echo $!; sleep 1000', 0.5);
  expect(exitCode).toBe(undefined);
  await hasEnded(output);
  expect(await shell.run('echo b')).toEqual({ exitCode: 0, output: 'b\n' });
});

test('a command that ends the shell fails, and the next one runs', async () => {
  expect(await shell.run('echo a; exit 0')).toEqual({ exitCode: undefined, output: 'a\n' });
  expect(await shell.run('echo b')).toEqual({ exitCode: 0, output: 'b\n' });
});

test('what is left running is killed in the end', async () => {
  const { output } = await shell.run('sleep 1000 & echo $!');
  await shell[Symbol.asyncDispose]();
  await hasEnded(output);
});
