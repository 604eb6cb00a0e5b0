/** A Kubernetes API server on the node of a lab. */
import { join } from 'node:path';
import { z } from 'zod';
import type { ApiObject } from '../api-server/fake-api-server.ts';
import { Conversation } from './conversation.ts';
import type { Lab } from './lab.ts';

export class ApiServer implements AsyncDisposable {
  readonly #process: Conversation;

  constructor(lab: Pick<Lab, 'inside'>) {
    const script = join(import.meta.dirname, '..', 'api-server', 'serve.ts');
    const [program = '', ...args] = [...lab.inside('node'), process.execPath, script];
    this.#process = new Conversation(program, args);
  }

  /** Gives the URL to reach it on the node. */
  async start(): Promise<string> {
    return await this.#process.ask('start', {}, z.string());
  }

  /** It is away until it is started again. */
  async stop(): Promise<void> {
    await this.#process.ask('stop', {}, z.string());
  }

  async put(...objects: readonly ApiObject[]): Promise<void> {
    await this.#process.ask('put', { objects }, z.string());
  }

  async delete(...objects: readonly ApiObject[]): Promise<void> {
    await this.#process.ask('delete', { objects }, z.string());
  }

  /** What was sent to it to be made. */
  async posted(): Promise<readonly unknown[]> {
    return await this.#process.ask('posted', {}, z.array(z.unknown()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
  }
}
