/** A connection to the API server that is dead without a word: the kernel drops its packets. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { ApiObject } from './support/api-server/fake-api-server.ts';
import { kubeconfigFor } from './support/api-server/tls.ts';
import { Conversation } from './support/kernel/conversation.ts';
import { MAY_USE_NAMESPACES, NetworkNamespace } from './support/kernel/namespace.ts';

const service = (name: string): ApiObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'default' },
  spec: { clusterIP: '10.96.0.1', ports: [{ port: 80 }] },
});

const knownSchema = z.object({ failures: z.array(z.string()), services: z.array(z.string()) });

describe.skipIf(!MAY_USE_NAMESPACES)('packets to the API server and back are dropped', () => {
  let stack: AsyncDisposableStack;
  let namespace: NetworkNamespace;
  let folder: string;

  beforeEach(async () => {
    stack = new AsyncDisposableStack();
    namespace = stack.use(await NetworkNamespace.create());
    await namespace.run('ip', ['link', 'set', 'lo', 'up']);
    folder = await mkdtemp(join(tmpdir(), 'svc2ipt-dead-'));
    stack.defer(() => rm(folder, { recursive: true, force: true }));
  });
  afterEach(async () => await stack.disposeAsync());

  function talkTo(script: string): Conversation {
    const path = join(import.meta.dirname, 'support', 'api-server', script);
    const inside = ['netns', 'exec', namespace.name, process.execPath, path];
    return stack.use(new Conversation('ip', inside));
  }

  test.each([
    ['a ping over HTTP/2', 'HTTP/2', { after: 1000, patience: 1000 }, /no answer to a ping/],
    ["TCP's keepalive over HTTP/1.1", 'HTTP/1.1', { after: 1000, patience: 1000 }, /^aborted$/],
  ])(
    'that is found by %s, and what has changed is known once they are not any more',
    async (_, protocol, liveness, message) => {
      const server = talkTo('serve.ts');
      const url = await server.ask('start', { tls: protocol }, z.string());
      await server.ask('put', { objects: [service('a')] }, z.string());
      const kubeconfig = join(folder, 'kubeconfig');
      await writeFile(kubeconfig, kubeconfigFor(url));

      const follower = talkTo('follow.ts');
      await follower.ask('start', { kubeconfig, liveness }, knownSchema);
      const known = () => follower.ask('known', {}, knownSchema);
      const patience = { timeout: 180_000, interval: 100 };
      await expect.poll(known, patience).toEqual({ failures: [], services: ['default/a'] });

      const port = new URL(url).port;
      for (const end of ['--dport', '--sport']) {
        const rule = ['-w', '-A', 'INPUT', '-p', 'tcp', end, port, '-j', 'DROP'];
        expect(await namespace.run('iptables', rule)).toMatchObject({ exitCode: 0 });
      }
      await server.ask('put', { objects: [service('b')] }, z.string());
      await expect.poll(async () => (await known()).failures[0], patience).toMatch(message);
      expect((await known()).services).toEqual(['default/a']);

      expect(await namespace.run('iptables', ['-w', '-F', 'INPUT'])).toMatchObject({ exitCode: 0 });
      await expect.poll(async () => (await known()).services, patience).toEqual(['default/a', 'default/b']);
    },
    180_000,
  );
});
