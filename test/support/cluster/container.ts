/**
 * A container as a process in a place of a lab: with its volumes, its environment and its capabilities. Its file system
 * is the machine's, and its image is this checkout.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import type { Lab, Place } from '../kernel/lab.ts';
import type { Streams } from './streams.ts';

export interface ContainerStart {
  readonly place: Place;
  /** Where its files come from, by where it sees them. */
  readonly mounts: readonly Mount[];
  readonly env: Readonly<Record<string, string>>;
  /** All of root's, or these, as Kubernetes names them. */
  readonly capabilities: 'all' | readonly string[];
  readonly command: readonly string[];
}

export interface Mount {
  readonly source: string;
  readonly path: string;
  readonly readOnly: boolean;
}

export class RunningContainer {
  readonly #process: ReturnType<typeof startProcess>;
  readonly #start: ContainerStart;
  readonly #lab: Lab;
  readonly #listeners = new Set<Streams['write']>();
  #log = '';

  constructor(lab: Lab, start: ContainerStart) {
    this.#lab = lab;
    this.#start = start;
    this.#process = startProcess(
      [...lab.inside(start.place), 'sh', '-euc', enter(start), 'sh', ...start.command],
      start,
    );
    for (const name of ['stdout', 'stderr'] as const) {
      this.#process[name].on('data', (data: Buffer) => {
        this.#log += data.toString();
        for (const listener of this.#listeners) listener(name, data);
      });
    }
  }

  /** What it has printed so far. */
  get log(): string {
    return this.#log;
  }

  /** Its exit code, when it has ended. */
  async ended(): Promise<number> {
    return (await this.#process).exitCode ?? 1;
  }

  /** Becomes its standard input and output until it ends, beginning with what it has printed before. */
  async attach({ write, stdin }: Streams): Promise<number> {
    if (this.#log !== '') write('stdout', Buffer.from(this.#log));
    this.#listeners.add(write);
    stdin.pipe(this.#process.stdin);
    return await this.ended();
  }

  /** Runs another command in it, and gives its exit code. */
  async exec(command: readonly string[], { write }: Pick<Streams, 'write'>): Promise<number> {
    const entering = ['nsenter', '--target', String(this.#process.pid), '--mount', '--net'];
    const privileges = setpriv(this.#start.capabilities);
    const other = startProcess([...entering, ...privileges, ...command], this.#start);
    other.stdin.end();
    for (const name of ['stdout', 'stderr'] as const)
      other[name].on('data', (data: Buffer) => write(name, data));
    return (await other).exitCode ?? 1;
  }

  /** Waits until a page answers with status 200, or it has ended. */
  async answers(url: string): Promise<boolean> {
    const ask = `for (;;) {
      const answer = await fetch(process.argv[1], { signal: AbortSignal.timeout(1000) }).catch(() => undefined);
      if (answer?.ok) break;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }`;
    const [program = '', ...args] = [
      ...this.#lab.inside(this.#start.place),
      process.execPath,
      '--input-type=module',
    ];
    const asking = execa(program, [...args, '--eval', ask, url], { reject: false, timeout: 30_000 });
    await Promise.race([asking, this.#process]);
    asking.kill();
    return (await asking).exitCode === 0;
  }

  /** Ends it as the kubelet does: with time to end by itself. */
  async stop(seconds: number): Promise<void> {
    this.#process.kill('SIGTERM');
    const patience = new AbortController();
    void sleep(seconds * 1000, undefined, { signal: patience.signal }).then(
      () => this.#process.kill('SIGKILL'),
      () => {},
    );
    await this.#process;
    patience.abort();
  }
}

function startProcess([program = '', ...args]: readonly string[], { env }: ContainerStart) {
  return execa(program, args, {
    env,
    reject: false,
    encoding: 'buffer',
    buffer: false,
    stdin: 'pipe',
  });
}

/** Everything that is mounted is gone with it: `ip netns exec` has given it a mount namespace of its own. */
function enter({ mounts, capabilities }: ContainerStart): string {
  const lines = mounts.flatMap(({ source, path, readOnly }) => [
    `mkdir -p "$(dirname '${path}')"`,
    `if [ -d '${source}' ]; then mkdir -p '${path}'; else [ -e '${path}' ] || touch '${path}'; fi`,
    `mount --bind '${source}' '${path}'`,
    ...(readOnly ? [`mount -o remount,bind,ro '${path}'`] : []),
  ]);
  return [
    'mount -t tmpfs tmpfs /run',
    'mount -t tmpfs tmpfs /var/lib',
    ...lines,
    `exec ${setpriv(capabilities).join(' ')} "$@"`,
  ].join('\n');
}

/** The words that take away all capabilities but some. */
function setpriv(capabilities: ContainerStart['capabilities']): string[] {
  if (capabilities === 'all') return ['env'];
  const names = capabilities.map((name) => `,+${name.toLowerCase()}`).join('');
  return ['setpriv', '--inh-caps=-all', `--bounding-set=-all${names}`];
}
