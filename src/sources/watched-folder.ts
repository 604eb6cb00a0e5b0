/** A cluster from a folder of manifests that is watched: files appear, change and go. */
import type { Stats } from 'node:fs';
import { lstat, stat } from 'node:fs/promises';
import { basename, join, relative, resolve, sep } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { watch } from 'chokidar';
import { type ClusterState, namespacedName, type ServiceEntry } from '../api/cluster.ts';
import type { EndpointSlice } from '../api/endpoint-slice.ts';
import type { Node } from '../api/node.ts';
import { formatProblem, InputError } from '../api/problem.ts';
import { ClusterAssembler, type LoadedCluster, type LoadOptions } from './cluster.ts';
import { isManifest, isVisible, listManifests, readSource } from './files.ts';
import { noSuchNode } from './node.ts';
import { type ParsedSource, parseSource } from './object-index.ts';
import { NO_CHANGE, type Source, type SourceChange, type SourceListener } from './source.ts';
import type { SourceText } from './source-text.ts';

export interface FolderTimes {
  /**
   * A file is taken once it has been left alone for so long, since until then it may be half written, or away only to
   * be replaced. What else a change takes is a fraction of this. Milliseconds.
   */
  readonly settled: number;
  /** All files are looked at so often whatever the folder's watch says: not every file system tells. Milliseconds. */
  readonly rescan: number;
}

const DEFAULT_TIMES: FolderTimes = { settled: 75, rescan: 10_000 };

/** No file system tells times more coarsely (FAT: two seconds). Milliseconds. */
const COARSEST_TIMES = 2000;

interface KnownFile {
  /** The last text, or why there is none. */
  readonly seen: string;
  /** How the file system described the file then; undefined where a later change might leave that as it is. */
  readonly stamp: string | undefined;
  /** The last text that could be used. */
  readonly good: ParsedSource | undefined;
}

export class WatchedFolder implements Source {
  readonly #folder: string;
  readonly #options: LoadOptions;
  readonly #listener: Omit<SourceListener, 'failed' | 'recovered'>;
  readonly #times: FolderTimes;
  readonly #assembler: ClusterAssembler;
  readonly #services = new Map<string, ServiceEntry>();
  readonly #cluster: ClusterState = { services: this.#services };
  readonly #files = new Map<string, KnownFile>();
  /** Whether these are in the order in which a folder is read. */
  #inOrder = true;
  /** The files to look at, and when each was last seen to change; the folder stands for all of them. By performance.now(). */
  readonly #touched = new Map<string, number>();
  #rescanned = Number.NEGATIVE_INFINITY;
  /** Whether there are symbolic links: then what changes under one name may be there under others. */
  #links = false;
  readonly #alarm = new Alarm();
  #nodes: ReadonlyMap<string, Node> = new Map();
  #serviceCIDRs: readonly string[] = [];
  #warnings: ReadonlySet<string> = new Set();
  #conflict: string | undefined;
  #synced = false;

  constructor(
    folder: string,
    options: LoadOptions,
    listener: Omit<SourceListener, 'failed' | 'recovered'>,
    times: FolderTimes = DEFAULT_TIMES,
  ) {
    this.#folder = folder;
    this.#options = options;
    this.#listener = listener;
    this.#times = times;
    this.#assembler = new ClusterAssembler(options);
  }

  get cluster(): ClusterState {
    return this.#cluster;
  }

  get nodes(): ReadonlyMap<string, Node> {
    return this.#nodes;
  }

  get serviceCIDRs(): readonly string[] {
    return this.#serviceCIDRs;
  }

  get synced(): boolean {
    return this.#synced;
  }

  async noSuchNode(name: string): Promise<string | undefined> {
    return this.#nodes.size === 0 ? undefined : noSuchNode(name, 'in the manifests', this.#nodes.keys());
  }

