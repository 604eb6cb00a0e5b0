/** Saved rules as users have them: what iptables-save printed, or a bundle of doctor. */
import type { HostFacts } from '../api/node.ts';
import { InputError } from '../api/problem.ts';
import type { Backend } from '../applier/programs.ts';
import { type Bundle, BundleError, looksPacked, unpackBundle } from '../bundle/bundle.ts';
import { checkedNode, factsIn } from '../doctor/checked-node.ts';
import { saveOutput } from '../snapshot/snapshot.ts';
import { readBytes, textOf } from '../sources/files.ts';
import type { SourceText } from '../sources/source-text.ts';

export interface SavedSource {
  /** What iptables-save printed, of a bundle that of both families. */
  readonly source: SourceText;
  /** What a bundle says of its node; nothing where there are only rules. */
  readonly facts: HostFacts;
}

/**
 * Reads saved rules. What they are, their content tells.
 * @param backend whose rules of a bundle are taken; those that its node uses unless given
 * @throws InputError where the file is missing, or a bundle that cannot be read
 */
export async function readSavedRules(path: string, backend?: Backend): Promise<SavedSource> {
  // Once: a pipe gives its bytes to who reads it first.
  const bytes = await readBytes(path);
  const bundle = bundleIn(path, bytes);
  if (bundle === undefined) return { source: textOf(path, bytes), facts: {} };
  const node = checkedNode(bundle.snapshot, backend);
  const texts = node.families.map((family) => node.output(saveOutput(node.backend, family)));
  if (texts.length === 0) {
    const message = `this bundle has no rules of iptables-${node.backend}`;
    throw new InputError([{ at: [path], message }]);
  }
  return { source: { name: path, text: texts.join('\n') }, facts: factsIn(node) };
}

/**
 * Reads a bundle, and nothing else.
 * @throws InputError where the file is none
 */
export async function readBundle(path: string): Promise<Bundle> {
  const bundle = bundleIn(path, await readBytes(path));
  if (bundle !== undefined) return bundle;
  const message = 'is no bundle: svc2ipt doctor --bundle FILE.tar.gz writes one';
  throw new InputError([{ at: [path], message }]);
}

/** Undefined for a file that is something else. */
function bundleIn(path: string, bytes: Uint8Array): Bundle | undefined {
  if (!looksPacked(bytes)) return undefined;
  try {
    return unpackBundle(bytes);
  } catch (error) {
    if (!(error instanceof BundleError)) throw error;
    throw new InputError([{ at: [path], message: error.message }]);
  }
}
