/**
 * Connection tracking of UDP. A UDP flow lives on in the kernel for as long as packets come, and keeps going where
 * its first packet went, whatever the rules say by now. So when endpoints have changed, flows that go elsewhere than
 * the rules would send them are deleted, and their next packet is treated as new. TCP ends by itself.
 */
import { networkInterfaces } from 'node:os';
import { CommandError } from '../errors/command-error.ts';
import { OperationalError } from '../errors/operational-error.ts';
import { type Family, joinPort, parseAddress } from '../net/address.ts';
import type { UdpDestination } from '../net/flows.ts';
import { run } from './command.ts';
import { HostError } from './host.ts';

/** A flow as conntrack lists it: the first packet's addresses, and whom the answers come from. */
export interface UdpFlow {
  readonly destination: string;
  readonly port: number;
  /** `ip:port` that answers: the endpoint, or the destination itself where nothing redirected the flow. */
  readonly answers: string;
}

/**
 * Deletes the flows to services' addresses that the rules would not send where they go.
 * @returns how many kinds of flow (by destination and answering endpoint) were deleted
 * @throws HostError where conntrack is not installed; OperationalError where it fails
 */
export async function deleteStaleFlows(
  family: Family,
  destinations: readonly UdpDestination[],
): Promise<number> {
  if (destinations.length === 0) return 0;
  const { stdout } = await conntrack(['-L', '-f', family, '-p', 'udp']);
  const stale = staleFlows(parseFlows(stdout), destinations, localAddresses());
  for (const flow of stale) await conntrack(['-D', '-f', family, '-p', 'udp', ...selector(flow)]);
  return stale.length;
}

/** The flows, each kind once, that go to a destination but not to one of its endpoints. */
export function staleFlows(
  flows: readonly UdpFlow[],
  destinations: readonly UdpDestination[],
  local: ReadonlySet<string>,
): UdpFlow[] {
  const byAddress = new Map(destinations.map((d) => [`${d.address ?? ''} ${d.port}`, d.endpoints]));
  const stale = new Map<string, UdpFlow>();
  for (const flow of flows) {
    const { destination, port, answers } = flow;
    const endpoints =
      byAddress.get(`${destination} ${port}`) ??
      (local.has(destination) ? byAddress.get(` ${port}`) : undefined);
    if (endpoints && !endpoints.has(answers)) stale.set(`${destination} ${port} ${answers}`, flow);
  }
  return [...stale.values()];
}

/** Parses the output of `conntrack -L -p udp`. */
export function parseFlows(text: string): UdpFlow[] {
  return text.split('\n').flatMap((line) => {
    const [, destination, port] = /\bdst=(\S+) sport=\d+ dport=(\d+)/.exec(line) ?? [];
    const [, source, sourcePort] = /dport=\d+.*? src=(\S+) dst=\S+ sport=(\d+)/.exec(line) ?? [];
    const [to, from] = [parseAddress(destination ?? ''), parseAddress(source ?? '')];
    if (to === undefined || from === undefined) return [];
    return [{ destination: to, port: Number(port), answers: joinPort(from, Number(sourcePort)) }];
  });
}

function selector({ destination, port, answers }: UdpFlow): string[] {
  const at = answers.lastIndexOf(':');
  const [address, answerPort] = [answers.slice(0, at).replace(/[[\]]/g, ''), answers.slice(at + 1)];
  return ['-d', destination, '--dport', String(port), '-r', address, '--reply-port-src', answerPort];
}

async function conntrack(args: readonly string[]): Promise<{ stdout: string }> {
  try {
    return await run(['conntrack', ...args]);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    if (error.code === 'ENOENT') {
      throw new HostError(
        'conntrack is not installed, so UDP clients stay with endpoints that are gone: ' +
          'install it (Debian and Ubuntu: apt install conntrack)',
      );
    }
    // It exits with 1 where nothing fitted: the flow ended by itself in the meantime.
    if (/\b0 flow entries/.test(error.stderr)) return { stdout: '' };
    throw new OperationalError(
      `the rules are written, but UDP clients may stay with endpoints that are gone: ${error.message}`,
      { cause: error },
    );
  }
}

function localAddresses(): ReadonlySet<string> {
  return new Set(
    Object.values(networkInterfaces()).flatMap((list) =>
      (list ?? []).flatMap(({ address }) => parseAddress(address.replace(/%.*/, '')) ?? []),
    ),
  );
}
