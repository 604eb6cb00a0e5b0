/** A page that runs: its folder, its shell, and what it needs around it. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isAgent, PageAgents } from './agents.ts';
import type { MakePlace, Place } from './place.ts';
import { Scratch } from './scratch.ts';
import { PageShell, type Printed } from './shell.ts';
import { API_SERVER, type World } from './world.ts';

export class RunningPage implements AsyncDisposable {
  readonly #scratch: Scratch;
  readonly #place: Place;
  readonly #shell: PageShell;
  readonly #agents: PageAgents;

  private constructor(scratch: Scratch, place: Place) {
    this.#scratch = scratch;
    this.#place = place;
    this.#shell = new PageShell({ ...scratch.folders, ...place });
    this.#agents = new PageAgents(this.#shell, scratch.folders.own);
  }

  /** Makes its world. */
  static async start(world: World, makePlace: MakePlace): Promise<RunningPage> {
    const scratch = await Scratch.create();
    const page = new RunningPage(scratch, await makePlace(world, scratch));
    try {
      await page.#prepare(world);
      return page;
    } catch (error) {
      await page[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #prepare({ files, before }: World): Promise<void> {
    for (const [path, text] of Object.entries(files)) {
      await this.write(path, text.replaceAll(API_SERVER, this.#place.apiServer ?? API_SERVER));
    }
    for (const command of before) {
      const { exitCode, output } = await this.run(command);
      if (exitCode !== 0) throw new Error(`${command}: exit code ${exitCode}\n${output}`);
    }
  }

  /** Runs a command, or, where that is an agent, starts it. */
  async run(command: string): Promise<Printed> {
    return isAgent(command) ? await this.#agents.start(command) : await this.#shell.run(command);
  }

  /** Writes a file as its commands see it. */
  async write(path: string, text: string): Promise<void> {
    const copy = join(this.#scratch.folders.own, 'file');
    await writeFile(copy, text);
    const { exitCode, output } = await this.#shell.run(`(cd && install -D -m 644 '${copy}' '${path}')`);
    if (exitCode !== 0) throw new Error(`cannot write ${path}: ${output}`);
  }

  /** Ends its agent. Throws an Error where that does not end as it should. */
  async end(): Promise<void> {
    await this.#agents.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#shell[Symbol.asyncDispose]();
    await this.#place[Symbol.asyncDispose]();
    await this.#scratch[Symbol.asyncDispose]();
  }
}
