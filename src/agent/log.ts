/** What the agent tells: one line per fact, as text or JSON, in the formats of Kubernetes' components (klog). */

import { printable } from '../text/printable.ts';

export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

export interface LogOptions {
  readonly format: 'text' | 'json';
  /** Facts of this level and below are told: 0 for what an operator needs, more for whoever looks into something. */
  readonly verbosity: number;
  /** Where errors go, and where the rest. */
  readonly streams: { readonly error: Writer; readonly info: Writer };
}

/** The part of a stream that a log needs. */
export interface Writer {
  write(text: string): unknown;
}

type Severity = 'I' | 'W' | 'E';

export class Log {
  readonly #options: LogOptions;
  #verbosity: number;

  constructor(options: LogOptions) {
    this.#options = options;
    this.#verbosity = options.verbosity;
  }

  get verbosity(): number {
    return this.#verbosity;
  }

  /** May change at any time; counts from the next fact on. */
  set verbosity(level: number) {
    this.#verbosity = level;
  }

  /** Something that must be mended, or that will be tried again. */
  error(message: string, fields: LogFields = {}): void {
    this.#tell('E', 0, message, fields);
  }

  warning(message: string, fields: LogFields = {}): void {
    this.#tell('W', 0, message, fields);
  }

  info(message: string, fields: LogFields = {}): void {
    this.#tell('I', 0, message, fields);
  }

  /** A fact of level 1 and above, for `-v`. */
  detail(level: number, message: string, fields: LogFields = {}): void {
    if (level <= this.#verbosity) this.#tell('I', level, message, fields);
  }

  #tell(severity: Severity, level: number, message: string, fields: LogFields): void {
    const { format, streams } = this.#options;
    const line =
      format === 'json'
        ? jsonLine(severity, level, message, fields, new Date())
        : textLine(severity, message, fields, new Date());
    (severity === 'E' ? streams.error : streams.info).write(`${line}\n`);
  }
}

/** `I1121 01:02:30.252000       1] "Rules written" family="ipv4" chains=3` */
export function textLine(severity: Severity, message: string, fields: LogFields, now: Date): string {
  const [date = '', time = ''] = now.toISOString().split('T');
  const day = date.slice(5).replace('-', '');
  const head = `${severity}${day} ${time.replace('Z', '000')} ${String(process.pid).padStart(7)}]`;
  const values = Object.entries(fields).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${JSON.stringify(value)}`],
  );
  // What a message quotes may be anybody's, and must not write to the terminal of whoever reads the log.
  return printable([head, JSON.stringify(message), ...values].join(' '));
}

/** `{"ts":1795222950398,"v":0,"msg":"Rules written","family":"ipv4","chains":3}`; errors and warnings have a `severity`. */
export function jsonLine(
  severity: Severity,
  level: number,
  message: string,
  fields: LogFields,
  now: Date,
): string {
  const kind = { I: {}, W: { severity: 'warning' }, E: { severity: 'error' } }[severity];
  const line = JSON.stringify({ ts: now.getTime(), ...kind, v: level, msg: message, ...fields });
  return line.replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** A log that tells nobody. */
export const SILENT: Log = new Log({
  format: 'text',
  verbosity: -1,
  streams: { error: { write: () => true }, info: { write: () => true } },
});
