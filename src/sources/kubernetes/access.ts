/** How to reach a Kubernetes API server: from a kubeconfig or a pod's service account to what a request needs. */
import { OperationalError } from '../../errors/operational-error.ts';
import { plainAccess, serviceAccountAccess } from './plain-access.ts';

export interface AccessOptions {
  /** A kubeconfig file; the pod's service account unless given. */
  readonly kubeconfig?: string | undefined;
  /** The server's URL, whatever the kubeconfig says. */
  readonly master?: string | undefined;
  /** More kubeconfig files: what they name counts where none before them has the name, as of those in KUBECONFIG. */
  readonly others?: readonly string[];
  /** Which context, cluster and user of the kubeconfig; those of its current context unless given. */
  readonly context?: string | undefined;
  readonly cluster?: string | undefined;
  readonly user?: string | undefined;
}

export interface Access {
  /** The server's URL. */
  readonly server: string;
  readonly proxy?: string | undefined;
  /** Options of a request over TLS, as `node:https` takes them. */
  readonly tls: {
    readonly ca?: Secret | undefined;
    readonly cert?: Secret | undefined;
    readonly key?: Secret | undefined;
    readonly rejectUnauthorized?: boolean | undefined;
    readonly servername?: string | undefined;
  };
  readonly headers: Readonly<Record<string, string>>;
  /** Holds a bearer token, another one from time to time. */
  readonly tokenFile?: string | undefined;
  /** `user:password` */
  readonly auth?: string | undefined;
}

type Secret = string | Buffer;

/** A kubeconfig or a service account that cannot be used. */
export class AccessError extends OperationalError {}

/** Seconds that a program of a kubeconfig may take. */
const PATIENCE = 60;

/**
 * Throws an AccessError.
 * @param patience seconds that a program of the kubeconfig may take
 * @param signal ends it; what is thrown then says nothing
 */
export async function findAccess(
  options: AccessOptions,
  patience = PATIENCE,
  signal?: AbortSignal,
): Promise<Access> {
  // Without authentication there is nothing to be found.
  if (options.kubeconfig === undefined && options.master !== undefined) {
    return { server: options.master, tls: {}, headers: {} };
  }
  const plain = await plainly(options);
  if (plain) return plain;
  const { libraryAccess } = await import('./library-access.ts');
  try {
    return await libraryAccess({ ...options, patience }, signal);
  } catch (error) {
    throw new AccessError(`${nameOf(options)}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

/** Without the library, where it is not needed. */
async function plainly({ kubeconfig, master, others = [], context, cluster, user }: AccessOptions) {
  if (kubeconfig === undefined) return await serviceAccountAccess();
  const isChosen = [context, cluster, user].some((name) => name !== undefined);
  return others.length > 0 || isChosen ? undefined : await plainAccess(kubeconfig, master);
}

function nameOf({ kubeconfig, others = [] }: AccessOptions): string {
  return kubeconfig === undefined ? "the Pod's service account" : [kubeconfig, ...others].join(', ');
}
