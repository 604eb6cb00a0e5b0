/**
 * A Docker engine for tests, and the image in it. No registry is needed: the base image is a Debian put together from
 * the packages that this machine gets its own from. The engine has a socket and a folder of its own, leaves the
 * machine's firewall and interfaces alone, and is gone after the tests.
 *
 * Vitest runs this once, before the first test of a run. What takes long goes on beside the fast tests, which come first.
 */
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ExecaError, execa } from 'execa';
import { inject } from 'vitest';
import type { TestProject } from 'vitest/node';
import { z } from 'zod';
import { aptSource, BASE_PACKAGES, NO_APT_SOURCE } from '../../../scripts/debian-base.ts';
import { PROJECT } from '../project.ts';

const engineSchema = z.union([z.object({ host: z.string() }), z.object({ missing: z.string() })]);
const toldSchema = z.union([engineSchema, z.object({ failed: z.string() })]);

/** Where the tests find it, or what this machine lacks. */
export type Engine = z.output<typeof engineSchema>;

declare module 'vitest' {
  interface ProvidedContext {
    /** The file that tells of the engine, once it and its images are there. */
    engineFile: string;
  }
}

/** The engine of this run, when its images are made. Rejects where they cannot be. */
export async function engineOfRun(): Promise<Engine> {
  const file = inject('engineFile');
  for (;;) {
    const text = await readFile(file, 'utf8').catch(() => undefined);
    if (text === undefined) {
      await sleep(100);
      continue;
    }
    const told = toldSchema.parse(JSON.parse(text));
    if ('failed' in told) throw new Error(told.failed);
    return told;
  }
}

const BASE_CONTEXT = 'base';
const BASE_IMAGE = 'svc2ipt-test-base:latest';
export const IMAGE = 'svc2ipt:test';
/** The same, for `kubectl debug node`. */
export const DEBUG_IMAGE = 'svc2ipt:test-debug';
/** What the labels of the image say. */
export const BUILD_ARGS = { BASE_IMAGE, VERSION: '1.2.3-test', REVISION: 'abcdef' };

const PROGRAMS = ['dockerd', 'containerd', 'runc', 'debootstrap'];

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const missing = await whyNot();
  // The program in the image is that of this checkout, as it is before any test. Where that fails, nothing is to be tidied up.
  if (missing === undefined) await execa(join(PROJECT, 'scripts/bundle'), { cwd: PROJECT });
  const folder = await mkdtemp(join(tmpdir(), 'svc2ipt-engine-'));
  const stopAll: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
  const file = join(folder, 'engine.json');
  project.provide('engineFile', file);
  const making = missing === undefined ? makeAll(folder, (stop) => stopAll.push(stop)) : { missing };
  const told = Promise.resolve(making)
    .catch((error: unknown) => ({ failed: String(error) }))
    .then(async (result) => {
      if ('missing' in result) console.warn(`the tests of the image are skipped: ${result.missing}`);
      await writeFile(`${file}.new`, JSON.stringify(result));
      await rename(`${file}.new`, file);
    });
  return async () => {
    await told;
    for (const stop of stopAll.toReversed()) await stop();
  };
}

/** An engine with the images in it; or what this machine cannot do for it. Rejects where the images cannot be made. */
async function makeAll(folder: string, onStop: (stop: () => Promise<void>) => void): Promise<Engine> {
  const engine = await makeEngine(folder, onStop);
  if ('host' in engine) await buildImages(engine.host, folder);
  return engine;
}

/** An engine, and what the base image is made of. */
async function makeEngine(folder: string, onStop: (stop: () => Promise<void>) => void): Promise<Engine> {
  const socket = join(folder, 'docker.sock');
  const made = await Promise.allSettled([startEngine(folder, socket).then(onStop), makeBase(folder)]);
  const reasons = made.flatMap((one) => (one.status === 'rejected' ? [String(one.reason)] : []));
  return reasons.length > 0 ? { missing: reasons.join('; ') } : { host: `unix://${socket}` };
}

