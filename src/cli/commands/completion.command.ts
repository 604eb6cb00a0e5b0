/** `svc2ipt completion`: what it takes, and what its help tells. */
import { Argument, type Command } from 'commander';
import { addNotes } from '../../manual/notes.ts';
import { EXITS } from '../exit-codes.ts';
import { runAction } from '../run.ts';

export function addCompletion(program: Command): void {
  const completion = program
    .command('completion')
    .description('print a completion script for a shell')
    .addArgument(new Argument('<shell>', 'the shell').choices(['bash', 'zsh', 'fish']));
  addNotes(completion, {
    text: EXITS,
    examples: [
      { line: 'source <(svc2ipt completion bash)', about: 'bash, in ~/.bashrc' },
      { line: 'source <(svc2ipt completion zsh)', about: 'zsh, in ~/.zshrc after compinit' },
      { line: 'svc2ipt completion fish > ~/.config/fish/completions/svc2ipt.fish', about: 'fish' },
    ],
  }).action((shell) => runAction(async () => (await import('./completion.ts')).completionAction(shell)));
}
