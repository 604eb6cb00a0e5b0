/**
 * How to reach a Kubernetes API server: from a kubeconfig or a pod's service account to what a request needs.
 *
 * The client library knows all that a kubeconfig may say, of certificates, tokens, and programs that give tokens. It
 * also brings every type of the Kubernetes API, which is 55 MB of memory for as long as the process lives, a quarter of
 * what an agent may have. So it runs in a process of its own, which ends once it has told what it found.
 */
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ExecaError, execaNode, getOneMessage, sendMessage } from 'execa';
import { parse } from 'yaml';
import { z } from 'zod';
import { CommandError, failureOf } from '../../errors/command-error.ts';
import { OperationalError } from '../../errors/operational-error.ts';
import { quotable } from '../../text/printable.ts';

export interface AccessOptions {
  /** A kubeconfig file; the pod's service account unless given. */
  readonly kubeconfig: string | undefined;
  /** The server's URL, whatever the kubeconfig says. */
  readonly master: string | undefined;
}

export type Access = Readonly<z.output<typeof accessSchema>>;

const secret = z
  .union([z.string(), z.instanceof(Uint8Array).transform((bytes) => Buffer.from(bytes))])
  .optional();

const accessSchema = z.object({
  /** The server's URL. */
  server: z.string(),
  proxy: z.string().optional(),
  /** Options of a request over TLS, as `node:https` takes them. */
  tls: z.object({
    ca: secret,
    cert: secret,
    key: secret,
    rejectUnauthorized: z.boolean().optional(),
    servername: z.string().optional(),
  }),
  headers: z.record(z.string(), z.string()),
  /** Holds a bearer token, another one from time to time. */
  tokenFile: z.string().optional(),
  /** `user:password` */
  auth: z.string().optional(),
});

const answerSchema = z.union([z.object({ access: accessSchema }), z.object({ error: z.string() })]);

/** A kubeconfig or a service account that cannot be used. */
export class AccessError extends OperationalError {}

/** Seconds that a program of a kubeconfig may take. */
const PATIENCE = 60;

/** Seconds more for the process of its own, to start and to tell. */
const OVERHEAD = 30;

/**
 * Throws an AccessError.
 * @param patience seconds that a program of the kubeconfig may take
 */
export async function findAccess(options: AccessOptions, patience = PATIENCE): Promise<Access> {
  // Without authentication there is nothing to be found.
  if (options.kubeconfig === undefined && options.master !== undefined) {
    return { server: options.master, tls: {}, headers: {} };
  }
  let answer: z.output<typeof answerSchema>;
  try {
    const { ipcOutput } = await execaNode(import.meta.filename, [], {
      ipcInput: { ...options, patience },
      // Programs of a kubeconfig that ask a user something have nobody to ask.
      stdin: 'ignore',
      timeout: (patience + OVERHEAD) * 1000,
      serialization: 'advanced',
    });
    answer = answerSchema.parse(ipcOutput[0]);
  } catch (error) {
    throw new AccessError(`${nameOf(options)}: ${processProblem(error, patience + OVERHEAD)}`, {
      cause: error,
    });
  }
  if ('error' in answer) throw new AccessError(`${nameOf(options)}: ${answer.error}`);
  return answer.access;
}

function processProblem(error: unknown, patience: number): string {
  if (error instanceof ExecaError) {
    const command = [process.execPath, import.meta.filename];
    return new CommandError(command, failureOf(error, patience)).message;
  }
  return quotable(String(error));
}

function nameOf({ kubeconfig }: AccessOptions): string {
  return kubeconfig ?? "the pod's service account";
}

type Question = AccessOptions & { readonly patience: number };

/** What the process of its own does. */
async function askLibrary({ kubeconfig, master, patience }: Question) {
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  if (kubeconfig !== undefined) config.loadFromFile(kubeconfig);
  else if (process.env.KUBERNETES_SERVICE_HOST) config.loadFromCluster();
  else throw new Error('this is no pod (KUBERNETES_SERVICE_HOST is not set): name a file with --kubeconfig');
  const cluster = config.getCurrentCluster();
  const server = master ?? cluster?.server;
  if (server === undefined) throw new Error('names no cluster to connect to');
  // The library makes an agent along the way, and refuses one for a server without TLS that it may not trust blindly.
  config.clusters = config.clusters.map((one) =>
    one.server.startsWith('http:') ? { ...one, skipTLSVerify: true } : one,
  );
  const found: Parameters<typeof config.applyToHTTPSOptions>[0] = {};
  const program = config.getCurrentUser()?.exec?.command;
  await within(patience, config.applyToHTTPSOptions(found)).catch((error: unknown) => {
    throw typeof program === 'string' ? programProblem(program, error, patience) : error;
  });
  const {
    ca,
    cert,
    key,
    rejectUnauthorized,
    servername,
    headers = {},
    auth,
  } = found as Record<string, unknown>;
  return {
    server,
    proxy: cluster?.proxyUrl,
    tls: { ca, cert, key, rejectUnauthorized, servername },
    headers,
    tokenFile:
      kubeconfig === undefined
        ? SERVICE_ACCOUNT_TOKEN
        : await tokenFileIn(kubeconfig, config.getCurrentUser()?.name),
    auth,
  };
}

class TookTooLong extends Error {}

async function within(seconds: number, work: Promise<void>): Promise<void> {
  const tooLong = sleep(seconds * 1000, undefined, { ref: false }).then(() => {
    throw new TookTooLong();
  });
  await Promise.race([work, tooLong]);
}

/**
 * Why a program gave no credentials. Its arguments may be secrets, and are not told. The library tells what went wrong
 * when it started, or else what it printed; it does not say with which exit code (v2.0).
 */
function programProblem(program: string, error: unknown, patience: number): unknown {
  if (error instanceof TookTooLong) return new CommandError([program], { stoppedAfter: patience });
  if (!(error instanceof Error)) return error;
  const { code, syscall = '', message }: NodeJS.ErrnoException = error;
  if (code === undefined) return new CommandError([program], { stderr: message });
  // Else it is about a file that the kubeconfig names.
  return syscall.startsWith('spawn') ? new CommandError([program], { code }) : error;
}

const SERVICE_ACCOUNT_TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount/token';

const kubeconfigSchema = z.object({
  users: z
    .array(z.object({ name: z.string(), user: z.object({ tokenFile: z.string().optional() }).nullish() }))
    .nullish(),
});

/** The library looks for `token-file` (v2.0); what kubectl and kubeadm write is `tokenFile`. */
async function tokenFileIn(kubeconfig: string, user: string | undefined): Promise<string | undefined> {
  const { users } = kubeconfigSchema.parse(parse(await readFile(kubeconfig, 'utf8')));
  const file = users?.find(({ name }) => name === user)?.user?.tokenFile;
  return file && resolve(dirname(kubeconfig), file);
}

if (import.meta.main) {
  const options = (await getOneMessage()) as unknown as Question;
  const answer = await askLibrary(options).then(
    (access) => ({ access }),
    (error: unknown) => ({
      error:
        error instanceof CommandError
          ? error.message
          : quotable(error instanceof Error ? error.message : String(error)),
    }),
  );
  await sendMessage(answer as Parameters<typeof sendMessage>[0]);
  process.exit();
}
