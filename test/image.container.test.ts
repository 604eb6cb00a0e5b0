/** The image, in a real engine: what it holds, what it may do, and that it does a node's work with that. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import type { GenericContainer, StartedTestContainer } from 'testcontainers';
import { beforeAll, describe, expect, test } from 'vitest';
import type { BillOfMaterials } from '../scripts/cyclone-dx.ts';
import { IMAGE_BILL } from '../scripts/image-bill-of-materials.ts';
import { FAMILIES } from '../src/net/address.ts';
import { problemsOfBill } from './support/bill-of-materials-schema.ts';
import { BUILD_ARGS, engineOfRun, IMAGE, useEngine } from './support/container/engine.ts';
import { ContainerNode, readOnly } from './support/container/node.ts';
import { BACKENDS, type Backend } from './support/kernel/namespace.ts';
import { PROJECT } from './support/project.ts';

const engine = await engineOfRun();
const available = 'host' in engine;

const AGENT = ['agent', '--config=/in/config', '--manifests=/in/manifests'];

/** What deploy/base/manifests/daemonset.yaml gives the agent; iptables-nft needs only the first. */
const CAPABILITIES: Readonly<Record<Backend, readonly string[]>> = {
  nft: ['NET_ADMIN'],
  legacy: ['NET_ADMIN', 'NET_RAW'],
};

/** A check of the doctor, as its JSON has it. */
interface DoctorCheck {
  readonly code: string;
  readonly verdict: string;
}

/** Nobody asks it to connect to endpoints (--probe), and nobody on the node says how it is. */
const NOT_CHECKED = ['endpoint-silent', 'proxy-unhealthy'];

/** How a container ended, and what it said. */
interface Ended {
  readonly exitCode: number;
  readonly output: string;
}

