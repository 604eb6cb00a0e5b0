/**
 * The first list of a large cluster, as a stream and in pages: from the first request to a cluster that is complete, and
 * the memory that it takes at its peak. API server and agent are processes of their own; the times take turns.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { execaNode, getOneMessage, sendMessage } from 'execa';
import { z } from 'zod';
import { FRUGAL } from '../src/cli/frugal.ts';
import { formatAddress } from '../src/net/address.ts';
import { connect } from '../src/sources/kubernetes/connection.ts';
import { KubernetesSource } from '../src/sources/kubernetes/kubernetes-source.ts';
import { type ApiObject, FakeApiServer } from '../test/support/api-server/fake-api-server.ts';
import { kubeconfigFor, TLS } from '../test/support/api-server/tls.ts';
import { tellFigures } from './figures.ts';
import { median, table } from './statistics.ts';

const SERVICES = 5000;
const ENDPOINTS = 10;
const POD_NETWORK = (10n << 24n) + (128n << 16n);
const SERVICE_NETWORK = (10n << 24n) + (64n << 16n);

/** What a real server sends along, and nobody here reads. */
const managedFields = [
  {
    manager: 'kube-controller-manager',
    operation: 'Update',
    fieldsType: 'FieldsV1',
    fieldsV1: { 'f:spec': {} },
  },
];

function objectsOf(i: number): ApiObject[] {
  const name = `service-${String(i).padStart(5, '0')}`;
  const clusterIP = formatAddress('ipv4', SERVICE_NETWORK + BigInt(i));
  return [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace: 'default', managedFields },
      spec: {
        type: 'ClusterIP',
        clusterIP,
        clusterIPs: [clusterIP],
        selector: { app: name },
        ports: [{ name: 'http', port: 80, protocol: 'TCP', targetPort: 8080 }],
      },
    },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {
        name: `${name}-abcde`,
        namespace: 'default',
        labels: { 'kubernetes.io/service-name': name },
        managedFields,
      },
      addressType: 'IPv4',
      ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
      endpoints: Array.from({ length: ENDPOINTS }, (_, j) => ({
        addresses: [formatAddress('ipv4', POD_NETWORK + BigInt(i * ENDPOINTS + j))],
        conditions: { ready: true, serving: true, terminating: false },
        nodeName: `node-${(i + j) % 100}`,
        zone: 'zone-0',
        targetRef: { kind: 'Pod', namespace: 'default', name: `${name}-${j}`, uid: `${i}-${j}` },
      })),
    },
  ];
}

async function serve(): Promise<void> {
  const { http2, streams } = serverOptions.parse(await getOneMessage());
  const server = new FakeApiServer({ tls: { ...TLS, http2 } });
  server.streamsLists = streams;
  for (let i = 0; i < SERVICES; i++) for (const object of objectsOf(i)) server.put(object);
  await server.start();
  await sendMessage(server.url);
}

const serverOptions = z.object({ http2: z.boolean(), streams: z.boolean() });

async function follow(): Promise<void> {
  const kubeconfig = z.string().parse(await getOneMessage());
  const connection = await connect({ kubeconfig, master: undefined });
  const stop = new AbortController();
  const synced = Promise.withResolvers<void>();
  const source = new KubernetesSource(connection, 'node-0', {
    changed: () => source.synced && synced.resolve(),
    invalid: (message) => synced.reject(new Error(message)),
    warned: () => {},
    failed: (_, error) => synced.reject(error),
    recovered: () => {},
  });
  const [started, before] = [performance.now(), process.cpuUsage()];
  const running = source.run(stop.signal);
  await synced.promise;
  const milliseconds = performance.now() - started;
  const { user, system } = process.cpuUsage(before);
  if (source.cluster.services.size !== SERVICES) throw new Error('the cluster is not complete');
  await sendMessage({
    milliseconds,
    cpu: (user + system) / 1000,
    megabytes: process.resourceUsage().maxRSS / 1024,
  });
  stop.abort();
  await running;
  process.exit();
}

/** Of processor time (`cpu`) the agent's own; other programs beside it make no difference to that. */
const figures = z.object({ milliseconds: z.number(), cpu: z.number(), megabytes: z.number() });

async function compare(): Promise<void> {
  const { values } = parseArgs({ options: { rounds: { type: 'string', default: '15' } } });
  const folder = await mkdtemp(join(tmpdir(), 'svc2ipt-lists-'));
  const ways = await Promise.all(
    [true, false].flatMap((http2) =>
      [true, false].map(async (streams) => {
        const server = execaNode(import.meta.filename, ['server'], { reject: false });
        await server.sendMessage({ http2, streams });
        const url = z.string().parse(await server.getOneMessage());
        const kubeconfig = join(folder, `${http2}-${streams}`);
        await writeFile(kubeconfig, kubeconfigFor(url));
        const name = `${protocolOf(http2)}, ${streams ? 'as a stream' : 'in pages of 500'}`;
        return { name, http2, streams, server, kubeconfig, runs: [] as z.output<typeof figures>[] };
      }),
    ),
  );
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const { name, kubeconfig, runs } of ways) {
      const agent = execaNode(import.meta.filename, ['agent'], { nodeOptions: [...FRUGAL] });
      await agent.sendMessage(kubeconfig);
      const run = figures.parse(await agent.getOneMessage());
      runs.push(run);
      process.stderr.write(`${name}: ${JSON.stringify(run)}\n`);
      await agent;
      await sleep(100);
    }
  }
  for (const { server } of ways) server.kill();
  await rm(folder, { recursive: true });
  const rows = ways.map(({ name, runs }) => {
    const of = (figure: 'milliseconds' | 'cpu' | 'megabytes') => runs.map((run) => run[figure]);
    const [times, cpu, memory] = [of('milliseconds'), of('cpu'), of('megabytes')];
    const cells = [
      median(times),
      Math.min(...times),
      median(cpu),
      Math.min(...cpu),
      median(memory),
      Math.max(...memory),
    ];
    return [name, ...cells.map((cell) => cell.toFixed(0))];
  });
  const size = `${SERVICES.toLocaleString('en')} x ${ENDPOINTS}`;
  const head = [size, 'ms', 'best ms', 'CPU ms', 'best CPU ms', 'peak MB', 'highest MB'];
  console.log(table(head, rows));
  console.log();
  const cpuOf = (http2: boolean, streams: boolean) => {
    const way = ways.find((one) => one.http2 === http2 && one.streams === streams);
    return median(way?.runs.map(({ cpu }) => cpu) ?? []);
  };
  process.exitCode = tellFigures(
    [true, false].map((http2) => ({
      name: `the first list over ${protocolOf(http2)}, as a stream, processor`,
      value: cpuOf(http2, true) / cpuOf(http2, false),
      unit: 'times that in pages',
      limit: 1,
    })),
    {},
  );
}

const protocolOf = (http2: boolean): string => (http2 ? 'HTTP/2' : 'HTTP/1.1');

const { positionals } = parseArgs({ allowPositionals: true, strict: false });
if (positionals[0] === 'server') await serve();
else if (positionals[0] === 'agent') await follow();
else await compare();
