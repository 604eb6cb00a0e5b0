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
  /** Milliseconds from connecting to the whole answer, or until now where none has come yet. */
  readonly worst: number;
}

const [url = '', every = ''] = process.argv.slice(2);

let probed: Probed = { phase: 'start', answers: 0, bad: 0, worst: 0 };
let everAnswered = false;
/** When the requests began that wait for their answers. */
const waiting = new Set<number>();

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
  waiting.add(start);
  const status = await ask();
  waiting.delete(start);
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
  // Who still waits has waited so long at least.
  const longest = everAnswered ? performance.now() - Math.min(performance.now(), ...waiting) : 0;
  process.send?.({ ...probed, worst: Math.max(probed.worst, longest) });
  probed = { phase, answers: 0, bad: 0, worst: 0 };
});
process.on('disconnect', () => process.exit());

// Not one after the other: a slow answer would hide the slow ones behind it.
for (;;) {
  void probe();
  await sleep(Number(every));
}
