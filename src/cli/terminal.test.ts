/** What commands do on a terminal, and do not do elsewhere: colours, and a bar that goes away. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MAIN } from '../../test/support/project.ts';
import { isInstalled, onTerminal } from '../../test/support/terminal.ts';

const PROCESSES = { timeout: 300_000, concurrent: true } as const;

const SERVICE = (port: number) => `apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {clusterIP: 10.96.0.10, externalTrafficPolicy: Local, ports: [{name: http, port: ${port}}]}
`;

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'svc2ipt-'));
  await mkdir(join(folder, 'clusters/web'), { recursive: true });
  await writeFile(join(folder, 'old.yaml'), SERVICE(80));
  await writeFile(join(folder, 'new.yaml'), SERVICE(81));
  await writeFile(join(folder, 'clusters/web/web.yaml'), SERVICE(80));
});

afterAll(() => rm(folder, { recursive: true }));

/** Runs a line in which `svc2ipt` is the command; gives what appears on the terminal, the escape character as ESC. */
async function terminal(line: string, env: Readonly<Record<string, string>> = {}): Promise<string> {
  const command = `svc2ipt() { '${process.execPath}' '${MAIN}' "$@"; }; ${line}`;
  return (await onTerminal(command, { cwd: folder, env })).output.replaceAll('\u001b', 'ESC');
}

const COLOUR = /ESC\[[\d;]*m/;

describe.runIf(await isInstalled('script'))('colours', PROCESSES, () => {
  const commands = [
    'svc2ipt diff --from old.yaml --to new.yaml',
    'svc2ipt golden check clusters golden',
    'svc2ipt lint -f old.yaml',
    'svc2ipt trace -f old.yaml --from 10.0.0.1 --to 10.96.0.10:80/tcp',
    'svc2ipt explain shop/web -f old.yaml',
    'svc2ipt render -f missing.yaml',
  ];

  test.each(commands)('on a terminal: %s', async (command) => {
    expect(await terminal(command)).toMatch(COLOUR);
  });

  test.each(commands)('not with NO_COLOR: %s', async (command) => {
    const output = await terminal(command, { NO_COLOR: '1' });
    expect(output).not.toMatch(COLOUR);
    expect(output).not.toBe('');
  });

  test.each(commands)('not in a file: %s', async (command) => {
    const output = await terminal(
      `${command} > out 2>&1 < /dev/null; cat out; rm out`.replaceAll('out', fileFor(command)),
    );
    expect(output).not.toMatch(COLOUR);
    expect(output).not.toBe('');
  });

  test.each(commands)('in a file, with FORCE_COLOR: %s', async (command) => {
    const file = fileFor(`forced ${command}`);
    const output = await terminal(`${command} > ${file} 2>&1 < /dev/null; cat ${file}`, { FORCE_COLOR: '1' });
    expect(output).toMatch(COLOUR);
  });

  test.each([
    'svc2ipt render -f old.yaml 2> /dev/null',
    'svc2ipt graph -f old.yaml -o dot 2> /dev/null',
    'svc2ipt graph -f old.yaml -o mermaid 2> /dev/null',
    'svc2ipt completion bash',
    'svc2ipt --help',
    'svc2ipt agent --help',
  ])('never, as it is for programs or has nothing to tell apart: %s', async (command) => {
    const output = await terminal(command);
    expect(output).not.toMatch(COLOUR);
    expect(output).not.toBe('');
  });
});

/** A name that no other test uses. */
function fileFor(command: string): string {
  return `out-${command.replaceAll(/\W+/g, '-')}`;
}

describe.runIf(await isInstalled('script'))('the bar', PROCESSES, () => {
  const slowly = '(sleep 1.2; cat old.yaml) | svc2ipt';
  const BAR = /(reading|compiling) \[/;
  // Once it has gone, nothing of it is left on its line.
  const CLEARED = /ESC\[1GESC\[2K(?![\s\S]*(reading|compiling) \[)/;

  test('shows what takes over a second, and goes away', async () => {
    const output = await terminal(`${slowly} lint`);
    expect(output).toMatch(BAR);
    expect(output).toMatch(CLEARED);
    expect(output).toContain('external-policy-ignored');
  });

  test('is on standard error, and nowhere in the output', async () => {
    const output = await terminal(
      `${slowly} render --table nat > slow.rules; echo; echo @@@@; cat slow.rules`,
    );
    const [before = '', after = ''] = output.split('@@@@');
    expect(before).toMatch(BAR);
    expect(after).toMatch(/^\n\*nat\n[\s\S]*\nCOMMIT\n$/);
  });

  test('is not there where standard error is no terminal', async () => {
    expect(await terminal(`${slowly} lint 2> /dev/null`)).not.toMatch(BAR);
  });

  test('is not there where it is quick', async () => {
    expect(await terminal('svc2ipt completion fish')).not.toMatch(BAR);
  });

  test('goes away before an error is told', async () => {
    const output = await terminal('(sleep 1.2; cat old.yaml; echo ---; echo "{") | svc2ipt lint');
    expect(output).toMatch(BAR);
    expect(output).toMatch(/ESC\[1GESC\[2Kstandard input, document 2\n {2}ESC\[31merrorESC/);
  });
});
