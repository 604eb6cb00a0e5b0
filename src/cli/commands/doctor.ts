/** `svc2ipt doctor`: what is wrong with this node, by itself and against its cluster. */
import { styleText } from 'node:util';
import { type CheckedNode, checkedNode, factsIn } from '../../doctor/checked-node.ts';
import { type CheckedCluster, localEndpoints } from '../../doctor/cluster.ts';
import { type CheckResult, type CheckVerdict, examine, expectRules } from '../../doctor/doctor.ts';
import { doctorJSON, doctorText } from '../../doctor/report.ts';
import { OperationalError } from '../../errors/operational-error.ts';
import { thingsOfCluster } from '../../names/things.ts';
import type { NodeSnapshot } from '../../snapshot/snapshot.ts';
import { probeEndpoints, takeSnapshot } from '../../snapshot/take.ts';
import { type CompilerInput, namesObjects, readInput, readLive } from '../inputs.ts';
import { hasDefaultCluster } from '../live-cluster.ts';
import { servicesNamed } from '../names.ts';
import { terminalWidth } from '../paint.ts';
import { type CommandOutcome, warn } from '../run.ts';
import { shownOf } from '../shown.ts';
import type { DoctorCommandOptions } from './doctor.command.ts';

/** @param version of svc2ipt */
export async function doctorAction(options: DoctorCommandOptions, version: string): Promise<CommandOutcome> {
  const taken = await takeSnapshot(version);
  const before = checkedNode(taken, options.backend);
  expectRules(before);
  const input = await readCluster(options, before);
  const cluster = input && clusterOf(input, options);
  const node = cluster && options.probe ? checkedNode(await probed(taken, cluster), options.backend) : before;
  const results = examine(node, cluster);
  const output =
    options.output === 'json'
      ? doctorJSON(results, node)
      : doctorText(results, { paint, width: terminalWidth(), all: options.all === true });
  return { output, exitCode: results.some((result) => fails(result, options.failOn)) ? 1 : 0 };
}

/** The cluster that options name, or else the environment: that one is done without where it cannot be read. */
async function readCluster(
  options: DoctorCommandOptions,
  node: CheckedNode,
): Promise<CompilerInput | undefined> {
  const facts = factsIn(node);
  if (namesObjects(options)) return await readInput(options, facts);
  if (!hasDefaultCluster()) return undefined;
  try {
    // Not what may be piped in: nobody has asked for that.
    const sources = readLive(options).then((source) => [source]);
    return await readInput(options, facts, { sources });
  } catch (error) {
    if (!(error instanceof OperationalError)) throw error;
    warn(`the cluster cannot be read, so checks that need it are not made: ${error.message}`);
    return undefined;
  }
}

function clusterOf(input: CompilerInput, options: DoctorCommandOptions): CheckedCluster {
  const named = options.service && new Set(servicesNamed(options.service, thingsOfCluster(input), options));
  const shown = shownOf(options, [input]);
  return { ...input, isShown: (service) => named?.has(service) ?? shown.service(service) };
}

async function probed(snapshot: NodeSnapshot, cluster: CheckedCluster): Promise<NodeSnapshot> {
  return { ...snapshot, probes: [...(await probeEndpoints(localEndpoints(cluster)))] };
}

function fails({ verdict }: CheckResult, failOn: DoctorCommandOptions['failOn']): boolean {
  switch (failOn) {
    case 'never':
      return false;
    case 'error':
      return verdict === 'error';
    case 'warning':
      return verdict === 'error' || verdict === 'warning';
  }
}

const STYLES = {
  error: 'red',
  warning: 'yellow',
  ok: 'green',
  'not checked': 'dim',
} as const satisfies Record<CheckVerdict, string>;

/** In colour, where standard output is a terminal that shows it and NO_COLOR is not set. */
const paint = (style: CheckVerdict, text: string) =>
  styleText(STYLES[style], text, { stream: process.stdout });
