/** The folder that a page runs in. */
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MAIN, PROJECT } from '../project.ts';
import { STAND_INS } from './stand-ins.ts';

/** What pages may use of the checkout. */
const FOLDERS = ['fixtures', 'golden', 'docs', 'deploy'];

export interface Folders {
  /** Where the page begins; its HOME, too. */
  readonly page: string;
  /** Of programs that come before all others: `svc2ipt`, `node` and the stand-ins. */
  readonly programs: string;
  /** For what the page shall not see. */
  readonly own: string;
}

export class Scratch implements AsyncDisposable {
  readonly folders: Folders;

  private constructor(own: string) {
    this.folders = { own, page: join(own, 'page'), programs: join(own, 'programs') };
  }

  static async create(): Promise<Scratch> {
    const scratch = new Scratch(await mkdtemp(join(tmpdir(), 'svc2ipt-docs-')));
    for (const name of FOLDERS) {
      await cp(join(PROJECT, name), join(scratch.folders.page, name), { recursive: true });
    }
    await scratch.#addPrograms();
    await scratch.#addLibrary();
    return scratch;
  }

  async #addPrograms(): Promise<void> {
    const folder = this.folders.programs;
    const programs = {
      svc2ipt: `exec '${process.execPath}' '${MAIN}' "$@"`,
      ...STAND_INS,
    };
    await mkdir(folder);
    await symlink(process.execPath, join(folder, 'node'));
    for (const [name, script] of Object.entries(programs)) {
      await writeFile(join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    }
  }

  /** For `import ... from 'svc2ipt'`: the sources, which Node.js would not run below node_modules. */
  async #addLibrary(): Promise<void> {
    // Whatever package the folder of temporary files may be in, the page is in another.
    await writeFile(join(this.folders.own, 'package.json'), JSON.stringify({ type: 'module' }));
    const library = join(this.folders.own, 'library');
    await mkdir(library);
    await writeFile(
      join(library, 'package.json'),
      JSON.stringify({
        name: 'svc2ipt',
        type: 'module',
        exports: { '.': './src/index.ts', './iptables': './src/iptables.ts' },
      }),
    );
    await symlink(join(PROJECT, 'src'), join(library, 'src'));
    await mkdir(join(this.folders.own, 'node_modules'));
    await symlink(library, join(this.folders.own, 'node_modules', 'svc2ipt'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folders.own, { recursive: true, force: true });
  }
}
