/**
 * A bundle: a node's snapshot as a compressed tar, for somebody else to look at. Each text is a file of its own, so that
 * people can read it without svc2ipt, and a manifest says what it is of.
 */
import { gunzipSync, gzipSync } from 'node:zlib';
import { createTar, type ParsedTarFileItem, parseTar } from 'nanotar';
import { z } from 'zod';
import { OperationalError } from '../errors/operational-error.ts';
import {
  type NodeSnapshot,
  type ProcessFacts,
  SNAPSHOT_COMMANDS,
  SNAPSHOT_PAGES,
  snapshotSchema,
} from '../snapshot/snapshot.ts';
import { BUNDLE_README } from './readme.ts';

/** Of the layout of files in it. */
const BUNDLE_FORMAT = 1;

/** All is in one folder, so that whoever unpacks it has it in one place. */
const FOLDER = 'svc2ipt-bundle';

/**
 * So many bytes a bundle may unpack to: the rules of 20,000 Services x 50 endpoints in both families, and then some. What
 * claims to be more is no bundle of a node.
 */
const LARGEST = 512 * 1024 * 1024;

/** Somebody's file that is no bundle, or one that cannot be read. */
export class BundleError extends OperationalError {}

const manifestSchema = z.object({
  kind: z.literal('svc2ipt bundle'),
  format: z.literal(BUNDLE_FORMAT),
  /** Whether addresses and names were replaced. */
  redacted: z.boolean(),
  node: z.string(),
  takenAt: z.string(),
  versions: z.object({ svc2ipt: z.string(), kernel: z.string() }),
  clockSynchronized: z.boolean().optional(),
  /** Why there is no file of an output or a page. */
  missing: z.record(z.string(), z.string()),
  /** The HTTP status of each page. */
  statuses: z.record(z.string(), z.number()),
});