/** What keeps an engine from running here; undefined where nothing does. */
async function whyNot(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'a Docker engine needs root';
  const found = await Promise.all(PROGRAMS.map((name) => execa({ reject: false })`which ${name}`));
  const missing = PROGRAMS.filter((_, i) => found[i]?.exitCode !== 0);
  if (missing.length > 0) return `${missing.join(', ')}: not installed`;
  return (await aptSource()) ? undefined : NO_APT_SOURCE;
}

/** Starts the engine; what it gives stops it. Rejects where it does not start. */
async function startEngine(folder: string, socket: string): Promise<() => Promise<void>> {
  const dockerd = execa(
    'dockerd',
    [
      `--host=unix://${socket}`,
      `--data-root=${join(folder, 'data')}`,
      `--exec-root=${join(folder, 'run')}`,
      `--pidfile=${join(folder, 'docker.pid')}`,
      // The networks of its containers are made by the tests, and nothing on this machine is touched for them.
      '--iptables=false',
      '--ip-forward=false',
      '--ip6tables=false',
      '--bridge=none',
    ],
    // It needs time to end what runs in it, and to give back what it has mounted.
    { reject: false, all: true, forceKillAfterDelay: 60_000 },
  );
  const stop = async () => {
    dockerd.kill('SIGTERM', new Error('the tests are over'));
    await dockerd;
  };
  let ended: string | undefined;
  void dockerd.then(({ all }) => {
    ended = all.slice(-2000);
  });
  for (const end = performance.now() + 60_000; !(await answers(socket)); await sleep(100)) {
    if (ended === undefined && performance.now() < end) continue;
    await stop();
    throw new Error(`the Docker engine did not start: ${ended ?? 'no answer for a minute'}`);
  }
  return stop;
}

function answers(socketPath: string): Promise<boolean> {
  const asked = Promise.withResolvers<boolean>();
  request({ socketPath, path: '/_ping' }, (answer) => asked.resolve(answer.resume().statusCode === 200))
    .on('error', () => asked.resolve(false))
    .end();
  return asked.promise;
}

/** A build context of the smallest Debian that the Dockerfile needs nothing more for. */
async function makeBase(parent: string): Promise<void> {
  const source = await aptSource();
  const folder = join(parent, BASE_CONTEXT);
  const root = join(folder, 'root');
  await mkdir(root, { recursive: true });
  await execa('debootstrap', [
    '--variant=minbase',
    `--include=${BASE_PACKAGES.join(',')}`,
    source?.release ?? '',
    root,
    source?.mirror ?? '',
  ]).catch((error: ExecaError) => {
    throw new Error(`${error.shortMessage}: ${String(error.stdout).slice(-2000)}`);
  });
  // Debian's Node.js is older than the one that is needed.
  await execa`cp ${process.execPath} ${join(root, 'usr/local/bin/node')}`;
  await execa`tar --exclude=./dev/* --exclude=./var/cache/apt/archives/*.deb -C ${root} -cf ${join(folder, 'root.tar')} .`;
  await rm(root, { recursive: true });
  await writeFile(join(folder, 'Dockerfile'), 'FROM scratch\nADD root.tar /\n');
}

async function buildImages(host: string, folder: string): Promise<void> {
  const { GenericContainer } = await useEngine(host);
  await GenericContainer.fromDockerfile(join(folder, BASE_CONTEXT)).build(BASE_IMAGE, {
    deleteOnExit: false,
  });
  await GenericContainer.fromDockerfile(PROJECT)
    .withBuildArgs(BUILD_ARGS)
    .build(IMAGE, { deleteOnExit: false });
  // Of the same layers, which the engine has kept.
  await GenericContainer.fromDockerfile(PROJECT)
    .withBuildArgs(BUILD_ARGS)
    .withTarget('debug')
    .build(DEBUG_IMAGE, { deleteOnExit: false });
}

/** testcontainers, on this engine and no other. */
export async function useEngine(host: string): Promise<typeof import('testcontainers')> {
  Object.assign(process.env, {
    DOCKER_HOST: host,
    // Its reaper is an image that would have to be pulled; all containers go with the engine.
    TESTCONTAINERS_RYUK_DISABLED: 'true',
    // Or it looks for the address by running an image, where the tests run in a container themselves.
    TESTCONTAINERS_HOST_OVERRIDE: 'localhost',
  });
  return await import('testcontainers');
}
