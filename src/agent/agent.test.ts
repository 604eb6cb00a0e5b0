import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type ApiObject, FakeApiServer } from '../../test/support/api-server/fake-api-server.ts';
import { FakeKernel } from '../../test/support/fake-kernel.ts';
import { WHOLE_IPTABLES } from '../../test/support/whole-iptables.ts';
import { clusterState } from '../api/cluster.ts';
import { endpointSliceSchema } from '../api/endpoint-slice.ts';
import { DEFAULT_CONFIGURATION, type KubeProxyConfiguration } from '../api/kube-proxy-configuration.ts';
import { serviceSchema } from '../api/service.ts';
import { currentTables } from '../applier/current.ts';
import type { IptablesHost } from '../applier/host.ts';
import { planChanges } from '../applier/plan.ts';
import { iptablesPrograms } from '../applier/programs.ts';
import { UNWATCHED } from '../applier/watch/kernel-watch.ts';
import { compile } from '../compiler/compile.ts';
import { compileOptions } from '../compiler/options.ts';
import { FAMILIES, type Family } from '../net/address.ts';
import { NO_OPTIONS } from '../sources/configuration.ts';
import { connect } from '../sources/kubernetes/connection.ts';
import { KubernetesSource } from '../sources/kubernetes/kubernetes-source.ts';
import type { ListWatchTimes } from '../sources/kubernetes/list-watch.ts';
import { Agent, type AgentObserver, RestartError } from './agent.ts';
import { Log } from './log.ts';

const NODE = 'node1';
const ZONES = { here: 'zone-1', there: 'zone-2' } as const;

const WATCH_TIMES: ListWatchTimes = {
  pageSize: 3,
  watchSeconds: 60,
  silence: 300,
  backOff: { first: 2, longest: 20 },
};

function host(family: Family): IptablesHost {
  return { ...iptablesPrograms(family, 'nft'), ...WHOLE_IPTABLES };
}

interface ServiceShape {
  readonly i: number;
  readonly port: number;
  readonly local: boolean;
}

const service = ({ i, port, local }: ServiceShape): ApiObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: `s${i}`, namespace: 'default' },
  spec: {
    type: local ? 'NodePort' : 'ClusterIP',
    clusterIPs: [`10.96.0.${i + 1}`, `fd00:10:96::${i + 1}`],
    externalTrafficPolicy: local ? 'Local' : undefined,
    ports: [{ port, protocol: i % 2 ? 'UDP' : 'TCP', nodePort: local ? 30000 + i : undefined }],
  },
});

interface SliceShape {
  readonly i: number;
  readonly family: Family;
  readonly endpoints: readonly number[];
}

const slice = ({ i, family, endpoints }: SliceShape): ApiObject => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: {
    name: `s${i}-${family}`,
    namespace: 'default',
    labels: { 'kubernetes.io/service-name': `s${i}` },
  },
  addressType: family === 'ipv4' ? 'IPv4' : 'IPv6',
  ports: [{ name: '', port: 8080, protocol: i % 2 ? 'UDP' : 'TCP' }],
  endpoints: endpoints.map((n) => ({
    addresses: [family === 'ipv4' ? `10.244.0.${n + 1}` : `fd00:10:244::${n + 1}`],
    nodeName: n % 3 ? 'node2' : NODE,
    conditions: { ready: n % 4 !== 3 },
    hints: { forZones: [{ name: n % 2 ? ZONES.here : ZONES.there }] },
  })),
});

const node = ({ zone = ZONES.here as string, podCIDR = '10.244.1.0/24' } = {}): ApiObject => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: NODE, labels: { 'topology.kubernetes.io/zone': zone } },
  spec: { podCIDR, podCIDRs: [podCIDR] },
  status: { addresses: [{ type: 'InternalIP', address: '192.168.0.1' }] },
});

const logged = z.object({ severity: z.string().optional(), msg: z.string() });

