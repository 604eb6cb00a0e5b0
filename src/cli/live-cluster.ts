/** The live cluster that options, or else the environment, name. */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { InputError } from '../api/problem.ts';
import type { AccessOptions } from '../sources/kubernetes/access.ts';
import type { LiveKind } from '../sources/kubernetes/live-kinds.ts';
import type { SourceText } from '../sources/source-text.ts';
import { homeFolder } from './home.ts';
import type { LiveOptions } from './options.ts';
import { warn } from './run.ts';

/** Whether an option names a cluster. */
export function namesCluster({ kubeconfig, context, cluster, user, server }: LiveOptions): boolean {
  return [kubeconfig, context, cluster, user, server].some((option) => option !== undefined);
}

/** Whether the environment names a cluster: by KUBECONFIG, by `~/.kube/config`, or as that of a pod. */
export function hasDefaultCluster(): boolean {
  return defaultKubeconfigs().length > 0 || process.env.KUBERNETES_SERVICE_HOST !== undefined;
}

/**
 * Reads some kinds of objects of the cluster that the options name, or else the environment. Tells of what may not be
 * read, and can be done without, on standard error.
 * @throws InputError where nothing names a cluster; an AccessError or another OperationalError where it cannot be read
 */
export async function readLiveCluster(options: LiveOptions, kinds: readonly LiveKind[]): Promise<SourceText> {
  const { readCluster } = await import('../sources/kubernetes/read-cluster.ts');
  return await readCluster(kinds, {
    ...accessOf(options),
    requestTimeout: options.requestTimeout === 0 ? undefined : options.requestTimeout,
    onMissing: warn,
  });
}

function accessOf({ kubeconfig, context, cluster, user, server }: LiveOptions): AccessOptions {
  const [first, ...others] = kubeconfig === undefined ? defaultKubeconfigs() : [kubeconfig];
  const named = { context, cluster, user };
  if (first === undefined && [context, cluster, user].some((option) => option !== undefined)) {
    const message = 'no kubeconfig to find it in: name one with --kubeconfig, or in KUBECONFIG';
    const flags = Object.entries(named).flatMap(([flag, value]) =>
      value === undefined ? [] : [`--${flag}`],
    );
    throw new InputError(flags.map((flag) => ({ at: [flag], message })));
  }
  return { kubeconfig: first, others, master: server, ...named };
}

/** As kubectl finds them: those of KUBECONFIG that there are, or else the one in the home folder. */
function defaultKubeconfigs(): readonly string[] {
  const { KUBECONFIG = '' } = process.env;
  const named = KUBECONFIG.split(delimiter).filter((path) => path !== '');
  const home = homeFolder();
  const ofHome = home === undefined ? [] : [join(home, '.kube', 'config')];
  const files = named.length > 0 ? named : ofHome;
  return files.filter((path) => existsSync(path));
}
