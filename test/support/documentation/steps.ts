/** A page as a program: what its blocks do, from top to bottom. */
import { type Command, consoleCommands, shellCommands } from './commands.ts';
import { type CodeBlock, codeBlocks } from './markdown.ts';

export type Step =
  | ({ readonly kind: 'command' } & Command)
  /** A file that the page shows under a name, for commands further down. */
  | { readonly kind: 'file'; readonly line: number; readonly name: string; readonly text: string }
  /** YAML that is only shown. */
  | { readonly kind: 'yaml'; readonly line: number; readonly text: string };

/** Throws an Error where a block cannot be read. */
export function stepsOf(page: string): Step[] {
  return codeBlocks(page).flatMap(blockSteps);
}

function blockSteps(block: CodeBlock): Step[] {
  const { line, language, title } = block;
  const text = block.lines.map((line) => `${line}\n`).join('');
  if (title !== '') return [{ kind: 'file', line, name: title, text }];
  if (language === 'yaml') return [{ kind: 'yaml', line, text }];
  const commands =
    language === 'sh' ? shellCommands(block) : language === 'console' ? consoleCommands(block) : [];
  return commands.map((command) => ({ kind: 'command', ...command }));
}

/** Whether a page has commands of root. */
export function needsRoot(steps: readonly Step[]): boolean {
  return steps.some((step) => step.kind === 'command' && step.asRoot);
}
