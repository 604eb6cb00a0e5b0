/** `svc2ipt trace` as a user runs it. What it says of rules is tested beside `src/trace`. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCommandLine } from '../../../test/support/command-line.ts';
import { ESCAPE, manifests, SAVED } from '../../../test/support/looking.ts';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'svc2ipt-'));
  const files = {
    'shop.json': manifests(),
    'node.save': SAVED,
    'circle.save': '*nat\n:PREROUTING ACCEPT\n:A -\n-A PREROUTING -j A\n-A A -j A\nCOMMIT\n',
    'hole.save': '*nat\n:PREROUTING ACCEPT\n-A PREROUTING -j A\nCOMMIT\n',
    'six.save': '*nat\n:PREROUTING ACCEPT\n-A PREROUTING -d fd00::1/128 -j DROP\nCOMMIT\n',
    'rendered.save': '*nat\n:KUBE-SERVICES -\nCOMMIT\n',
    'rules.txt': '-A PREROUTING -j A\n',
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
});

afterAll(() => rm(folder, { recursive: true }));

async function trace(args: readonly string[], input = '', env: Readonly<Record<string, string>> = {}) {
  return await runCommandLine(['trace', ...args], { input: input || undefined, env, onlyEnv: true, folder });
}

/** The sentence, and what is on standard error. */
async function sentence(args: readonly string[], input = ''): Promise<string> {
  const { exitCode, stdout, stderr } = await trace([...args, '-o', 'json'], input);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  return (JSON.parse(stdout) as { sentence: string }).sentence;
}

const NODE = ['--node-name', 'node-a', '--node-ip', '192.168.0.2'];

describe('where rules and names come from', () => {
  const BOTH = 'It goes to one of 2 destinations, 1/2 each, masqueraded.';
  test.each<[string, string[], string, string]>([
    [
      'manifests',
      ['-f', 'shop.json', ...NODE, '--from', 'pod/shop/web-1', '--to', 'shop/web:http'],
      '',
      'It goes to one of 2 destinations, 1/2 each, with its own source.',
    ],
    [
      'manifests on standard input',
      ['-f', '-', ...NODE, '--from', 'node', '--to', 'shop/web'],
      manifests(),
      'It goes to one of 2 destinations, 1/2 each, with its own source.',
    ],
    [
      'a file of iptables-save',
      ['--save', 'node.save', '--from', '10.1.0.1', '--to', '10.96.0.10:80/tcp'],
      '',
      BOTH,
    ],
    [
      'iptables-save on standard input',
      ['--save', '-', '--from', '10.1.0.1', '--to', '10.96.0.10:80'],
      SAVED,
      BOTH,
    ],
    ['names by comments', ['--save', 'node.save', '--from', '10.1.0.1', '--to', 'shop/web'], '', BOTH],
    [
      'saved rules, and names by manifests',
      ['--save', 'node.save', '-f', 'shop.json', ...NODE, '--from', 'pod/shop/web-1', '--to', 'shop/web'],
      '',
      'It goes to one of 2 destinations, 1/2 each, with its own source.',
    ],
    [
      'the fast layout',
      ['-f', 'shop.json', '--layout', 'fast', ...NODE, '--from', 'outside', '--to', 'node-port/shop/web'],
      '',
      BOTH,
    ],
  ])('%s', async (_, args, input, expected) => {
    expect(await sentence(args, input)).toBe(expected);
  });
});

