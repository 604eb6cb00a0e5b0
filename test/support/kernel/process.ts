/** What a process takes, as Linux tells it. */
import { readdir, readFile } from 'node:fs/promises';

/** In a second (`getconf CLK_TCK`), on every machine that Linux runs on today. */
const TICKS = 100;

/** Resident memory of a process in MB. */
export async function memoryOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024);
}

/** Seconds of a processor that a process has taken, without those of its children. */
export async function processorSecondsOf(pid: number): Promise<number> {
  // Behind the name, which may hold anything, utime is the 12th (proc_pid_stat(5)).
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const [utime, stime] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13);
  return (Number(utime) + Number(stime)) / TICKS;
}

/** The number that the next file descriptor of a process will have. */
export async function nextFileOf(pid: number): Promise<number> {
  const open = new Set((await readdir(`/proc/${pid}/fd`)).map(Number));
  let next = 0;
  while (open.has(next)) next++;
  return next;
}

/** Whether a process runs; one that is dead may be a zombie until its parent asks for it. */
export async function isRunning(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ') X');
  return !/\) [XZ]/.test(stat);
}
