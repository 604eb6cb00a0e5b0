import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TLS } from '../../../test/support/api-server/tls.ts';
import { findAccess } from './access.ts';
import { plainAccess, serviceAccountAccess } from './plain-access.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'svc2ipt-plain-'));
  await writeFile(join(folder, 'ca.crt'), TLS.cert);
  await writeFile(join(folder, 'key'), TLS.key);
  await writeFile(join(folder, 'token'), 'from-the-file');
});
afterAll(() => rm(folder, { recursive: true }));

const SERVER = 'https://10.0.0.1:6443';
const base64 = (text: string) => Buffer.from(text).toString('base64');
const CA = { 'certificate-authority': 'ca.crt' };

function config(cluster: object, user: object, more: object = {}): object {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server: SERVER, ...cluster } }],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u', namespace: 'shop' } }],
    'current-context': 'x',
    ...more,
  };
}

async function write(content: object): Promise<string> {
  const file = join(folder, 'kubeconfig');
  await writeFile(file, JSON.stringify(content));
  return file;
}

describe('what is plain is read as the client library reads it', () => {
  test.each<[string, object]>([
    ["kubeadm's kube-proxy", config(CA, { tokenFile: 'token' }, { preferences: {} })],
    ['a certificate', config(CA, { 'client-certificate': 'ca.crt', 'client-key': 'key' })],
    [
      'a certificate within',
      config(
        { 'certificate-authority-data': base64(TLS.cert) },
        { 'client-certificate-data': base64(TLS.cert), 'client-key-data': base64(TLS.key) },
      ),
    ],
    ['a token', config(CA, { token: 'a-token' })],
    ['nobody in particular, and no certificate of its own', config({}, {})],
    [
      'others beside it',
      config(
        CA,
        { token: 'a-token' },
        {
          contexts: [
            { name: 'y', context: { cluster: 'd', user: 'v' } },
            { name: 'x', context: { cluster: 'c', user: 'u' } },
          ],
        },
      ),
    ],
  ])('%s', async (_, content) => {
    const kubeconfig = await write(content);
    const plain = await plainAccess(kubeconfig, undefined);
    // A context that is named is the library's business.
    const { server, tls, headers, tokenFile } = await findAccess({ kubeconfig, context: 'x' });
    const bytes = (value: unknown) =>
      value === undefined ? undefined : Buffer.from(value as Uint8Array).toString();
    const told = ({ ca, cert, key }: { ca?: unknown; cert?: unknown; key?: unknown }) =>
      [ca, cert, key].map(bytes);
    expect(plain).toMatchObject({ server, headers });
    expect(plain?.tokenFile).toBe(tokenFile);
    expect(told(plain?.tls ?? {})).toEqual(told(tls));
    expect([tls.rejectUnauthorized, tls.servername]).toEqual([undefined, undefined]);
  });

  test('another server, as it is told', async () => {
    const kubeconfig = await write(config(CA, { token: 't' }));
    expect(await plainAccess(kubeconfig, 'https://other')).toMatchObject({ server: 'https://other' });
  });
});

describe('what is not plain is left to the library', () => {
  test.each<[string, object]>([
    ['a program', config(CA, { exec: { apiVersion: 'client.authentication.k8s.io/v1', command: 'aws' } })],
    ['a provider', config(CA, { 'auth-provider': { name: 'oidc' } })],
    ['a password', config(CA, { username: 'a', password: 'b' })],
    ['somebody else', config(CA, { token: 't', as: 'admin' })],
    ['a token and a file of one', config(CA, { token: 't', tokenFile: 'token' })],
    [
      'a certificate both within and in a file',
      config({ ...CA, 'certificate-authority-data': base64(TLS.cert) }, {}),
    ],
    ['no verification', config({ 'insecure-skip-tls-verify': true }, {})],
    ["another server's name", config({ ...CA, 'tls-server-name': 'kubernetes' }, {})],
    ['a proxy', config({ ...CA, 'proxy-url': 'http://proxy:3128' }, {})],
    ['no TLS', config({ server: 'http://10.0.0.1' }, {})],
    ['a file that is not there', config({ 'certificate-authority': 'missing' }, {})],
    ['extensions', config(CA, {}, { extensions: [{ name: 'e', extension: {} }] })],
    ['a context that is not there', config(CA, {}, { 'current-context': 'other' })],
    ['a user that is not there', config(CA, {}, { users: [] })],
    ['a name twice', config(CA, {}, { users: ['a', 'b'].map((token) => ({ name: 'u', user: { token } })) })],
    ['an empty token', config(CA, { token: '' })],
    ['nothing at all', {}],
  ])('%s', async (_, content) => {
    expect(await plainAccess(await write(content), undefined)).toBeUndefined();
  });

  test('no YAML, and no file', async () => {
    const file = join(folder, 'kubeconfig');
    await writeFile(file, '{"a": ');
    expect(await plainAccess(file, undefined)).toBeUndefined();
    expect(await plainAccess(join(folder, 'missing'), undefined)).toBeUndefined();
  });
});

describe("a pod's service account", () => {
  const pod = { KUBERNETES_SERVICE_HOST: '10.96.0.1', KUBERNETES_SERVICE_PORT: '443' };

  test.each([
    ['10.96.0.1', 'https://10.96.0.1:443'],
    ['fd00::1', 'https://[fd00::1]:443'],
  ])('of a server at %s', async (KUBERNETES_SERVICE_HOST, server) => {
    expect(await serviceAccountAccess({ ...pod, KUBERNETES_SERVICE_HOST }, folder)).toEqual({
      server,
      tls: { ca: Buffer.from(TLS.cert) },
      headers: {},
      tokenFile: join(folder, 'token'),
    });
  });

  test.each<[string, NodeJS.ProcessEnv, string]>([
    ['no pod', {}, '.'],
    ['no port', { KUBERNETES_SERVICE_HOST: '10.96.0.1' }, '.'],
    ['no certificate to know the server by', pod, 'missing'],
  ])('%s', async (_, env, where) => {
    expect(await serviceAccountAccess(env, join(folder, where))).toBeUndefined();
  });
});
