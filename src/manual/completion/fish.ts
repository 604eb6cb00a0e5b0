/** A completion script for fish. */
import type { CommandNode, Expected, OptionNode } from '../tree.ts';
import { flatten } from '../tree.ts';

/** The script: to be read with `source`, or from fish's folder of completions. */
export function fishCompletion(root: CommandNode): string {
  const [name = ''] = root.words;
  const commands = flatten(root);
  const paths = commands.filter(({ words }) => words.length > 1).map(({ words }) => words.join(' '));
  return `# Completion of ${name} in fish: ${name} completion fish | source
function __${name}_is --description 'whether the command is this one, so far'
    set -l command ${name}
    for word in (commandline -opc)[2..]
        if contains -- "$command $word" ${paths.map(quote).join(' ')}
            set command "$command $word"
        end
    end
    test "$command" = "$argv"
end
function __${name}_ask --description 'what only the input or the cluster knows'
    ${name} __complete (commandline -opc)[2..] (commandline -ct) 2>/dev/null | string match -v ':*'
end
complete -c ${name} -f
${commands.flatMap(lines).join('\n')}
`;
}

function lines({ words, options, commands, arguments: values }: CommandNode): string[] {
  const start = `complete -c ${words[0]} -n ${quote(`__${words[0]}_is ${words.join(' ')}`)}`;
  const [first] = values;
  return [
    ...commands.map(
      (child) => `${start} -a ${quote(child.words.at(-1) ?? '')} -d ${quote(child.description)}`,
    ),
    ...(first && commands.length === 0 ? [`${start} ${offering(first.expects, words)}`] : []),
    ...options.map((option) => `${start} ${optionWords(option, words)}`),
  ];
}

function optionWords({ names, summary, value }: OptionNode, words: readonly string[]): string {
  const spelled = names.map((name) =>
    name.startsWith('--') ? `-l ${quote(name.slice(2))}` : `-s ${quote(name.slice(1))}`,
  );
  const taken = value ? [...(value.optional ? [] : ['-r']), offering(value.expects, words)] : [];
  return [...spelled, ...taken, `-d ${quote(summary)}`].join(' ');
}

function offering(expected: Expected, [name]: readonly string[]): string {
  if (expected === 'anything') return '-f';
  if (expected === 'file') return '-F';
  if (expected === 'folder') return "-f -a '(__fish_complete_directories)'";
  if (typeof expected === 'string') return `-f -a '(__${name}_ask)'`;
  return `-f -a ${quote(expected.join(' '))}`;
}

function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
