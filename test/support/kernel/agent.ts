/** An applier that keeps running on the node of a lab. */
import { join } from 'node:path';
import { z } from 'zod';
import type { Manifest } from '../arbitrary/raw.ts';
import { Conversation } from './conversation.ts';
import type { Lab } from './lab.ts';
import type { Backend } from './namespace.ts';

const applied = z.array(
  z.object({
    family: z.enum(['ipv4', 'ipv6']),
    /** What iptables-restore was given. */
    input: z.string(),
    flowsDeleted: z.number(),
  }),
);

/** Chains that are not as they should be, each with its lines as they are and as they should be. */
const differences = z.array(z.unknown());

export class Agent implements AsyncDisposable {
  readonly #process: Conversation;

  constructor(lab: Lab, backend: Backend) {
    const [program = '', ...args] = [
      ...lab.inside('node'),
      process.execPath,
      join(import.meta.dirname, 'node-agent.ts'),
      backend,
    ];
    this.#process = new Conversation(program, args, { env: lab.environment });
  }

  /**
   * Makes the kernel hold a cluster's rules.
   * @param fresh look at the kernel first, as somebody else has written to it
   */
  async apply(
    objects: readonly Manifest[],
    { fresh = false }: { readonly fresh?: boolean } = {},
  ): Promise<z.output<typeof applied>> {
    return await this.#process.ask('apply', { objects, fresh }, applied);
  }

  /** How the kernel differs from a cluster's rules, on a fresh reading. */
  async difference(objects: readonly Manifest[]): Promise<unknown[]> {
    return await this.#process.ask('difference', { objects }, differences);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
  }
}
