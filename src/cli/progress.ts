/** A bar on standard error: how far a command is that takes more than a second, where it is a terminal. */
import type { SingleBar } from 'cli-progress';

/** Is told how much of the whole is done, whatever the unit. */
export type Report = (done: number, total: number) => void;

/** Milliseconds from the start of the process. */
const SHOWN_AFTER = 1000;

let bar: SingleBar | undefined;

/**
 * @param what is being done, in a word or two
 * @param after milliseconds from the start of the process; less where something will take its time and cannot report
 */
export async function progress(what: string, after = SHOWN_AFTER): Promise<Report> {
  if (!process.stderr.isTTY || process.env.TERM === 'dumb') return () => {};
  const { SingleBar } = await import('cli-progress');
  return (done, total) => {
    if (performance.now() < after) return;
    if (!bar) {
      bar = new SingleBar({
        stream: process.stderr,
        format: '{what} [{bar}] {percentage}%',
        clearOnComplete: true,
        // A command that is stopped ends as if there were no bar.
        gracefulExit: false,
      });
      bar.start(total, done, { what });
    }
    bar.setTotal(total);
    bar.update(done, { what });
  };
}

/** Reports for each of several things that are done side by side. */
export function together(report: Report): () => Report {
  const parts: { done: number; total: number }[] = [];
  return () => {
    const part = { done: 0, total: 0 };
    parts.push(part);
    return (done, total) => {
      Object.assign(part, { done, total });
      const sum = (key: 'done' | 'total') => parts.reduce((all, one) => all + one[key], 0);
      report(sum('done'), sum('total'));
    };
  };
}

/** Takes the bar away, as before anything else is written. */
export function endProgress(): void {
  bar?.stop();
  bar = undefined;
}
