/**
 * A prober in a process of its own, so that what keeps the benchmark busy delays no answer: like the kubelet it makes a
 * new connection for each request. Told `{ phase }`, it sends what came of the phase before, and begins another one.
 */
import { get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** What came of the probes of one phase. */
export interface Probed {
  readonly phase: string;
  readonly answers: number;
  /** Answers other than 200, and requests without an answer, once there had been one. */
  readonly bad: number;
  /** Milliseconds from connecting to the whole answer. */
  readonly worst: number;
}

const [url = '', every = ''] = process.argv.slice(2);

let probed: Probed = { phase: 'start', answers: 0, bad: 0, worst: 0 };
let everAnswered = false;

/** The status of an answer; undefined where none came. */
function ask(): Promise<number | undefined> {
  return new Promise((resolve) => {
    const request = get(url, { agent: false, timeout: 30_000 }, (answer) => {
      answer
        .resume()
        .on('end', () => resolve(answer.statusCode))
        .on('error', () => resolve(undefined));
    });
    request.on('timeout', () => request.destroy()).on('error', () => resolve(undefined));
  });
}

async function probe(): Promise<void> {
  const start = performance.now();
  const status = await ask();
  const took = performance.now() - start;
  everAnswered ||= status !== undefined;
  if (!everAnswered) return;
  probed = {
    ...probed,
    answers: probed.answers + (status === undefined ? 0 : 1),
    bad: probed.bad + (status === 200 ? 0 : 1),
    worst: Math.max(probed.worst, took),
  };
}

process.on('message', (phase: string) => {
  process.send?.(probed);
  probed = { phase, answers: 0, bad: 0, worst: 0 };
});
process.on('disconnect', () => process.exit());

// Not one after the other: a slow answer would hide the slow ones behind it.
for (;;) {
  void probe();
  await sleep(Number(every));
}
