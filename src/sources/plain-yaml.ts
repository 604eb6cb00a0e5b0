/**
 * YAML as programs write it, read 10 to 18 times as fast as `yaml` reads all of it: blocks of mappings and lists, a
 * scalar on each line. It is all that `kubectl get -o yaml`, Helm and Kustomize print of Services and their endpoints.
 * Whatever is written in another way, or wrong, is left to the library, which knows positions. js-yaml (5.5), which
 * takes 2.1 to 2.6 times as long as this, would need that library beside it all the same.
 */

/** Unwinds the reader where it meets what is not plain; it never leaves this file. */
const NOT_PLAIN = new Error('not plain YAML');

/** Deeper than any manifest, and far from what recursion can bear. */
const DEEPEST = 100;

/**
 * The values of a text's documents, empty ones as null; undefined where the text is not plain.
 * @param text with line feeds between its lines
 */
export function readPlainYAML(text: string): readonly unknown[] | undefined {
  try {
    return new Reader(text).documents();
  } catch (error) {
    if (error === NOT_PLAIN) return undefined;
    throw error;
  }
}

/** A key that is a string and can be nothing else, and what follows it. */
const KEY = /^([A-Za-z_/][\w./-]*):(?: +(.*))?$/;
const NO_STRING = /^(?:true|false|null|__proto__)$/i;

class Reader {
  readonly #lines: readonly string[];
  /** The line that is read next; after a dash, its rest. */
  #next = -1;
  #indent = -1;
  #content = '';

  constructor(text: string) {
    this.#lines = text.split('\n');
    this.#advance();
  }

  documents(): unknown[] {
    const documents: unknown[] = [];
    while (this.#next < this.#lines.length) {
      // The first line of dashes begins the first document, where nothing stands before it.
      if (this.#isAtEnd()) this.#advance();
      documents.push(this.#isAtEnd() ? null : this.#block(this.#indent, 0));
      if (!this.#isAtEnd()) throw NOT_PLAIN;
    }
    return documents;
  }

  #isAtEnd(): boolean {
    return this.#next >= this.#lines.length || (this.#indent === 0 && this.#content === '---');
  }

  /** Goes to the next line that is neither empty nor a comment. */
  #advance(): void {
    for (this.#next++; this.#next < this.#lines.length; this.#next++) {
      const line = this.#lines[this.#next] ?? '';
      const indent = indentOf(line);
      if (indent === line.length || line[indent] === '#') continue;
      this.#indent = indent;
      this.#content = indent === 0 ? line : line.slice(indent);
      // Dashes and dots that end documents and say more, and directives.
      if (indent === 0 && /^(?:---.|\.\.\.|%)/.test(line)) throw NOT_PLAIN;
      return;
    }
    this.#indent = -1;
    this.#content = '';
  }

  /** What stands at this indentation. */
  #block(indent: number, depth: number): unknown {
    if (depth > DEEPEST) throw NOT_PLAIN;
    return isItem(this.#content) ? this.#list(indent, depth) : this.#mapping(indent, depth);
  }

  #mapping(indent: number, depth: number): unknown {
    const value: Record<string, unknown> = {};
    do {
      const [, key, rest] = KEY.exec(this.#content) ?? [];
      if (key === undefined || NO_STRING.test(key) || Object.hasOwn(value, key)) throw NOT_PLAIN;
      if (rest === undefined) {
        this.#advance();
        // The items of a list may stand as far left as its key.
        const nested = this.#indent > indent || (this.#indent === indent && isItem(this.#content));
        value[key] = nested && !this.#isAtEnd() ? this.#block(this.#indent, depth + 1) : null;
      } else {
        value[key] = this.#scalar(rest, indent);
      }
    } while (this.#continues(indent) && !isItem(this.#content));
    return value;
  }

  #list(indent: number, depth: number): unknown {
    const items: unknown[] = [];
    do {
      const rest = this.#content.slice(1).trimStart();
      if (rest === '') {
        this.#advance();
        const nested = this.#indent > indent && !this.#isAtEnd();
        items.push(nested ? this.#block(this.#indent, depth + 1) : null);
      } else if (isItem(rest) || KEY.test(rest)) {
        this.#indent += this.#content.length - rest.length;
        this.#content = rest;
        items.push(this.#block(this.#indent, depth + 1));
      } else {
        items.push(this.#scalar(rest, indent));
      }
    } while (this.#continues(indent) && isItem(this.#content));
    return items;
  }

  /** Whether the block goes on. A line further to the right would belong to what is read already. */
  #continues(indent: number): boolean {
    if (this.#indent > indent) throw NOT_PLAIN;
    return this.#indent === indent && !this.#isAtEnd();
  }

  /** The scalar on the rest of a line, and goes to the next. */
  #scalar(written: string, indent: number): unknown {
    if (written === '|' || written === '|-') return this.#literal(indent, written === '|' ? '\n' : '');
    const value = scalar(written);
    this.#advance();
    return value;
  }

  /** The lines below a `|`, as they are. */
  #literal(indent: number, end: string): string {
    const start = this.#next + 1;
    const own = indentOf(this.#lines[start] ?? '');
    let after = start;
    for (let i = start; i < this.#lines.length; i++) {
      const line = this.#lines[i] ?? '';
      const isBlank = indentOf(line) === line.length;
      if (!isBlank && indentOf(line) < own) break;
      if (isBlank ? line.length > 0 : /[\t\r\uFEFF]/.test(line)) throw NOT_PLAIN;
      if (!isBlank) after = i + 1;
    }
    // Nothing in it, or no line feed after it, are for those who know the grammar.
    if (own <= indent || after === start || after === this.#lines.length) throw NOT_PLAIN;
    this.#next = after - 1;
    this.#advance();
    return (
      this.#lines
        .slice(start, after)
        .map((line) => line.slice(own))
        .join('\n') + end
    );
  }
}

function indentOf(line: string): number {
  let indent = 0;
  while (line[indent] === ' ') indent++;
  return indent;
}

function isItem(content: string): boolean {
  return content[0] === '-' && (content.length === 1 || content[1] === ' ');
}

/** Printable ASCII from a character on that begins no other kind of scalar. */
const PLAIN_TEXT = /^(?:[A-Za-z0-9_/]|--?[A-Za-z])[\x20-\x7e]*$/;
/** What begins a comment or a value, or is trimmed. */
const MORE = /: | #|[: ]$/;
const INTEGER = /^(?:0|-?[1-9]\d{0,14})$/;
/** Numbers in other spellings, and what could be taken for one. */
const LIKE_NUMBER = /^[0-9]+\.?[0-9]*(?:[eE][-+]?[0-9]*)?$|^0[ox]/;
const DOUBLE_QUOTED = /^"(?:[^"\\\p{Cc}\uFEFF]|\\["\\/bfnrt])*"$/u;
const SINGLE_QUOTED = /^'(?:[^'\p{Cc}\uFEFF]|'')*'$/u;

function scalar(written: string): unknown {
  if (INTEGER.test(written)) return Number(written);
  if (written === 'true') return true;
  if (written === 'false') return false;
  if (written === 'null') return null;
  if (written === '{}') return {};
  if (written === '[]') return [];
  if (DOUBLE_QUOTED.test(written)) return JSON.parse(written);
  if (SINGLE_QUOTED.test(written)) return written.slice(1, -1).replaceAll("''", "'");
  if (!PLAIN_TEXT.test(written) || MORE.test(written)) throw NOT_PLAIN;
  if (NO_STRING.test(written) || LIKE_NUMBER.test(written)) throw NOT_PLAIN;
  return written;
}
