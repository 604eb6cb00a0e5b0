import { Writable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { LogOutput } from './log-output.ts';

/** A stream whose reader takes nothing until told to. */
class Reader {
  readonly read: string[] = [];
  readonly stream: Writable;
  #reads = false;
  #waiting: (() => void) | undefined;

  constructor() {
    this.stream = new Writable({
      highWaterMark: 10,
      write: (chunk, _, done) => {
        const take = () => {
          this.read.push(String(chunk));
          done();
        };
        if (this.#reads) take();
        else this.#waiting = take;
      },
    });
  }

  /** Takes what there is and what comes, until it stalls. */
  async go(): Promise<void> {
    this.#reads = true;
    this.#waiting?.();
    this.#waiting = undefined;
    await turn();
  }

  stall(): void {
    this.#reads = false;
  }
}

const line = (i: number) => `line ${i}\n`;

describe('a reader that stalls', () => {
  test('is given what fits when it goes on, and told how much did not', async () => {
    const reader = new Reader();
    const output = new LogOutput(reader.stream, 50);
    output.follow((lines) => output.write(`${lines} left out\n`));
    for (let i = 0; i < 1000; i++) output.write(line(i));
    expect(reader.stream.writableLength).toBeLessThanOrEqual(50);
    expect(await output.finish(20)).toBe(false);
    await reader.go();
    expect(await output.finish(10_000)).toBe(true);
    output.write(line(1000));
    const fitted = [0, 1, 2, 3, 4, 5, 6].map(line);
    expect(reader.read).toEqual([...fitted, '993 left out\n', line(1000)]);
    // And once more.
    reader.stall();
    for (let i = 0; i < 10; i++) output.write(line(i));
    await reader.go();
    expect(reader.read.slice(9)).toEqual([...fitted, '3 left out\n']);
  });

  test('and is given everything where all fits', async () => {
    const reader = new Reader();
    const output = new LogOutput(reader.stream);
    output.follow((lines) => output.write(`${lines} left out\n`));
    for (let i = 0; i < 100; i++) output.write(line(i));
    await reader.go();
    expect(reader.read).toEqual(Array.from({ length: 100 }, (_, i) => line(i)));
  });

  test('or goes away, and nobody waits for it', async () => {
    const reader = new Reader();
    const output = new LogOutput(reader.stream);
    reader.stream.on('error', () => {});
    output.write(line(0));
    reader.stream.destroy(new Error('EPIPE'));
    await turn();
    output.write(line(1));
    expect(await output.finish(10_000)).toBe(true);
  });
});
