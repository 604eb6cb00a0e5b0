/** Where the log goes, whoever reads it or does not. */
import type { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Writer } from './log.ts';

/** Bytes that may wait for whoever reads the log: some thousand lines. */
const MOST_WAITING = 1_000_000;

/**
 * A stream of the log. Node.js never waits for whoever reads a pipe or a socket, and keeps what is not read yet: that
 * is bounded here. What does not fit is left out and counted.
 */
export class LogOutput implements Writer {
  readonly #stream: Writable;
  readonly #most: number;
  #leftOut = 0;
  #roomAgain: (lines: number) => void = () => {};

  /** @param most bytes that may wait; a megabyte unless given */
  constructor(stream: Writable, most = MOST_WAITING) {
    this.#stream = stream;
    this.#most = most;
    stream.on('drain', () => {
      const lines = this.#leftOut;
      this.#leftOut = 0;
      if (lines > 0) this.#roomAgain(lines);
    });
  }

  /** @param roomAgain told when all that waited has been read, where lines were left out: how many */
  follow(roomAgain: (lines: number) => void): void {
    this.#roomAgain = roomAgain;
  }

  /** Writes a line, or leaves it out. */
  write(line: string): void {
    // From the first line that does not fit to when all is read, none: the gap in the log is one, and told at its end.
    if (this.#leftOut > 0 || this.#stream.writableLength + Buffer.byteLength(line) > this.#most)
      this.#leftOut++;
    else this.#stream.write(line);
  }

  /** Waits until all is written, but no longer than so many milliseconds; tells whether it is. */
  async finish(milliseconds: number): Promise<boolean> {
    const end = performance.now() + milliseconds;
    while (this.#waits && performance.now() < end) await sleep(10);
    return !this.#waits;
  }

  get #waits(): boolean {
    return this.#stream.writableLength > 0 && !this.#stream.destroyed;
  }
}
