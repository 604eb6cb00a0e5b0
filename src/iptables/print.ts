/** Rulesets as the text that `iptables-restore` reads. */
import type { Chain, Match, Rule, Ruleset, Table, Target } from './types.ts';
import { quote } from './words.ts';

/**
 * A ruleset as input for `iptables-restore --noflush` (or `ip6tables-restore`): each table in one transaction that
 * creates or empties the chains it names and fills them. Ends with a newline.
 */
export function printRuleset(ruleset: Ruleset): string {
  return printTables(ruleset.tables);
}

/** One table: `*name`, its chains, their rules, `COMMIT`. */
export function printTable(table: Table): string {
  return printTables([table]);
}

function printTables(tables: readonly Table[]): string {
  const lines = new Lines();
  for (const { name, chains } of tables) {
    lines.add(`*${name}`);
    for (const { name } of chains) lines.add(`:${name} - [0:0]`);
    for (const chain of chains) {
      for (const rule of chain.rules) lines.add(printAppend(chain, rule));
    }
    lines.add('COMMIT');
  }
  return lines.joined();
}

/** Lines are joined so many at a time: that is twice as fast as joining all at once, or as adding to one text. */
const LINES_AT_ONCE = 256;

class Lines {
  readonly #pieces: string[] = [];
  #piece: string[] = [];

  add(line: string): void {
    this.#piece.push(line);
    if (this.#piece.length < LINES_AT_ONCE) return;
    this.#pieces.push(this.#piece.join('\n'));
    this.#piece = [];
  }

  /** All of them, each with a newline behind it. */
  joined(): string {
    return [...this.#pieces, ...this.#piece, ''].join('\n');
  }
}

/** The line that appends a rule to its chain. */
export function printAppend(chain: Chain, rule: Rule): string {
  return `-A ${chain.name}${printRule(rule)}`;
}

/** What follows `-A CHAIN` of a rule, with a space before each word. */
export function printRule(rule: Rule): string {
  let text = '';
  for (const match of rule.matches) text += printMatch(match);
  return rule.target ? text + printTarget(rule.target) : text;
}

function printMatch(match: Match): string {
  switch (match.match) {
    case 'comment':
      return ` -m comment --comment ${quote(match.comment)}`;
    case 'protocol':
      return match.bare ? ` -p ${match.protocol}` : ` -m ${match.protocol} -p ${match.protocol}`;
    case 'source':
      return `${not(match)} -s ${match.address}`;
    case 'destination':
      return `${not(match)} -d ${match.address}`;
    case 'destination-port':
      return printPorts(match);
    case 'in-interface':
      return `${not(match)} -i ${quote(match.name)}`;
    case 'mark':
      return ` -m mark${not(match)} --mark ${hex(match.value)}/${hex(match.mask)}`;
    case 'conntrack':
      return ` -m conntrack${not(match)} --ctstate ${match.states.join(',')}`;
    case 'addrtype':
      return ` -m addrtype${not(match)} --${match.side === 'source' ? 'src' : 'dst'}-type ${match.type}`;
    case 'statistic':
      return ` -m statistic --mode random --probability ${match.probability.toFixed(10)}`;
    case 'recent':
      return match.operation === 'set'
        ? ` -m recent --name ${quote(match.name)} --set`
        : ` -m recent --name ${quote(match.name)} --rcheck --seconds ${match.seconds} --reap`;
    case 'nfacct':
      return ` -m nfacct --nfacct-name ${quote(match.name)}`;
    case 'bpf':
      return ` -m bpf --bytecode ${quote(match.bytecode)}`;
    case 'unknown':
      return printWords(match.words);
  }
}

/** ` --dport 80`, or ` --dport 80:89`. */
export function printPorts({ port, last }: { readonly port: number; readonly last?: number }): string {
  return last === undefined ? ` --dport ${port}` : ` --dport ${port}:${last}`;
}

function printTarget(target: Target): string {
  switch (target.target) {
    case 'jump':
      return ` -j ${quote(target.chain)}`;
    case 'MARK':
      return ` -j MARK ${printMark(target.value, target.mask)}`;
    case 'MASQUERADE':
      return target.randomFully ? ' -j MASQUERADE --random-fully' : ' -j MASQUERADE';
    case 'DNAT':
      return ` -j DNAT --to-destination ${target.to}`;
    case 'unknown':
      return printWords(target.words);
    case 'ACCEPT':
    case 'DROP':
    case 'REJECT':
    case 'RETURN':
      return ` -j ${target.target}`;
  }
}

/** Setting or flipping bits has a spelling of its own, which is the one kube-proxy uses. */
function printMark(value: number, mask: number): string {
  if (mask === value) return `--or-mark ${hex(value)}`;
  if (mask === 0) return `--xor-mark ${hex(value)}`;
  return `--set-xmark ${hex(value)}/${hex(mask)}`;
}

function printWords(words: readonly string[]): string {
  return words.map((word) => ` ${quote(word)}`).join('');
}

function not(match: { readonly negated?: true }): string {
  return match.negated ? ' !' : '';
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`;
}
