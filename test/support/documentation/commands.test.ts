import { describe, expect, test } from 'vitest';
import { type Command, consoleCommands, shellCommands } from './commands.ts';
import type { CodeBlock } from './markdown.ts';

const block = (lines: readonly string[]): CodeBlock => ({ line: 10, language: '', title: '', lines });
const command = (line: number, text: string, output?: readonly string[], asRoot = false): Command => ({
  line,
  text,
  asRoot,
  output,
});

describe('sh', () => {
  test.each<[string, string[], Command[]]>([
    ['a command', ['ls'], [command(10, 'ls')]],
    [
      'comments and blank lines',
      ['# first', '', 'ls # all', '  # then', 'pwd'],
      [command(12, 'ls # all'), command(14, 'pwd')],
    ],
    ['a backslash at the end', ['ls \\', '  -l', 'pwd'], [command(10, 'ls \\\n  -l'), command(12, 'pwd')]],
    ['two of them', ['echo \\\\', 'pwd'], [command(10, 'echo \\\\'), command(11, 'pwd')]],
    ['an open quote', ["echo 'a", '# b', "c'", 'pwd'], [command(10, "echo 'a\n# b\nc'"), command(13, 'pwd')]],
    [
      'a here-document',
      ['cat >x <<EOF', 'a', '', 'EOF', 'pwd'],
      [command(10, 'cat >x <<EOF\na\n\nEOF'), command(14, 'pwd')],
    ],
    ['a pipe at the end', ['ls |', 'wc'], [command(10, 'ls |\nwc')]],
    ['a loop', ['for i in 1 2; do', '  echo $i', 'done'], [command(10, 'for i in 1 2; do\n  echo $i\ndone')]],
    ['what bash refuses', ['ls )', 'pwd'], [command(10, 'ls )'), command(11, 'pwd')]],
  ])('%s', (_, lines, commands) => expect(shellCommands(block(lines))).toEqual(commands));

  test.each(["echo 'a", 'cat <<EOF', 'ls \\', 'if true'])('a command that does not end: %s', (line) => {
    expect(() => shellCommands(block(['pwd', line]))).toThrow(
      `line 11: the command does not end in its block: ${line}`,
    );
  });
});

describe('console', () => {
  test.each<[string, string[], Command[]]>([
    ['a command that prints nothing', ['$ true'], [command(10, 'true', [])]],
    [
      'commands of everybody and of root',
      ['$ echo a', 'a', '', 'b', '# id -u', '0'],
      [command(10, 'echo a', ['a', '', 'b']), command(14, 'id -u', ['0'], true)],
    ],
    [
      'a command of several lines',
      ['$ echo a \\', '    b', 'a b', '$ pwd'],
      [command(10, 'echo a \\\n    b', ['a b']), command(13, 'pwd', [])],
    ],
    [
      'a here-document with what looks like prompts',
      ['$ cat <<EOF', '# a', '$ b', 'EOF', '# a'],
      // After it, a line like that is a command.
      [command(10, 'cat <<EOF\n# a\n$ b\nEOF', []), command(14, 'a', [], true)],
    ],
    ['output like a comment', ['$ x', '#a', '##'], [command(10, 'x', ['#a', '##'])]],
  ])('%s', (_, lines, commands) => expect(consoleCommands(block(lines))).toEqual(commands));

  test('output without a command', () => {
    expect(() => consoleCommands(block(['a', '$ ls']))).toThrow(
      'line 10: output without a command before it',
    );
  });
});
