/** What pages about commands have in common, whatever they are written in. */
import { type CommandNode, flatten, type OptionNode } from './tree.ts';

/** The commands that have something to be told of: without `help`, which pages stand for. */
export function withoutHelp(node: CommandNode): CommandNode {
  const commands = node.commands.filter(({ words }) => words.at(-1) !== 'help');
  return { ...node, commands: commands.map(withoutHelp) };
}

export interface OptionGroup {
  /** Undefined for the options that stand below no heading of their own. */
  readonly heading: string | undefined;
  readonly options: readonly OptionNode[];
}

/** Options below the headings that the help has for them; those without one come first. */
export function optionGroups(options: readonly OptionNode[]): OptionGroup[] {
  const groups = [...Map.groupBy(options, ({ group }) => group)].map(([group, options]) => ({
    heading: group === 'Options:' ? undefined : group.replace(/:$/, ''),
    options,
  }));
  return groups.toSorted((a, b) => Number(a.heading !== undefined) - Number(b.heading !== undefined));
}

/** The other commands that stand below the same one. */
export function siblings(node: CommandNode, root: CommandNode): CommandNode[] {
  const parent = node.words.slice(0, -1).join(' ');
  return flatten(withoutHelp(root)).filter(
    ({ words }) => words.slice(0, -1).join(' ') === parent && words.join(' ') !== node.words.join(' '),
  );
}

/** A text of the help with a capital, and with an end. */
export function asSentence(text: string, end: '.' | ':'): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1).replace(/\.$/, '')}${end}`;
}
