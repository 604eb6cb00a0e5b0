/** A completion script for zsh. */
import type { CommandNode, Expected, OptionNode } from '../tree.ts';
import { flatten } from '../tree.ts';

/** The script: to be read with `source`, or from a folder of `$fpath`. */
export function zshCompletion(root: CommandNode): string {
  const [name = ''] = root.words;
  return `#compdef ${name}
# Completion of ${name} in zsh: source <(${name} completion zsh), after compinit.

# What only the input or the cluster knows.
_${name}_ask() {
  local -a offered=(\${(f)"$(${name} __complete \${words[1,CURRENT]} 2>/dev/null)"})
  compadd -- \${offered:#:*}
}
${flatten(root).map(commandFunction).join('')}
if [[ $funcstack[1] == _${name} ]]; then
  _${name} "$@"
else
  compdef _${name} ${name}
fi
`;
}

function commandFunction(node: CommandNode): string {
  const lines = [...node.options.map((option) => optionSpec(option, node)), ...valueSpecs(node)];
  return `
${functionName(node.words)}() {
  local context curcontext=$curcontext state state_descr line
  typeset -A opt_args
  _arguments -C -S ${lines.map((line) => `\\\n    ${line}`).join(' ')}
${node.commands.length > 0 ? `${dispatch(node)}\n` : ''}}
`;
}

/** `'(-o --output)'{-o+,--output=}'[how to print]:format:(text json)'` */
function optionSpec({ names, summary, value, repeatable }: OptionNode, { words }: CommandNode): string {
  const endings = value?.optional ? ['', '=-'] : value ? ['+', '='] : ['', ''];
  const spellings = names.map((name) => `${name}${endings[name.startsWith('--') ? 1 : 0]}`);
  const others = names.includes('--help') || names.includes('--version') ? ['-', '*'] : names;
  const prefix = repeatable ? '*' : `(${others.join(' ')})`;
  const colon = value?.optional ? '::' : ':';
  const told = value ? `${colon}${escaped(value.name, ':')}:${action(value.expects, words)}` : '';
  const spelled = spellings.length === 1 ? spellings.join() : `{${spellings.join(',')}}`;
  return `${quote(prefix)}${spelled}${quote(`[${escaped(summary, '[]:')}]${told}`)}`;
}

function valueSpecs({ words, commands, arguments: values }: CommandNode): string[] {
  if (commands.length > 0) return [quote('1: :->command'), quote('*:: :->arguments')];
  return values.map(({ name, expects }) => quote(`:${escaped(name, ':')}:${action(expects, words)}`));
}

/** The commands below a command: their names, and what completes what follows them. */
function dispatch({ words, commands }: CommandNode): string {
  const own = commands.map(({ words, description }) => ({ name: words.at(-1) ?? '', words, description }));
  return `  case $state in
    command)
      local -a commands=(
${own.map(({ name, description }) => `        ${quote(`${name}:${escaped(description, ':')}`)}`).join('\n')}
      )
      _describe -t commands ${quote(`${words.join(' ')} command`)} commands
      ;;
    arguments)
      case $words[1] in
${own.map(({ name, words }) => `        ${name}) ${functionName(words)} ;;`).join('\n')}
      esac
      ;;
  esac`;
}

function action(expected: Expected, [name]: readonly string[]): string {
  if (expected === 'anything') return ' ';
  if (expected === 'file') return '_files';
  if (expected === 'folder') return '_files -/';
  if (typeof expected === 'string') return `_${name}_ask`;
  return `(${expected.join(' ')})`;
}

function functionName(words: readonly string[]): string {
  return `_${words.join('_')}`;
}

/** Characters that mean something to `_arguments`. */
function escaped(text: string, special: string): string {
  return [...text].map((char) => (char === '\\' || special.includes(char) ? `\\${char}` : char)).join('');
}

function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
