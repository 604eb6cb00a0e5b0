/**
 * Kubeconfigs and service accounts that say no more than where the server is and which files or tokens prove who asks: what
 * kubeadm and every pod have. They are read here, at once; whatever else there may be is the client library's, which takes
 * a process and most of a second (access.ts).
 */
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';

/** How to reach a server, as far as it can be said plainly. */
export interface PlainAccess {
  readonly server: string;
  /** As `node:https` takes them. */
  readonly tls: Partial<Record<'ca' | 'cert' | 'key', Buffer<ArrayBuffer>>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly tokenFile?: string;
}

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/**
 * The service account of this pod, as client-go finds it (v0.36, `rest.InClusterConfig`).
 * @returns undefined where this is no pod, or has no certificate to know the server by
 */
export async function serviceAccountAccess(
  { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port }: NodeJS.ProcessEnv = process.env,
  folder = SERVICE_ACCOUNT,
): Promise<PlainAccess | undefined> {
  if (!host || !port) return undefined;
  const ca = await readFile(`${folder}/ca.crt`).catch(() => undefined);
  if (!ca) return undefined;
  const server = `https://${host.includes(':') ? `[${host}]` : host}:${port}`;
  return { server, tls: { ca }, headers: {}, tokenFile: `${folder}/token` };
}

/** All that a plain kubeconfig may say. A field that is not here has a meaning that must not be passed over. */
const plainSchema = z.strictObject({
  apiVersion: z.literal('v1').optional(),
  kind: z.literal('Config').optional(),
  preferences: z.strictObject({}).nullish(),
  clusters: z.array(
    z.strictObject({
      name: z.string(),
      cluster: z.strictObject({
        server: z.string().startsWith('https://'),
        'certificate-authority': z.string().min(1).optional(),
        'certificate-authority-data': z.string().min(1).optional(),
      }),
    }),
  ),
  users: z.array(
    z.strictObject({
      name: z.string(),
      user: z.strictObject({
        'client-certificate': z.string().min(1).optional(),
        'client-certificate-data': z.string().min(1).optional(),
        'client-key': z.string().min(1).optional(),
        'client-key-data': z.string().min(1).optional(),
        token: z.string().min(1).optional(),
        tokenFile: z.string().min(1).optional(),
      }),
    }),
  ),
  contexts: z.array(
    z.strictObject({
      name: z.string(),
      context: z.strictObject({ cluster: z.string(), user: z.string(), namespace: z.string().optional() }),
    }),
  ),
  'current-context': z.string(),
});

/**
 * The access that a kubeconfig's current context gives.
 * @param master the server's URL, whatever the kubeconfig says
 * @returns undefined where it is not plain, or anything is wrong with it: the client library knows what
 */
export async function plainAccess(
  kubeconfig: string,
  master: string | undefined,
): Promise<PlainAccess | undefined> {
  try {
    const config = plainSchema.parse(parse(await readFile(kubeconfig, 'utf8')));
    const context = only(config.contexts, config['current-context'])?.context;
    const cluster = only(config.clusters, context?.cluster)?.cluster;
    const user = only(config.users, context?.user)?.user;
    if (!cluster || !user || (user.token !== undefined && user.tokenFile !== undefined)) return undefined;
    const folder = dirname(kubeconfig);
    const read = async (data: string | undefined, file: string | undefined) => {
      // client-go takes the one, the library (v2.0) the other.
      if (data !== undefined && file !== undefined) throw new Error('said twice');
      if (data !== undefined) return Buffer.from(data, 'base64');
      return file === undefined ? undefined : await readFile(resolve(folder, file));
    };
    const [ca, cert, key] = await Promise.all([
      read(cluster['certificate-authority-data'], cluster['certificate-authority']),
      read(user['client-certificate-data'], user['client-certificate']),
      read(user['client-key-data'], user['client-key']),
    ]);
    return {
      server: master ?? cluster.server,
      tls: { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) },
      headers: user.token === undefined ? {} : { Authorization: `Bearer ${user.token}` },
      ...(user.tokenFile === undefined ? {} : { tokenFile: resolve(folder, user.tokenFile) }),
    };
  } catch {
    return undefined;
  }
}

/** The one with a name; undefined where there is none, or more than one. */
function only<One extends { readonly name: string }>(all: readonly One[], name: string | undefined) {
  const found = all.filter((one) => one.name === name);
  return found.length === 1 ? found[0] : undefined;
}
