/** What the help of a command tells beside its options: for the terminal, and for its manual page. */
import type { AddHelpTextContext, CommandUnknownOpts } from 'commander';

export interface Notes {
  /** What there is to know, in whole sentences. */
  readonly text?: string;
  readonly examples: readonly Example[];
}

export interface Example {
  readonly line: string;
  /** What it is for, or does. */
  readonly about: string;
}

const NOTES = new WeakMap<CommandUnknownOpts, Notes>();

/** Puts notes below the options of a command. */
export function addNotes<One extends CommandUnknownOpts>(command: One, notes: Notes): One {
  NOTES.set(command, notes);
  return command.addHelpText('after', ({ error }: AddHelpTextContext) => {
    const { getErrHelpWidth, getOutHelpWidth } = command.configureOutput();
    const width = (error ? getErrHelpWidth : getOutHelpWidth)?.() ?? 80;
    return helpText(notes, (text) => command.createHelp().boxWrap(text, width));
  });
}

export function notesOf(command: CommandUnknownOpts): Notes | undefined {
  return NOTES.get(command);
}

function helpText({ text, examples }: Notes, wrap: (text: string) => string): string {
  const lines = examples.flatMap(({ about, line }) => [`  # ${about}`, `  ${line}`, '']);
  return ['', ...(text ? [wrap(text), ''] : []), 'Examples:', ...lines.slice(0, -1)].join('\n');
}
