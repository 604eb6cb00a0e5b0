/** SHA-256 of texts, in any JavaScript: Node.js has one that takes a quarter of the time, a browser none that waits. */
import { sha256 as sha256OfBytes } from '@noble/hashes/sha2.js';

/** The hash of a text's UTF-8, as a string of 32 characters, one for each byte: that costs less than bytes do. */
export type Sha256 = (text: string) => string;

/** In JavaScript alone. */
export const portableSha256: Sha256 = (text) =>
  String.fromCharCode(...sha256OfBytes(new TextEncoder().encode(text)));

/** Names of chains are hashes, 55,000 of them in a cluster of 5,000 Services with 10 endpoints each. */
export const sha256: Sha256 = nodeSha256() ?? remembering(portableSha256);

/** What Node.js has; undefined where there is no Node.js. An import of it would keep this file out of browsers. */
function nodeSha256(): Sha256 | undefined {
  const crypto = globalThis.process?.getBuiltinModule?.('node:crypto');
  return crypto && ((text) => crypto.hash('sha256', text, 'latin1'));
}

/** So many hashes are kept. */
const MOST_KNOWN = 20_000;

/** A page asks for the same hashes at each keystroke, and JavaScript takes its time for them. */
function remembering(hash: Sha256): Sha256 {
  const known = new Map<string, string>();
  return (text) => {
    const digest = known.get(text) ?? hash(text);
    if (known.size === MOST_KNOWN) known.clear();
    known.set(text, digest);
    return digest;
  };
}