  /** Follows the folder until the signal ends it. Throws an InputError where there is no such folder to begin with. */
  async run(signal: AbortSignal): Promise<void> {
    await stat(this.#folder).catch(() => {
      throw new InputError([{ at: [this.#folder], message: 'no such folder' }]);
    });
    const root = resolve(this.#folder);
    // Unlinked files are told of at once (not `atomic`): whether they come back is seen when they have settled.
    const watcher = watch(root, { ignoreInitial: true, persistent: false, atomic: false });
    watcher
      .on('all', (event, path) => this.#touch(event, relative(root, path)))
      // What changed after the first look and before this is told by nobody.
      .on('ready', () => this.#touch('ready', ''))
      .on('error', () => this.#touch('error', ''));
    signal.addEventListener('abort', () => this.#alarm.ring());
    while (!signal.aborted) {
      await this.#look();
      await this.#alarm.wait(Math.max(this.#nextLook() - performance.now(), 0));
    }
    await watcher.close();
  }

  /**
   * Notes that something has happened to a path below the folder. Where each file has one name, only manifests matter,
   * and each by itself; folders and links may change which files there are.
   */
  #touch(event: string, path: string): void {
    const untouched = this.#touched.size === 0;
    const now = performance.now();
    if (this.#links || !['add', 'change', 'unlink'].includes(event)) {
      // What goes on in a folder may never end, so the first change decides when to look.
      if (!this.#touched.has(this.#folder)) this.#touched.set(this.#folder, now);
    } else if (isManifest(basename(path)) && path.split(sep).every(isVisible)) {
      this.#touched.set(join(this.#folder, path), now);
    }
    if (untouched && this.#touched.size > 0) this.#alarm.ring();
  }

  /** When something will have settled, or everything is looked at, by performance.now(). */
  #nextLook(): number {
    const rescan = this.#rescanned + this.#times.rescan;
    return this.#touched.values().reduce((next, time) => Math.min(next, time + this.#times.settled), rescan);
  }

  /** Reads what has changed, and has settled since then. */
  async #look(): Promise<void> {
    const now = performance.now();
    const settled = new Set<string>();
    for (const [path, time] of this.#touched) if (time + this.#times.settled <= now) settled.add(path);
    for (const path of settled) this.#touched.delete(path);
    const rescan = this.#rescanned + this.#times.rescan <= now || settled.has(this.#folder);
    if (!rescan && settled.size === 0) return;
    const changed = await (rescan || this.#links ? this.#readAll(settled) : this.#readSome(settled));
    if (changed && (this.#synced || this.#touched.size === 0)) this.#load();
  }

  /** Looks at every file, and reads those that are not as they were. Tells whether there is anything to load. */
  async #readAll(settled: ReadonlySet<string>): Promise<boolean> {
    this.#rescanned = performance.now();
    const { files, links } = await listManifests(this.#folder);
    // A folder that is away, as a mount may be, takes nothing away.
    if (files.length === 0 && (await isAway(this.#folder))) return false;
    this.#links = links;
    let changed = !this.#synced;
    const found = new Set(files.map(({ path }) => path));
    for (const path of this.#files.keys()) {
      if (found.has(path) || this.#touched.has(path)) continue;
      this.#files.delete(path);
      changed = true;
    }
    for (const { path, stats } of files) {
      if (this.#touched.has(path)) continue;
      if (!settled.has(path) && this.#files.get(path)?.stamp === stampOf(stats)) continue;
      if (await this.#readFile(path, stats)) changed = true;
    }
    return changed;
  }

  /** Looks at some files. Tells whether there is anything to load. */
  async #readSome(paths: ReadonlySet<string>): Promise<boolean> {
    const gone: string[] = [];
    const files: { path: string; stats: Stats }[] = [];
    for (const path of paths) {
      const stats = await lstat(path).catch(() => undefined);
      if (stats === undefined) gone.push(path);
      else if (stats.isFile()) files.push({ path, stats });
      else return await this.#readAll(paths);
    }
    if (gone.length > 0 && (await isAway(this.#folder))) return false;
    let changed = !this.#synced;
    for (const path of gone) if (this.#files.delete(path)) changed = true;
    for (const { path, stats } of files) if (await this.#readFile(path, stats)) changed = true;
    return changed;
  }

  /** Reads a file, unless it is being written. Tells whether there is a new good text. */
  async #readFile(path: string, stats: Stats): Promise<boolean> {
    const age = Date.now() - stats.mtimeMs;
    if (Math.abs(age) < this.#times.settled) {
      this.#touched.set(path, performance.now() - Math.max(age, 0));
      return false;
    }
    const known = this.#files.get(path);
    if (!known) this.#inOrder = false;
    const source = await readSource(path).catch(asInputError);
    if (source instanceof InputError) {
      if (known?.seen !== source.message) this.#listener.invalid(source.message);
      this.#files.set(path, { seen: source.message, stamp: undefined, good: known?.good });
      return false;
    }
    const told = Date.now() - Math.max(stats.mtimeMs, stats.ctimeMs) > COARSEST_TIMES;
    const stamp = told ? stampOf(stats) : undefined;
    if (source.text === known?.seen) {
      this.#files.set(path, { ...known, stamp });
      return false;
    }
    const parsed = this.#parse(source);
    this.#files.set(path, { seen: source.text, stamp, good: parsed ?? known?.good });
    return parsed !== undefined;
  }

  /** Parses a text that can be used by itself; tells of one that cannot. */
  #parse(source: SourceText): ParsedSource | undefined {
    try {
      const parsed = parseSource(source);
      new ClusterAssembler({ ...this.#options, strict: false }).assemble([parsed]);
      return parsed;
    } catch (error) {
      this.#listener.invalid(asInputError(error).message);
      return undefined;
    }
  }

  /** Puts the good texts together. Problems between files leave everything as it was. */
  #load(): void {
    if (!this.#inOrder) this.#putInOrder();
    let loaded: LoadedCluster;
    try {
      loaded = this.#assembler.assemble([...this.#files.values()].flatMap(({ good }) => good ?? []));
    } catch (error) {
      const { message } = asInputError(error);
      if (message !== this.#conflict) this.#listener.invalid(message);
      this.#conflict = message;
      return;
    }
    this.#conflict = undefined;
    const change = replaceEntries(this.#services, loaded.cluster.services);
    const known = [this.#nodes, this.#serviceCIDRs];
    const other = !this.#synced || !isDeepStrictEqual(known, [loaded.nodes, loaded.serviceCIDRs]);
    this.#nodes = loaded.nodes;
    this.#serviceCIDRs = loaded.serviceCIDRs;
    this.#synced = true;
    const warnings = new Set([...loaded.typos.map(formatProblem), ...loaded.warnings]);
    for (const warning of warnings) if (!this.#warnings.has(warning)) this.#listener.warned(warning);
    this.#warnings = warnings;
    if (other || change.services + change.endpointSlices > 0) this.#listener.changed(change);
  }

  /** As `listManifests` has it: file by file, folder by folder, by their names. */
  #putInOrder(): void {
    const way = (path: string) => path.replaceAll(sep, '\0');
    const files = [...this.#files].map(([path, file]) => ({ path, file, way: way(path) }));
    files.sort((a, b) => (a.way < b.way ? -1 : 1));
    this.#files.clear();
    for (const { path, file } of files) this.#files.set(path, file);
    this.#inOrder = true;
  }
}

/** Makes the first map equal to the second, and counts what that changes. */
function replaceEntries(
  entries: Map<string, ServiceEntry>,
  others: ReadonlyMap<string, ServiceEntry>,
): SourceChange {
  let services = 0;
  const before = new Map<string, EndpointSlice>();
  const after = new Map<string, EndpointSlice>();
  for (const key of entries.keys()) {
    if (others.has(key)) continue;
    entries.delete(key);
    services++;
  }
  for (const [key, entry] of others) {
    const former = entries.get(key);
    if (former === entry) continue;
    entries.set(key, entry);
    if (former?.service !== entry.service) services++;
    for (const slice of former?.endpointSlices ?? []) before.set(namespacedName(slice), slice);
    for (const slice of entry.endpointSlices) after.set(namespacedName(slice), slice);
  }
  const gone = [...before.keys()].filter((key) => !after.has(key)).length;
  const changed = [...after].filter(([key, slice]) => !isDeepStrictEqual(before.get(key), slice)).length;
  return { ...NO_CHANGE, services, endpointSlices: gone + changed };
}

/** What differs after a file was written, replaced, or given other rights. */
function stampOf({ dev, ino, size, mtimeMs, ctimeMs }: Stats): string {
  return [dev, ino, size, mtimeMs, ctimeMs].join(' ');
}

/** Throws what is not a fault of the input. */
function asInputError(error: unknown): InputError {
  if (error instanceof InputError) return error;
  throw error;
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
}
