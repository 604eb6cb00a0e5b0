/**
 * Chains as they were read, in little memory: a node may have 250,000 rules, which as strings of their own take 85 MB, while
 * iptables-save is there too, with all that it has read.
 */
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';

/** What iptables says of a rule that no packet has met yet. */
export const NOTHING_COUNTED = '[0:0]';

/** Characters that are packed together: 250,000 rules have 28 MB, and come to 1.4 MB in 30 ms (zlib takes 240 ms for 2.1 MB). */
const BLOCK = 262_144;

const FASTEST = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

/**
 * Many texts, put together and packed once they are many. The one that was asked for last is there with those around it, so
 * that asking for all in their order costs one unpacking of each block.
 */
export class TextStore {
  readonly #unpacked: Unpacked = { block: undefined, text: '' };
  #block = new Block(this.#unpacked);

  add(text: string): StoredText {
    const stored = new StoredText(this.#block, text.length);
    this.#block.add(text);
    if (this.#block.length >= BLOCK) {
      this.#block.pack();
      this.#block = new Block(this.#unpacked);
    }
    return stored;
  }
}

/** A text that is to be the next of a block. */
class StoredText {
  readonly #block: Block;
  readonly #start: number;
  readonly #length: number;

  constructor(block: Block, length: number) {
    this.#block = block;
    this.#start = block.length;
    this.#length = length;
  }

  toString(): string {
    return this.#block.text.slice(this.#start, this.#start + this.#length);
  }
}

/** The one block of a store that is unpacked. */
interface Unpacked {
  block: Block | undefined;
  text: string;
}

class Block {
  readonly #unpacked: Unpacked;
  #parts: string[] = [];
  #packed: Buffer | undefined;
  length = 0;

  constructor(unpacked: Unpacked) {
    this.#unpacked = unpacked;
  }

  add(text: string): void {
    this.#parts.push(text);
    this.length += text.length;
  }

  pack(): void {
    this.#packed = zstdCompressSync(this.#parts.join(''), FASTEST);
    this.#parts = [];
  }

  get text(): string {
    if (!this.#packed) {
      if (this.#parts.length > 1) this.#parts = [this.#parts.join('')];
      return this.#parts[0] ?? '';
    }
    if (this.#unpacked.block !== this) {
      this.#unpacked.block = this;
      this.#unpacked.text = zstdDecompressSync(this.#packed).toString();
    }
    return this.#unpacked.text;
  }
}

/** Rules of a chain of which more may come, and what each has counted. */
interface OpenRules {
  readonly lines: string[];
  readonly counters: string[];
}

/** A chain that is being read, and packed once no more of its rules are expected. */
export class PackedChain {
  readonly name: string;
  readonly builtIn: boolean;
  #open: OpenRules | undefined;
  /** Undefined where there are none, or they are not packed. */
  #packedLines: StoredText | undefined;
  /** What they have counted; or, where none has counted anything, how many they are. */
  #packedCounters: StoredText | number = 0;
  #wasPacked = false;

  constructor(name: string, builtIn: boolean) {
    this.name = name;
    this.builtIn = builtIn;
  }

  add(line: string, counter: string): void {
    if (!this.#open) {
      const { lines, counters } = this;
      this.#open = { lines, counters };
      this.#packedLines = undefined;
    }
    this.#open.lines.push(line);
    this.#open.counters.push(counter);
  }

  /** Once: rules of a chain stand together, and where they do not, they are too many to be packed again and again. */
  pack(store: TextStore): void {
    if (this.#wasPacked || !this.#open) return;
    const { lines, counters } = this.#open;
    this.#wasPacked = true;
    this.#packedLines = store.add(lines.join('\n'));
    this.#packedCounters = counters.every((counter) => counter === NOTHING_COUNTED)
      ? counters.length
      : store.add(counters.join(' '));
    this.#open = undefined;
  }

  get lines(): string[] {
    return this.#open?.lines ?? this.#packedLines?.toString().split('\n') ?? [];
  }

  get counters(): string[] {
    if (this.#open) return this.#open.counters;
    const packed = this.#packedCounters;
    return typeof packed === 'number'
      ? new Array<string>(packed).fill(NOTHING_COUNTED)
      : packed.toString().split(' ');
  }
}
