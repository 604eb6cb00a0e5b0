/** The commands in code blocks. */
import { spawnSync } from 'node:child_process';
import type { CodeBlock } from './markdown.ts';

export interface Command {
  /** Of its first line in the page, counted from 1. */
  readonly line: number;
  /** As bash takes it, without the prompt. */
  readonly text: string;
  readonly asRoot: boolean;
  /** The lines that are shown to be printed; undefined where the page does not say. */
  readonly output: readonly string[] | undefined;
}

/** Of a block of `sh`: lines that bash takes; blank lines and comments between them are nobody's. */
export function shellCommands({ line: first, lines }: CodeBlock): Command[] {
  const commands: Command[] = [];
  for (let i = 0; i < lines.length; i++) {
    if (/^\s*(#|$)/.test(lines[i] ?? '')) continue;
    const own = completeCommand(lines.slice(i), first + i);
    commands.push({ line: first + i, text: own.join('\n'), asRoot: false, output: undefined });
    i += own.length - 1;
  }
  return commands;
}

/** Of a block of `console`: what stands after a prompt, `$ ` or root's `# `, and what is printed after it. */
export function consoleCommands({ line: first, lines }: CodeBlock): Command[] {
  const commands: Command[] = [];
  let i = 0;
  while (i < lines.length) {
    const prompt = promptOf(lines[i] ?? '');
    if (!prompt) throw new Error(`line ${first + i}: output without a command before it`);
    const begin = i;
    const [, ...rest] = lines.slice(i);
    const own = completeCommand([(lines[i] ?? '').slice(prompt.length), ...rest], first + i);
    i += own.length;
    const next = lines.findIndex((line, at) => at >= i && promptOf(line) !== undefined);
    const end = next < 0 ? lines.length : next;
    commands.push({
      line: first + begin,
      text: own.join('\n'),
      asRoot: prompt === '# ',
      output: lines.slice(i, end),
    });
    i = end;
  }
  return commands;
}

function promptOf(line: string): string | undefined {
  return ['$ ', '# '].find((prompt) => line.startsWith(prompt));
}

/** The lines that make one command, from the first on. Throws an Error where it never ends. */
function completeCommand(lines: readonly string[], line: number): readonly string[] {
  for (let length = 1; length <= lines.length; length++) {
    const own = lines.slice(0, length);
    if (isComplete(own.join('\n'))) return own;
  }
  throw new Error(`line ${line}: the command does not end in its block: ${lines[0]}`);
}

/** Whether bash would read no further: it is bash itself that knows about quotes, here-documents and loops. */
function isComplete(text: string): boolean {
  if (/(?<!\\)(\\\\)*\\$/.test(text)) return false;
  const { stderr } = spawnSync('bash', ['--noprofile', '--norc', '-n'], {
    input: `${text}\n`,
    encoding: 'utf8',
    env: { PATH: process.env.PATH ?? '', LC_ALL: 'C' },
  });
  return !/unexpected (end of file|EOF)|delimited by end-of-file/.test(stderr);
}
