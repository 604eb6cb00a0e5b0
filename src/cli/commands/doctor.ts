/** `svc2ipt doctor`: what is wrong with this node, by itself and against its cluster. */
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { styleText } from 'node:util';
import { InputError } from '../../api/problem.ts';
import { packBundle } from '../../bundle/bundle.ts';
import { Redaction } from '../../bundle/redact.ts';
import { type CheckedNode, checkedNode, factsIn } from '../../doctor/checked-node.ts';
import { type CheckedCluster, localEndpoints } from '../../doctor/cluster.ts';
import { type CheckResult, type CheckVerdict, examine, expectRules } from '../../doctor/doctor.ts';
import { doctorJSON, doctorText } from '../../doctor/report.ts';
import { OperationalError } from '../../errors/operational-error.ts';
import type { CompilerInput } from '../../library/compiler-input.ts';
import { servicesNamed } from '../../library/names.ts';
import { shownOf } from '../../library/shown.ts';
import { thingsOfCluster } from '../../names/things.ts';
import type { NodeSnapshot } from '../../snapshot/snapshot.ts';
import { probeEndpoints, takeSnapshot } from '../../snapshot/take.ts';
import { namesObjects, readInput, readLive } from '../inputs.ts';
import { hasDefaultCluster } from '../live-cluster.ts';
import { terminalWidth } from '../paint.ts';
import { type CommandOutcome, note, warn } from '../run.ts';
import { readBundle } from '../saved-rules.ts';
import type { DoctorCommandOptions } from './doctor.command.ts';

/** @param version of svc2ipt */
export async function doctorAction(options: DoctorCommandOptions, version: string): Promise<CommandOutcome> {
  checkOptions(options);
  const read = options.save === undefined ? undefined : await readBundle(options.save);
  const taken = read?.snapshot ?? (await takeSnapshot(version));
  const before = checkedNode(taken, options.backend);
  expectRules(before);
  const input = await readCluster(options, before);
  const cluster = input && clusterOf(input, options);
  const node = cluster && options.probe ? checkedNode(await probed(taken, cluster), options.backend) : before;
  if (options.bundle !== undefined) {
    await writeBundle(options.bundle, node.snapshot, {
      redact: options.redact === true,
      already: read?.redacted === true,
    });
  }
  const results = examine(node, cluster);
  const output =
    options.output === 'json'
      ? doctorJSON(results, node)
      : doctorText(results, { paint, width: terminalWidth(), all: options.all === true });
  return { output, exitCode: results.some((result) => fails(result, options.failOn)) ? 1 : 0 };
}

/** @throws InputError where options exclude each other, or one needs another */
function checkOptions({ save, bundle, redact, probe }: DoctorCommandOptions): void {
  const complain = (flag: string, message: string) => {
    throw new InputError([{ at: [flag], message }]);
  };
  if (redact && bundle === undefined) complain('--redact', 'needs --bundle');
  if (probe && save !== undefined) complain('--probe', 'conflicts with --save: that node is not here');
}

async function writeBundle(
  path: string,
  snapshot: NodeSnapshot,
  { redact, already }: { readonly redact: boolean; readonly already: boolean },
): Promise<void> {
  const shown = redact ? new Redaction(randomBytes(32)).snapshot(snapshot) : snapshot;
  try {
    await writeFile(path, packBundle(shown, redact || already), { mode: 0o600 });
  } catch (error) {
    throw new OperationalError(`cannot write ${path}: ${error instanceof Error ? error.message : error}`);
  }
  note(`${path} has all that was looked at; read it with --save ${path}`);
}

/** The cluster that options name, or else the environment: that one is done without where it cannot be read. */
async function readCluster(
  options: DoctorCommandOptions,
  node: CheckedNode,
): Promise<CompilerInput | undefined> {
  const facts = factsIn(node);
  if (namesObjects(options)) return await readInput(options, facts);
  // Whose node it is, a bundle does not say.
  if (options.save !== undefined || !hasDefaultCluster()) return undefined;
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
