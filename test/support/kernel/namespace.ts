/**
 * Network namespaces for tests: each is a network of its own, whose firewall begins empty and is gone with it. Making
 * one takes some milliseconds, so that every test can have a fresh one. Needs root; nothing in here touches the
 * firewall of the namespace that the tests run in.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import type { Family } from '../../../src/net/address.ts';
import { Conversation } from './conversation.ts';
import { PYTHON } from './python.ts';

/** The two programs that go by the name of iptables: one speaks to nf_tables, the other to the older x_tables. */
export const BACKENDS = ['nft', 'legacy'] as const;

export type Backend = (typeof BACKENDS)[number];

/** Whether this process may make namespaces. Where it may not, kernel tests are skipped. */
export const MAY_USE_NAMESPACES = process.getuid?.() === 0;

const commandResult = z.object({
  /** Undefined where a signal ended it. */
  exitCode: z.number().optional(),
  stdout: z.string(),
  stderr: z.string(),
});

/** How a command ended. It is for the test to say whether that is as it should be. */
export type CommandResult = z.output<typeof commandResult>;

interface RunOptions {
  /** For its standard input, which is /dev/null unless given. */
  readonly input?: string | undefined;
  /** What it finds in its environment beside our own. */
  readonly env?: Readonly<Record<string, string>>;
  /** After so many seconds it is killed. */
  readonly timeout?: number;
}

/** What starts the programs, for all tests of a file: why it is another process is told in it. */
let programs: Conversation | undefined;

/**
 * Runs a command in a network namespace, or in that of the tests, without a shell. Rejects only where it cannot be started.
 * @param namespace as `ip netns` lists it
 */
export async function runIn(
  namespace: string | undefined,
  command: readonly string[],
  { input, env = {}, timeout = 180 }: RunOptions = {},
): Promise<CommandResult> {
  programs ??= new Conversation(PYTHON, [join(import.meta.dirname, 'programs.py')]);
  return await programs.ask('run', { namespace, arguments: command, input, env, timeout }, commandResult);
}

/** The same, of a command that has to succeed. */
async function succeed(command: readonly string[]): Promise<void> {
  const { exitCode, stderr } = await runIn(undefined, command);
  if (exitCode !== 0) throw new Error(`${command.join(' ')}: ${stderr}`);
}

/** The words that run a command in a network namespace: `ip netns exec` would mount a /sys for each, which takes a fifth longer. */
export function enter(name: string): string[] {
  return ['nsenter', `--net=/run/netns/${name}`];
}

export class NetworkNamespace implements AsyncDisposable {
  /** As `ip netns` lists it. */
  readonly name: string;

  private constructor(name: string) {
    this.name = name;
  }

  /** Makes a namespace under a random name. Rejects where `ip` cannot. */
  static async create(): Promise<NetworkNamespace> {
    const name = `svc2ipt-test-${randomBytes(6).toString('hex')}`;
    await succeed(['ip', 'netns', 'add', name]);
    return new NetworkNamespace(name);
  }

  /** Runs a command inside, without a shell. Rejects only where it cannot be started. */
  async run(command: string, args: readonly string[], input?: string): Promise<CommandResult> {
    return await runIn(this.name, [command, ...args], { input });
  }

  /**
   * Feeds rules to `iptables-restore --noflush`.
   * @param how `test` parses them and commits nothing
   */
  restore(
    { backend, family }: { readonly backend: Backend; readonly family: Family },
    rules: string,
    how: 'commit' | 'test' = 'commit',
  ): Promise<CommandResult> {
    const args = ['--noflush', ...(how === 'test' ? ['--test'] : []), ...WAIT_FOR_LOCK];
    return this.run(`${programOf(family)}-${backend}-restore`, args, rules);
  }

  /** What `iptables-save` prints: the rules of all tables, as the kernel has them. */
  async save({ backend, family }: { readonly backend: Backend; readonly family: Family }): Promise<string> {
    const { exitCode, stdout, stderr } = await this.run(`${programOf(family)}-${backend}-save`, []);
    if (exitCode !== 0) throw new Error(`cannot save the rules: ${stderr}`);
    return stdout;
  }

  /** Deletes the namespace and everything in it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await succeed(['ip', 'netns', 'delete', this.name]);
  }
}

/** The legacy programs share one lock (`/run/xtables.lock`) across all namespaces. Seconds. */
const WAIT_FOR_LOCK = ['--wait', '60'];

/** What the iptables of a family is called, before the name of a backend. */
export function programOf(family: Family): string {
  return family === 'ipv4' ? 'iptables' : 'ip6tables';
}