/** An agent that follows a fake API server, and kernels that take what it writes. */
class Lab {
  readonly server = new FakeApiServer();
  readonly kernels = { ipv4: new FakeKernel('ipv4'), ipv6: new FakeKernel('ipv6') };
  readonly told = {
    queued: 0,
    synced: 0,
    failed: [] as string[],
    sourceFailures: 0,
    sourceRecoveries: 0,
    drift: 0,
    flowsLookedAt: 0,
  };
  readonly agent: Agent;
  readonly configuration: KubeProxyConfiguration;
  /** The warnings that were logged. */
  readonly warnings: string[] = [];
  readonly log = {
    write: (line: string) => {
      const { severity, msg } = logged.parse(JSON.parse(line));
      if (severity === 'warning') this.warnings.push(msg);
    },
  };
  ended: Promise<unknown> = Promise.resolve();
  readonly #stop = new AbortController();

  constructor(changes: Partial<KubeProxyConfiguration> = {}, rejectUnassigned?: boolean) {
    const { iptables } = DEFAULT_CONFIGURATION;
    this.configuration = {
      ...DEFAULT_CONFIGURATION,
      clusterCIDR: ['10.244.0.0/16', 'fd00:10:244::/48'],
      iptables: { ...iptables, syncPeriod: 20, minSyncPeriod: 1 },
      ...changes,
    };
    const { told } = this;
    const observer: AgentObserver = {
      changed: () => {},
      invalidObject: () => {},
      leftOut: () => {},
      sourceFailed: () => told.sourceFailures++,
      sourceRecovered: () => told.sourceRecoveries++,
      clusterChanged: () => {},
      queued: () => told.queued++,
      synced: () => told.synced++,
      syncing: () => {},
      syncFailed: (_, { error }) => told.failed.push(error.message),
      driftFound: () => told.drift++,
    };
    this.agent = new Agent({
      configuration: this.configuration,
      own: { ...NO_OPTIONS, rejectUnassigned },
      iptables: FAMILIES.map(host),
      kernelOf: ({ family }) => ({
        watch: UNWATCHED,
        tables: this.kernels[family],
        deleteStaleFlows: async () => ++told.flowsLookedAt,
        allowLocalnetRouting: async () => {},
      }),
      dryRun: false,
      machineFacts: () => ({ name: NODE, randomFully: true }),
      observer,
      log: new Log({ format: 'json', verbosity: 0, streams: { error: this.log, info: this.log } }),
      retry: { first: 1, longest: 10 },
      nodePatience: 20,
    });
  }

  async start(): Promise<void> {
    const connection = await connect({ kubeconfig: undefined, master: this.server.url });
    const followed = { serviceCIDRs: true };
    const source = new KubernetesSource(connection, NODE, this.agent.listener, WATCH_TIMES, followed);
    this.ended = this.agent.run(source, this.#stop.signal).then(
      () => undefined,
      (error: unknown) => error,
    );
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.ended;
    await this.server.stop();
  }

  /** The chains that are not as a compile from scratch of what the server holds wants them, in both families. */
  differences(): string[] {
    const of = (kind: string) => this.server.objects.filter((object) => object.kind === kind);
    const cluster = clusterState(
      of('Service').map((object) => serviceSchema.parse(object)),
      of('EndpointSlice').map((object) => endpointSliceSchema.parse(object)),
    );
    const { facts } = this.agent;
    return FAMILIES.flatMap((family) => {
      const wanted = compile(cluster, facts, compileOptions(family, this.configuration, facts));
      const changes = planChanges(currentTables(this.kernels[family].saved(), family), wanted);
      return changes.flatMap(({ added, changed, removed, jumpsAdded }) => [
        ...added.map(({ name }) => `${family}: ${name} is missing`),
        ...changed.map(({ wanted }) => `${family}: ${wanted.name} is another`),
        ...removed.map(({ name }) => `${family}: ${name} is too many`),
        ...jumpsAdded.map(({ from, to }) => `${family}: no jump from ${from} to ${to}`),
      ]);
    });
  }

