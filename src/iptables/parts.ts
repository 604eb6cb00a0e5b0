/** The words of a rule, sorted by what they belong to: base options, match extensions, the target. */

/** An option with its values, such as `! --ctstate NEW`. */
export interface Option {
  /** The short one of a base option; '' for a value that no option takes. */
  readonly name: string;
  readonly values: readonly string[];
  readonly negated: boolean;
}

/** What belongs together: a base option, `-m NAME` with its options, or `-j NAME` with its options. */
export interface Part {
  readonly head: Option;
  readonly options: readonly Option[];
  /** Of a port, which may stand far from it: the protocol's extension. */
  readonly owner?: Part;
}

/** The options of a rule that are not of an extension, and how many values they take. */
const BASE: ReadonlyMap<string, number> = new Map([
  ['-s', 1],
  ['-d', 1],
  ['-i', 1],
  ['-o', 1],
  ['-p', 1],
  ['-f', 0],
  ['-m', 1],
  ['-j', 1],
  ['-g', 1],
]);

const SHORT: Readonly<Record<string, string>> = {
  '--source': '-s',
  '--src': '-s',
  '--destination': '-d',
  '--dst': '-d',
  '--in-interface': '-i',
  '--out-interface': '-o',
  '--protocol': '-p',
  '--fragment': '-f',
  '--match': '-m',
  '--jump': '-j',
  '--goto': '-g',
  '--destination-port': '--dport',
  '--source-port': '--sport',
};

/**
 * Options of extensions that take the next word, whatever it looks like: `--comment -j` is a comment. All others take
 * what does not look like an option.
 */
const VALUES: ReadonlyMap<string, number> = new Map(
  [
    ...['--comment', '--name', '--nfacct-name', '--string', '--hex-string'],
    ...['--hashlimit-name', '--helper', '--log-prefix', '--nflog-prefix'],
  ].map((name) => [name, 1]),
);

const PORTS: ReadonlySet<string> = new Set(['--dport', '--sport']);

/** Extensions that have ports. */
const PROTOCOLS: ReadonlySet<string> = new Set(['tcp', 'udp', 'sctp', 'dccp', 'udplite']);

/** The words of a part, in the order in which iptables takes them. */
export function wordsOf({ head, options }: Part): string[] {
  return [head, ...options].flatMap(({ name, values, negated }) => [
    ...(negated ? ['!'] : []),
    ...(name === '' ? [] : [name]),
    ...values,
  ]);
}

/**
 * Sorts the words of a rule. All that stands behind a target counts as the target's.
 * @returns undefined where iptables would take it for no rule: a word is too many, or one is missing at the end
 */
export function partsOf(words: readonly string[]): Part[] | undefined {
  const parts: (Part & { readonly options: Option[] })[] = [];
  let protocol = '';
  let last: (typeof parts)[number] | undefined;
  const open = (head: Option, owner?: Part) => {
    const part = { head, options: [], ...(owner ? { owner } : {}) };
    parts.push(part);
    return part;
  };
  const load = (name: string) => open({ name: '-m', values: [name], negated: false });
  const loaded = () =>
    parts.findLast(({ head: { name, values } }) => {
      return name === '-m' && (values[0] === protocol || PROTOCOLS.has(values[0] ?? ''));
    });

  for (const option of optionsOf(words)) {
    const { name, values } = option;
    if (last && isTarget(last)) {
      last.options.push(option);
    } else if (name === '' || values.length < (BASE.get(name) ?? VALUES.get(name) ?? 0)) {
      return undefined;
    } else if (BASE.has(name)) {
      const part = open(option);
      if (name === '-p') protocol = protocolName(values[0] ?? '');
      if (name === '-m' || isTarget(part)) last = part;
    } else if (PORTS.has(name) && (loaded() || (protocol !== '' && !isMultiport(last)))) {
      // `-p tcp --dport 80` loads the protocol's extension without being told.
      open(option, loaded() ?? load(protocol));
    } else {
      // Extensions have long options only.
      const isExtensions = name.startsWith('--');
      if (!last && isExtensions && protocol !== '') last = load(protocol);
      // As an option of multiport it is short for `--dports`, but only while no protocol's extension is there.
      const spelled = PORTS.has(name) && isMultiport(last) ? { ...option, name: `${name}s` } : option;
      if (last && isExtensions) last.options.push(spelled);
      else open(option);
    }
  }
  return parts;
}

function isMultiport(part: Part | undefined): boolean {
  return part?.head.values[0] === 'multiport';
}

export function isTarget({ head }: Part): boolean {
  return head.name === '-j' || head.name === '-g';
}

/** A protocol as iptables-save names it; those that it does not name are numbers there, too. */
export function protocolName(text: string): string {
  const NUMBERS: Readonly<Record<string, string>> = { 1: 'icmp', 6: 'tcp', 17: 'udp', 132: 'sctp' };
  return NUMBERS[text] ?? text.toLowerCase();
}

function* optionsOf(words: readonly string[]): Generator<Option> {
  for (let i = 0; i < words.length; ) {
    const negated = words[i] === '!';
    if (negated) i++;
    const word = words[i] ?? '';
    const name = SHORT[word] ?? word;
    if (isValue(word)) {
      yield { name: '', values: words.slice(i, ++i), negated };
      continue;
    }
    const first = ++i;
    const exact = BASE.get(name) ?? VALUES.get(name);
    if (exact === undefined) while (i < words.length && isValue(words[i] ?? '')) i++;
    else i = Math.min(i + exact, words.length);
    yield { name, values: words.slice(first, i), negated };
  }
}

function isValue(word: string): boolean {
  return word === '-' || (word !== '!' && !word.startsWith('-'));
}
