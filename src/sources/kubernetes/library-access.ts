/**
 * What the client library finds in a kubeconfig or a service account.
 *
 * It knows all that a kubeconfig may say, of certificates, tokens, and programs that give tokens. It also brings every type of
 * the Kubernetes API, which is 55 MB of memory for as long as the process lives, a quarter of what an agent may have. So it
 * runs in a process of its own, which ends once it has told what it found; and only where what there is to be read is not
 * plain (plain-access.ts).
 */
import { readFile } from 'node:fs/promises';
import { dirname, extname, resolve } from 'node:path';
import { isSea } from 'node:sea';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { KubeConfig } from '@kubernetes/client-node';
import { ExecaError, execaNode, getOneMessage, sendMessage } from 'execa';
import { parse } from 'yaml';
import { z } from 'zod';
import { CommandError, failureOf } from '../../errors/command-error.ts';
import { quotable } from '../../text/printable.ts';
import type { Access, AccessOptions } from './access.ts';
import { ACCESS_PROCESS } from './access-word.ts';

const secret = z
  .union([z.string(), z.instanceof(Uint8Array).transform((bytes) => Buffer.from(bytes))])
  .optional();

const accessSchema: z.ZodType<Access> = z.object({
  server: z.string(),
  proxy: z.string().optional(),
  tls: z.object({
    ca: secret,
    cert: secret,
    key: secret,
    rejectUnauthorized: z.boolean().optional(),
    servername: z.string().optional(),
  }),
  headers: z.record(z.string(), z.string()),
  tokenFile: z.string().optional(),
  auth: z.string().optional(),
});

const answerSchema = z.union([z.object({ access: accessSchema }), z.object({ error: z.string() })]);

/** Seconds more for the process of its own, to start and to tell. */
const OVERHEAD = 30;

/** Its file; a single executable is that process itself, and takes no flags of Node.js before its own arguments. */
const PROCESS = isSea()
  ? ACCESS_PROCESS
  : fileURLToPath(new URL(`./access-process${extname(import.meta.url)}`, import.meta.url));
const NO_FLAGS = isSea() ? { nodeOptions: [] } : {};

/** With the seconds that a program of the kubeconfig may take. */
type Question = AccessOptions & { readonly patience: number };

/**
 * Asks the process of its own.
 * @param signal ends it; what is thrown then says nothing
 * @throws Error whose message tells what the library, or a program of the kubeconfig, says
 */
export async function libraryAccess(question: Question, signal?: AbortSignal): Promise<Access> {
  const patience = question.patience + OVERHEAD;
  let answer: z.output<typeof answerSchema>;
  try {
    const { ipcOutput } = await execaNode(PROCESS, [], {
      ipcInput: { ...question },
      // Programs of a kubeconfig that ask a user something have nobody to ask.
      stdin: 'ignore',
      timeout: patience * 1000,
      serialization: 'advanced',
      ...NO_FLAGS,
      ...(signal ? { cancelSignal: signal } : {}),
    });
    answer = answerSchema.parse(ipcOutput[0]);
  } catch (error) {
    throw processProblem(error, patience);
  }
  if ('error' in answer) throw new Error(answer.error);
  return answer.access;
}

function processProblem(error: unknown, patience: number): Error {
  if (error instanceof ExecaError) {
    return new CommandError([process.execPath, PROCESS], failureOf(error, patience));
  }
  return new Error(quotable(String(error)), { cause: error });
}

/** What the process of its own does. */
async function askLibrary({ kubeconfig, master, patience, others = [], ...named }: Question) {
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  const files = kubeconfig === undefined ? [] : [kubeconfig, ...others];
  if (kubeconfig !== undefined) {
    config.loadFromFile(kubeconfig);
    for (const other of others) {
      const more = new KubeConfig();
      more.loadFromFile(other);
      addNames(config, more);
    }
    choose(config, named);
  } else if (process.env.KUBERNETES_SERVICE_HOST) config.loadFromCluster();
  else
    throw new Error('not running in a Pod (KUBERNETES_SERVICE_HOST is unset): pass a file with --kubeconfig');
  const cluster = config.getCurrentCluster();
  const server = master ?? cluster?.server;
  if (server === undefined) throw new Error('names no cluster');
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
        : await tokenFileIn(files, config.getCurrentUser()?.name),
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
async function tokenFileIn(files: readonly string[], user: string | undefined): Promise<string | undefined> {
  for (const kubeconfig of files) {
    const { users } = kubeconfigSchema.parse(parse(await readFile(kubeconfig, 'utf8')));
    const found = users?.find(({ name }) => name === user);
    const file = found?.user?.tokenFile;
    if (found) return file && resolve(dirname(kubeconfig), file);
  }
  return undefined;
}

/** Adds what another kubeconfig names and the first does not; the library refuses a name that both have (v2.0). */
function addNames(config: KubeConfig, more: KubeConfig): void {
  const added = <Named extends { readonly name: string }>(
    own: readonly Named[],
    others: readonly Named[],
  ) => [...own, ...others.filter(({ name }) => !own.some((one) => one.name === name))];
  config.clusters = added(config.clusters, more.clusters);
  config.users = added(config.users, more.users);
  config.contexts = added(config.contexts, more.contexts);
  config.currentContext ||= more.currentContext;
}

/** Makes the context current that is asked for, with another cluster or user where those are. */
function choose(config: KubeConfig, { context, cluster, user }: Named): void {
  const { contexts, clusters, users } = config;
  if (context !== undefined) config.setCurrentContext(named('context', context, contexts).name);
  if (cluster === undefined && user === undefined) {
    const known = contexts.some(({ name }) => name === config.currentContext);
    if (!known && contexts.length > 0) {
      throw new Error(`no current context: choose one with --context (${listOf(contexts)})`);
    }
    return;
  }
  const now = config.getContextObject(config.currentContext);
  const chosen = {
    name: now?.name ?? '',
    cluster: cluster === undefined ? (now?.cluster ?? '') : named('cluster', cluster, clusters).name,
    user: user === undefined ? (now?.user ?? '') : named('user', user, users).name,
  };
  config.contexts = [chosen];
  config.setCurrentContext(chosen.name);
}

type Named = Pick<AccessOptions, 'context' | 'cluster' | 'user'>;

function named<One extends { readonly name: string }>(kind: string, name: string, all: readonly One[]): One {
  const found = all.find((one) => one.name === name);
  if (found) return found;
  const has = all.length === 0 ? 'none' : listOf(all);
  throw new Error(`no ${kind} ${JSON.stringify(name)}, it has ${has}`);
}

/** So many names are told. */
const NAMES_TOLD = 10;

function listOf(all: readonly { readonly name: string }[]): string {
  const told = all.slice(0, NAMES_TOLD).map(({ name }) => name);
  const more = all.length - told.length;
  return told.join(', ') + (more > 0 ? ` and ${more} more` : '');
}

/** Answers the one question that the process of its own is asked, and ends it. */
export async function answerInProcess(): Promise<void> {
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
