/** A key and a certificate for `127.0.0.1`, which prove nothing and are for tests alone. */
import { readFileSync } from 'node:fs';

const read = (name: string) =>
  readFileSync(new URL(`../../data/api-server/${name}.pem`, import.meta.url), 'utf8');

export const TLS = { key: read('key'), cert: read('cert') } as const;

/** A kubeconfig that trusts it. */
export function kubeconfigFor(server: string, token?: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: 'c',
        cluster: { server, 'certificate-authority-data': Buffer.from(TLS.cert).toString('base64') },
      },
    ],
    users: [{ name: 'u', user: token === undefined ? {} : { token } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  });
}
