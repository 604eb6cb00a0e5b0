/** `svc2ipt explain` as a user runs it. What it says is tested beside `src/explain`. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCommandLine } from '../../../test/support/command-line.ts';
import { ESCAPE, manifests, SAVED } from '../../../test/support/looking.ts';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'svc2ipt-'));
  await writeFile(join(folder, 'shop.json'), manifests());
  await writeFile(join(folder, 'node.save'), SAVED);
});

afterAll(() => rm(folder, { recursive: true }));

async function explain(args: readonly string[], input = '', env: Readonly<Record<string, string>> = {}) {
  return await runCommandLine(['explain', ...args], {
    input: input || undefined,
    env,
    onlyEnv: true,
    folder,
  });
}

const NODE = ['--node-name', 'node-a', '--node-ip', '192.168.0.2'];
const RANGE = ['--service-cluster-ip-range', '10.96.0.0/12'];
const CHAIN = /KUBE-SVC-[A-Z2-7]{16}/.exec(SAVED)?.[0] ?? '';
const [RULE = ''] = /^-A KUBE-SEP-.* -j KUBE-MARK-MASQ$/m.exec(SAVED) ?? [];

describe('what can be explained', () => {
  test.each<[string, string[], string, string[]]>([
    [
      'a Service of manifests',
      ['shop/web', '-f', 'shop.json', ...NODE],
      '',
      ['Service shop/web, LoadBalancer, as node-a serves it', '2 of 3 endpoints get traffic', 'not ready'],
    ],
    [
      'in the fast layout',
      ['shop/web', '-f', 'shop.json', '--layout', 'fast', ...NODE],
      '',
      ['2 of 3 endpoints get traffic'],
    ],
    [
      'by manifests, in saved rules',
      ['shop/web', '-f', 'shop.json', '--save', 'node.save', ...NODE],
      '',
      ['2 of 3 endpoints get traffic'],
    ],
    [
      'by saved rules alone',
      ['shop/web', '--save', '-'],
      SAVED,
      ['Service shop/web\n', '2 of 2 endpoints get traffic'],
    ],
    [
      'an address that no Service has',
      ['10.96.0.99', '-f', 'shop.json', '--reject-unassigned', ...RANGE, ...NODE],
      '',
      ['10.96.0.99 is a cluster IP of no Service: packets to it are refused', 'svc2ipt.rejectUnassigned'],
    ],
    [
      'a port that a Service does not have',
      ['10.96.0.10:81', '-f', 'shop.json', '--reject-unassigned', ...RANGE, ...NODE],
      '',
      [
        '10.96.0.10:81 is no port of shop/web, which has 80/tcp at its cluster IP',
        'svc2ipt.rejectUnassigned',
      ],
    ],
    ['a chain of manifests', [CHAIN, '-f', 'shop.json'], '', [`${CHAIN}, nat table, of shop/web:http\n`]],
    [
      'a chain of saved rules',
      [CHAIN, '--save', 'node.save'],
      '',
      [`${CHAIN}, nat table, of shop/web:http\n`],
    ],
    [
      'a rule',
      [RULE, '--save', 'node.save'],
      '',
      ['It sends packets to the endpoint 10.244.', '\n> 1  -s 10.244.'],
    ],
    ['a rule with counters', [`[7:420] ${RULE}`, '--save', 'node.save'], '', ['\n> 1  -s 10.244.']],
  ])('%s', async (_, args, input, expected) => {
    const { exitCode, stdout, stderr } = await explain(args, input);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    for (const text of expected) expect(stdout).toContain(text);
  });

  test.each<[string, string[], object]>([
    [
      'a Service',
      ['shop/web', '-f', 'shop.json', ...NODE],
      { services: [{ name: 'shop/web', ports: [{ servicePort: 'shop/web:http' }] }] },
    ],
    [
      'a chain',
      [CHAIN, '--save', 'node.save'],
      { chains: [{ chain: CHAIN, table: 'nat', servicePorts: ['shop/web:http'] }] },
    ],
  ])('%s as JSON', async (_, args, expected) => {
    expect(JSON.parse((await explain([...args, '-o', 'json'])).stdout)).toMatchObject(expected);
  });

  test.each<[string, Record<string, string>, boolean]>([
    ['plain where nobody looks', {}, false],
    ['in colour where that is asked for', { FORCE_COLOR: '1' }, true],
    ['plain where that is asked for', { NO_COLOR: '1' }, false],
  ])('%s', async (_, env, coloured) => {
    expect((await explain(['shop/web', '--save', 'node.save'], '', env)).stdout.includes(ESCAPE)).toBe(
      coloured,
    );
  });
});

describe('mistakes', () => {
  test.each<[string, string[], RegExp]>([
    ['nothing', [], /^error: missing required argument 'what'\n/],
    [
      'what is none',
      ['a b', '--save', 'node.save'],
      /^error: expected NAMESPACE\/NAME of a Service, the name of a chain, or a line of iptables-save, got "a b"\n$/,
    ],
    [
      'an option that there is not',
      ['shop/web', '--sav', 'node.save'],
      /^error: unknown option '--sav'\n\(Did you mean --save\?\)\n/,
    ],
    [
      'no such Service',
      ['other/web', '--save', 'node.save'],
      /^error: no Service "other\/web" in the rules \(shop\/web\?\)\n$/,
    ],
    [
      'no such Service in manifests',
      ['shop/wbe', '-f', 'shop.json', ...NODE],
      /^error: no Service "shop\/wbe" in the input \(shop\/web\?\)\n$/,
    ],
    [
      'no such chain',
      ['KUBE-SVC-AAAAAAAAAAAAAAAA', '--save', 'node.save'],
      /^error: no chain "KUBE-SVC-AAAAAAAAAAAAAAAA" in the rules of ipv4\n$/,
    ],
    [
      'no such rule',
      [`-A ${CHAIN} -j DROP`, '--save', 'node.save'],
      /^error: chain "KUBE-SVC-\w+" has no such rule\n$/,
    ],
  ])('%s', async (_, args, expected) => {
    const { exitCode, stdout, stderr } = await explain(args);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(expected);
  });
});