  /** Waits until the kernels hold what the server says. */
  async settled(): Promise<void> {
    await eventually(() => this.differences(), []);
  }

  get writes(): number {
    return this.kernels.ipv4.inputs.length + this.kernels.ipv6.inputs.length;
  }
}

async function eventually<T>(actual: () => T, expected: T): Promise<void> {
  const end = performance.now() + 60_000;
  while (JSON.stringify(actual()) !== JSON.stringify(expected) && performance.now() < end) await sleep(3);
  expect(actual()).toEqual(expected);
}

let lab: Lab;

async function begin(changes?: Partial<KubeProxyConfiguration>, rejectUnassigned?: boolean): Promise<Lab> {
  lab = new Lab(changes, rejectUnassigned);
  await lab.server.start();
  return lab;
}

function fill({ server }: Lab): void {
  server.put(node());
  for (const i of [0, 1, 2, 3]) {
    server.put(service({ i, port: 80, local: i === 2 }));
    for (const family of FAMILIES) server.put(slice({ i, family, endpoints: [i, i + 4, i + 5] }));
  }
}

afterEach(async () => await lab.stop());

describe.each([
  ['as streams', true],
  ['in pages', false],
])('lists %s: what a server does, afterwards the rules are those of what it holds', (_, streams) => {
  beforeEach(async () => {
    fill(await begin());
    lab.server.streamsLists = streams;
    await lab.start();
    await lab.settled();
  });

  const SERVICES = '/api/v1/services';
  const SLICES = '/apis/discovery.k8s.io/v1/endpointslices';

  test.each<[string, (server: FakeApiServer) => void | Promise<void>]>([
    ['nothing amiss', () => {}],
    ['it disconnects', (server) => server.disconnect()],
    ['it disconnects in the middle of an event', (server) => server.disconnect({ midEvent: true })],
    [
      'watches expire with 410',
      (server) => {
        server.compact();
        server.endWatches(410);
      },
    ],
    [
      'it disconnects and forgets what there was to go on from',
      (server) => {
        server.disconnect();
        server.compact();
      },
    ],
    [
      'it answers 429, 500 and 401',
      (server) => {
        server.disconnect();
        for (const status of [429, 500, 401]) server.misbehave({ kind: 'status', status }, { times: 3 });
      },
    ],
    [
      'it hangs',
      (server) => {
        server.disconnect();
        server.misbehave({ kind: 'hang' }, { times: 3 });
      },
    ],
    [
      'it drops connections',
      (server) => {
        server.disconnect();
        server.misbehave({ kind: 'drop' }, { times: 5 });
      },
    ],
    [
      'it is away for a while',
      async (server) => {
        await server.stop();
        await sleep(30);
        await server.start();
      },
    ],
    ['it restarts empty', async (server) => await server.restartEmpty()],
    [
      'events of EndpointSlices come late',
      (server) => {
        server.hold(SLICES);
        setTimeout(() => server.release(SLICES), 30);
      },
    ],
    [
      'events of Services come late',
      (server) => {
        server.hold(SERVICES);
        setTimeout(() => server.release(SERVICES), 30);
      },
    ],
  ])('%s', async (_, misbehave) => {
    const { server } = lab;
    server.put(service({ i: 0, port: 81, local: true }));
    await misbehave(server);
    server.put(service({ i: 4, port: 80, local: false }));
    server.put(slice({ i: 4, family: 'ipv4', endpoints: [1, 2] }));
    server.delete(service({ i: 1, port: 80, local: false }));
    server.put(slice({ i: 0, family: 'ipv6', endpoints: [9] }));
    await lab.settled();
  });

  test('whatever it does, in whatever order', async () => {
    const i = fc.nat(5);
    const step = fc.oneof(
      fc.record({
        do: fc.constant('put service' as const),
        i,
        port: fc.constantFrom(80, 81),
        local: fc.boolean(),
      }),
      fc.record({
        do: fc.constant('put slice' as const),
        i,
        family: fc.constantFrom(...FAMILIES),
        endpoints: fc.uniqueArray(fc.nat(9), { maxLength: 4 }),
      }),
      fc.record({ do: fc.constant('delete service' as const), i }),
      fc.record({ do: fc.constant('delete slice' as const), i, family: fc.constantFrom(...FAMILIES) }),
      fc.record({
        do: fc.constant('cut a list' as const),
        after: fc.nat(4),
        by: fc.constantFrom('drop' as const, 'end' as const, 'hang' as const, 410 as const, 500 as const),
      }),
      fc.record({ do: fc.constant('stream' as const), lists: fc.boolean() }),
      fc.record({ do: fc.constant('move' as const), zone: fc.constantFrom(ZONES.here, ZONES.there) }),
      fc.constantFrom(
        ...(['disconnect', 'cut', 'compact', 'expire', 'bookmark', 'fail', 'drop', 'wait'] as const).map(
          (name) => ({ do: name }),
        ),
      ),
    );
    type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
    const { server } = lab;
    const take = async (one: Step): Promise<void> => {
      switch (one.do) {
        case 'put service':
          return server.put(service(one));
        case 'put slice':
          return server.put(slice(one));
        case 'delete service':
          return server.delete(service({ ...one, port: 80, local: false }));
        case 'delete slice':
          return server.delete(slice({ ...one, endpoints: [] }));
        case 'move':
          return server.put(node({ zone: one.zone }));
        case 'cut a list':
          return server.misbehave({ kind: 'cut', after: one.after, by: one.by }, { watch: true });
        case 'stream':
          server.streamsLists = one.lists;
          return;
        case 'disconnect':
          return server.disconnect();
        case 'cut':
          return server.disconnect({ midEvent: true });
        case 'compact':
          return server.compact();
        case 'expire':
          return server.endWatches(410);
        case 'bookmark':
          return server.bookmark();
        case 'fail':
          return server.misbehave({ kind: 'status', status: 500 });
        case 'drop':
          return server.misbehave({ kind: 'drop' });
        case 'wait':
          return await sleep(4);
      }
    };
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 25 }), async (steps) => {
        for (const one of steps) await take(one);
        await lab.settled();
      }),
      { numRuns: 20 },
    );
  });

  test('while it is away, no rule is touched', async () => {
    await eventually(() => lab.told.synced > 0, true);
    const before = lab.writes;
    await lab.server.stop();
    await sleep(100);
    expect(lab.writes).toBe(before);
    await lab.server.start();
  });

  test('the same failure is told once, and not for each attempt', async () => {
    await eventually(() => lab.told.synced > 0, true);
    await lab.server.stop();
    // Services, EndpointSlices and Nodes, and each in few ways: a connection that breaks, then one that is refused.
    const { told, warnings } = lab;
    await eventually(() => told.sourceFailures >= 60, true);
    const away = warnings.filter((warning) => warning.startsWith('Cannot read from the API server'));
    expect(away.length).toBeGreaterThanOrEqual(3);
    expect(away.length).toBeLessThanOrEqual(9);
    expect(told.sourceRecoveries).toBe(0);
    await lab.server.start();
    lab.server.put(service({ i: 7, port: 80, local: false }));
    await eventually(() => told.sourceRecoveries > 0, true);
  });
});

