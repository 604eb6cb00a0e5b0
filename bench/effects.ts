/**
 * What a change does to packets, and the proof that the layouts are the same: how long `diff --effects` takes in a process
 * of its own, and how that grows: `npm run bench:effects`, after `npm run build`.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { withJumps } from '../src/chains/jumps.ts';
import { compile } from '../src/compiler/compile.ts';
import { printSaved } from '../src/iptables/saved.ts';
import { changeEndpoint, makeCluster, node, options, type Size, sizeName } from './clusters.ts';
import { manifestsOf } from './manifests.ts';
import { growth, table } from './statistics.ts';

const SIZES: readonly Size[] = [
  { services: 1_000, endpoints: 10 },
  { services: 2_500, endpoints: 10 },
  { services: 5_000, endpoints: 10 },
];

/** So many Services of each cluster are changed. */
const CHANGED = 20;

/** One Service, of which every endpoint moves. */
const CROWDS: readonly Size[] = [
  { services: 1, endpoints: 250 },
  { services: 1, endpoints: 500 },
  { services: 1, endpoints: 1_000 },
];

interface Run {
  readonly seconds: number;
  /** Of the processor, in seconds. */
  readonly processor: number;
  /** The most resident memory, in MB. */
  readonly memory: number;
  readonly output: string;
}

async function run(args: readonly string[]): Promise<Run> {
  const script = `process.on('exit', () => { const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage();
    console.error(JSON.stringify({ memory: maxRSS / 1000, processor: (userCPUTime + systemCPUTime) / 1e6 })); });`;
  const start = performance.now();
  const command = [
    '--import',
    `data:text/javascript,${encodeURIComponent(script)}`,
    'dist/cli/main.js',
    ...args,
  ];
  const { stdout, stderr } = await execa(process.execPath, command, { reject: false });
  const seconds = (performance.now() - start) / 1000;
  const { memory, processor }: Pick<Run, 'memory' | 'processor'> = JSON.parse(
    stderr.slice(stderr.lastIndexOf('{')),
  );
  return { seconds, processor, memory, output: stdout };
}

const folder = await mkdtemp(join(tmpdir(), 'svc2ipt-effects-'));
const place = ['--family', 'ipv4', '--node-name', node.name, '--node-ip', '192.168.0.2'];
const rows: string[][] = [];
const took = new Map<string, number[]>();

const file = async (name: string, text: string) => {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
};

async function measure(what: string, size: Size, args: readonly string[]): Promise<void> {
  const { seconds, processor, memory, output } = await run(['diff', '--effects', ...place, ...args]);
  const told = args.includes('--prove')
    ? (output.match(/Proved: each of ([\d,]+)/)?.[1] ?? 'NOT the same')
    : '';
  rows.push([what, sizeName(size), seconds.toFixed(1), processor.toFixed(1), memory.toFixed(0), told]);
  took.set(what, [...(took.get(what) ?? []), processor]);
}

try {
  for (const size of SIZES) {
    const cluster = makeCluster(size);
    const every = Math.floor(size.services / CHANGED);
    const services = new Map(
      [...cluster.services].map(([name, entry], i) => [
        name,
        i % every === 0 ? changeEndpoint(entry, i) : entry,
      ]),
    );
    const [from, to] = [
      await file('from.json', manifestsOf(cluster)),
      await file('to.json', manifestsOf({ ...cluster, services })),
    ];
    const saved = async (name: string, layout: 'kube-proxy' | 'fast', of = cluster) =>
      await file(name, printSaved(withJumps(compile(of, node, { ...options, layout }))));
    const [before, after, fast] = [
      await saved('before.txt', 'kube-proxy'),
      await saved('after.txt', 'kube-proxy', { ...cluster, services }),
      await saved('fast.txt', 'fast'),
    ];
    for (const [what, args] of [
      [`${CHANGED} Services changed, manifests`, ['--from', from, '--to', to]],
      [`${CHANGED} Services changed, iptables-save`, ['--from-save', before, '--to-save', after]],
      ['both layouts, proved', ['--prove', '--from-save', before, '--to-save', fast]],
    ] as const) {
      await measure(what, size, args);
    }
  }
  for (const size of CROWDS) {
    const cluster = makeCluster(size);
    const services = new Map(
      [...cluster.services].map(([name, entry]) => [
        name,
        Array.from({ length: size.endpoints }).reduce<typeof entry>(
          (moved, _, i) => changeEndpoint(moved, i),
          entry,
        ),
      ]),
    );
    const [from, to] = [
      await file('from.json', manifestsOf(cluster)),
      await file('to.json', manifestsOf({ ...cluster, services })),
    ];
    await measure('every endpoint of one Service moved', size, ['--from', from, '--to', to]);
  }
} finally {
  await rm(folder, { recursive: true });
}
console.log(table(['what', 'Services x endpoints', 's', 'processor s', 'MB', 'classes'], rows));
const total = ({ services, endpoints }: Size = { services: 0, endpoints: 0 }) => services * endpoints;
for (const [what, seconds] of took) {
  const sizes = what.startsWith('every') ? CROWDS : SIZES;
  const exponent = growth([total(sizes[0]), total(sizes.at(-1))], [seconds[0] ?? 0, seconds.at(-1) ?? 0]);
  console.log(`${what}: grows as n^${exponent.toFixed(2)}`);
}
