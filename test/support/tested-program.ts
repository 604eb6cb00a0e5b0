/** Puts the program together once for a run of tests, as it is published: it starts in half of the time that sources take. */
import { rmSync } from 'node:fs';
import { writeCommandLine } from '../../scripts/command-line.ts';
import { TESTED } from './project.ts';

let written: Promise<void> | undefined;

export default async function setup(): Promise<void> {
  written ??= writeCommandLine(TESTED).then(() => {
    process.once('exit', () => rmSync(TESTED, { recursive: true, force: true }));
  });
  await written;
}