test('nothing is written before everything has been listed', async () => {
  fill(await begin());
  lab.server.misbehave({ kind: 'status', status: 500 }, { path: '/api/v1/nodes', times: 10_000 });
  await lab.start();
  await eventually(() => lab.server.watchCount, 2);
  expect(lab.writes).toBe(0);
  lab.server.behave();
  await lab.settled();
});

describe('rules that are in the kernel', () => {
  beforeEach(async () => {
    fill(await begin());
    await lab.start();
    await lab.settled();
  });

  test('a kernel that refuses for a while loses no change', async () => {
    const { server, kernels } = lab;
    kernels.ipv4.failNext(7);
    server.put(service({ i: 5, port: 80, local: false }));
    await eventually(() => lab.told.failed.length > 0, true);
    server.put(slice({ i: 5, family: 'ipv4', endpoints: [1] }));
    await lab.settled();
  });

  test.each([
    ['all rules', '*nat\n-F PREROUTING\n-F OUTPUT\n-F POSTROUTING\nCOMMIT\n'],
    [
      'a jump',
      '*filter\n-D FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD\nCOMMIT\n',
    ],
    ['a canary', '*mangle\n-X KUBE-PROXY-CANARY\nCOMMIT\n'],
  ])('somebody else takes out %s: mended within a sync period', async (_, input) => {
    expect(lab.kernels.ipv4.tryRestore(input)).toBeUndefined();
    expect(lab.differences()).not.toEqual([]);
    await lab.settled();
    await eventually(() => lab.told.drift > 0, true);
  });

  test('somebody else changes a chain of ours: mended by a full comparison', async () => {
    expect(lab.kernels.ipv4.tryRestore('*nat\n-A KUBE-MARK-MASQ -j RETURN\nCOMMIT\n')).toBeUndefined();
    lab.agent.compare();
    await lab.settled();
    expect(lab.told.drift).toBe(1);
  });

  test('a full comparison of what is right writes nothing', async () => {
    const [before, { synced }] = [lab.writes, { ...lab.told }];
    lab.agent.compare();
    // What was on its way before is counted, too.
    await eventually(() => lab.told.synced >= synced + 2, true);
    expect([lab.writes - before, lab.told.drift]).toEqual([0, 0]);
  });

  test('the node moves to another zone: endpoints are chosen anew', async () => {
    lab.server.put(node({ zone: ZONES.there }));
    await eventually(() => lab.agent.facts.zone, ZONES.there);
    await lab.settled();
  });

  test('the Node object goes away: what it said stays', async () => {
    lab.server.delete(node());
    lab.server.put(service({ i: 7, port: 80, local: false }));
    await lab.settled();
    expect(lab.agent.facts).toMatchObject({ zone: ZONES.here, ips: ['192.168.0.1'] });
  });

  test('stopping leaves the rules', async () => {
    const before = lab.kernels.ipv4.save();
    await lab.stop();
    expect(lab.kernels.ipv4.save()).toBe(before);
    expect(await lab.ended).toBeUndefined();
  });
});

