/** `svc2ipt agent` itself, on the node of a lab. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { MAIN } from '../project.ts';
import { CONFIGURATION, configurationText, type Lab, NODE_NAME } from './lab.ts';
import type { Backend } from './namespace.ts';

/** Fast, so that tests are, and without the node's own sysctls, which a namespace has not. */
const AGENT_CONFIGURATION = {
  ...CONFIGURATION,
  hostnameOverride: NODE_NAME,
  iptables: { syncPeriod: '1s', minSyncPeriod: '50ms' },
  conntrack: { maxPerCore: 0 },
};

export interface AgentStart {
  /** It finds out by itself unless given. */
  readonly backend?: Backend | undefined;
  /** The rest of the command line, such as where the cluster comes from. */
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Fields of the configuration that are another than usual. */
  readonly fields?: object | undefined;
  /** Options of svc2ipt's own. */
  readonly own?: object | undefined;
  /** The command line that it is of; this one unless given. */
  readonly main?: string | undefined;
  /** A command that becomes the agent, which follows it. */
  readonly through?: readonly string[] | undefined;
}

export class RunningAgent implements AsyncDisposable {
  readonly #lab: Lab;
  readonly #process: ReturnType<typeof startAgent>;
  #log = '';

  private constructor(
    lab: Lab,
    { backend, args, env = {}, main = MAIN, through = [] }: AgentStart,
    config: string,
  ) {
    this.#lab = lab;
    const chosen = backend === undefined ? [] : ['--backend', backend];
    this.#process = startAgent(lab, through, [main, 'agent', '--config', config, ...chosen, ...args], env);
    this.#process.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#log += text;
    });
  }

  static async start(lab: Lab, start: AgentStart): Promise<RunningAgent> {
    const config = join(lab.folder, 'agent.yaml');
    await writeFile(config, configurationText({ ...AGENT_CONFIGURATION, ...start.fields }, start.own));
    return new RunningAgent(lab, start, config);
  }

  /** What it has told so far. */
  get log(): string {
    return this.#log;
  }

  /** Asks one of its pages, from the node; of a server that is not there, the status is 0. */
  async page(url: string): Promise<{ readonly status: number; readonly body: string }> {
    const command = ['curl', '--silent', '--max-time', '60', '--write-out', '\n%{http_code}', url];
    const { stdout } = await this.#lab.run('node', command);
    const end = stdout.lastIndexOf('\n');
    return { status: Number(stdout.slice(end + 1)), body: stdout.slice(0, end) };
  }

  /** Waits for a line of its log. */
  async tells(what: RegExp, seconds = 180): Promise<void> {
    for (const end = performance.now() + seconds * 1000; !what.test(this.#log); await sleep(10)) {
      if (performance.now() > end) throw new Error(`it never told ${what}:\n${this.#log}`);
    }
  }

  /** Sends a signal, and gives how it ended. */
  async end(signal: NodeJS.Signals): Promise<{ readonly exitCode?: number | undefined }> {
    this.#process.kill(signal);
    return await this.#process;
  }

  /** When it has ended by itself, and how. */
  get ended(): Promise<{ readonly exitCode?: number | undefined }> {
    return this.#process;
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** Nobody reads its log any more. */
  leaveLog(): void {
    this.#process.stderr.destroy();
  }

  /** Whoever reads its log stalls, and does not go away. */
  stallLog(): void {
    this.#process.stderr.pause();
  }

  /** And goes on. */
  readLog(): void {
    this.#process.stderr.resume();
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end('SIGKILL');
  }
}

function startAgent(
  lab: Lab,
  through: readonly string[],
  args: readonly string[],
  env: Readonly<Record<string, string>>,
) {
  const [program = '', ...words] = [...lab.inside('node'), ...through, process.execPath, ...args];
  return execa(program, words, {
    env: { ...lab.environment, ...env },
    reject: false,
    stdin: 'ignore',
    buffer: false,
  });
}
