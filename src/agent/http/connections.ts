/** Which connections a server keeps. Nobody is refused: whoever has done the least for the longest time goes. */
import type { Socket } from 'node:net';
import { parseAddress, parseCIDR } from '../../net/address.ts';

/** How many connections there may be at a time: of one source, and in all. */
export interface ConnectionLimits {
  readonly perSource: number;
  readonly total: number;
}

/** What is closed when there are too many. */
interface Closable extends Pick<Socket, 'remoteAddress'> {
  destroy(): unknown;
  once(event: 'close', listener: () => void): unknown;
}

export class Connections<S extends Closable> {
  readonly #limits: ConnectionLimits;
  /** The source of each, from the one that has been without an answered request for longest. */
  readonly #waiting = new Map<S, string>();
  /** Those with a request in hand, from the one that has had it for longest. */
  readonly #answering = new Map<S, string>();

  constructor(limits: ConnectionLimits) {
    this.#limits = limits;
  }

  /** How many there are. */
  get size(): number {
    return this.#waiting.size + this.#answering.size;
  }

  /**
   * Takes a new connection, and where it is one too many closes another one: of the same source, where that has its
   * share; one that is idle, or whose request has not come yet, before one that is being answered; the oldest of those.
   */
  admit(socket: S): void {
    const source = sourceOf(socket.remoteAddress ?? '');
    const all = [...this.#waiting, ...this.#answering];
    const ofSource = all.filter(([, one]) => one === source);
    const [goes] =
      ofSource.length >= this.#limits.perSource ? ofSource : all.length >= this.#limits.total ? all : [];
    if (goes) this.#close(goes[0]);
    this.#waiting.set(socket, source);
    socket.once('close', () => this.#forget(socket));
  }

  /** A request of this connection has come, and is being answered. */
  answering(socket: S): void {
    this.#move(socket, this.#answering);
  }

  /** Nothing of this connection is in hand any more. */
  answered(socket: S): void {
    this.#move(socket, this.#waiting);
  }

  #move(socket: S, to: Map<S, string>): void {
    const source = this.#waiting.get(socket) ?? this.#answering.get(socket);
    // Closed meanwhile.
    if (source === undefined) return;
    this.#forget(socket);
    to.set(socket, source);
  }

  #close(socket: S): void {
    this.#forget(socket);
    socket.destroy();
  }

  #forget(socket: S): void {
    this.#waiting.delete(socket);
    this.#answering.delete(socket);
  }
}

/**
 * Whom an address stands for: itself in IPv4, however it is written; its /64 in IPv6, as whoever has one address there
 * has all of them.
 */
export function sourceOf(address: string): string {
  const [bare = ''] = address.split('%');
  const canonical = parseAddress(bare) ?? bare;
  return parseCIDR(`${canonical}/${canonical.includes(':') ? 64 : 32}`) ?? canonical;
}
