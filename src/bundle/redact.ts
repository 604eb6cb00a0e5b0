/**
 * A snapshot for eyes that must not know where it is of: addresses and names are replaced, each by the same one everywhere,
 * so that whatever is found out about it is the same but for these.
 */
import { createHmac } from 'node:crypto';
import { readComment, serviceOf } from '../chains/comments.ts';
import { JUMPS } from '../chains/jumps.ts';
import { chainKind } from '../chains/names.ts';
import { quoteAsSaved, splitWords } from '../iptables/words.ts';
import type { NodeSnapshot, ProcessFacts } from '../snapshot/snapshot.ts';
import { AddressMap, replaceAddresses } from './addresses.ts';

/** Chains of Services, whose names are hashes of names. */
const HASHED = /\b(KUBE-(?:SVC|SVL|EXT|FW|SEP|XLB|EXS)-)([A-Z2-7]{16}\b|[A-Z2-7]{12}(?=\/))/g;

/** A chain that Calico names after a namespace. */
const OF_NAMESPACE = /\b(cali-(?:pri|pro)-kns\.)([\w.-]+)/g;

const MAC = /(?<![\w:])(?:[0-9a-f]{2}:){5}[0-9a-f]{2}(?![\w:])/g;

/** Addresses in the kernel's lists of sockets: words of four bytes, each back to front. */
const SOCKET_ADDRESS = /\b([0-9A-F]{32}|[0-9A-F]{8})(?=:[0-9A-F]{4}\b)/g;
const SOCKETS = /^\/proc\/net\/(?:tcp|udp)6?$/;

const RULE = /^(?:\[\d+:\d+\] )?-A (\S+) /;
const COMMENT = /--comment ("(?:[^"\\]|\\.)*"|\S+)/;

const OF_JUMPS: ReadonlySet<string> = new Set(
  JUMPS.flatMap(({ rule }) =>
    rule.matches.flatMap((match) => (match.match === 'comment' ? [match.comment] : [])),
  ),
);

/** Replaces what a snapshot, and what is said of it, has of addresses and names. One to one, as long as it lives. */
export class Redaction {
  readonly #key: Uint8Array;
  readonly #addresses: AddressMap;
  readonly #namespaces = new Names('namespace');
  readonly #services = new Names('service');
  readonly #nodes = new Names('node');
  readonly #comments = new Names('comment');

  /** @param key nobody who has it not finds the way back from addresses and chains */
  constructor(key: Uint8Array) {
    this.#key = key;
    this.#addresses = new AddressMap(key);
  }