describe('detectLocalMode NodeCIDR', () => {
  beforeEach(async () => void (await begin({ detectLocalMode: 'NodeCIDR' })));

  test('no rule until the node has its pod range', async () => {
    fill(lab);
    const { spec: _, ...withoutRange } = node();
    lab.server.put(withoutRange);
    await lab.start();
    await eventually(() => lab.told.queued > 0, true);
    await sleep(30);
    expect(lab.writes).toBe(0);
    lab.server.put(node());
    await lab.settled();
  });

  test('another pod range ends the agent, as kube-proxy v1.36 ends', async () => {
    fill(lab);
    await lab.start();
    await lab.settled();
    lab.server.put(node({ podCIDR: '10.244.7.0/24' }));
    expect(await lab.ended).toEqual(
      new RestartError('the Pod ranges of this node changed from 10.244.1.0/24 to 10.244.7.0/24'),
    );
  });
});

describe('what it warns of', () => {
  const NODE_PORTS =
    'nodePortAddresses is unset: node ports are served on all addresses of this node. ' +
    'To serve them on its primary address alone, set it to primary (--nodeport-addresses primary).';
  const NO_SUCH =
    ': no endpoint is on this node, so Services with a Local policy drop traffic here and topology hints have ' +
    'no effect. Set hostnameOverride (--hostname-override) to the name of its Node.';

  /** Until everything that a timer begins is done. */
  const settle = () => sleep(80);

  test('once, whatever changes; again where it was mended in between', async () => {
    const { server, warnings } = await begin({ clusterCIDR: ['172.16.0.0/16', 'fd00:10:244::/48'] });
    server.put(node());
    await lab.start();
    await lab.settled();
    const cidr = expect.stringMatching(/^clusterCIDR 172\.16\.0\.0\/16 has none of .* \(10\.244\.1\.0\/24\)/);
    await eventually(() => warnings.length, 2);
    expect(warnings).toEqual([NODE_PORTS, cidr]);
    for (const zone of ['zone-3', 'zone-4']) {
      server.put(node({ zone }));
      server.put(service({ i: 0, port: zone.length, local: true }));
      await lab.settled();
    }
    expect(warnings).toHaveLength(2);
    server.put(node({ podCIDR: '172.16.1.0/24' }));
    await eventually(() => lab.agent.facts.podCIDRs, ['172.16.1.0/24']);
    server.put(node());
    await eventually(() => warnings.length, 3);
    expect(warnings[2]).toEqual(cidr);
    await settle();
    expect(warnings).toHaveLength(3);
  });

  test('nothing, where all is well', async () => {
    const { server, warnings } = await begin({ nodePortAddresses: ['primary'] });
    server.put(node());
    await lab.start();
    await lab.settled();
    await settle();
    expect(warnings).toEqual([]);
  });

  test.each<[string, readonly ApiObject[], string]>([
    ['there are none', [], 'no Node node1 in the cluster'],
    ['nobody has its name', [other('node2')], 'no Node node1 in the cluster'],
    [
      'its host has another name there',
      [other('node2'), other('node1.example', 'node1')],
      'no Node node1 in the cluster, which has node1.example',
    ],
  ])('no Node for a while: %s', async (_, nodes, expected) => {
    const { server, warnings } = await begin({ nodePortAddresses: ['primary'] });
    for (const one of nodes) server.put(one);
    await lab.start();
    await eventually(() => warnings.length, 1);
    expect(warnings).toEqual([`${expected}${NO_SUCH}`]);
    server.put(service({ i: 0, port: 80, local: true }));
    await lab.settled();
    await settle();
    expect(warnings).toHaveLength(1);
  });

  function other(name: string, hostname = name): ApiObject {
    return { ...node(), metadata: { name, labels: { 'kubernetes.io/hostname': hostname } } };
  }

  test('a Node that comes late, and one that goes, is nothing to speak of', async () => {
    const { server, warnings } = await begin({ nodePortAddresses: ['primary'] });
    await lab.start();
    server.put(node());
    await lab.settled();
    await eventually(() => lab.agent.facts.zone, ZONES.here);
    server.delete(node());
    await settle();
    expect(warnings).toEqual([]);
  });
});

