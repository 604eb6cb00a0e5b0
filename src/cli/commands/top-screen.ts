/** The live table of `svc2ipt top` on a terminal. */
import { emitKeypressEvents } from 'node:readline';
import ansiEscapes from 'ansi-escapes';
import type { LiveReadings } from '../../traffic/live.ts';
import {
  afterKey,
  type Key,
  type Screen,
  type ScreenState,
  screenAtFirst,
  screenOf,
  shownServicePorts,
} from '../../traffic/screen.ts';
import { servicePortKey } from '../../traffic/service-rules.ts';
import type { Traffic, TrafficReport } from '../../traffic/traffic.ts';
import { paint } from '../paint.ts';
import type { CommandOutcome } from '../run.ts';
import type { TopCommandOptions } from './top.command.ts';
import { type AskedServices, INTERVAL } from './top.ts';

/** Shows the table until somebody quits it. The terminal is then as it was. */
export async function showLive(
  readings: LiveReadings,
  traffic: Traffic,
  asked: AskedServices,
  options: TopCommandOptions,
): Promise<CommandOutcome> {
  const live = new LiveTable(traffic, asked, options);
  // Until there is something to show, Ctrl-C ends it as it does any program.
  await readings.read(live.details);
  live.report();
  live.begin();
  try {
    for (;;) {
      const next = await live.wait();
      if (next === 'quit') return { output: '' };
      await readings.read(live.details);
      live.report();
    }
  } finally {
    live.end();
  }
}

/** Signals that end a program: the terminal is put right first. */
const ENDING = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;

/** Rows of the screen that are not the table's. */
const ROWS_OF_OTHERS = 6;

/** A process that is to stop does so sooner; in milliseconds. */
const NOT_STOPPED = 100;

class LiveTable {
  readonly #traffic: Traffic;
  readonly #asked: AskedServices;
  readonly #interval: number;
  #state: ScreenState;
  #report: TrafficReport | undefined;
  #seen: ReadonlySet<string> = new Set();
  /** What a key has asked for that was not done yet. */
  #wanted: 'read' | 'quit' | undefined;
  #wake: () => void = () => {};
  #shown = false;
  #ended = false;

  constructor(traffic: Traffic, asked: AskedServices, { sort, interval = INTERVAL }: TopCommandOptions) {
    this.#traffic = traffic;
    this.#asked = asked;
    this.#interval = interval;
    this.#state = screenAtFirst(sort);
  }

  /** What is on the screen is read in full, and nothing else. */
  readonly details = (): ReadonlySet<string> => (this.#asked.isOne ? this.#asked.keys() : this.#seen);

  /** Shows what was read last. */
  report(): void {
    this.#report = this.#asked.shownOf(this.#traffic.report());
    this.#draw();
  }

  begin(): void {
    emitKeypressEvents(process.stdin);
    process.stdin.on('keypress', this.#pressed);
    process.stdout.on('resize', this.#draw);
    for (const signal of ENDING) process.on(signal, this.#endedBy);
    process.on('SIGTSTP', this.#stop);
    process.on('SIGCONT', this.#goOn);
    process.on('exit', this.#hide);
    this.#show();
  }

  end(): void {
    this.#ended = true;
    this.#hide();
    process.stdin.off('keypress', this.#pressed);
    process.stdout.off('resize', this.#draw);
    for (const signal of ENDING) process.off(signal, this.#endedBy);
    process.off('SIGTSTP', this.#stop);
    process.off('SIGCONT', this.#goOn);
    process.off('exit', this.#hide);
  }

  /** Until it is time to read again, or something has to be read at once, or somebody quits. */
  async wait(): Promise<'read' | 'quit'> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    if (this.#wanted !== undefined) resolve();
    const timer = setTimeout(resolve, this.#interval);
    await promise.finally(() => clearTimeout(timer));
    const wanted = this.#wanted ?? 'read';
    this.#wanted = undefined;
    return wanted;
  }

  #want(what: 'read' | 'quit'): void {
    if (this.#wanted !== 'quit') this.#wanted = what;
    this.#wake();
  }

  readonly #pressed = (_: string | undefined, key: Key): void => {
    const report = this.#report;
    if (!report) return;
    if (key.ctrl === true && key.name === 'z') {
      this.#stop();
      return;
    }
    const keys = shownServicePorts(report, this.#state).map(servicePortKey);
    const page = Math.max((process.stdout.rows ?? 24) - ROWS_OF_OTHERS, 1);
    const state = afterKey(this.#state, key, keys, page);
    if (state === undefined) {
      if (key.ctrl === true) this.#endedBy('SIGINT');
      else this.#want('quit');
      return;
    }
    const opens = state.opened !== undefined && state.opened !== this.#state.opened;
    this.#state = state;
    this.#draw();
    if (opens) this.#want('read');
  };

  readonly #draw = (): void => {
    if (!this.#report) return;
    const screen = this.#screen(this.#report);
    this.#state = screen.state;
    this.#seen = screen.seen;
    if (!this.#shown) return;
    const lines = screen.lines.map((line) => `${line}${ansiEscapes.eraseEndLine}`).join('\r\n');
    const text = ansiEscapes.cursorTo(0, 0) + lines + ansiEscapes.eraseDown;
    process.stdout.write(ansiEscapes.synchronizedOutput(text));
  };

  #screen(report: TrafficReport): Screen {
    const { columns = 80, rows = 24 } = process.stdout;
    const time = new Date().toTimeString().slice(0, 8);
    const about = `svc2ipt top, ${time}, every ${this.#interval / 1000} s`;
    return screenOf(report, { about, isOpen: this.#asked.isOne }, this.#state, { columns, rows }, paint);
  }

  #show(): void {
    if (this.#shown) return;
    this.#shown = true;
    process.stdin.setRawMode(true);
    process.stdin.resume();
    process.stdout.write(ansiEscapes.enterAlternativeScreen + ansiEscapes.cursorHide);
    this.#draw();
  }

  readonly #hide = (): void => {
    if (!this.#shown) return;
    this.#shown = false;
    process.stdout.write(ansiEscapes.cursorShow + ansiEscapes.exitAlternativeScreen);
    process.stdin.setRawMode(false);
    process.stdin.pause();
  };

  /** Ends as a program does that has no table to take away. */
  readonly #endedBy = (signal: NodeJS.Signals): void => {
    this.end();
    process.kill(process.pid, signal);
  };

  readonly #stop = (): void => {
    this.#hide();
    process.off('SIGTSTP', this.#stop);
    process.kill(process.pid, 'SIGTSTP');
    // Where no shell could have it go on, the kernel does not stop it.
    setTimeout(this.#goOn, NOT_STOPPED);
  };

  readonly #goOn = (): void => {
    if (this.#ended) return;
    process.off('SIGTSTP', this.#stop).on('SIGTSTP', this.#stop);
    this.#show();
  };
}
