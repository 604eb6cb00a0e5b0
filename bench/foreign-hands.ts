/** Others who change our rules on a large node: `scripts/bench-foreign-hands`, which runs this in a network namespace. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { execa } from 'execa';
import { layoutNameSchema } from '../src/api/fields.ts';
import type { Backend } from '../src/applier/programs.ts';
import { makeCluster } from './clusters.ts';
import { manifestsOf } from './manifests.ts';
import { table } from './statistics.ts';

const { values: given } = parseArgs({
  options: {
    backend: { type: 'string', default: 'nft' },
    layout: { type: 'string', default: 'kube-proxy' },
    services: { type: 'string', default: '5000' },
    endpoints: { type: 'string', default: '10' },
    idle: { type: 'string', default: '120' },
  },
});
const backend = given.backend as Backend;
const layout = layoutNameSchema.parse(given.layout);
const size = { services: Number(given.services), endpoints: Number(given.endpoints) };
const idle = Number(given.idle);

const AGENT = join(import.meta.dirname, '..', 'dist', 'cli', 'main.js');
const IPTABLES = `iptables-${backend}`;
const METRICS = 'http://127.0.0.1:10249';
/** Of getconf CLK_TCK: what the kernel counts processor time in. */
const TICKS_PER_SECOND = 100;
/** Milliseconds that the agent may take to tell of anything. */
const MOST_PATIENCE = 300_000;

const folder = await mkdtemp(join(tmpdir(), 'svc2ipt-foreign-'));
await writeFile(join(folder, 'cluster.yaml'), manifestsOf(makeCluster(size)));

async function startAgent(syncPeriod: string) {
  const config = join(folder, '..', `svc2ipt-foreign-${process.pid}.yaml`);
  await writeFile(
    config,
    `apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
hostnameOverride: node-0
clusterCIDR: 10.0.0.0/8
iptables: { syncPeriod: ${syncPeriod}, minSyncPeriod: 1s }
conntrack: { maxPerCore: 0 }
`,
  );
  const words = [
    'agent',
    '--config',
    config,
    '--manifests',
    folder,
    '--backend',
    backend,
    '--layout',
    layout,
  ];
  const agent = execa(process.execPath, [AGENT, ...words, '-v', '4'], {
    reject: false,
    stdin: 'ignore',
    buffer: false,
  });
  const told = { log: '' };
  let hasEnded = false;
  void agent.then(() => {
    hasEnded = true;
  });
  agent.stderr.setEncoding('utf8').on('data', (text: string) => {
    told.log += text;
  });
  const tells = async (what: RegExp, from = 0) => {
    const end = performance.now() + MOST_PATIENCE;
    while (!what.test(told.log.slice(from))) {
      if (performance.now() > end || hasEnded) throw new Error(told.log);
      await sleep(5);
    }
  };
  await tells(/Rules are in the kernel[^\n]*ipv4/);
  await tells(/Rules are in the kernel[^\n]*ipv6/);
  return {
    pid: agent.pid ?? 0,
    told,
    tells,
    async end() {
      agent.kill('SIGTERM');
      await agent;
      await rm(config, { force: true });
    },
  };
}

/** Processor time of a process and of its children that have ended, in seconds. */
async function processorTime(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS_PER_SECOND;
}

const iptables = async (args: string) => {
  await execa(IPTABLES, ['-w', '60', ...args.split(' ')]);
};

/** Percent of one core, while something is done again and again. */
async function share(pid: number, seconds: number, work: () => Promise<void>): Promise<string> {
  const before = await processorTime(pid);
  const start = performance.now();
  while (performance.now() - start < seconds * 1000) {
    await work();
    await sleep(1000);
  }
  const spent = (await processorTime(pid)) - before;
  return `${((100 * spent) / ((performance.now() - start) / 1000)).toFixed(2)} % of a core`;
}

const rows: [string, string][] = [];
const usual = await startAgent('30s');
// What follows the first sync ends.
await sleep(30_000);
rows.push([`idle for ${idle} s, iptables.syncPeriod 30s`, await share(usual.pid, idle, async () => {})]);
await iptables('-t filter -N SOMEBODY');
const theirs = async () => {
  await iptables('-t filter -A SOMEBODY -s 192.0.2.1 -j DROP');
  await iptables('-t filter -D SOMEBODY 1');
};
rows.push([
  `another program that writes two rules of its own a second, ${idle} s`,
  await share(usual.pid, idle, theirs),
]);
await usual.end();

const agent = await startAgent('5s');
const { stdout: services } = await execa(IPTABLES, ['-t', 'nat', '-S', 'KUBE-SERVICES']);
const svc = /-j (KUBE-SVC-\S+)/.exec(services)?.[1] ?? '';
const jump = ['-m', 'comment', '--comment', 'kubernetes service portals', '-j', 'KUBE-SERVICES'];
const FAULTS: readonly [string, () => Promise<unknown>][] = [
  ['ACCEPT in front in KUBE-SERVICES', () => iptables('-t nat -I KUBE-SERVICES -j ACCEPT')],
  ['RETURN in front in KUBE-NODEPORTS', () => iptables('-t nat -I KUBE-NODEPORTS -j RETURN')],
  ['ACCEPT in front in KUBE-FORWARD', () => iptables('-t filter -I KUBE-FORWARD -j ACCEPT')],
  ['the chain of a service port flushed', () => iptables(`-t nat -F ${svc}`)],
  ['a rule of a service port deleted', () => iptables(`-t nat -D ${svc} 1`)],
  ['a rule replaced', () => iptables('-t nat -R KUBE-MARK-MASQ 1 -j MARK --set-xmark 0x1/0x1')],
  ['the chain of a service port renamed', () => iptables(`-t nat -E ${svc} ELSEWHERE`)],
  ['a canary deleted', () => iptables('-t mangle -X KUBE-PROXY-CANARY')],
  ['a jump deleted', () => execa(IPTABLES, ['-w', '60', '-t', 'nat', '-D', 'PREROUTING', ...jump])],
  [
    'a jump moved behind a RETURN',
    async () => {
      await iptables('-t nat -A PREROUTING -s 192.0.2.1 -j RETURN');
      await sleep(6000);
      const rule = `-m comment --comment "${jump[3]}" -j KUBE-SERVICES`;
      const input = `*nat\n-D PREROUTING ${rule}\n-A PREROUTING ${rule}\nCOMMIT\n`;
      await execa(`${IPTABLES}-restore`, ['--noflush', '-w', '60'], { input });
    },
  ],
  ['the nat table flushed', () => iptables('-t nat -F')],
  ['the filter table flushed', () => iptables('-t filter -F')],
  // In kube-proxy's layout, a rule of every endpoint leads there.
  ['KUBE-MARK-MASQ renamed', () => iptables('-t nat -E KUBE-MARK-MASQ ANYWHERE')],
];
for (const [name, fault] of FAULTS) {
  const from = agent.told.log.length;
  await fault();
  const start = performance.now();
  await agent.tells(/Another program changed our rules/, from);
  rows.push([name, `${((performance.now() - start) / 1000).toFixed(1)} s`]);
  const drift = await fetch(`${METRICS}/debug/drift?family=ipv4`).then((answer) => answer.text());
  if (!drift.startsWith('# ipv4: the kernel has the compiled rules')) throw new Error(drift.slice(0, 2000));
}
await agent.end();
await rm(folder, { recursive: true });
console.log(
  table(
    [
      `${backend}, ${layout} layout, ${size.services.toLocaleString('en')} x ${size.endpoints}`,
      'mended after, iptables.syncPeriod 5s',
    ],
    rows,
  ),
);
