/**
 * The agent under load: `scripts/soak`, which runs this in a network namespace of its own. A fake Kubernetes API
 * server holds a cluster, the agent follows it into the namespace's kernel, and in the end the kernel is compared with
 * a compile from scratch.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { SingleBar } from 'cli-progress';
import { execa } from 'execa';
import { machineFacts } from '../src/agent/machine.ts';
import { clusterState } from '../src/api/cluster.ts';
import { endpointSliceSchema } from '../src/api/endpoint-slice.ts';
import { layoutNameSchema } from '../src/api/fields.ts';
import { DEFAULT_CONFIGURATION } from '../src/api/kube-proxy-configuration.ts';
import { serviceSchema } from '../src/api/service.ts';
import { readTables } from '../src/applier/applier.ts';
import { detectHost, findIptables } from '../src/applier/host.ts';
import { isUnchanged, planChanges } from '../src/applier/plan.ts';
import type { Backend } from '../src/applier/programs.ts';
import { endpointChain, servicePortChain } from '../src/chains/names.ts';
import { compile } from '../src/compiler/compile.ts';
import { resolveEndpoints } from '../src/compiler/endpoints.ts';
import { compileOptions } from '../src/compiler/options.ts';
import { resolveServicePorts } from '../src/compiler/service-ports.ts';
import { formatAddress } from '../src/net/address.ts';
import { completeFacts, resolveNode } from '../src/sources/node.ts';
import { type ApiObject, FakeApiServer } from '../test/support/api-server/fake-api-server.ts';
import {
  CLUSTER_CIDR,
  NEW_PODS,
  NODE,
  podsOf as podsOfService,
  serviceObject,
  sliceObject,
} from './api-objects.ts';
import { type Figure, tellFigures } from './figures.ts';
import type { Probed } from './probe.ts';
import { percentile, table } from './statistics.ts';

const { values: given } = parseArgs({
  options: {
    backend: { type: 'string', default: 'nft' },
    layout: { type: 'string', default: 'kube-proxy' },
    services: { type: 'string', default: '5000' },
    endpoints: { type: 'string', default: '10' },
    latencies: { type: 'string', default: '100' },
    changes: { type: 'string', default: '10000' },
    rate: { type: 'string', default: '100' },
    hostile: { type: 'boolean', default: false },
    save: { type: 'string' },
    against: { type: 'string' },
  },
});
const backend = given.backend as Backend;
const layout = layoutNameSchema.parse(given.layout);
const [services, endpoints, latencies, changes, rate] = [
  Number(given.services),
  Number(given.endpoints),
  Number(given.latencies),
  Number(given.changes),
  Number(given.rate),
];

const AGENT = join(import.meta.dirname, '..', 'dist', 'cli', 'main.js');
const podsOf = (i: number) => podsOfService(i, endpoints);

const progress = new SingleBar({
  format: '{what} {bar} {value}/{total}, {rss} MB',
  stream: process.stderr,
  hideCursor: true,
});

/** Resident memory of a process, as it is and at its peak, in MB. */
async function memoryOf(pid: number): Promise<{ now: number; peak: number }> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const of = (field: string) =>
    Math.round(Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1]) / 1024);
  return { now: of('VmRSS'), peak: of('VmHWM') };
}

/** What the agent and the children that it has waited for have used in user space, in seconds. */
async function userTime(): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[13])) / 100;
}

/** Milliseconds between two probes of `/livez`. */
const PROBE_PERIOD = 50;

const prober = fork(join(import.meta.dirname, 'probe.ts'), [
  'http://127.0.0.1:10256/livez',
  String(PROBE_PERIOD),
]);

/** Ends a phase of probing, and begins another one. */
async function probedUntilNow(next: string): Promise<Probed> {
  prober.send(next);
  const [probed] = await once(prober, 'message');
  return probed as Probed;
}

const server = new FakeApiServer();
await server.start();
for (let i = 0; i < services; i++) {
  server.put(serviceObject(i));
  server.put(sliceObject(i, podsOf(i)));
}

const started = performance.now();
const agent = execa(
  process.execPath,
  [
    AGENT,
    'agent',
    ...['--master', server.url, '--hostname-override', NODE, '--cluster-cidr', CLUSTER_CIDR],
    ...[
      '--backend',
      backend,
      '--layout',
      layout,
      '--conntrack-max-per-core',
      '0',
      '--oom-score-adj',
      '0',
      '-v',
      '2',
    ],
  ],
  { stdin: 'ignore', stdout: 'ignore', reject: false, buffer: false },
);
const pid = agent.pid ?? 0;

async function metric(name: string): Promise<number> {
  const text = await fetch('http://127.0.0.1:10249/metrics').then(
    (answer) => answer.text(),
    () => '',
  );
  const line = text.split('\n').find((line) => line.startsWith(name));
  return line === undefined ? 0 : Number(line.split(' ').at(-1));
}