test('with rejectUnassigned, rules follow the ServiceCIDRs, and a warning says what has no effect', async () => {
  fill(await begin({}, true));
  await lab.start();
  const refused = () =>
    FAMILIES.flatMap((family) => {
      const rules = lab.kernels[family]
        .save()
        .matchAll(/-A KUBE-SERVICES -d (\S+) .*rejectUnassigned.* -j REJECT/g);
      return Array.from(rules, ([, range]) => range);
    });
  const ranges = (name: string, ...cidrs: string[]) => ({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'ServiceCIDR',
    metadata: { name },
    spec: { cidrs },
  });
  await eventually(() => lab.warnings.filter((one) => one.includes('rejectUnassigned')).length, 1);
  expect(lab.warnings.find((one) => one.includes('rejectUnassigned'))).toContain('no ServiceCIDR');
  lab.server.put(ranges('kubernetes', '10.96.0.0/16', 'fd00:10:96::/112'));
  await eventually(refused, ['10.96.0.0/16', 'fd00:10:96::/112']);
  lab.server.put(ranges('pods', '10.244.7.0/24'));
  await eventually(() => lab.warnings.filter((one) => one.includes('10.244.7.0/24')).length, 1);
  expect(refused()).toEqual(['10.96.0.0/16', 'fd00:10:96::/112']);
  lab.server.delete(ranges('kubernetes'));
  await eventually(refused, []);
});
