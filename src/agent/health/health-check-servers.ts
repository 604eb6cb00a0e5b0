/** The HTTP servers of health check node ports. */
import type { ListenOptions, Socket } from 'node:net';
import { namespacedName } from '../../api/cluster.ts';
import { familyOf, joinPort } from '../../net/address.ts';
import { Connections } from '../http/connections.ts';
import { HttpServer, type HttpServerTimes, ListenError } from '../http/http-server.ts';
import { ANY_PATH, type Answer, jsonAnswer, type Routes, textAnswer } from '../http/routes.ts';
import type { Log } from '../log.ts';
import type { HealthCheck } from './health-check-node-ports.ts';

export interface HealthCheckServersOptions {
  /** Whether this node's rules are fresh; asked for each request. */
  healthy(): boolean;
  readonly log: Log;
  readonly times?: HttpServerTimes;
}

/** A health check on one address. */
interface Place {
  readonly check: HealthCheck;
  readonly listen: ListenOptions;
}

/** One server for each address of each health check: opened, kept and closed as the cluster changes. */
export class HealthCheckServers {
  readonly #options: HealthCheckServersOptions;
  /** Those of all servers: there may be a server for each of many Services. */
  readonly #connections = new Connections<Socket>({ perSource: 64, total: 256 });
  /** What is to be served, by Service and address. Servers look here for what they answer. */
  #wanted: ReadonlyMap<string, Place> = new Map();
  readonly #servers = new Map<string, HttpServer>();
  /** Those that could not listen, which was told. */
  #refused: ReadonlySet<string> = new Set();
  #updating: Promise<void> = Promise.resolve();

  constructor(options: HealthCheckServersOptions) {
    this.#options = options;
  }

  /**
   * Serves these health checks and no others. Servers that stay have the new numbers at once. A port that somebody
   * else has is told of once and tried again with every update, as in kube-proxy v1.36.
   */
  update(checks: readonly HealthCheck[]): Promise<void> {
    this.#wanted = new Map(checks.flatMap(placesOf));
    const update = this.#updating.then(() => this.#apply());
    this.#updating = update.catch(() => {});
    return update;
  }

  async stop(): Promise<void> {
    await this.update([]);
  }

  async #apply(): Promise<void> {
    const wanted = this.#wanted;
    // Closed first: a port may have gone from one Service to another.
    const gone = [...this.#servers].filter(([key]) => !wanted.has(key));
    await Promise.all(gone.map(([key, server]) => this.#close(key, server)));
    const missing = [...wanted].filter(([key]) => !this.#servers.has(key));
    const refused = await Promise.all(missing.map(([key, { listen }]) => this.#open(key, listen)));
    this.#refused = new Set(missing.flatMap(([key], i) => (refused[i] ? [key] : [])));
  }

  async #close(key: string, server: HttpServer): Promise<void> {
    this.#servers.delete(key);
    await server.stop();
  }

  /** Tells whether the address could not be had. */
  async #open(key: string, listen: ListenOptions): Promise<boolean> {
    const { log } = this.#options;
    const name = `health check of ${key}`;
    const connections = this.#connections;
    const server = new HttpServer({ ...this.#options, name, listen, routes: this.#routes(key), connections });
    try {
      await server.start({ hardFail: true });
      this.#servers.set(key, server);
      return false;
    } catch (error) {
      if (!(error instanceof ListenError)) throw error;
      if (!this.#refused.has(key)) log.error('Failed to start healthcheck', { error: error.message });
      return true;
    }
  }

  /** Every path answers. */
  #routes(key: string): Routes {
    const answer = () => {
      const check = this.#wanted.get(key)?.check;
      // Closed while the request was under way.
      return check ? healthCheckAnswer(check, this.#options.healthy()) : textAnswer('', 503);
    };
    return new Map([[ANY_PATH, { answer }]]);
  }
}

/** What a load balancer gets, byte for byte as from kube-proxy v1.36: 200 where it may send traffic, or 503. */
export function healthCheckAnswer(
  { service: { namespace, name }, localEndpoints }: Pick<HealthCheck, 'service' | 'localEndpoints'>,
  healthy: boolean,
): Answer {
  const body = { service: { namespace, name }, localEndpoints, serviceProxyHealthy: healthy };
  const answer = jsonAnswer(JSON.stringify(body, null, '\t'), localEndpoints > 0 && healthy ? 200 : 503);
  return {
    ...answer,
    headers: { ...answer.headers, 'X-Load-Balancing-Endpoint-Weight': String(localEndpoints) },
  };
}

function placesOf(check: HealthCheck): [key: string, place: Place][] {
  const { service, family, port } = check;
  const all = family === 'ipv4' ? '0.0.0.0' : '::';
  const addresses = typeof check.addresses === 'string' ? [all] : check.addresses;
  return addresses.map((host) => [
    `${namespacedName(service)} on ${joinPort(host, port)}`,
    // Each family has numbers of its own, so :: must not take the other's requests.
    { check, listen: { host, port, ipv6Only: familyOf(host) === 'ipv6' } },
  ]);
}
