/** `svc2ipt top`: what Services do, by what rules have counted. */
import { setTimeout as wait } from 'node:timers/promises';
import { InputError, show } from '../../api/problem.ts';
import { KernelCounters } from '../../applier/counters.ts';
import { HostError } from '../../applier/host.ts';
import { portNameOf, serviceOf } from '../../chains/comments.ts';
import { readPasted } from '../../iptables/pasted.ts';
import { readRules } from '../../library/rules.ts';
import { type FoundService, findOne, notFound, type Search } from '../../names/find.ts';
import type { Family } from '../../net/address.ts';
import { readSources } from '../../sources/files.ts';
import type { SourceText } from '../../sources/source-text.ts';
import { NoCountersError, readCountedRules, type SavedRules, savedAt } from '../../traffic/counted-rules.ts';
import { LiveReadings } from '../../traffic/live.ts';
import { formatTraffic, trafficJSON } from '../../traffic/report.ts';
import { servicePortKey } from '../../traffic/service-rules.ts';
import { sorted } from '../../traffic/sort.ts';
import { type CounterReading, type Details, Traffic, type TrafficReport } from '../../traffic/traffic.ts';
import { thisNode } from '../node.ts';
import { paint, terminalWidth } from '../paint.ts';
import type { CommandOutcome } from '../run.ts';
import { readSavedRules } from '../saved-rules.ts';
import type { TopCommandOptions } from './top.command.ts';

/** Between two readings, in milliseconds. */
export const INTERVAL = 2000;

export async function topAction(
  service: string | undefined,
  options: TopCommandOptions,
): Promise<CommandOutcome> {
  const { save, since, backend, family } = options;
  if (save === '-' && since === '-') {
    const message = 'standard input can be read once: name a file here or with --since';
    throw new InputError([{ at: ['--save'], message }]);
  }
  const traffic = new Traffic(since === undefined ? 'counters' : 'first reading');
  const asked = new AskedServices(traffic, service, options);
  const before = since === undefined ? undefined : savedReading(await savedSource(since), family);
  if (before) traffic.take(before, asked.details);
  if (save !== undefined) {
    const former = before?.rules.map(({ rules }) => rules);
    const after = savedReading(await savedSource(save), family, former);
    if (before?.at !== undefined && after.at !== undefined && after.at < before.at) {
      const message = `was saved later than ${show(save)}: it has to be the earlier one`;
      throw new InputError([{ at: ['--since', since ?? ''], message }]);
    }
    traffic.take(after, asked.details);
    return { output: outputOf(traffic, asked, options, 'once') };
  }
  const { iptables } = await thisNode(backend);
  const programs = iptables.filter((one) => family === undefined || one.family === family);
  if (programs.length === 0) throw new HostError(`this node has no rules of ${family}`);
  const kernel = await quietly(() => KernelCounters.open(programs, options.once === undefined));
  try {
    const readings = new LiveReadings(kernel, traffic);
    if (options.once) {
      await readings.read(asked.details);
      return { output: outputOf(traffic, asked, options, 'once') };
    }
    if (isForPeople(options)) {
      const { showLive } = await import('./top-screen.ts');
      return await showLive(readings, traffic, asked, options);
    }
    for (;;) {
      await readings.read(asked.details);
      // The first reading says what came since the counters began, and no rates.
      if (traffic.compared) process.stdout.write(outputOf(traffic, asked, options, 'again'));
      await wait(options.interval ?? INTERVAL);
    }
  } finally {
    kernel.close();
  }
}

/** That Node.js calls its foreign function interface experimental is of no use to whoever looks at a table. */
async function quietly<Result>(work: () => Promise<Result>): Promise<Result> {
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    return await work();
  } finally {
    process.emitWarning = emitWarning;
  }
}

function isForPeople({ output }: TopCommandOptions): boolean {
  const { stdin, stdout } = process;
  return output === 'text' && stdin.isTTY && stdout.isTTY && process.env.TERM !== 'dumb';
}

/** Which Services are asked for, by what a user types. */
export class AskedServices {
  readonly #traffic: Traffic;
  readonly #text: string | undefined;
  readonly #namespace: string | undefined;
  #found: FoundService | undefined;

