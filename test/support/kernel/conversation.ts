/** Talking to a helper process: a line of JSON in, a line of JSON back. */
import { createInterface } from 'node:readline';
import { execa } from 'execa';
import { z } from 'zod';

const reply = z.union([
  z.object({ id: z.number(), error: z.string() }),
  z.object({ id: z.number(), result: z.unknown() }),
]);

type Helper = ReturnType<typeof start>;

interface HelperOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Not killed with us: it is told of our end by that of its input, and puts things in order. */
  readonly detached?: boolean;
}

function start(command: string, args: readonly string[], { env = {}, detached = false }: HelperOptions) {
  return execa(command, args, {
    env,
    detached,
    cleanup: !detached,
    reject: false,
    stdin: 'pipe',
    buffer: { stdout: false },
  });
}

interface Waiting {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

export class Conversation implements AsyncDisposable {
  readonly #helper: Helper;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;
  #end: Error | undefined;

  constructor(command: string, args: readonly string[], options: HelperOptions = {}) {
    this.#helper = start(command, args, options);
    const { stdout } = this.#helper;
    createInterface({ input: stdout }).on('line', (line) => this.#take(line));
    void this.#helper.then(({ shortMessage, stderr }) => {
      this.#end = new Error(`the helper is gone: ${shortMessage ?? 'it ended'}\n${stderr}`);
      for (const { reject } of this.#waiting.values()) reject(this.#end);
      this.#waiting.clear();
    });
    // Whoever waits for an answer is told above.
    this.#helper.stdin.on('error', () => {});
  }

  /** Sends a command and gives what comes back. Rejects with the helper's own words where it fails. */
  async ask<Schema extends z.ZodType>(
    command: string,
    message: object,
    schema: Schema,
  ): Promise<z.output<Schema>> {
    if (this.#end) throw this.#end;
    const id = ++this.#lastId;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#waiting.set(id, { resolve, reject });
    this.#helper.stdin.write(`${JSON.stringify({ ...message, command, id })}\n`);
    return schema.parse(await promise);
  }

  /** Ends the helper by its input, or by force where it does not care. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#helper.stdin.end();
    const patience = setTimeout(() => this.#helper.kill('SIGKILL'), 10_000);
    await this.#helper;
    clearTimeout(patience);
  }

  #take(line: string): void {
    const message = reply.parse(JSON.parse(line));
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if ('error' in message) waiting?.reject(new Error(message.error));
    else waiting?.resolve(message.result);
  }
}
