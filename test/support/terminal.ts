/** Commands on a terminal, as `script` of util-linux makes one. */
import { execa } from 'execa';

/** Whether a program is there. */
export async function isInstalled(program: string): Promise<boolean> {
  const { exitCode } = await execa('sh', ['-c', 'command -v "$0"', program], { reject: false });
  return exitCode === 0;
}

export interface Terminal {
  /** What is typed. */
  readonly input?: string;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs a line of sh on a terminal of 80 columns; what appears there. */
export async function onTerminal(
  line: string,
  { input = '', cwd, env = {} }: Terminal = {},
): Promise<{ readonly exitCode: number | undefined; readonly output: string }> {
  const { exitCode, stdout } = await execa(
    'script',
    ['--quiet', '--return', '--command', `stty cols 80 rows 24; ${line}`, '/dev/null'],
    {
      input,
      env: { PATH: process.env.PATH ?? '', TERM: 'xterm-256color', ...env },
      extendEnv: false,
      ...(cwd === undefined ? {} : { cwd }),
      reject: false,
      stripFinalNewline: false,
    },
  );
  return { exitCode, output: stdout.replaceAll('\r\n', '\n') };
}
