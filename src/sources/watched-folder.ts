/** A cluster from a folder of manifests that is watched: files appear, change and go. */
import { stat } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { watch } from 'chokidar';
import type { ClusterState } from '../api/cluster.ts';
import type { Node } from '../api/node.ts';
import { InputError } from '../api/problem.ts';
import { type ClusterOptions, type LoadedCluster, loadCluster } from './cluster.ts';
import { listManifests, readSource, type SourceText } from './files.ts';
import { LiveCluster } from './live-cluster.ts';
import { NO_CHANGE, type Source, type SourceListener } from './source.ts';

export interface FolderTimes {
  /** A file is taken once it has been left alone for so long, since until then it may be half written. Milliseconds. */
  readonly settled: number;
  /** The folder is looked at so often whatever its watch says: not every file system tells. Milliseconds. */
  readonly rescan: number;
}

const DEFAULT_TIMES: FolderTimes = { settled: 150, rescan: 10_000 };

export class WatchedFolder implements Source {
  readonly #folder: string;
  readonly #options: ClusterOptions;
  readonly #listener: Omit<SourceListener, 'failed'>;
  readonly #times: FolderTimes;
  readonly #cluster = new LiveCluster();
  /** The last text of each file, and the last that could be used. */
  readonly #files = new Map<string, { readonly seen: string; readonly good: SourceText | undefined }>();
  #nodes: ReadonlyMap<string, Node> = new Map();
  #warnings: ReadonlySet<string> = new Set();
  #conflict: string | undefined;
  #synced = false;

  constructor(
    folder: string,
    options: ClusterOptions,
    listener: Omit<SourceListener, 'failed'>,
    times: FolderTimes = DEFAULT_TIMES,
  ) {
    this.#folder = folder;
    this.#options = options;
    this.#listener = listener;
    this.#times = times;
  }

  get cluster(): ClusterState {
    return this.#cluster.state;
  }

  get nodes(): ReadonlyMap<string, Node> {
    return this.#nodes;
  }

  get synced(): boolean {
    return this.#synced;
  }

  /** Follows the folder until the signal ends it. Throws an InputError where there is no such folder to begin with. */
  async run(signal: AbortSignal): Promise<void> {
    await stat(this.#folder).catch(() => {
      throw new InputError([{ at: [this.#folder], message: 'no such folder' }]);
    });
    const alarm = new Alarm();
    const watcher = watch(this.#folder, { ignoreInitial: true, persistent: false });
    watcher.on('all', () => alarm.ring()).on('error', () => alarm.ring());
    signal.addEventListener('abort', () => alarm.ring());
    while (!signal.aborted) {
      const settling = await this.#look();
      await alarm.wait(settling ? this.#times.settled : this.#times.rescan);
      // What is written now is most likely not all of it yet.
      if (!signal.aborted && !settling) await alarm.quiet(this.#times.settled / 2);
    }
    await watcher.close();
  }

  /** Reads what has changed. Tells whether a file is still being written. */
  async #look(): Promise<boolean> {
    const { files } = await listManifests(this.#folder);
    // A folder that is away, as a mount may be, takes nothing away.
    if (files.length === 0 && (await isAway(this.#folder))) return false;
    let changed = !this.#synced;
    for (const file of this.#files.keys()) {
      if (files.includes(file)) continue;
      this.#files.delete(file);
      changed = true;
    }
    let settling = false;
    for (const file of files) {
      const state = await this.#readFile(file);
      settling ||= state === 'settling';
      changed ||= state === 'changed';
    }
    if (changed && (this.#synced || !settling)) this.#load();
    return settling;
  }

  async #readFile(file: string): Promise<'same' | 'changed' | 'settling'> {
    const known = this.#files.get(file);
    const source = await readSettled(file, this.#times.settled);
    if (source === 'settling') return 'settling';
    if (source instanceof InputError) {
      if (known?.seen !== source.message) this.#listener.invalid(source.message);
      this.#files.set(file, { seen: source.message, good: known?.good });
      return 'same';
    }
    if (source.text === known?.seen) return 'same';
    try {
      loadCluster([source], { ...this.#options, strict: false });
      this.#files.set(file, { seen: source.text, good: source });
      return 'changed';
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      this.#files.set(file, { seen: source.text, good: known?.good });
      this.#listener.invalid(error.message);
      return 'same';
    }
  }

  /** Puts the good texts together. Problems between files leave everything as it was. */
  #load(): void {
    const sources = [...this.#files.values()].flatMap(({ good }) => good ?? []);
    let loaded: LoadedCluster;
    try {
      loaded = loadCluster(sources, this.#options);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      if (error.message !== this.#conflict) this.#listener.invalid(error.message);
      this.#conflict = error.message;
      return;
    }
    this.#conflict = undefined;
    const entries = [...loaded.cluster.services.values()];
    const services = this.#cluster.replaceServices(entries.map(({ service }) => service));
    const endpointSlices = this.#cluster.replaceSlices(
      entries.flatMap(({ endpointSlices }) => endpointSlices),
    );
    const other = !this.#synced || !isDeepStrictEqual(this.#nodes, loaded.nodes);
    this.#nodes = loaded.nodes;
    this.#synced = true;
    for (const warning of loaded.warnings) if (!this.#warnings.has(warning)) this.#listener.warned(warning);
    this.#warnings = new Set(loaded.warnings);
    if (other || services + endpointSlices > 0) {
      this.#listener.changed({ ...NO_CHANGE, services, endpointSlices });
    }
  }
}

/** A file's text once nobody has written it for a while. */
async function readSettled(file: string, settled: number): Promise<SourceText | InputError | 'settling'> {
  try {
    const { mtimeMs } = await stat(file);
    if (Math.abs(Date.now() - mtimeMs) < settled) return 'settling';
    return await readSource(file);
  } catch (error) {
    if (error instanceof InputError) return error;
    // It went away between the listing and the reading: the next look sees that.
    return 'settling';
  }
}

async function isAway(folder: string): Promise<boolean> {
  return await stat(folder).then(
    () => false,
    () => true,
  );
}

/** Something that rings, and somebody who waits for it. */
class Alarm {
  #rings = 0;
  #wake: (() => void) | undefined;

  ring(): void {
    this.#rings++;
    this.#wake?.();
  }

  /** Waits for the next ring, or one since the last wait; at most so many milliseconds. */
  async wait(milliseconds: number): Promise<void> {
    if (this.#rings === 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, milliseconds);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#wake = undefined;
    this.#rings = 0;
  }

  /** Lets everything that rings within so many milliseconds count as one ring. */
  async quiet(milliseconds: number): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, milliseconds));
    this.#rings = 0;
  }
}
