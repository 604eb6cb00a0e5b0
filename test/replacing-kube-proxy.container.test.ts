/**
 * What docs/replacing-kube-proxy.md says about the image: its commands run in a Docker engine of the test's own, with a
 * registry of its own. `ssh NODE sudo` is a stand-in: the node is this machine, and its containerd that of the engine.
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { BUILD_ARGS, engineOfRun } from './support/container/engine.ts';
import { Registry } from './support/container/registry.ts';
import { PageShell } from './support/documentation/shell.ts';
import { PROJECT } from './support/project.ts';
import { IMAGE_COMMANDS } from './support/replacing-kube-proxy/page.ts';

const engine = await engineOfRun();
const hasClient = (await execa({ reject: false })`docker --version`).exitCode === 0;

const STAND_INS = { ssh: 'shift; exec "$@"', sudo: 'exec "$@"' };

const manifest = z.object({ version: z.string() });

describe.skipIf('missing' in engine || !hasClient)('docs/replacing-kube-proxy.md', () => {
  const registry = new Registry();
  let own: string;
  let shell: PageShell;
  let host: string;
  let version: string;

  beforeAll(async () => {
    if ('missing' in engine) return;
    host = await registry.start();
    own = await mkdtemp(join(tmpdir(), 'svc2ipt-page-'));
    const programs = join(own, 'programs');
    await mkdir(programs);
    for (const [name, script] of Object.entries(STAND_INS)) {
      await writeFile(join(programs, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    }
    const socket = engine.host.replace('unix://', '');
    const env = {
      HOME: own,
      DOCKER_HOST: engine.host,
      // The newer builder is a program of its own, which not everybody has.
      DOCKER_BUILDKIT: '0',
      CONTAINERD_ADDRESS: join(dirname(socket), 'run', 'containerd', 'containerd.sock'),
    };
    shell = new PageShell({ own, page: PROJECT, programs, env, inside: [] });
    ({ version } = manifest.parse(JSON.parse(await readFile(join(PROJECT, 'package.json'), 'utf8'))));
    // Found here, the base image is not looked for in a registry.
    const dockerfile = await readFile(join(PROJECT, 'Dockerfile'), 'utf8');
    const [, baseImage] = /^ARG BASE_IMAGE=(\S+)$/m.exec(dockerfile) ?? [];
    await succeeds(`docker tag ${BUILD_ARGS.BASE_IMAGE} ${baseImage}`);
  });
  afterAll(async () => {
    await shell?.[Symbol.asyncDispose]();
    await registry[Symbol.asyncDispose]();
    if (own !== undefined) await rm(own, { recursive: true });
  });

  /** Runs a command, and gives what it prints. */
  async function succeeds(command: string): Promise<string> {
    const { exitCode, output } = await shell.run(command, 100);
    expect({ exitCode, output }).toEqual({ exitCode: 0, output });
    return output;
  }

  const idOf = async () => await succeeds(`docker image inspect --format '{{.Id}}' "$IMAGE"`);

  /** What is to be found after a command. */
  const PROMISES: Readonly<Record<string, (output: string) => Promise<void>>> = {
    'IMAGE=registry.example': async () => void (await succeeds(`IMAGE=${host}/svc2ipt:${version}`)),
    // Warnings of an engine without a network come before.
    'docker run --rm "$IMAGE" --version': async (output) =>
      expect(output.trimEnd().split('\n').at(-1)).toBe(version),
    'docker push "$IMAGE"': async () => {
      const id = await idOf();
      await succeeds(`docker image rm "$IMAGE" && docker pull "$IMAGE"`);
      expect(await idOf()).toBe(id);
    },
    'docker save "$IMAGE" | ssh': async () => {
      const images = await succeeds('ctr --namespace k8s.io images list --quiet');
      // As a kubelet looks for `svc2ipt` in the manifests.
      expect(images.split('\n')).toContain(`docker.io/library/svc2ipt:${version}`);
    },
  };

  test.each(IMAGE_COMMANDS.map(({ line, text }) => [`line ${line}: ${text}`, text]))(
    '%s',
    async (_, text) => {
      const output = await succeeds(text);
      const [promise] = Object.entries(PROMISES).filter(([command]) => text.startsWith(command));
      await promise?.[1](output);
    },
  );

  test('the commands of the page are those that something is promised of', () => {
    const unknown = Object.keys(PROMISES).filter(
      (command) => !IMAGE_COMMANDS.some(({ text }) => text.startsWith(command)),
    );
    expect(unknown).toEqual([]);
  });
});
