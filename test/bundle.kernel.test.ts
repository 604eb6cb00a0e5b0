/** A bundle of a node in a lab, looked at elsewhere: what is found out of it is what the node's own kernel says. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { unpackBundle } from '../src/bundle/bundle.ts';
import { runCommandLine } from './support/command-line.ts';
import { type LabService, labCluster } from './support/kernel/cluster.ts';
import { svc2ipt } from './support/kernel/command-line.ts';
import { ADDRESSES, Lab } from './support/kernel/lab.ts';
import { BACKENDS, MAY_USE_NAMESPACES } from './support/kernel/namespace.ts';
import { MAIN } from './support/project.ts';

const SERVICES: readonly LabService[] = [
  { name: 'web', index: 1, endpoints: ['pod-1', 'pod-3'] },
  { name: 'gone', index: 2, endpoints: [] },
];

describe.skipIf(!MAY_USE_NAMESPACES).each(BACKENDS)('iptables-%s', (backend) => {
  let lab: Lab;
  let [bundle, redacted] = ['', ''];
  beforeAll(async () => {
    lab = await Lab.create();
    [bundle, redacted] = [join(lab.folder, 'node.tar.gz'), join(lab.folder, 'redacted.tar.gz')];
    expect(await svc2ipt(lab, backend, 'apply', labCluster(SERVICES))).toMatchObject({ exitCode: 0 });
    const foreign = [
      '-I',
      'FORWARD',
      '-m',
      'comment',
      '--comment',
      'of ACME',
      '-s',
      ADDRESSES.ipv4['pod-2'],
      '-j',
      'DROP',
    ];
    expect(await lab.run('node', [`iptables-${backend}`, ...foreign])).toMatchObject({ exitCode: 0 });
    for (const args of [
      ['--bundle', bundle],
      ['--bundle', redacted, '--redact'],
    ]) {
      const command = [process.execPath, MAIN, 'doctor', '--fail-on', 'never', ...args];
      const { exitCode, stderr } = await lab.run('node', command);
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: expect.stringContaining('--save') });
    }
  });
  afterAll(async () => await lab[Symbol.asyncDispose]());

  const onNode = async (...args: string[]) => await lab.run('node', [process.execPath, MAIN, ...args]);
  const elsewhere = async (...args: string[]) => await runCommandLine(args, { env: { KUBECONFIG: '' } });

  test('explain, trace and graph say what they say on the node', async () => {
    for (const [command = '', ...args] of [
      ['explain', 'lab/web', '-o', 'json'],
      ['explain', 'lab/gone'],
      ['graph', '--service', 'lab/web', '-o', 'dot'],
    ]) {
      const there = await onNode(command, ...args, '--kernel');
      const here = await elsewhere(command, ...args, '--save', bundle);
      expect({ exitCode: there.exitCode, output: `${there.stdout}\n` }).toEqual({
        exitCode: 0,
        output: here.stdout,
      });
    }
    const { stdout } = await elsewhere(
      'trace',
      '--from',
      'outside',
      '--to',
      '10.96.0.2:80',
      '--save',
      bundle,
    );
    expect(stdout).toMatch(/^It is refused with icmp-port-unreachable/);
  });

  test('both families are in it, and a bundle is no other than itself', async () => {
    const { snapshot } = unpackBundle(await readFile(bundle));
    for (const program of ['iptables', 'ip6tables'] as const) {
      const reading = snapshot.outputs[`${program}-${backend}-save`];
      expect('text' in reading ? reading.text : reading.missing).toContain('lab/web:tcp cluster IP');
    }
    const ipv6 = await elsewhere('explain', 'lab/web', '--save', bundle, '--family', 'ipv6');
    expect(ipv6.stdout).toContain('[fd00:10:96::1]:80');
    const diff = await elsewhere('diff', '--effects', '--from-save', bundle, '--to-save', bundle);
    expect(diff).toMatchObject({ exitCode: 0 });
  });

  test('doctor says of a bundle what it says on the node', async () => {
    const findings = (text: string): unknown[] => {
      const { checks } = JSON.parse(text);
      return checks.map(({ code, verdict }: { code: string; verdict: string }) => [code, verdict]);
    };
    const there = await onNode('doctor', '--fail-on', 'never', '-o', 'json');
    for (const file of [bundle, redacted]) {
      const here = await elsewhere('doctor', '--save', file, '--fail-on', 'never', '-o', 'json');
      expect(findings(here.stdout)).toEqual(findings(there.stdout));
    }
  });

  test('redacted, it has no name and no address of the node', async () => {
    const { snapshot, redacted: isRedacted } = unpackBundle(await readFile(redacted));
    expect(isRedacted).toBe(true);
    const text = JSON.stringify(snapshot);
    const { snapshot: original } = unpackBundle(await readFile(bundle));
    expect(JSON.stringify(original)).toMatch(/lab\/web.*ACME|ACME.*lab\/web/s);
    const [namespace, service] = ['namespace-1', 'service-1'];
    expect(text).toContain(`${namespace}/${service}`);
    for (const secret of [
      'lab/web',
      'ACME',
      original.hostname,
      ADDRESSES.ipv4['pod-1'],
      ADDRESSES.ipv6['pod-1'],
    ]) {
      expect(text).not.toContain(`${secret}"`);
      expect(text).not.toMatch(new RegExp(`(?<![\\w.])${secret.replaceAll('.', '\\.')}(?![\\w.])`));
    }
    const told = await elsewhere('explain', `${namespace}/${service}`, '--save', redacted);
    expect(told.exitCode).toBe(0);
  });
});
