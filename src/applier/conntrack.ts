/**
 * Connection tracking of UDP. A UDP flow lives on in the kernel for as long as packets come, and keeps going where
 * its first packet went, whatever the rules say by now. So when rules have changed, flows that go elsewhere than they
 * would send them are deleted, and their next packet is treated as new. TCP ends by itself.
 */
import { networkInterfaces } from 'node:os';
import { CommandError, OutputError } from '../errors/command-error.ts';
import { present } from '../errors/invariant.ts';
import { OperationalError } from '../errors/operational-error.ts';
import { type Family, joinPort, parseAddress, splitPort } from '../net/address.ts';
import type { UdpAddress, UdpDestination } from '../net/flows.ts';
import { run } from './command.ts';
import { HostError } from './host.ts';

/** A flow as conntrack lists it: the first packet's addresses, and whom the answers come from. */
export interface UdpFlow {
  readonly destination: string;
  readonly port: number;
  /** `ip:port` that answers: the endpoint, or the destination itself where nothing redirected the flow. */
  readonly answers: string;
}

/** What flows are held against. */
export interface Destinations {
  /** Where the rules send UDP. */
  readonly current: readonly UdpDestination[];
  /** What the rules sent on once, and leave alone by now. Where a current destination is the same, that counts. */
  readonly former: readonly UdpAddress[];
}

/**
 * Deletes the flows to addresses of Services, current and former, that the rules would not send where they go. Does
 * not look where there are none.
 * @returns how many flows were deleted. Where some ended by themselves meanwhile, those may be missing that were deleted before
 * @throws HostError where conntrack is not installed; OperationalError where it fails, or prints what are
 *   no flows
 */
export async function deleteStaleFlows(family: Family, destinations: Destinations): Promise<number> {
  if (destinations.current.length + destinations.former.length === 0) return 0;
  const stale = staleFlows(await listFlows(family), destinations, localAddresses());
  let deleted = 0;
  for (const flow of stale) {
    const { stdout } = await conntrack(['-D', '-f', family, '-p', 'udp', ...selector(flow)]);
    // A line for each.
    deleted += stdout.split('\n').length - 1;
  }
  return deleted;
}

/**
 * Whether any flow is sent elsewhere than its sender asked for, by whomever.
 * @throws as {@link deleteStaleFlows}
 */
export async function hasRedirectedFlows(family: Family): Promise<boolean> {
  return (await listFlows(family)).some(isRedirected);
}

async function listFlows(family: Family): Promise<UdpFlow[]> {
  const args = ['-L', '-f', family, '-p', 'udp'];
  const { stdout } = await conntrack(args);
  const { flows, problem } = parseFlows(stdout);
  if (problem !== undefined) throw flowsStay(new OutputError(['conntrack', ...args], problem));
  return flows;
}

function isRedirected({ destination, port, answers }: UdpFlow): boolean {
  return answers !== joinPort(destination, port);
}

/**
 * The flows, each kind once, that go to a current destination but not to one of its endpoints, and those that are sent
 * on from a former one. What nothing ever redirected is nobody's business there.
 */
export function staleFlows(
  flows: readonly UdpFlow[],
  { current, former }: Destinations,
  local: ReadonlySet<string>,
): UdpFlow[] {
  const endpointsAt = new Map(current.map((destination) => [keyOf(destination), destination.endpoints]));
  const formerly = new Set(former.map(keyOf));
  const stale = new Map<string, UdpFlow>();
  for (const flow of flows) {
    const { destination, port, answers } = flow;
    const own = keyOf({ address: destination, port });
    const keys = local.has(destination) ? [own, keyOf({ address: undefined, port })] : [own];
    const endpoints = keys.map((key) => endpointsAt.get(key)).find((found) => found !== undefined);
    const isStale = endpoints
      ? !endpoints.has(answers)
      : keys.some((key) => formerly.has(key)) && isRedirected(flow);
    if (isStale) stale.set(`${own} ${answers}`, flow);
  }
  return [...stale.values()];
}

/** What tells one address from another, of any destination. */
export function keyOf({ address = '', port }: UdpAddress): string {
  return `${address} ${port}`;
}

/** What `conntrack -L -p udp` prints, as far as it can be right. */
export interface ParsedFlows {
  readonly flows: UdpFlow[];
  /** What cannot be right, such as `line 1 is "garbage"`: then nothing follows about any flow. */
  readonly problem: string | undefined;
}

/** Parses the output of `conntrack -L -p udp`: a line for each flow, and nothing else. */
export function parseFlows(text: string): ParsedFlows {
  const flows: UdpFlow[] = [];
  const lines = text.split('\n');
  // What follows the last line end is nothing, where all has come.
  const rest = lines.pop();
  for (const [i, line] of lines.entries()) {
    const flow = parseFlow(line);
    if (!flow) return { flows, problem: `line ${i + 1} is ${JSON.stringify(line)}` };
    flows.push(flow);
  }
  return { flows, problem: rest === '' ? undefined : `line ${lines.length + 1} has no end` };
}

function parseFlow(line: string): UdpFlow | undefined {
  const [, destination, port] = /^udp .*?\bdst=(\S+) sport=\d+ dport=(\d+)/.exec(line) ?? [];
  const [, source, sourcePort] = /dport=\d+.*? src=(\S+) dst=\S+ sport=(\d+)/.exec(line) ?? [];
  const [to, from] = [parseAddress(destination ?? ''), parseAddress(source ?? '')];
  if (to === undefined || from === undefined) return undefined;
  return { destination: to, port: Number(port), answers: joinPort(from, Number(sourcePort)) };
}

function selector({ destination, port, answers }: UdpFlow): string[] {
  const answering = present(splitPort(answers), 'address and port of who answers');
  return [
    ...['-d', destination, '--dport', String(port)],
    ...['-r', answering.address, '--reply-port-src', answering.port],
  ];
}

/** So often flows may end by themselves in the midst of deleting their kind. */
const MOST_ENDINGS = 20;

async function conntrack(args: readonly string[], endings = 0): Promise<{ stdout: string }> {
  try {
    return await run(['conntrack', ...args]);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    // It lists what fits and deletes one after the other, and gives up at one that has ended meanwhile: others are left.
    const hasEnded = args[0] === '-D' && error.stderr.includes("such conntrack doesn't exist");
    if (hasEnded && endings < MOST_ENDINGS) return await conntrack(args, endings + 1);
    if (error.code === 'ENOENT') {
      throw new HostError(
        'conntrack is not installed, so UDP flows to removed endpoints go on: ' +
          'install it (Debian and Ubuntu: apt install conntrack)',
      );
    }
    // It exits with 1 where nothing fitted: the flow ended by itself in the meantime.
    if (/\b0 flow entries/.test(error.stderr)) return { stdout: '' };
    throw flowsStay(error);
  }
}

function flowsStay(error: CommandError | OutputError): OperationalError {
  return new OperationalError(
    `the rules are correct, but UDP flows to removed endpoints may go on: ${error.message}`,
    { cause: error },
  );
}

function localAddresses(): ReadonlySet<string> {
  return new Set(
    Object.values(networkInterfaces()).flatMap((list) =>
      (list ?? []).flatMap(({ address }) => parseAddress(address.replace(/%.*/, '')) ?? []),
    ),
  );
}
