/**
 * Network namespaces for tests: each is a network of its own, whose firewall begins empty and is gone with it. Making
 * one takes some milliseconds, so that every test can have a fresh one. Needs root; nothing in here touches the
 * firewall of the namespace that the tests run in.
 */
import { randomBytes } from 'node:crypto';
import { execa } from 'execa';
import type { Family } from '../../../src/net/address.ts';

/** The two programs that go by the name of iptables: one speaks to nf_tables, the other to the older x_tables. */
export const BACKENDS = ['nft', 'legacy'] as const;

export type Backend = (typeof BACKENDS)[number];

/** Whether this process may make namespaces. Where it may not, kernel tests are skipped. */
export const MAY_USE_NAMESPACES = process.getuid?.() === 0;

/** How a command ended. It is for the test to say whether that is as it should be. */
export interface CommandResult {
  /** Undefined where a signal ended it. */
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
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
    await execa('ip', ['netns', 'add', name]);
    return new NetworkNamespace(name);
  }

  /** Runs a command inside, without a shell. Rejects only where it cannot be started. */
  async run(command: string, args: readonly string[], input = ''): Promise<CommandResult> {
    const [program = '', ...words] = [...enter(this.name), command, ...args];
    const result = await execa(program, words, { input, reject: false, stripFinalNewline: false });
    if (result.exitCode === undefined && !result.isTerminated) throw result;
    const { exitCode, stdout, stderr } = result;
    return { exitCode, stdout, stderr };
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
    await execa('ip', ['netns', 'delete', this.name]);
  }
}

/** The legacy programs share one lock (`/run/xtables.lock`) across all namespaces. Seconds. */
const WAIT_FOR_LOCK = ['--wait', '60'];

/** What the iptables of a family is called, before the name of a backend. */
export function programOf(family: Family): string {
  return family === 'ipv4' ? 'iptables' : 'ip6tables';
}
