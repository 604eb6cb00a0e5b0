/** `svc2ipt completion`: the script by which a shell completes command lines. */
import { bashCompletion } from '../../manual/completion/bash.ts';
import { fishCompletion } from '../../manual/completion/fish.ts';
import { zshCompletion } from '../../manual/completion/zsh.ts';
import { type CommandNode, commandTree } from '../../manual/tree.ts';
import { program } from '../program.ts';
import type { CommandOutcome } from '../run.ts';

const SCRIPTS = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion } satisfies Readonly<
  Record<string, (root: CommandNode) => string>
>;

export type Shell = keyof typeof SCRIPTS;

export async function completionAction(shell: Shell): Promise<CommandOutcome> {
  return { output: SCRIPTS[shell](commandTree(await program())) };
}
