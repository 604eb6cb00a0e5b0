/**
 * The lines of iptables-save and of `iptables -S`, and of what iptables-restore takes: the one place that takes them
 * apart. What a rule says behind its chain is left as text.
 */

/** Is told what each line says. Empty lines and remarks say nothing. */
export interface SaveListener {
  /** `*nat` */
  table?(name: string): void;
  /** `:KUBE-SERVICES - [0:0]`; `-N KUBE-SERVICES` or `-P INPUT ACCEPT`. The policy is `-` where there is none. */
  chain?(name: string, policy: string): void;
  /**
   * `[12:720] -A KUBE-SERVICES -d 10.96.0.1/32 ...`
   * @param text what follows the chain, with the space before it
   * @param counters `[packets:bytes]`; undefined where the line has none
   */
  rule?(chain: string, text: string, counters: string | undefined): void;
  /** `COMMIT` */
  commit?(): void;
  /** Any other line, whole. */
  other?(line: string): void;
}

const [HASH, STAR, COLON, BRACKET, DASH] = [35, 42, 58, 91, 45];
const CARRIAGE_RETURN = 13;
const APPEND = '-A ';
/**
 * Of a table with a rule that only nft can read, iptables-nft-save prints no more than this, with exit code 0 (1.8.9). It
 * says the same of tables with other names, which are not for iptables.
 */
const UNREADABLE = /^# Table `(?:filter|mangle|nat)' is incompatible/;

/** Reads lines while they come: a node with 5,000 Services has 160,000, and iptables-save takes a second to write them. */
export class SaveReader {
  readonly #listener: SaveListener;
  /** Rules of a chain stand together, so the last one's chain is most likely the next one's. */
  #chain = '';
  /** The start of a line whose end has not come yet. */
  #rest = '';
  #number = 0;
  /** A table has begun that is not committed yet. */
  #open = false;
  #oddLine: string | undefined;

  constructor(listener: SaveListener) {
    this.#listener = listener;
  }

  /** The number of the line that is being told, or was told last, from 1. */
  get number(): number {
    return this.#number;
  }

  /**
   * Why what was read so far is no whole output of iptables-save, for people; undefined where it is one. Each of its
   * tables ends with COMMIT, and outside of them are only remarks. An output that is empty is whole: nobody has used a
   * table yet.
   */
  get problem(): string | undefined {
    return this.#oddLine ?? (this.#open ? `line ${this.#number} is the last one, and no COMMIT` : undefined);
  }

  read(chunk: string): void {
    const text = this.#rest + chunk;
    let start = 0;
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', start)) {
      this.#readLine(text, start, end);
      start = end + 1;
    }
    this.#rest = text.slice(start);
  }

  /** Reads the last line, which may have no end. */
  finish(): void {
    if (this.#rest !== '') this.read('\n');
  }

  #readLine(text: string, start: number, lineEnd: number): void {
    this.#number++;
    const end = text.charCodeAt(lineEnd - 1) === CARRIAGE_RETURN && lineEnd > start ? lineEnd - 1 : lineEnd;
    if (start === end) return;
    const listener = this.#listener;
    switch (text.charCodeAt(start)) {
      case HASH:
        if (UNREADABLE.test(text.slice(start, end))) this.#isOdd(text.slice(start, end));
        return;
      case STAR:
        this.#expectOpen(false, text, start, end);
        this.#open = true;
        listener.table?.(text.slice(start + 1, end).trimEnd());
        return;
      case COLON:
        this.#expectOpen(true, text, start, end);
        this.#readChain(text.slice(start + 1, end));
        return;
      case BRACKET: {
        const space = text.indexOf(' ', start);
        if (space !== -1 && space < end && text.startsWith(APPEND, space + 1)) {
          this.#expectOpen(true, text, start, end);
          this.#readRule(text, space + 1, end, text.slice(start, space));
        } else this.#readOther(text.slice(start, end));
        return;
      }
      case DASH:
        if (text.startsWith(APPEND, start)) {
          this.#expectOpen(true, text, start, end);
          this.#readRule(text, start, end, undefined);
          return;
        }
        if (text.startsWith('-N ', start) || text.startsWith('-P ', start)) {
          this.#expectOpen(true, text, start, end);
          this.#readChain(text.slice(start + 3, end));
          return;
        }
    }
    const line = text.slice(start, end);
    if (line.trimEnd() === 'COMMIT') {
      this.#expectOpen(true, text, start, end);
      this.#open = false;
      listener.commit?.();
    } else this.#readOther(line);
  }

  #expectOpen(open: boolean, text: string, start: number, end: number): void {
    if (this.#open !== open) this.#isOdd(text.slice(start, end));
  }

  #readOther(line: string): void {
    this.#isOdd(line);
    this.#listener.other?.(line);
  }

  /** The first one says most: what follows may be right, but for where it stands. */
  #isOdd(line: string): void {
    this.#oddLine ??= `line ${this.#number} is ${JSON.stringify(line.slice(0, 60))}`;
  }

  #readChain(words: string): void {
    const [name = '', policy = '-'] = words.split(' ');
    this.#listener.chain?.(name, policy);
  }

  #readRule(text: string, start: number, end: number, counters: string | undefined): void {
    const nameStart = start + APPEND.length;
    const space = text.indexOf(' ', nameStart);
    const nameEnd = space === -1 || space > end ? end : space;
    const isSame = this.#chain.length === nameEnd - nameStart && text.startsWith(this.#chain, nameStart);
    if (!isSame) this.#chain = text.slice(nameStart, nameEnd);
    this.#listener.rule?.(this.#chain, text.slice(nameEnd, end), counters);
  }
}

/** Reads a whole text. */
export function readSave(text: string, listener: SaveListener): void {
  const reader = new SaveReader(listener);
  reader.read(text);
  reader.finish();
}