describe.skipIf(!available)('the image', () => {
  let library: typeof import('testcontainers');

  beforeAll(async () => {
    if ('host' in engine) library = await useEngine(engine.host);
  });

  async function inspect(container: StartedTestContainer) {
    const client = await library.getContainerRuntimeClient();
    return await client.container.inspect(client.container.getById(container.getId()));
  }

  /** Runs a container to its end. */
  async function run(container: GenericContainer): Promise<Ended> {
    const started = await container.withAutoRemove(false).start();
    try {
      let state = (await inspect(started)).State;
      for (; state.Running; state = (await inspect(started)).State) await sleep(50);
      return { exitCode: state.ExitCode, output: await text(await started.logs()) };
    } finally {
      await started.stop();
    }
  }

  const byHand = (...args: readonly string[]) =>
    readOnly(library, IMAGE)
      .withNetworkMode('none')
      .withBindMounts([
        { source: resolve(PROJECT, 'fixtures'), target: '/fixtures', mode: 'ro' },
        { source: resolve(PROJECT, 'golden'), target: '/golden', mode: 'ro' },
      ])
      .withCommand([...args]);

  test('says what it is, how large it is, and who runs it', async () => {
    const client = await library.getContainerRuntimeClient();
    const { Size, Config } = await client.container.dockerode.getImage(IMAGE).inspect();
    console.log(`the image has ${Math.round(Size / 1e6)} MB`);
    expect(Size).toBeLessThan(250e6);
    expect(Config.User).toBe('65532:65532');
    expect(Config.Labels).toMatchObject({
      'org.opencontainers.image.title': 'svc2ipt',
      'org.opencontainers.image.licenses': 'Apache-2.0',
      'org.opencontainers.image.version': BUILD_ARGS.VERSION,
      'org.opencontainers.image.revision': BUILD_ARGS.REVISION,
    });
  });

  test('renders fixtures to the golden text, as nobody and without capabilities', async () => {
    const container = byHand(
      ...['render', '-f', '/fixtures/sample/objects.yaml'],
      ...['--config', '/fixtures/sample/config.yaml', '--host', '/fixtures/sample/host.yaml'],
    ).withDroppedCapabilities('ALL');
    const { exitCode, output } = await run(container);
    expect(exitCode).toBe(0);
    expect(output).toBe(await readFile(resolve(PROJECT, 'golden/sample/ipv4.rules'), 'utf8'));
  });

  test('finds all golden files as they should be', async () => {
    expect(await run(byHand('golden', 'check', '/fixtures', '/golden'))).toMatchObject({ exitCode: 0 });
  });

  test.each(['sh', 'bash', 'apt-get', 'modprobe'])('has no %s', async (program) => {
    await expect(byHand().withEntrypoint([program]).start()).rejects.toThrow(/executable file not found/);
  });

  test('has all that its modules and its libraries load', async () => {
    // The program itself, the agent's thread for health and the process for credentials do more than load.
    const script = `
      const { globSync } = require('node:fs');
      const modules = globSync('dist/**/*.js', { cwd: '/opt/svc2ipt' })
        .filter((path) => !/^dist\\/cli\\/(?:main|kubectl\\w*-svc2ipt|health-thread|access-process)\\.js$/.test(path));
      // This one has submodules only, which our own modules load.
      const libraries = Object.keys(require('/opt/svc2ipt/package.json').dependencies)
        .filter((name) => name !== '@noble/hashes');
      const load = require('node:module').createRequire('/opt/svc2ipt/');
      Promise.all([
        ...modules.map((path) => import('/opt/svc2ipt/' + path)),
        ...libraries.map((name) => import(load.resolve(name))),
      ]).then((all) => console.log('loaded', all.length > 150));
    `;
    const { exitCode, output } = await run(byHand(script).withEntrypoint(['node', '--eval']));
    expect({ exitCode, output }).toEqual({ exitCode: 0, output: 'loaded true\n' });
  });

  test('has been compiled, for whoever is to run it', async () => {
    const script = `
      const { readdirSync } = require('node:fs');
      const folder = process.env.NODE_COMPILE_CACHE;
      const kept = readdirSync(folder).map((name) => readdirSync(folder + '/' + name).length > 10);
      console.log('kept', require('node:module').getCompileCacheDir().endsWith('-' + process.getuid()), kept.join());
    `;
    for (const user of ['0', '65532']) {
      const container = byHand(script).withEntrypoint(['node', '--eval']).withUser(user);
      expect(await run(container)).toEqual({ exitCode: 0, output: 'kept true true,true\n' });
    }
  });

  test('has a bill of materials that names all that is in it', async () => {
    const script = `
      const { globSync, readFileSync, readdirSync } = require('node:fs');
      const bill = readFileSync('/${IMAGE_BILL}', 'utf8');
      const libraries = globSync(['*/package.json', '@*/*/package.json'], { cwd: '/opt/svc2ipt/node_modules' });
      const system = readdirSync('/var/lib/dpkg/status.d');
      console.log(JSON.stringify({ bill, libraries, system, node: process.versions.node }));
    `;
    const { output } = await run(byHand(script).withEntrypoint(['node', '--eval']));
    const { bill, libraries, system, node } = JSON.parse(output);
    expect(await problemsOfBill(bill)).toEqual([]);
    const { components }: BillOfMaterials = JSON.parse(bill);
    const told = components.map(({ group, name }) => (group === undefined ? name : `${group}/${name}`));
    const names = libraries.map((path: string) => path.replace('/package.json', ''));
    const distribution = components.find(({ type }) => type === 'operating-system')?.name;
    expect(told.sort()).toEqual(['svc2ipt', 'node', distribution, ...names, ...system].sort());
    expect(names.length).toBeGreaterThan(50);
    expect(system).toContain('iptables');
    expect(components.find(({ name }) => name === 'node')?.version).toBe(node);
  });

  test('whoever runs the agent without privileges is told what it takes', async () => {
    await using node = await ContainerNode.create(library);
    // What must be set before is set, so that it is the rules that it fails at.
    expect(await run(node.container({ args: [...AGENT, '--init-only'], writesSysctls: true }))).toMatchObject(
      {
        exitCode: 0,
      },
    );
    const message = 'iptables-nft is not permitted to read the rules: run as root or with CAP_NET_ADMIN';
    const withoutCapabilities = await run(node.container({ args: AGENT }));
    expect(withoutCapabilities).toMatchObject({ exitCode: 1, output: expect.stringContaining(message) });
    const asNobody = node.container({ args: AGENT, capabilities: ['NET_ADMIN'] }).withUser('65532');
    expect(await run(asNobody)).toMatchObject({ exitCode: 1, output: expect.stringContaining(message) });
  });

  test('sysctls need the container that runs before', async () => {
    await using node = await ContainerNode.create(library);
    const { exitCode, output } = await run(
      node.container({ args: AGENT, capabilities: CAPABILITIES.legacy }),
    );
    expect(exitCode).toBe(1);
    expect(output).toContain('EROFS');
    expect(output).toContain('--init-only');
  });

  test.each(BACKENDS)('the agent does its work in iptables-%s, which the node uses', async (backend) => {
    await using node = await ContainerNode.create(library);
    await node.asHost(`iptables-${backend}`, '-w', '-t', 'mangle', '-N', 'KUBE-IPTABLES-HINT');
    await node.writeManifest();
    for (const family of FAMILIES) expect(await node.ask(family)).toMatch(/fetch failed|timeout/);

    const prepared = await run(node.container({ args: [...AGENT, '--init-only'], writesSysctls: true }));
    expect(prepared).toMatchObject({ exitCode: 0 });
    const agent = await node
      .container({ args: AGENT, capabilities: CAPABILITIES[backend] })
      .withAutoRemove(false)
      .start();
    for (const family of FAMILIES) {
      await expect.poll(() => node.ask(family), { timeout: 30_000 }).toBe('hello');
    }
    expect(await node.asHost(`iptables-${backend}-save`)).toContain('KUBE-SVC-');
    const other = backend === 'nft' ? 'legacy' : 'nft';
    expect(await node.asHost(`iptables-${other}-save`)).not.toContain('KUBE-');

    const { Test: check = [] } = (await imageConfig()).Healthcheck ?? {};
    expect(check[0]).toBe('CMD');
    expect(await agent.exec(check.slice(1))).toMatchObject({ exitCode: 0 });

    // Docker kills what has not ended then, which gives another exit code.
    await agent.stop({ timeout: 2000, remove: false });
    const { State } = await inspect(agent);
    expect(State).toMatchObject({ Running: false, ExitCode: 0 });
    for (const family of FAMILIES) expect(await node.ask(family)).toBe('hello');
  });

  test('kubectl debug node runs the doctor, who finds all that it looks at', async () => {
    await using node = await ContainerNode.create(library);
    await node.writeManifest();
    const cluster = ['-f', '/in/manifests', '--config', '/in/config'];
    const applied = node.container({ args: ['apply', ...cluster], capabilities: CAPABILITIES.legacy });
    expect(await run(applied)).toMatchObject({ exitCode: 0 });
    const doctor = async () => {
      const { output } = await run(
        node.debugger(['svc2ipt', 'doctor', ...cluster, '--fail-on', 'never', '-o', 'json']),
      );
      const { checks }: { checks: readonly DoctorCheck[] } = JSON.parse(output);
      return new Map(checks.map((check) => [check.code, check]));
    };
    const sound = await doctor();
    // The node has no agent that would answer.
    const notMade = [...sound.values()].filter(({ verdict }) => verdict === 'not checked');
    expect(notMade.map(({ code }) => code).sort()).toEqual(NOT_CHECKED);
    expect(['no-service-rules', 'foreign-drop'].map((code) => sound.get(code)?.verdict)).toEqual([
      'ok',
      'ok',
    ]);

    await node.asHost('iptables-nft', '-I', 'FORWARD', '-d', '10.244.0.0/16', '-j', 'DROP');
    expect((await doctor()).get('foreign-drop')).toMatchObject({ verdict: 'error' });
  });

  async function imageConfig() {
    const client = await library.getContainerRuntimeClient();
    const { Config } = await client.container.dockerode.getImage(IMAGE).inspect();
    return Config;
  }

  test('iptables-legacy needs NET_RAW as well, and iptables-nft does not', async () => {
    await using node = await ContainerNode.create(library);
    const list = (backend: Backend) =>
      run(
        node
          .container({ args: ['-t', 'nat', '-S'], capabilities: ['NET_ADMIN'] })
          .withEntrypoint([`iptables-${backend}`]),
      );
    expect(await list('legacy')).toMatchObject({
      exitCode: 3,
      output: expect.stringContaining('Permission'),
    });
    expect(await list('nft')).toMatchObject({ exitCode: 0 });
  });
});
