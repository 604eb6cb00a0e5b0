/** Servers and clients in the namespaces of a lab: what `peers.py` does, typed. */
import { join } from 'node:path';
import { z } from 'zod';
import { Conversation } from './conversation.ts';
import { nameOf, type Place } from './lab.ts';
import { PYTHON } from './python.ts';

export const PROTOCOLS = ['tcp', 'udp', 'sctp'] as const;
export type Protocol = (typeof PROTOCOLS)[number];

/** Somebody who wants to talk to an address. */
export interface Call {
  readonly from: Place;
  /** One of the addresses there; the kernel's choice unless given. */
  readonly source?: string | undefined;
  readonly protocol: Protocol;
  readonly to: string;
  readonly port: number;
}

/**
 * How often each thing came of it: `pod-1 sees client` for an answer, by whom and to whom; `refused`, with a word
 * from the network, at once; `dropped` where nothing came.
 */
export type Outcomes = Readonly<Record<string, number>>;

const outcomes = z.record(z.string(), z.number()).transform(withNames);

function withNames(counts: Readonly<Record<string, number>>): Outcomes {
  return Object.fromEntries(
    Object.entries(counts).map(([outcome, count]) => {
      const [server = '', address] = outcome.split(' ');
      return [address === undefined ? server : `${server} sees ${nameOf(address)}`, count];
    }),
  );
}

const digest = z.object({ bytes: z.number(), sha256: z.string() });

export class Peers implements AsyncDisposable {
  readonly #process: Conversation;
  readonly #namespaces: Readonly<Record<Place, string>>;
  #count = 0;

  /** @param namespaces need not be there yet; they are deleted when the helper ends, however that comes about */
  constructor(namespaces: Readonly<Record<Place, string>>) {
    this.#namespaces = namespaces;
    const script = join(import.meta.dirname, 'peers.py');
    this.#process = new Conversation(PYTHON, [script, ...Object.values(namespaces)], { detached: true });
  }

  /** Starts a server, mostly in a pod: TCP, UDP and SCTP, IPv4 and IPv6. */
  async serve(place: Place, port: number): Promise<void> {
    await this.#process.ask('serve', { namespace: this.#namespaces[place], name: place, port }, z.unknown());
  }

  /**
   * Makes connections, each from a port of its own.
   * @param times how many
   * @param timeout after how many seconds without an answer one counts as dropped
   */
  async ask(
    call: Call,
    { times = 1, timeout = 5 }: { readonly times?: number; readonly timeout?: number } = {},
  ): Promise<{ outcomes: Outcomes; slowest: number }> {
    const reply = z.object({ outcomes, slowest: z.number() });
    return await this.#process.ask('ask', { ...this.#message(call), times, timeout }, reply);
  }

  /**
   * Asks all the time.
   * @param every seconds between one question and the next
   * @param oneSocket send from the same port all the time (UDP), without waiting for answers
   */
  async probe(
    call: Call,
    {
      every = 0.005,
      timeout = 5,
      oneSocket = false,
    }: { readonly every?: number; readonly timeout?: number; readonly oneSocket?: boolean } = {},
  ): Promise<Probe> {
    const probe = `probe-${++this.#count}`;
    const reply = z.object({ outcomes }).transform(({ outcomes }) => outcomes);
    await this.#process.ask(
      'startProbe',
      { ...this.#message(call), probe, every, timeout, oneSocket },
      z.unknown(),
    );
    return {
      take: () => this.#process.ask('takeProbe', { probe }, reply),
      stop: () => this.#process.ask('stopProbe', { probe }, reply),
    };
  }

  /** Begins a download over TCP, the last quarter of which is only sent when its end is asked for. */
  async download(call: Omit<Call, 'protocol'>, bytes: number): Promise<Download> {
    const download = `download-${++this.#count}`;
    await this.#process.ask(
      'startDownload',
      { ...this.#message({ ...call, protocol: 'tcp' }), download, bytes },
      z.unknown(),
    );
    const reply = z.object({
      received: digest.extend({ end: z.string() }),
      sent: digest,
      early: z.boolean(),
    });
    return { end: () => this.#process.ask('endDownload', { download }, reply) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
  }

  #message({ from, source, protocol, to, port }: Call) {
    return { namespace: this.#namespaces[from], from: source, protocol, to, port };
  }
}

export interface Probe {
  /** What has come of it since this was asked the last time. */
  take(): Promise<Outcomes>;
  stop(): Promise<Outcomes>;
}

export interface Download {
  end(): Promise<{
    readonly received: { readonly bytes: number; readonly sha256: string; readonly end: string };
    readonly sent: { readonly bytes: number; readonly sha256: string };
    /** It had ended before. */
    readonly early: boolean;
  }>;
}