/** Whether a file begins as a compressed bundle does (RFC 1952). */
export function looksPacked(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/**
 * Packs a snapshot. Of the command lines of processes, only what says which program writes rules gets in: others may hold
 * passwords.
 * @param redacted whether the snapshot is one whose addresses and names were replaced
 * @returns a .tar.gz
 */
export function packBundle(snapshot: NodeSnapshot, redacted: boolean): Uint8Array {
  const { outputs, pages, files, processes, probes, takenAt, hostname, versions, clockSynchronized } =
    snapshot;
  const missing: Record<string, string> = {};
  const statuses: Record<string, number> = {};
  const packed = new Map<string, string>();
  for (const [name, reading] of Object.entries(outputs)) {
    if ('text' in reading) packed.set(`outputs/${name}`, reading.text);
    else missing[`outputs/${name}`] = reading.missing;
  }
  for (const [name, page] of Object.entries(pages)) {
    if ('missing' in page) missing[`pages/${name}`] = page.missing;
    else {
      packed.set(`pages/${name}`, page.text);
      statuses[name] = page.status;
    }
  }
  for (const [path, text] of Object.entries(files)) packed.set(`files${path}`, text);
  packed.set('processes.json', json(processes.map(withoutArguments)));
  if (probes !== undefined) packed.set('probes.json', json(probes));
  const manifest: z.input<typeof manifestSchema> = {
    kind: 'svc2ipt bundle',
    format: BUNDLE_FORMAT,
    redacted,
    node: hostname,
    takenAt,
    versions,
    clockSynchronized,
    missing,
    statuses,
  };
  const all = [['README', BUNDLE_README], ['manifest.json', json(manifest)], ...packed] as const;
  const attrs = { mtime: Date.parse(takenAt), uid: 0, gid: 0, mode: '644' };
  return gzipSync(
    createTar(
      all.map(([name, data]) => ({ name: `${FOLDER}/${name}`, data })),
      { attrs },
    ),
  );
}

const json = (value: unknown) => `${JSON.stringify(value, undefined, 2)}\n`;

/** Words of a command that say that it is a proxy, and what it does. */
const TELLING = /^(?:agent|--cleanup|--init-only)$|(?:^|\/)(?:kubectl-)?svc2ipt$|\/cli\/main\.[jt]s$/;

function withoutArguments({ command: [program, ...args], ...rest }: ProcessFacts): ProcessFacts {
  const kept = args.filter((word) => TELLING.test(word));
  return { ...rest, command: program === undefined ? [] : [program, ...kept] };
}

export interface Bundle {
  readonly snapshot: NodeSnapshot;
  readonly redacted: boolean;
}

/**
 * Reads a bundle, in memory alone: what a path in it says counts only where it is one of ours, and all else is ignored.
 * @throws BundleError where it is none, is damaged, or unpacks to more than half a gigabyte
 */
export function unpackBundle(bytes: Uint8Array): Bundle {
  const files = filesIn(unpacked(bytes));
  const manifest = read(files, 'manifest.json', manifestSchema);
  const { missing, statuses } = manifest;
  const readingOf = (name: string) => {
    const text = files.get(name);
    return text === undefined ? { missing: missing[name] ?? 'it is not in the bundle' } : { text };
  };
  const outputs = Object.keys(SNAPSHOT_COMMANDS).map((name) => [name, readingOf(`outputs/${name}`)]);
  const pages = Object.keys(SNAPSHOT_PAGES).map((name) => {
    const reading = readingOf(`pages/${name}`);
    return [name, 'text' in reading ? { status: statuses[name] ?? 0, ...reading } : reading];
  });
  const probes = files.has('probes.json') ? { probes: read(files, 'probes.json', z.unknown()) } : {};
  const snapshot = snapshotSchema.safeParse({
    format: 1,
    takenAt: manifest.takenAt,
    hostname: manifest.node,
    versions: manifest.versions,
    outputs: Object.fromEntries(outputs),
    files: Object.fromEntries(
      [...files].flatMap(([name, text]) =>
        name.startsWith('files/') ? [[name.slice('files'.length), text]] : [],
      ),
    ),
    processes: read(files, 'processes.json', z.unknown()),
    pages: Object.fromEntries(pages),
    ...(manifest.clockSynchronized !== undefined && { clockSynchronized: manifest.clockSynchronized }),
    ...probes,
  });
  if (!snapshot.success)
    throw new BundleError(`this bundle holds no node as it should: ${z.prettifyError(snapshot.error)}`);
  return { snapshot: snapshot.data, redacted: manifest.redacted };
}

function unpacked(bytes: Uint8Array): Uint8Array {
  try {
    return gunzipSync(bytes, { maxOutputLength: LARGEST });
  } catch (error) {
    const tooLarge = error instanceof RangeError;
    throw new BundleError(
      tooLarge
        ? `unpacks to more than ${LARGEST / 2 ** 20} MiB, which no bundle of a node does`
        : `cannot be unpacked: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

/** The files in its folder, whatever that is called, by their names in it. */
function filesIn(tar: Uint8Array): ReadonlyMap<string, string> {
  let items: ParsedTarFileItem[];
  try {
    // The reader looks at the whole buffer, of which an array may be a part.
    items = parseTar(Uint8Array.from(tar).buffer, {
      filter: ({ type, size }) => {
        // One below zero would have the reader go back, for ever.
        if (!Number.isInteger(size) || size < 0) throw new RangeError('a file of no size');
        return type === 'file';
      },
    });
  } catch (error) {
    throw new BundleError(
      `is no tar that can be read: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  return new Map(
    items.map(({ name, data }) => [name.slice(name.indexOf('/') + 1), new TextDecoder().decode(data)]),
  );
}

function read<Schema extends z.ZodType>(
  files: ReadonlyMap<string, string>,
  name: string,
  schema: Schema,
): z.output<Schema> {
  const text = files.get(name);
  if (text === undefined) throw new BundleError(`is no bundle of svc2ipt: it has no ${name}`);
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    throw new BundleError(
      `is a bundle of another version of svc2ipt, or damaged: ${name} is not as expected`,
    );
  }
}
