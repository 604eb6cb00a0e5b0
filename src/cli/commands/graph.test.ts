/** `svc2ipt graph` as a user runs it. */

import { describe, expect, test } from 'vitest';
import { runCommandLine } from '../../../test/support/command-line.ts';
import { service, slice } from '../../../test/support/rules.ts';

interface Run {
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `svc2ipt graph` on manifests. */
async function graph(args: readonly string[], items: readonly unknown[]): Promise<Run> {
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
  return await runCommandLine(['graph', ...args], { input });
}

/** A Service with endpoints at some addresses. */
function withEndpoints(name: string, clusterIP: string, addresses: readonly string[]): unknown[] {
  const labels = { 'kubernetes.io/service-name': name };
  return [
    { ...service({ clusterIP }), metadata: { name, namespace: 'shop' } },
    { ...slice(addresses), metadata: { name: `${name}-1`, namespace: 'shop', labels } },
  ];
}

const SMALL = [
  ...withEndpoints('web', '10.96.0.10', ['10.244.1.5', '10.244.1.6']),
  ...withEndpoints('api', '10.96.0.11', ['10.244.1.7']),
];

describe('formats', () => {
  test.each<[string, RegExp]>([
    ['dot', /^digraph "svc2ipt ipv4" \{\n[\s\S]*label="1\/2"[\s\S]*\n\}\n$/],
    ['mermaid', /^flowchart LR\n[\s\S]*-->\|"1\/2"\| [\s\S]*\n$/],
    ['svg', /^<svg [\s\S]*>1\/2<\/text>[\s\S]*<\/svg>\n$/],
    ['html', /^<!doctype html>\n[\s\S]*"label":"1\/2"[\s\S]*<\/html>\n$/],
  ])('%s', async (output, expected) => {
    const run = await graph(['-o', output], SMALL);
    expect(run).toMatchObject({ exitCode: 0, stderr: '' });
    expect(run.stdout).toMatch(expected);
  });

  test.each<[string, string, RegExp]>([
    ['right', 'dot', /rankdir=LR/],
    ['down', 'dot', /rankdir=TB/],
    ['right', 'mermaid', /^flowchart LR\n/],
    ['down', 'mermaid', /^flowchart TB\n/],
  ])('%s, in %s', async (direction, output, expected) => {
    expect((await graph(['-o', output, '--direction', direction], SMALL)).stdout).toMatch(expected);
  });

  test('html where none is chosen', async () => {
    expect((await graph([], SMALL)).stdout).toMatch(/^<!doctype html>/);
  });
});

describe('some Services', () => {
  test.each<[string, string[], string[], string[]]>([
    ['one', ['shop/web'], ['shop/web'], ['shop/api']],
    ['two', ['shop/web', 'shop/api'], ['shop/web', 'shop/api'], []],
  ])('%s', async (_, services, drawn, left) => {
    const args = services.flatMap((service) => ['--service', service]);
    const { stdout } = await graph([...args, '-o', 'mermaid'], SMALL);
    for (const service of drawn) expect(stdout).toContain(`["${service}"]`);
    for (const service of left) expect(stdout).not.toContain(service);
  });

  test.each<[table: string, drawn: string, left: string]>([
    ['nat', 'PREROUTING', 'FORWARD'],
    ['filter', 'FORWARD', 'PREROUTING'],
  ])('in the %s table only', async (table, drawn, left) => {
    const { stdout } = await graph(['--service', 'shop/web', '--table', table, '-o', 'mermaid'], SMALL);
    expect(stdout).toContain(`["${drawn}"]`);
    expect(stdout).not.toContain(`["${left}"]`);
  });

  test('those that there are not', async () => {
    expect(await graph(['--service', 'aip', '--service', 'x/y', '-o', 'dot'], SMALL)).toEqual({
      exitCode: 2,
      stdout: '',
      stderr:
        'error: --service: no Service "aip" in the input (shop/api?)\n' +
        'error: --service: no Service "x/y" in the input\n',
    });
  });
});

describe('many Services', () => {
  const services = Array.from({ length: 70 }, (_, i) => {
    const addresses = Array.from({ length: 10 }, (_, j) => `10.244.${i}.${j + 1}`);
    return withEndpoints(`service-${i}`, `10.96.1.${i + 1}`, addresses);
  }).flat();

  test.each<[string, string[], RegExp, RegExp]>([
    [
      'a picture is collapsed',
      ['-o', 'svg'],
      /^\d+ arrows: each Service is drawn as one box; /,
      /shop\/service-69 \(10 endpoints\)/,
    ],
    ['a page is collapsed', [], /^70 Services: each is one box until it is opened; /, /"collapsed":true/],
    ['a page that is not to be collapsed', ['--no-collapse'], /^$/, /"collapsed":false/],
    ['text is not', ['-o', 'dot'], /^$/, /label="DNAT 10\.244\.69\.10:8080"/],
    [
      'Mermaid draws only so many',
      ['-o', 'mermaid'],
      /^\d+ arrows: Mermaid draws 500 unless /,
      /DNAT 10\.244\.69\.10:8080/,
    ],
    ['text may be', ['-o', 'mermaid', '--collapse'], /^$/, /\("shop\/service-69 \(10 endpoints\)"\)/],
  ])('%s', async (_, args, note, expected) => {
    const { exitCode, stdout, stderr } = await graph(args, services);
    expect(exitCode).toBe(0);
    expect(stderr).toMatch(note);
    expect(stdout).toMatch(expected);
  });
});
