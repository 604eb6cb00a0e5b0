/** A completion script for bash, from 3.2 on, without the bash-completion package. */
import type { CommandNode, Expected } from '../tree.ts';
import { flatten } from '../tree.ts';

/** The script: to be read with `source`. */
export function bashCompletion(root: CommandNode): string {
  const [name = ''] = root.words;
  const commands = flatten(root);
  const paths = commands.filter(({ words }) => words.length > 1).map(({ words }) => words.join(' '));
  return `# Completion of ${name} in bash: source <(${name} completion bash)
_${name}() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} command=${name} word
  # bash takes --option=value apart.
  if [[ $current == = ]]; then
    current=
  elif [[ $previous == = ]]; then
    previous=\${COMP_WORDS[COMP_CWORD-2]}
  fi
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$command $word" in
      ${alternatives(paths)}) command="$command $word" ;;
    esac
  done
  COMPREPLY=()
  case "$command $previous" in
${commands.flatMap(valueCases).join('\n')}
  esac
  case "$command $current" in
${commands
  .filter(({ options }) => options.length > 0)
  .map(optionsCase)
  .join('\n')}
  esac
  case $command in
${commands.flatMap(wordsCase).join('\n')}
  esac
}
# Files as readline completes them; what the function offers else is all that there is.
_${name}_files() {
  compopt -o default 2>/dev/null || _${name}_offer -f
}
_${name}_folders() {
  compopt -o filenames 2>/dev/null
  _${name}_offer -d
}
# What only the input or the cluster knows.
_${name}_ask() {
  local word
  while IFS= read -r word; do
    [[ $word == :* ]] || COMPREPLY+=("$word")
  done < <("\${COMP_WORDS[0]}" __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
_${name}_offer() {
  local word
  while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen "$@" -- "$current")
}
complete -F _${name} ${name}
`;
}

/** After an option that takes a value; where the value can be left out, another option may follow, too. */
function valueCases({ words, options }: CommandNode): string[] {
  return options.flatMap(({ names, value }) => {
    if (!value) return [];
    const patterns = alternatives(names.map((name) => `${words.join(' ')} ${name}`));
    const offer = offering(words, value.expects);
    if (value.optional) return [`    ${patterns}) [[ $current == -* ]] || { ${offer}; return; } ;;`];
    return [`    ${patterns}) ${offer}; return ;;`];
  });
}

function optionsCase({ words, options }: CommandNode): string {
  const names = options.flatMap((option) => option.names);
  return `    ${quote(`${words.join(' ')} -`)}*) ${offering(words, names)}; return ;;`;
}

function wordsCase({ words, commands, arguments: values }: CommandNode): string[] {
  const [first] = values;
  const offered = commands.length > 0 ? commands.map((child) => child.words.at(-1) ?? '') : first?.expects;
  return offered === undefined ? [] : [`    ${quote(words.join(' '))}) ${offering(words, offered)} ;;`];
}

function offering([name]: readonly string[], expected: Expected): string {
  if (expected === 'anything') return ':';
  if (expected === 'file') return `_${name}_files`;
  if (expected === 'folder') return `_${name}_folders`;
  if (typeof expected === 'string') return `_${name}_ask`;
  return `_${name}_offer -W ${quote(expected.join(' '))}`;
}

function alternatives(patterns: readonly string[]): string {
  return patterns.map(quote).join('|');
}

function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
