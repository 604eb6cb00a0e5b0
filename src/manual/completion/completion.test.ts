/** Completion scripts in the shells that they are for. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isInstalled, onTerminal } from '../../../test/support/terminal.ts';
import { program } from '../../cli/program.ts';
import { commandTree } from '../tree.ts';
import { bashCompletion } from './bash.ts';
import { fishCompletion } from './fish.ts';
import { zshCompletion } from './zsh.ts';

const PROCESSES = { timeout: 30_000 } as const;
const hasTerminal = await isInstalled('script');
const hasZsh = await isInstalled('zsh');
const hasFish = await isInstalled('fish');

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'svc2ipt-'));
  await mkdir(join(folder, 'old folder'));
  await writeFile(join(folder, 'objects.yaml'), '');
  const tree = commandTree(await program());
  // What only the input knows, it is asked for.
  const echo =
    'svc2ipt() { if [ "$1" = __complete ]; then printf "%s\\n" node-a :4; else printf "[%s]" "$@"; echo; fi; }\n';
  await writeFile(join(folder, '.bash'), `PS1=; ${echo}${bashCompletion(tree)}`);
  await writeFile(
    join(folder, '.zsh'),
    `PS1=; autoload -Uz compinit; compinit -D; ${echo}${zshCompletion(tree)}`,
  );
  await writeFile(
    join(folder, '.fish'),
    `function svc2ipt; echo node-a; echo :4; end\n${fishCompletion(tree)}`,
  );
});

afterAll(() => rm(folder, { recursive: true }));

/** What is offered for the last word of a line. */
const OFFERED: readonly (readonly [line: string, offered: readonly string[]])[] = [
  ['svc2ipt re', ['render']],
  ['svc2ipt golden ', ['check', 'update']],
  ['svc2ipt help gr', ['graph']],
  ['svc2ipt completion ', ['bash', 'fish', 'zsh']],
  ['svc2ipt render --fam', ['--family']],
  ['svc2ipt render --family ', ['ipv4', 'ipv6']],
  ['svc2ipt render --strict --output j', ['json']],
  ['svc2ipt render -f objects.yaml --table ', ['filter', 'nat']],
  ['svc2ipt render --service golden --no-r', ['--no-random-fully']],
  ['svc2ipt lint --fail-on ', ['error', 'info', 'never', 'warning']],
  ['svc2ipt lint --tab', []],
  ['svc2ipt doctor --fail-on ', ['error', 'never', 'warning']],
  ['svc2ipt render --node-name ', ['node-a']],
  ['svc2ipt explain -f objects.yaml ', ['node-a']],
  ['svc2ipt render --zone ', []],
  ['svc2ipt render -f obj', ['objects.yaml']],
  ['svc2ipt golden check --h', ['--help']],
  ['svc2ipt golden check -o ', ['github', 'json', 'junit', 'markdown', 'text']],
  ['svc2ipt golden update --lay', ['--layout']],
  ['svc2ipt agent --masq', ['--masquerade-all']],
  ['svc2ipt agent --masquerade-all t', ['true']],
  ['svc2ipt agent --masquerade-all --dry', ['--dry-run']],
];

describe('bash', PROCESSES, () => {
  test.each(OFFERED)('%s', async (line, offered) => {
    const words = line.split(' ');
    const script = `source .bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _svc2ipt; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout } = await execa('bash', ['-c', script, 'bash', ...words], { cwd: folder });
    expect(lines(stdout)).toEqual(offered);
  });
});

describe.runIf(hasFish)('fish (skipped where there is none)', PROCESSES, () => {
  // Where an option may have a value, fish takes it only behind an equals sign.
  const ofFish = OFFERED.filter(([line]) => !line.endsWith('--masquerade-all t'));
  test.each(ofFish)('%s', async (line, offered) => {
    const { stdout } = await execa('fish', ['-N', '-c', 'source .fish; complete -C $argv', line], {
      cwd: folder,
    });
    const words = lines(stdout).map((told) => told.replace(/\t.*/, ''));
    // A value that can be left out is offered both ways.
    expect(words.filter((word) => !word.endsWith('='))).toEqual(offered);
  });
});

/** What is typed, with tabs, and what the command then gets. */
const TYPED: readonly (readonly [typed: string, got: readonly string[]])[] = [
  ['svc2ipt rend\t--fam\tipv4', ['render', '--family', 'ipv4']],
  ['svc2ipt rend\t--tab\tn\t', ['render', '--table', 'nat']],
  ['svc2ipt render --table=n\t', ['render', '--table', 'nat']],
  ['svc2ipt apply -f obj\t--dry\t', ['apply', '-f', 'objects.yaml', '--dry-run']],
  ['svc2ipt golden ch\told\t', ['golden', 'check', 'old folder']],
  ['svc2ipt compl\tz\t', ['completion', 'zsh']],
  ['svc2ipt render --node-name n\t--strict', ['render', '--node-name', 'node-a', '--strict']],
];

describe.each([
  ['bash', hasTerminal, 'bash --noprofile --rcfile .bash -i'],
  ['zsh', hasTerminal && hasZsh, 'zsh -f -i'],
])('%s on a terminal (skipped where there is none)', (shell, present, command) => {
  test.runIf(present).each(TYPED)('%j', PROCESSES, async (typed, got) => {
    const start = shell === 'zsh' ? 'source .zsh\n' : '';
    const { output } = await onTerminal(command, {
      cwd: folder,
      env: { HOME: folder },
      input: `${start}${typed}\nexit\n`,
    });
    // zsh puts a value behind an equals sign, and takes the slash of the last folder away.
    const calls = output.replaceAll(/(?<=\[--[\w-]+)=/g, '][').replaceAll('/]', ']');
    expect(calls).toContain(got.map((word) => `[${word}]`).join(''));
  });
});

function lines(text: string): string[] {
  return text.split('\n').filter(Boolean).sort();
}