const SYNCS = 'kubeproxy_sync_proxy_rules_duration_seconds_count{ip_family="IPv4"}';
while ((await metric(SYNCS)) === 0) await sleep(50);
const coldLoad = performance.now() - started;
const probedInLoad = await probedUntilNow('after it');
const atStart = await memoryOf(pid);

// Only now: the agent has prepared the node.
const host = await detectHost(await findIptables(backend));
const programs = host.iptables.ipv4;
if (!programs) throw new Error('this machine has no iptables');

/** When the agent said last that rules are in the kernel: asking the kernel again and again would keep it waiting. */
let saidAt = 0;
agent.stderr.setEncoding('utf8').on('data', (text: string) => {
  if (/Rules are in the kernel" family="ipv4"/.test(text)) saidAt = performance.now();
  else process.stderr.write(text);
});

/** Whether a chain really sends packets to an endpoint. */
async function isThere({ chain, endpoint }: NewPod): Promise<boolean> {
  const { stdout } = await execa(programs?.iptables ?? '', ['-w', '-t', 'nat', '-S', chain], {
    reject: false,
    stderr: 'ignore',
  });
  return stdout.includes(`--to-destination ${endpoint}`);
}

interface NewPod {
  readonly endpoint: string;
  /** The chain with the rule that sends packets to it. */
  readonly chain: string;
}

let pods = 0n;

/** A Service with one of its pods replaced. */
function replacePod(i: number): NewPod & { object: ApiObject } {
  const address = NEW_PODS + ++pods;
  const object = sliceObject(i, [...podsOf(i).slice(1), address]);
  const [servicePort] = resolveServicePorts(serviceSchema.parse(serviceObject(i)), 'ipv4', false);
  const entry = {
    service: serviceSchema.parse(serviceObject(i)),
    endpointSlices: [endpointSliceSchema.parse(object)],
  };
  if (!servicePort) throw new Error('a Service of a benchmark has a port');
  const found = resolveEndpoints(entry, servicePort, 'ipv4', completeFacts([]));
  const pod = found.find(({ object }) => object.address === formatAddress('ipv4', address));
  if (!pod) throw new Error('a new pod is an endpoint');
  const chain =
    layout === 'fast' ? servicePortChain('cluster', servicePort) : endpointChain(servicePort, pod);
  return { object, chain, endpoint: pod.text };
}

/**
 * The least that brings one endpoint's rule into this table: on nft one DNAT rule in a chain of its own, on legacy, where every
 * restore writes the whole table, the smallest one.
 */
const BARE =
  backend === 'nft'
    ? '*nat\n:BENCH-BARE - [0:0]\n-A BENCH-BARE -p tcp -j DNAT --to-destination 10.0.0.1:80\nCOMMIT\n'
    : '*nat\n:BENCH-BARE - [0:0]\nCOMMIT\n';

/** What one event may take at most after quiet, as times of a bare restore; see {@link BARE}. */
const EVENT_LIMITS = { nft: { p50: 1.5, p99: 3 }, legacy: { p50: 1.2, p99: undefined } };

/** Milliseconds that an answer of /livez may take at worst. */
const LIVEZ = 250;

/** What 100 changes a second may take in user space, in cores. */
const USER_LIMIT = 0.5;

// One changed endpoint after quiet: from the event to the rule in the kernel.
const times: number[] = [];
const bare: number[] = [];
progress.start(latencies, 0, { what: 'changes after quiet', rss: atStart.now });
for (let n = 0; n < latencies; n++) {
  await sleep(1300);
  const { object, ...pod } = replacePod((n * 7919) % services);
  const start = performance.now();
  server.put(object);
  do {
    if (performance.now() - start > 30_000) throw new Error(`no ${pod.endpoint} in ${pod.chain}`);
    await sleep(1);
  } while (saidAt < start || !(await isThere(pod)));
  times.push(saidAt - start);
  const bareStart = performance.now();
  await execa(programs.restore, ['--noflush', '-w'], { input: BARE });
  bare.push(performance.now() - bareStart);
  progress.update(n + 1, { rss: (await memoryOf(pid)).now });
}
progress.stop();

// Changes as fast as they come, of every kind.
const memory: number[] = [];
const syncsBefore = await metric(SYNCS);
await probedUntilNow('random changes');
const hostile = given.hostile ? fork(join(import.meta.dirname, 'hostile.ts')) : undefined;
let seed = 1;
const random = (below: number) => {
  seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
  return Math.floor((seed / 2 ** 31) * below);
};
progress.start(changes, 0, { what: 'random changes', rss: (await memoryOf(pid)).now });
const begun = performance.now();
const userBefore = await userTime();
for (let n = 0; n < changes; n++) {
  const i = random(services);
  const kind = random(10);
  if (kind === 0) server.delete(serviceObject(i));
  else if (kind === 1) server.delete(sliceObject(i, []));
  else if (kind <= 3) server.put(serviceObject(i));
  else if (kind <= 5) server.put(sliceObject(i, podsOf(i)));
  else server.put(replacePod(i).object);
  const due = begun + ((n + 1) / rate) * 1000;
  if (due > performance.now()) await sleep(due - performance.now());
  if (n % Math.ceil(changes / 20) !== 0) continue;
  const { now } = await memoryOf(pid);
  memory.push(now);
  progress.update(n, { rss: now });
}
progress.update(changes);
progress.stop();
const userCores = ((await userTime()) - userBefore) / ((performance.now() - begun) / 1000);
const probedInChanges = await probedUntilNow('after them');
hostile?.disconnect();

/** The chains that are not as a compile from scratch of the server's objects wants them. */
async function differences(): Promise<number> {
  if (!programs) return 0;
  const of = (kind: string) => server.objects.filter((object) => object.kind === kind);
  const cluster = clusterState(
    of('Service').map((object) => serviceSchema.parse(object)),
    of('EndpointSlice').map((object) => endpointSliceSchema.parse(object)),
  );
  const live = { ...machineFacts(host), interfaceAddresses: [] };
  const node = resolveNode({
    flags: { name: NODE },
    host: {},
    hostnameOverride: undefined,
    nodes: new Map(),
    live,
  });
  const configuration = { ...DEFAULT_CONFIGURATION, clusterCIDR: [CLUSTER_CIDR] };
  const wanted = compile(cluster, node, compileOptions('ipv4', configuration, node, { layout }));
  const tables = planChanges(await readTables(programs), wanted);
  return tables.every(isUnchanged)
    ? 0
    : tables.reduce(
        (sum, { added, changed, removed }) => sum + added.length + changed.length + removed.length,
        0,
      );
}

let different = await differences();
for (const end = performance.now() + 60_000; different > 0 && performance.now() < end; ) {
  await sleep(1000);
  different = await differences();
}
const syncs = (await metric(SYNCS)) - syncsBefore;
const { now, peak } = await memoryOf(pid);
prober.disconnect();
agent.kill('SIGTERM');
await agent;
await server.stop();

const ms = (value: number) => `${value.toFixed(0)} ms`;
const probes = ({ worst, answers, bad }: Probed) => `${ms(worst)} (${answers} answers, ${bad} not 200)`;
console.log(
  table(
    [`${backend}, ${layout} layout, ${services.toLocaleString('en')} x ${endpoints}`, 'agent'],
    [
      ['from its start to all rules in the kernel', ms(coldLoad)],
      ...(latencies === 0
        ? []
        : [
            [`one change after quiet, p50 of ${latencies}`, ms(percentile(times, 0.5))],
            ['one change after quiet, p99', ms(percentile(times, 0.99))],
            ['a bare restore then, p50', ms(percentile(bare, 0.5))],
          ]),
      ['/livez at worst until then', probes(probedInLoad)],
      [
        `/livez at worst during ${changes} changes, ${rate} a second${given.hostile ? ', hostile clients' : ''}`,
        probes(probedInChanges),
      ],
      ['resident memory after the cold load', `${atStart.now} MB`],
      ['at its peak until then', `${atStart.peak} MB`],
      [`during ${changes} changes, ${rate} a second`, `${Math.min(...memory)} to ${Math.max(...memory)} MB`],
      ['after them', `${now} MB`],
      ['at its peak', `${peak} MB`],
      ['syncs for these changes', String(syncs)],
      ['chains that differ from a compile from scratch', String(different)],
    ],
  ),
);
console.log();
const what = `${backend}, ${layout} layout, ${services}x${endpoints}`;
const limits = EVENT_LIMITS[backend];
const events: Figure[] =
  latencies === 0
    ? []
    : [
        {
          name: `${what}: event to rule, p50`,
          value: percentile(times, 0.5) / percentile(bare, 0.5),
          unit: 'times a bare restore',
          limit: limits.p50,
        },
        {
          name: `${what}: event to rule, p99`,
          value: percentile(times, 0.99) / percentile(bare, 0.5),
          unit: 'times a bare restore',
          limit: limits.p99,
        },
      ];
const load: Figure = {
  name: `${what}: ${rate} changes a second, in user space`,
  value: userCores,
  unit: 'cores',
  limit: rate === 100 ? USER_LIMIT : undefined,
};
const livez = [
  { when: 'a cold load', probed: probedInLoad },
  { when: `${rate} changes a second${given.hostile ? ', hostile clients' : ''}`, probed: probedInChanges },
].map(({ when, probed: { worst } }): Figure => {
  const limit = given.hostile ? undefined : LIVEZ;
  return { name: `${what}: worst answer of /livez, ${when}`, value: worst, unit: 'ms', limit };
});
const told = tellFigures([...events, load, ...livez], given);
process.exitCode = different === 0 ? told : 1;
