/** What may stand where a command line ends, so far: for shells, and for kubectl. */
import { type CommandNode, commandTree, type Expected, type OptionNode } from '../manual/tree.ts';
import { DEFAULT_SERVICE_RANGES, loadCluster } from '../sources/cluster.ts';
import { readNamed } from './inputs.ts';
import { hasDefaultCluster, readLiveCluster } from './live-cluster.ts';
import { program } from './program.ts';

/** What kubectl, as cobra, is told behind the offers: `:4` is that files are none of them. */
const DIRECTIVES = { files: 0, nothingElse: 4, folders: 16 } as const;

/** Nobody waits longer for a key to do something; in milliseconds. */
const PATIENCE = 3000;

/**
 * The words that may stand where the last one is, a line for each, and a last line that says what else may: in the form
 * that kubectl asks plugins for.
 * @param words behind the name of the program; the last one is not finished, and may be empty
 */
export async function complete(words: readonly string[]): Promise<string> {
  const { offered, directive } = await offersFor(words);
  return [...offered, `:${directive}`].map((line) => `${line}\n`).join('');
}

interface Offers {
  readonly offered: readonly string[];
  readonly directive: number;
}

async function offersFor(words: readonly string[]): Promise<Offers> {
  const typed = words.at(-1) ?? '';
  const before = words.slice(0, -1);
  const { command, rest } = commandIn(commandTree(await program()), before);
  const [, option = '', value] = /^(--[^=]+)=(.*)$/s.exec(typed) ?? [];
  const ofTyped = optionNamed(command, option);
  if (value !== undefined && ofTyped?.value !== undefined) {
    const { offered, directive } = await valuesFor(ofTyped.value.expects, value, command, rest);
    return { offered: offered.map((one) => `${option}=${one}`), directive };
  }
  const last = optionNamed(command, rest.at(-1) ?? '');
  if (last?.value !== undefined && !last.value.optional) {
    return await valuesFor(last.value.expects, typed, command, rest);
  }
  if (typed.startsWith('-')) {
    return only(
      command.options.flatMap(({ names }) => names).filter((name) => name.startsWith('--')),
      typed,
    );
  }
  if (command.commands.length > 0) {
    return only(
      command.commands.map((one) => one.words.at(-1) ?? ''),
      typed,
    );
  }
  const [argument] = command.arguments;
  return argument === undefined ? only([], typed) : await valuesFor(argument.expects, typed, command, rest);
}

function only(words: readonly string[], typed: string): Offers {
  return { offered: words.filter((word) => word.startsWith(typed)), directive: DIRECTIVES.nothingElse };
}

/** The command that words call, and the words that are left for it. */
function commandIn(root: CommandNode, words: readonly string[]) {
  let command = root;
  const rest: string[] = [];
  for (const word of words) {
    const child = command.commands.find((one) => one.words.at(-1) === word);
    if (child) command = child;
    else rest.push(word);
  }
  return { command, rest };
}

function optionNamed({ options }: CommandNode, word: string): OptionNode | undefined {
  return options.find(({ names }) => names.includes(word));
}

async function valuesFor(
  expects: Expected,
  typed: string,
  command: CommandNode,
  words: readonly string[],
): Promise<Offers> {
  switch (expects) {
    case 'file':
      return { offered: [], directive: DIRECTIVES.files };
    case 'folder':
      return { offered: [], directive: DIRECTIVES.folders };
    case 'anything':
      return only([], typed);
    case 'service':
    case 'node':
    case 'namespace':
      return only((await namesOf(valuesOf(command, words)))[expects], typed);
    default:
      return only(expects, typed);
  }
}

/** The values of options that are given so far, each by its longest name. */
function valuesOf(command: CommandNode, words: readonly string[]): (name: string) => readonly string[] {
  const given = new Map<string, string[]>();
  for (const [i, word] of words.entries()) {
    const [name = '', ...parts] = word.split('=');
    const option = optionNamed(command, name);
    if (option?.value === undefined) continue;
    const value = parts.length > 0 ? parts.join('=') : words[i + 1];
    const long = option.names.at(-1) ?? name;
    if (value !== undefined) given.set(long, [...(given.get(long) ?? []), value]);
  }
  return (name) => given.get(name) ?? [];
}

type Names = Readonly<Record<'service' | 'node' | 'namespace', readonly string[]>>;

const NONE: Names = { service: [], node: [], namespace: [] };

/** The names in the input or the cluster; none where these cannot be read: a key tells of no mistakes. */
async function namesOf(valuesOf: (name: string) => readonly string[]): Promise<Names> {
  const one = (name: string) => valuesOf(name).at(-1);
  const live = {
    kubeconfig: one('--kubeconfig'),
    context: one('--context'),
    cluster: one('--cluster'),
    user: one('--user'),
    server: one('--server'),
    requestTimeout: PATIENCE,
  };
  const files = [...valuesOf('--filename'), ...valuesOf('--from'), ...valuesOf('--to')].filter(
    (path) => path !== '-',
  );
  const folders = valuesOf('--kustomize');
  try {
    const named = await readNamed({
      ...live,
      ...(files.length === 0 ? {} : { filename: files }),
      ...(folders.length === 0 ? {} : { kustomize: folders }),
    });
    const sources = named ?? (hasDefaultCluster() ? [await readLiveCluster(live, ['Service', 'Node'])] : []);
    const { cluster, nodes } = loadCluster(sources, { serviceRanges: DEFAULT_SERVICE_RANGES, strict: false });
    const service = [...cluster.services.keys()].sort();
    const namespace = [...new Set(service.map((name) => name.slice(0, name.indexOf('/'))))];
    return { service, node: [...nodes.keys()].sort(), namespace };
  } catch {
    return NONE;
  }
}
