/** A row of a table of traffic in a lab: who asks for which Service in which way, and what comes of it. */
import { expect } from 'vitest';
import type { Family } from '../../../src/net/address.ts';
import { addressOf, nodePortOf, PORT, type Way } from './cluster.ts';
import { ADDRESSES, type Lab, type Place } from './lab.ts';
import { PROTOCOLS, type Protocol } from './peers.ts';

/** Clients, and where they are. */
const CLIENTS = {
  'pod-1': 'pod-1',
  'pod-2': 'pod-2',
  node: 'node',
  neighbour: 'other-node',
  client: 'outside',
  stranger: 'outside',
} as const satisfies Readonly<Record<string, Place>>;

export type Client = keyof typeof CLIENTS;

/** Addresses that the node has. */
type NodeAddress = 'node' | 'uplink' | 'gateway' | 'localhost';

/** Node ports are asked for at an address of the node. */
export type Destination = Way | `node port (${NodeAddress})`;

/** One outcome, or all those that there must be among many connections. */
export type Expected = string | readonly string[];

export type TrafficRow<Service extends string> = [
  Client,
  Destination,
  Service,
  Expected,
  { readonly families?: readonly Family[]; readonly protocols?: readonly Protocol[] }?,
];

/** So many connections find both of two endpoints, but for once in a thousand million times. */
const TO_FIND_BOTH = 31;

/** Seconds. Nobody's answer takes so long; how long it is waited for decides how long tests take. */
const DROPPED_AFTER = 0.5;

/**
 * Seconds. A refusal comes at once: whoever waits for a second packet to be refused waits a second. In IPv6, it comes so
 * fast where everything is on one machine that Linux does not hear it: its TCP socket is still busy with sending
 * (LockDroppedIcmps in /proc/net/netstat), and connect() ends with the second packet's refusal.
 */
const REFUSED_WITHIN: Readonly<Record<Family, Readonly<Record<Protocol, number>>>> = {
  ipv4: { tcp: 1, udp: 1, sctp: 1 },
  ipv6: { tcp: 2.5, udp: 1, sctp: 1 },
};

function target(
  family: Family,
  destination: Destination,
  index: number,
): { readonly to: string; readonly port: number } {
  const host = /\((\w+)\)/.exec(destination)?.[1];
  return host === undefined
    ? { to: addressOf(family, destination as Way, index), port: PORT }
    : { to: ADDRESSES[family][host as NodeAddress], port: nodePortOf(index) };
}

/**
 * Asks in every protocol, and fails where anything else comes of it than what the row expects.
 * @param index of the row's Service
 */
export async function expectTraffic(
  lab: Lab,
  family: Family,
  [client, destination, , expected, { protocols = PROTOCOLS } = {}]: TrafficRow<string>,
  index: number,
): Promise<void> {
  const from = CLIENTS[client];
  const source = client === 'client' || client === 'stranger' ? ADDRESSES[family][client] : undefined;
  const several = { times: typeof expected === 'string' ? 4 : TO_FIND_BOTH };
  const how = expected === 'dropped' ? { times: 2, timeout: DROPPED_AFTER } : several;
  const outcomes = await Promise.all(
    protocols.map(async (protocol) => {
      const call = { from, source, protocol, ...target(family, destination, index) };
      const { outcomes, slowest } = await lab.peers.ask(call, how);
      if (expected === 'refused') expect(slowest).toBeLessThan(REFUSED_WITHIN[family][protocol]);
      return [protocol, Object.keys(outcomes).sort()];
    }),
  );
  const wanted = typeof expected === 'string' ? [expected] : [...expected].sort();
  expect(Object.fromEntries(outcomes)).toEqual(
    Object.fromEntries(protocols.map((protocol) => [protocol, wanted])),
  );
}