  constructor(traffic: Traffic, text: string | undefined, options: TopCommandOptions) {
    this.#traffic = traffic;
    this.#text = text;
    this.#namespace = options.allNamespaces === undefined ? options.namespace : undefined;
  }

  /** Whether it is one Service, whose endpoints are shown. */
  get isOne(): boolean {
    return this.#text !== undefined;
  }

  /**
   * Of which endpoints are looked at.
   * @throws InputError where the text stands for no Service in the rules, or for several
   */
  readonly details = (): Details => (this.isOne ? this.keys() : 'all');

  /** A report with nothing of other Services in its table; what all of them have together stays. */
  shownOf(report: TrafficReport): TrafficReport {
    const keys = this.isOne ? this.keys() : undefined;
    const isShown = (service: string) =>
      this.#namespace === undefined || service.startsWith(`${this.#namespace}/`);
    return {
      ...report,
      servicePorts: report.servicePorts.filter(
        (port) => isShown(port.service) && (keys === undefined || keys.has(servicePortKey(port))),
      ),
    };
  }

  /** The service ports that the text stands for. */
  keys(): ReadonlySet<string> {
    const { addresses } = this.#traffic;
    const found = this.#find();
    const own = addresses.filter(
      ({ servicePort, port, protocol }) =>
        serviceOf(servicePort) === found.service &&
        (found.portName === undefined || portNameOf(servicePort) === found.portName) &&
        (found.port === undefined || port === found.port) &&
        (found.protocol === undefined || protocol === found.protocol),
    );
    return new Set(own.map(servicePortKey));
  }

  /** What was found once stays what is asked for, whether its rules stay or not. */
  #find(): FoundService {
    if (this.#found) return this.#found;
    const text = this.#text ?? '';
    const { addresses } = this.#traffic;
    const search: Search = {
      things: {
        where: 'in the rules',
        services: new Set(addresses.map(({ servicePort }) => serviceOf(servicePort))),
        pods: undefined,
        addresses: () => addresses,
        servicesTo: () => [],
      },
      namespace: this.#namespace,
      kinds: ['service'],
    };
    const found = findOne(text, search);
    if (found?.kind !== 'service') throw notFound(text, search);
    this.#found = found;
    return found;
  }
}

function outputOf(
  traffic: Traffic,
  asked: AskedServices,
  { output, sort }: TopCommandOptions,
  how: 'once' | 'again',
): string {
  const report = asked.shownOf(traffic.report());
  const servicePorts = sorted(report, sort);
  if (output === 'json') {
    const json = trafficJSON(servicePorts, report, traffic.at);
    return `${how === 'once' ? JSON.stringify(json, undefined, 2) : JSON.stringify(json)}\n`;
  }
  const layout = { width: terminalWidth(), endpoints: asked.isOne };
  const text = formatTraffic(servicePorts, report, paint, layout);
  return how === 'once' ? text : `${new Date(traffic.at ?? 0).toISOString()}\n${text}\n`;
}

/** Reads what iptables-save -c printed, or a bundle holds of it. */
async function savedSource(path: string): Promise<SourceText> {
  if (path !== '-') return (await readSavedRules(path)).source;
  const [source] = await readSources(['-']);
  return source ?? { name: path, text: '' };
}

/**
 * What was saved, as a reading.
 * @param former rules that are likely the same
 * @throws InputError where the text is none of rules, or has no counters
 */
function savedReading(
  { name, text }: SourceText,
  only: Family | undefined,
  former: readonly SavedRules[] = [],
): CounterReading {
  const pasted = readPasted(text).map((one) => ({ ...one, family: one.family ?? only ?? 'ipv4' }));
  const wanted = pasted.filter(({ family }) => only === undefined || family === only);
  const [first] = pasted;
  if (wanted.length === 0 && first) {
    throw new InputError([{ at: [name], message: `expected rules of ${only}, got some of ${first.family}` }]);
  }
  const sameFamily = (one: Family) => former.find(({ family }) => family === one);
  try {
    const rules = wanted.map(({ text, family }) =>
      readRules(name, () => readCountedRules(text, family, sameFamily(family))),
    );
    return { at: savedAt(text), rules };
  } catch (error) {
    if (!(error instanceof NoCountersError)) throw error;
    throw new InputError([{ at: [name], message: error.message }]);
  }
}