  /** A whole snapshot. */
  snapshot(snapshot: NodeSnapshot): NodeSnapshot {
    const { hostname, outputs, files, pages, processes, probes } = snapshot;
    const texts = <Reading extends { readonly text: string } | { readonly missing: string }>(
      readings: Readonly<Record<string, Reading>>,
      replace: (text: string) => string,
    ) =>
      Object.fromEntries(
        Object.entries(readings).map(([name, reading]) => [
          name,
          'text' in reading ? { ...reading, text: replace(reading.text) } : reading,
        ]),
      );
    const host = this.#nodes.get(hostname);
    // Names are known from the rules; what else has them comes after these.
    const replaced = texts(outputs, (text) => this.rules(text));
    return {
      ...snapshot,
      hostname: host,
      outputs: replaced as NodeSnapshot['outputs'],
      files: Object.fromEntries(
        Object.entries(files).map(([path, text]) => [path, SOCKETS.test(path) ? this.#sockets(text) : text]),
      ),
      pages: texts(pages, (text) => this.text(text)) as NodeSnapshot['pages'],
      processes: processes.map(withoutFolders),
      ...(probes && {
        probes: probes.map((probe) => ({ ...probe, address: this.#addresses.address(probe.address) })),
      }),
    };
  }

  /** What iptables-save or another program of a node has printed. */
  rules(text: string): string {
    const lines = text.split('\n').map((line) => {
      const [, chain] = RULE.exec(line) ?? [];
      if (chain !== undefined)
        return line.replace(COMMENT, (_, quoted: string) => `--comment ${this.#comment(quoted, chain)}`);
      return line
        .replace(
          / comment ("(?:[^"\\]|\\.)*")/,
          (_, quoted: string) => ` comment "${this.#comments.get(quoted)}"`,
        )
        .replace(
          /"ifalias":("(?:[^"\\]|\\.)*")/g,
          (_, quoted: string) => `"ifalias":"${this.#comments.get(quoted)}"`,
        );
    });
    return this.#identifiers(lines.join('\n'));
  }

  /** What is said of the node, once its snapshot was replaced: names that were in its rules, and all addresses. */
  text(text: string): string {
    const named = text.replace(
      /(?<![\w./-])([a-z0-9][a-z0-9-]{0,62})\/([a-z0-9][a-z0-9-]{0,62})(?![\w/-])/g,
      (all, ns, name) => {
        const [namespace, service] = [this.#namespaces.known(ns), this.#services.known(`${ns}/${name}`)];
        return namespace === undefined || service === undefined ? all : `${namespace}/${service}`;
      },
    );
    return this.#identifiers(named);
  }

  #identifiers(text: string): string {
    const chains = text
      .replace(HASHED, (_, prefix: string, hash: string) => prefix + this.#hash(hash))
      .replace(OF_NAMESPACE, (_, prefix: string, name: string) => prefix + this.#namespaces.get(name));
    return replaceAddresses(
      chains.replace(MAC, (mac) => this.#mac(mac)),
      this.#addresses,
    );
  }

  #comment(quoted: string, chain: string): string {
    const [comment = ''] = splitWords(quoted);
    const about = readComment(comment);
    const isOurs = chainKind(chain) !== undefined || OF_JUMPS.has(comment);
    if (isOurs && about === undefined) return quoted;
    if (!isOurs || about === undefined || about.form === 'other')
      return quoteAsSaved(this.#comments.get(comment));
    const { servicePort } = about;
    return quoteAsSaved(comment.replace(servicePort, () => this.#servicePort(servicePort)));
  }

  /** The name of the port stays: it is one of a few. */
  #servicePort(servicePort: string): string {
    const service = serviceOf(servicePort);
    const [namespace = ''] = service.split('/');
    return `${this.#namespaces.get(namespace)}/${this.#services.get(service)}${servicePort.slice(service.length)}`;
  }

  #hash(hash: string): string {
    const digest = createHmac('sha256', this.#key).update(hash).digest();
    return Array.from({ length: hash.length }, (_, i) => BASE32[(digest[i] ?? 0) & 31]).join('');
  }

  /** One that nobody has: locally administered. Those of everybody and of nobody stay. */
  #mac(mac: string): string {
    if (mac === '00:00:00:00:00:00' || mac === 'ff:ff:ff:ff:ff:ff') return mac;
    const digest = createHmac('sha256', this.#key).update(mac).digest('hex');
    return `02:${(digest.slice(0, 10).match(/../g) ?? []).join(':')}`;
  }

  #sockets(text: string): string {
    return text.replace(SOCKET_ADDRESS, (hex: string) => {
      const words = hex.match(/.{8}/g) ?? [];
      const bytes = words.flatMap((word) => (word.match(/../g) ?? []).toReversed());
      const address =
        bytes.length === 4 ? bytes.map((byte) => Number.parseInt(byte, 16)).join('.') : undefined;
      // Of IPv6, only whether it is all zeros or loopback counts; others are told apart by their sockets.
      if (address === undefined)
        return /^0+$|^0{24}0?1000000$|^0{16}FFFF0000/.test(hex) ? hex : 'FE'.padEnd(32, '0');
      const replaced = this.#addresses
        .address(address)
        .split('.')
        .map((part) => Number(part).toString(16).padStart(2, '0'));
      return replaced.toReversed().join('').toUpperCase();
    });
  }
}

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** `namespace-1`, `namespace-2` ... in the order in which names are met. */
class Names {
  readonly #kind: string;
  readonly #names = new Map<string, string>();

  constructor(kind: string) {
    this.#kind = kind;
  }

  get(name: string): string {
    const known = this.#names.get(name) ?? `${this.#kind}-${this.#names.size + 1}`;
    this.#names.set(name, known);
    return known;
  }

  known(name: string): string | undefined {
    return this.#names.get(name);
  }
}

/** Folders may have names of people. */
function withoutFolders({ command, ...rest }: ProcessFacts): ProcessFacts {
  const base = (word: string) =>
    word.endsWith('/cli/main.js') || word.endsWith('/cli/main.ts')
      ? `/cli/${word.slice(word.lastIndexOf('/') + 1)}`
      : word.slice(word.lastIndexOf('/') + 1);
  return { ...rest, command: command.map(base) };
}