describe('the text', () => {
  const ARGS = ['--save', 'node.save', '--from', '10.1.0.1', '--to', 'shop/web'];

  test('begins with the outcome', async () => {
    const { exitCode, stdout, stderr } = await trace(ARGS);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toMatch(
      /^It goes to one of 2 .*\n {2}1\/2 {2}ACCEPT {2}to 10\.244\.1\.5:8080 {2}masqueraded\n.* {2}to 10\.244\.2\.5:8080 {2}masqueraded\n\nA tcp packet from 10\.1\.0\.1 to 10\.96\.0\.10:80, [^#]*\n {2}shop\/web:http, cluster IP 10\.96\.0\.10:80\n/,
    );
  });

  test('of an established connection', async () => {
    const { stdout } = await trace([
      ...ARGS,
      '--ctstate',
      'established',
      '--mark',
      '0x10',
      '--in-interface',
      'eth7',
    ]);
    expect(stdout).toMatch(
      /\nA tcp packet .* of a connection that is\nESTABLISHED, marked 0x10, incoming interface eth7\n/,
    );
    expect(stdout).toMatch(/^It is let through, and translated like the first packet of its connection:/);
  });

  test.each<[string, Record<string, string>, boolean]>([
    ['is plain where nobody looks', {}, false],
    ['is in colour where that is asked for', { FORCE_COLOR: '1' }, true],
    ['is plain where that is asked for', { NO_COLOR: '1' }, false],
  ])('%s', async (_, env, coloured) => {
    expect((await trace(ARGS, '', env)).stdout.includes(ESCAPE)).toBe(coloured);
  });
});

test('rules that no packet comes to', { timeout: 60_000 }, async () => {
  const { exitCode, stderr } = await trace([
    '--save',
    'rendered.save',
    '--from',
    '10.0.0.1',
    '--to',
    '10.0.0.2:80',
  ]);
  expect({ exitCode, stderr }).toEqual({
    exitCode: 0,
    stderr:
      'warning: rendered.save: has no built-in chains, so no packet reaches its rules; iptables-save prints them\n',
  });
});

describe('mistakes', () => {
  const SAVE = ['--save', 'node.save'];
  test.each<[string, string[], RegExp]>([
    ['nobody who sends', ['--to', '10.0.0.1:80'], /^error: required option '--from <who>' not specified\n/],
    ['nowhere to send to', ['--from', 'node'], /^error: required option '--to <where>' not specified\n/],
    [
      'a place that is none',
      ['--from', 'me', '--to', '10.0.0.1:80', ...SAVE],
      /^error: --from: no Pod "me" is known: pass manifests that have it with -f, or a cluster\n$/,
    ],
    [
      'two families',
      ['--from', '10.0.0.1', '--to', '[fd00::1]:80', ...SAVE],
      /^error: --to: expected an address of the family of --from, ipv4, got one of ipv6\n$/,
    ],
    [
      'another family',
      ['--from', '10.0.0.1', '--to', '10.0.0.2:80', '--family', 'ipv6', ...SAVE],
      /^error: --family: expected ipv4, as the addresses are, got ipv6\n$/,
    ],
    [
      'rules of another family',
      ['--from', '10.0.0.1', '--to', '10.0.0.2:80', '--save', 'six.save'],
      /^error: six\.save: expected rules of ipv4, got some of ipv6\n$/,
    ],
    [
      'no such file',
      ['--from', 'outside', '--to', '10.0.0.2:80', '--save', 'no.save'],
      /^error: no\.save: no such file or folder\n$/,
    ],
    [
      'no rules',
      ['--from', 'outside', '--to', '10.0.0.2:80', '--save', 'rules.txt'],
      /^error: rules\.txt: line 1: expected a table, got "-A PREROUTING -j A" \(iptables-save prints what is expected here\)\n$/,
    ],
    [
      'a circle',
      ['--from', 'outside', '--to', '10.0.0.2:80', '--save', 'circle.save'],
      /^error: no kernel accepts these rules: chains form a loop: nat A\n$/,
    ],
    [
      'a chain that there is not',
      ['--from', 'outside', '--to', '10.0.0.2:80', '--save', 'hole.save'],
      /^error: no kernel accepts these rules: nat PREROUTING, rule 1: there is no chain A\n$/,
    ],
    [
      'no such Service',
      ['--from', 'outside', '--to', 'shop/wbe', ...SAVE],
      /^error: no Service "shop\/wbe" in the rules \(shop\/web\?\)\n$/,
    ],
    [
      'a Pod without manifests',
      ['--from', 'pod/shop/web-1', '--to', 'shop/web', ...SAVE],
      /^error: --from: no Pod "shop\/web-1" is known: pass manifests that have it with -f\n$/,
    ],
    [
      'a node without address',
      ['--from', 'node', '--to', 'shop/web', ...SAVE],
      /^error: --from: unknown ipv4 address of the node: give it with --node-ip\n$/,
    ],
    [
      'standard input twice',
      ['--from', 'outside', '--to', 'shop/web', '--save', '-', '-f', '-'],
      /^error: --save: standard input can be read once: name a file here or with -f\n$/,
    ],
    [
      'which kernel, though it is not asked',
      ['--from', 'node', '--to', '10.96.0.10:80/tcp', '--save', 'node.save', '--backend', 'nft'],
      /^error: option '--backend <name>' cannot be used with option '--save <file>'\n/,
    ],
    [
      'a mark that is none',
      ['--from', 'outside', '--to', 'shop/web', '--mark', 'red', ...SAVE],
      /^error: option '--mark <mark>' argument 'red' is invalid\. Expected a number of 32 bits, such as 0x4000\.\n/,
    ],
    [
      'a state that is none',
      ['--from', 'outside', '--to', 'shop/web', '--ctstate', 'OLD', ...SAVE],
      /^error: option '--ctstate <states>' argument 'OLD' is invalid\. Expected some of INVALID, NEW, /,
    ],
  ])('%s', async (_, args, expected) => {
    const { exitCode, stdout, stderr } = await trace(args);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(expected);
  });
});
