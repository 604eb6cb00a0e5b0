/** The text of whole tables, split into chains whose rules stay text. */
import { ParseError } from '../parse.ts';

/** A chain whose rules nobody has parsed yet. */
export interface TextChain {
  readonly policy: 'ACCEPT' | 'DROP' | undefined;
  /** What follows `-A CHAIN` of each rule. */
  readonly lines: readonly string[];
}

interface OpenChain extends TextChain {
  readonly lines: string[];
}

/**
 * Splits the output of iptables-save, with or without counters, or input for iptables-restore.
 * @throws ParseError where it is neither
 */
export function readSavedText(text: string): ReadonlyMap<string, ReadonlyMap<string, TextChain>> {
  const tables = new Map<string, Map<string, OpenChain>>();
  let open: Map<string, OpenChain> | undefined;
  let number = 0;
  for (const line of linesOf(text)) {
    number++;
    const fail = (message: string) => new ParseError(number, message);
    const first = line[0];
    if (first === undefined || first === '#') continue;
    if (first === '*') {
      const name = line.slice(1).trim();
      if (open || tables.has(name))
        throw fail(open ? 'a table is not committed yet' : `table ${name} is there twice`);
      open = new Map();
      tables.set(name, open);
    } else if (!open) {
      throw fail(`expected a table, got ${JSON.stringify(line.slice(0, 40))}`);
    } else if (first === ':') {
      const [name = '', policy] = line.slice(1).split(' ');
      open.set(name, { policy: policy === 'ACCEPT' || policy === 'DROP' ? policy : undefined, lines: [] });
    } else if (line.trim() === 'COMMIT') {
      open = undefined;
    } else {
      const start = first === '[' ? line.indexOf(' ') + 1 : 0;
      const end = line.indexOf(' ', start + APPEND.length);
      const name = line.slice(start + APPEND.length, end === -1 ? undefined : end);
      const chain = line.startsWith(APPEND, start) ? open.get(name) : undefined;
      if (!chain) throw fail(`expected a rule: -A CHAIN ..., got ${JSON.stringify(line.slice(0, 40))}`);
      chain.lines.push(end === -1 ? '' : line.slice(end));
    }
  }
  if (open) throw new ParseError(number, 'a table is not committed');
  return tables;
}

const APPEND = '-A ';

function* linesOf(text: string): Generator<string> {
  for (let start = 0; start < text.length; ) {
    const found = text.indexOf('\n', start);
    const end = found === -1 ? text.length : found;
    yield text.slice(start, text[end - 1] === '\r' ? end - 1 : end);
    start = end + 1;
  }
}
