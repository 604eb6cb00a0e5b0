/** `svc2ipt agent`: keeps this node's rules equal to a cluster, in kube-proxy's place. */
import { writeFile } from 'node:fs/promises';
import { Log } from '../../agent/log.ts';
import { LogOutput } from '../../agent/log-output.ts';
import type { GivenFlags } from '../../agent/settings/agent-options.ts';
import { type AgentSettings, agentSettings, configFileOf } from '../../agent/settings/settings.ts';
import { InputError } from '../../api/problem.ts';
import { OperationalError } from '../../errors/operational-error.ts';
import { configurationText, parseConfigurationLeniently } from '../../sources/configuration.ts';
import { fileProblem, readSource } from '../../sources/files.ts';
import { type CommandOutcome, ignoreOutputFailures } from '../run.ts';

export async function agentAction(given: GivenFlags, version: string): Promise<CommandOutcome> {
  const { settings, warnings } = await readSettings(given);
  const { writeConfigTo, configuration, backend } = settings;
  if (writeConfigTo !== undefined) {
    await writeFile(writeConfigTo, configurationText(configuration)).catch((error: unknown) => {
      throw new InputError([{ at: ['--write-config-to', writeConfigTo], message: fileProblem(error) }]);
    });
    return { output: '' };
  }
  if (settings.cleanup) {
    const { cleanupAction } = await import('./cleanup.ts');
    return await cleanupAction(backend === undefined ? {} : { backend });
  }

  ignoreOutputFailures();
  const { runAgent } = await import('../../agent/run-agent.ts');
  const { outputs, options } = logTo(settings);
  const log = new Log(options);
  for (const output of outputs) {
    output.follow((lines) => log.warning('Dropped log lines that nobody read', { lines }));
  }
  for (const warning of warnings) log.warning(warning);
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      log.info('Stopping; the rules stay', { signal });
      stop.abort();
    });
  }
  followVerbosity(log);
  let exitCode: 0 | 1 = 0;
  try {
    await runAgent(settings, version, log, stop.signal);
  } catch (error) {
    if (!(error instanceof OperationalError)) throw error;
    for (const line of error.message.split('\n')) log.error(line);
    // What fails since it was to end is no reason to start it again.
    exitCode = stop.signal.aborted ? 0 : 1;
  }
  const finished = await Promise.all([...outputs].map((output) => output.finish(LAST_WORDS)));
  // Node.js would wait for whoever reads the rest.
  if (finished.includes(false)) process.exit(exitCode);
  return { output: '', exitCode };
}

/** So long whoever reads the log has for its end, in milliseconds. */
const LAST_WORDS = 300;

async function readSettings(given: GivenFlags) {
  const path = configFileOf(given);
  if (path === undefined) return agentSettings(given);
  const file = parseConfigurationLeniently(await readSource(path));
  const { settings, warnings } = agentSettings(given, file.configuration);
  return { settings, warnings: [...file.warnings, ...warnings] };
}

function logTo({ logging: { format, verbosity, splitStream } }: AgentSettings) {
  const error = new LogOutput(process.stderr);
  const info = splitStream ? new LogOutput(process.stdout) : error;
  return { outputs: new Set([error, info]), options: { format, verbosity, streams: { error, info } } };
}

/** The highest level that Kubernetes' components have. */
const MOST_VERBOSE = 10;

/** SIGUSR1 tells more from now on, by one level; SIGUSR2 as much as at the start. */
function followVerbosity(log: Log): void {
  const first = log.verbosity;
  const set = (verbosity: number) => {
    log.verbosity = verbosity;
    log.info('Verbosity set', { verbosity });
  };
  process.on('SIGUSR1', () => {
    if (log.verbosity < MOST_VERBOSE) set(log.verbosity + 1);
  });
  process.on('SIGUSR2', () => set(first));
}
