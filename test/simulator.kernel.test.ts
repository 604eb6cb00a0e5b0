/**
 * The simulator against the kernel: what it makes of packets by the rules that iptables-save prints, and what becomes
 * of real ones. Random clusters, and beside them rules of another program, which has a word in everything.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sameList } from '../src/iptables/compare.ts';
import type { Outcome } from '../src/iptables/simulator/fate.ts';
import type { Packet, SimulatedNode } from '../src/iptables/simulator/packet.ts';
import { type PreparedRuleset, prepareSaved } from '../src/iptables/simulator/prepare.ts';
import { simulate } from '../src/iptables/simulator/simulate.ts';
import { contains, FAMILIES, type Family, parseAddress } from '../src/net/address.ts';
import { addressOf, type LabService, labCluster, nodePortOf, PORT, WAYS } from './support/kernel/cluster.ts';
import { svc2ipt } from './support/kernel/command-line.ts';
import { ADDRESSES, type Host, Lab, nameOf, type Place, PODS, SERVER_PORT } from './support/kernel/lab.ts';
import { BACKENDS, type Backend, MAY_USE_NAMESPACES } from './support/kernel/namespace.ts';
import { PROTOCOLS } from './support/kernel/peers.ts';

const SEEDS = [1, 2, 3];

/** So many that are chance, of each family and with each seed. */
const QUESTIONS = 60;

/** Seconds. Who is not dropped has an answer long before. */
const DROPPED_AFTER = 0.5;

/** That a test fails by chance, as an outcome did not come up among many connections, is as probable as this. */
const BY_CHANCE = 1e-9;

const SERVICES = 5;

/** Its index is that of no other Service. */
const STICKY = SERVICES + 1;

const policy = fc.constantFrom('Cluster', 'Cluster', 'Local');

const service = fc.record({
  endpoints: fc
    .subarray([...PODS])
    .chain((pods) =>
      fc.tuple(...pods.map((at) => fc.record({ at: fc.constant(at), terminating: fc.nat(4) }))),
    )
    .map((endpoints) => endpoints.map(({ at, terminating }) => ({ at, terminating: terminating === 0 }))),
  internalTrafficPolicy: policy,
  externalTrafficPolicy: policy,
  loadBalancerSourceRanges: fc.constantFrom(
    [],
    [],
    ['203.0.113.0/26', '2001:db8:cafe::/122'],
    [`${ADDRESSES.ipv4.node}/32`, `${ADDRESSES.ipv6.node}/128`],
  ),
});

const cluster = fc
  .array(service, { minLength: SERVICES, maxLength: SERVICES })
  .map((services): LabService[] => [
    ...services.map(({ endpoints, ...spec }, i) => ({ name: `any-${i}`, index: i + 1, endpoints, spec })),
    { name: 'sticky', index: STICKY, endpoints: PODS, spec: { sessionAffinity: 'ClientIP' } },
  ]);

/** An address that another program redirects to pod-2, where Services have nothing to say. */
const REDIRECTED: Readonly<Record<Family, string>> = { ipv4: '198.51.102.1', ipv6: '2001:db8:f::1' };

const SAME_ADDRESSES: Readonly<Record<Family, string>> = {
  ipv4: '6,32 0 0 12,7 0 0 0,32 0 0 16,29 0 1 0,6 0 0 65535,6 0 0 0',
  ipv6:
    '18,32 0 0 8,7 0 0 0,32 0 0 24,29 0 13 0,32 0 0 12,7 0 0 0,32 0 0 28,29 0 9 0,32 0 0 16,7 0 0 0,32 0 0 32,' +
    '29 0 5 0,32 0 0 20,7 0 0 0,32 0 0 36,29 0 1 0,6 0 0 65535,6 0 0 0',
};

/** The answers to what it lets through are not its concern. */
const NEW = '-m conntrack --ctstate NEW';

/** What another program may say: rules by table and chain. */
const FOREIGN: readonly ((family: Family) => readonly string[])[] = [
  (family) => [
    `filter FORWARD -s ${ADDRESSES[family].stranger} -p tcp -j REJECT --reject-with tcp-reset`,
    `filter INPUT ! -s ${ADDRESSES[family].client} -p udp --dport 9 -j DROP`,
  ],
  () => ['filter FORWARD -p udp -m multiport --dports 22,8000:8080 -o pod-1 -j DROP'],
  (family) => [
    `mangle PREROUTING -s ${ADDRESSES[family]['pod-2']} -j MARK --set-xmark 0x10/0x30`,
    `filter FORWARD -m mark --mark 0x10/0x30 -d ${ADDRESSES[family]['pod-3']} ${NEW} -j DROP`,
  ],
  (family) => [
    `raw PREROUTING -s ${ADDRESSES[family].client} -d ${addressOf(family, 'external IP', 1)} -j CT --notrack`,
  ],
  (family) => [
    `nat POSTROUTING -m conntrack --ctstate DNAT -m bpf --bytecode "${SAME_ADDRESSES[family]}" -j MASQUERADE`,
  ],
  (family) => [
    `nat POSTROUTING -s ${ADDRESSES[family]['pod-1']} -o net0 -p tcp -j SNAT --to-source ${ADDRESSES[family].node}`,
  ],
  () => ['nat POSTROUTING -i pod-2 -o net+ -p udp -j MASQUERADE'],
  // Of packets that DNAT sends elsewhere, these know where they would have gone.
  () => ['filter OUTPUT -o out0 -p udp -j REJECT', 'filter OUTPUT -o lo -p sctp -j DROP'],
  () => [
    'filter FORWARD -m state ! --state NEW -j ACCEPT',
    'filter FORWARD -m addrtype ! --src-type LOCAL -p tcp -m conntrack ! --ctstate DNAT -j DROP',
  ],
  () => [`filter FORWARD -p udp -o net0 ${NEW} -m statistic --mode random ! --probability 0.6 -j REJECT`],
  (family) => [
    `filter FORWARD -p sctp -s ${ADDRESSES[family]['other-node']} -g DROPPING`,
    `filter DROPPING -o pod-1 ${NEW} -j DROP`,
    `filter FORWARD -p sctp -o pod-2 ${NEW} -j DROP`,
  ],
];

/** In another program's chains, so that nothing of it is left for the next seed. */
function foreignRules(rules: readonly string[], family: Family): string {
  const chains = {
    raw: ['PREROUTING'],
    mangle: ['PREROUTING'],
    nat: ['PREROUTING', 'OUTPUT', 'POSTROUTING'],
    filter: ['INPUT', 'FORWARD', 'OUTPUT', 'DROPPING'],
  };
  const redirect = `-d ${REDIRECTED[family]} -p tcp --dport ${PORT} -j DNAT --to-destination`;
  const pod2 = ADDRESSES[family]['pod-2'];
  const to = family === 'ipv4' ? `${pod2}:${SERVER_PORT}` : `[${pod2}]:${SERVER_PORT}`;
  const all = [...rules, `nat PREROUTING ${redirect} ${to}`, `nat OUTPUT ${redirect} ${to}`];
  const lines = Object.entries(chains).flatMap(([table, chains]) => [
    `*${table}`,
    ...chains.map((chain) => `:FOREIGN-${chain} - [0:0]`),
    ...all
      .filter((rule) => rule.startsWith(`${table} `))
      .map((rule) => `-A FOREIGN-${rule.slice(table.length + 1).replace('-g ', '-g FOREIGN-')}`),
    'COMMIT',
  ]);
  return `${lines.join('\n')}\n`;
}

/** In front of everything else. */
function foreignJumps(): string {
  const jumps = [
    ['raw', 'PREROUTING'],
    ['mangle', 'PREROUTING'],
    ['nat', 'PREROUTING', 'OUTPUT', 'POSTROUTING'],
    ['filter', 'INPUT', 'FORWARD', 'OUTPUT'],
  ];
  const lines = jumps.flatMap(([table, ...chains]) => [
    `*${table}`,
    ...chains.map((chain) => `-I ${chain} -j FOREIGN-${chain}`),
    'COMMIT',
  ]);
  return `${lines.join('\n')}\n`;
}

/** The family in which nothing is forwarded but what a rule accepts, by seed. */
const FORWARD_DROPS: Readonly<Record<number, Family>> = { 1: 'ipv4', 3: 'ipv6' };

/** Clients, where they are, and by which interface their packets come to the node. */
const CLIENTS = {
  'pod-1': { place: 'pod-1', inInterface: 'pod-1' },
  'pod-2': { place: 'pod-2', inInterface: 'pod-2' },
  'pod-3': { place: 'pod-3', inInterface: 'net0' },
  'other-node': { place: 'other-node', inInterface: 'net0' },
  client: { place: 'outside', inInterface: 'out0' },
  stranger: { place: 'outside', inInterface: 'out0' },
  node: { place: 'node', inInterface: undefined },
} as const satisfies Readonly<Record<string, { place: Place; inInterface: string | undefined }>>;

type Client = keyof typeof CLIENTS;

const LOCAL: readonly Host[] = ['gateway', 'node', 'uplink', 'localhost'];

interface Question {
  readonly client: Client;
  readonly protocol: (typeof PROTOCOLS)[number];
  readonly to: string;
  readonly port: number;
}

function question(family: Family): fc.Arbitrary<Question> {
  const addresses = ADDRESSES[family];
  const index = fc.integer({ min: 1, max: SERVICES });
  const destination = fc.oneof(
    {
      weight: 9,
      arbitrary: fc
        .tuple(fc.constantFrom(...WAYS), index)
        .map(([way, i]) => [addressOf(family, way, i), PORT]),
    },
    {
      weight: 6,
      arbitrary: fc
        .tuple(fc.constantFrom('node' as const, 'uplink' as const, 'localhost' as const), index)
        .map(([host, i]) => [addresses[host], nodePortOf(i)]),
    },
    // Without a Service: another program's, pods themselves, and where nobody listens.
    { weight: 2, arbitrary: fc.constant([REDIRECTED[family], PORT]) },
    { weight: 2, arbitrary: fc.constantFrom(...PODS).map((pod) => [addresses[pod], SERVER_PORT]) },
    {
      weight: 1,
      arbitrary: fc.constantFrom([addresses.uplink, 9], [addressOf(family, 'cluster IP', 99), PORT]),
    },
  );
  return fc
    .record({
      client: fc.constantFrom(...(Object.keys(CLIENTS) as Client[])),
      protocol: fc.constantFrom(...PROTOCOLS),
      destination,
    })
    .map(({ destination: [to, port], ...rest }) => ({ ...rest, to: String(to), port: Number(port) }))
    .filter(({ client, to }) => {
      // What does not come to the node: to oneself, or from behind the other node to what is there, too.
      const own = client === 'pod-3' || client === 'other-node' ? addresses['pod-3'] : addresses[client];
      return to !== own && (to !== addresses.localhost || client === 'node');
    });
}

/** What the rules of the other program are about. */
function aimed(family: Family): Question[] {
  const { 'pod-1': pod1, 'pod-3': pod3, uplink } = ADDRESSES[family];
  return [
    { client: 'client', protocol: 'udp', to: addressOf(family, 'external IP', 1), port: PORT },
    { client: 'stranger', protocol: 'udp', to: uplink, port: 9 },
    { client: 'stranger', protocol: 'tcp', to: pod1, port: SERVER_PORT },
    { client: 'other-node', protocol: 'udp', to: pod1, port: SERVER_PORT },
    { client: 'other-node', protocol: 'sctp', to: pod1, port: SERVER_PORT },
    { client: 'pod-1', protocol: 'tcp', to: pod3, port: SERVER_PORT },
    { client: 'pod-2', protocol: 'tcp', to: pod3, port: SERVER_PORT },
    { client: 'pod-2', protocol: 'udp', to: pod3, port: SERVER_PORT },
    { client: 'pod-2', protocol: 'tcp', to: REDIRECTED[family], port: PORT },
    { client: 'node', protocol: 'udp', to: addressOf(family, 'cluster IP', 1), port: PORT },
    { client: 'node', protocol: 'sctp', to: uplink, port: nodePortOf(1) },
  ];
}

function packetOf({ client, protocol, to, port }: Question, family: Family): Packet {
  const addresses = ADDRESSES[family];
  return {
    source: client === 'node' ? ofNode(to, family) : addresses[client],
    destination: to,
    protocol,
    destinationPort: port,
    inInterface: CLIENTS[client].inInterface,
  };
}

/** The address that the node sends packets from: the one that they are for, or one of the link that they leave by. */
function ofNode(to: string, family: Family): string {
  const addresses = ADDRESSES[family];
  if (LOCAL.some((host) => addresses[host] === to)) return to;
  return to === addresses['pod-1'] || to === addresses['pod-2'] ? addresses.gateway : addresses.node;
}

/** What a client sees of an outcome. Undefined where that is not for the rules to say. */
function seen(
  { verdict, dnat, masqueraded, snat }: Outcome,
  packet: Packet,
  family: Family,
): string | undefined {
  if (verdict !== 'ACCEPT') return verdict === 'DROP' ? 'dropped' : 'refused';
  const addresses = ADDRESSES[family];
  const destination = dnat === undefined ? packet.destination : (parseAddress(hostOf(dnat)) ?? '');
  const server = PODS.find((pod) => addresses[pod] === destination);
  if (!server) {
    if (!LOCAL.some((host) => addresses[host] === destination)) return 'dropped';
    return packet.protocol === 'sctp' ? undefined : 'refused';
  }
  // No pod takes packets from itself that come from elsewhere.
  if (!masqueraded && snat === undefined && packet.source === destination) return 'dropped';
  const node = server === 'pod-3' ? 'node' : 'gateway';
  return `${server} sees ${masqueraded ? node : nameOf(snat ?? packet.source)}`;
}

const hostOf = (endpoint: string) => endpoint.slice(0, endpoint.lastIndexOf(':')).replace(/[[\]]/g, '');

function nodeOf(family: Family, recent: NonNullable<SimulatedNode['recent']> = new Map()): SimulatedNode {
  const addresses = ADDRESSES[family];
  const isLocal = (address: string) =>
    LOCAL.some((host) => addresses[host] === address) || contains('127.0.0.0/8', address);
  const links = new Map<string, string>([
    [addresses['pod-1'], 'pod-1'],
    [addresses['pod-2'], 'pod-2'],
    [addresses['pod-3'], 'net0'],
    [addresses['other-node'], 'net0'],
  ]);
  return { isLocal, outInterface: (address) => links.get(address) ?? 'out0', recent };
}

interface Predicted {
  /** What may be seen, and how probable it is. Undefined where that is not for the rules to say. */
  readonly outcomes: ReadonlyMap<string, number> | undefined;
  readonly unknown: readonly unknown[];
}

function predict(ruleset: PreparedRuleset, question: Question, node: SimulatedNode): Predicted {
  const packet = packetOf(question, ruleset.family);
  const fate = simulate(ruleset, packet, node);
  const outcomes = new Map<string, number>();
  for (const outcome of fate.outcomes) {
    const said = seen(outcome, packet, ruleset.family);
    if (said === undefined) return { outcomes: undefined, unknown: fate.unknown };
    outcomes.set(said, (outcomes.get(said) ?? 0) + outcome.probability);
  }
  return { outcomes, unknown: fate.unknown };
}

describe.skipIf(!MAY_USE_NAMESPACES).each(BACKENDS)('iptables-%s', (backend) => {
  let lab: Lab;

  beforeAll(async () => {
    lab = await Lab.create();
    const { exitCode } = await svc2ipt(lab, backend, 'apply', []);
    expect(exitCode).toBe(0);
    for (const family of FAMILIES) {
      await restore(family, foreignRules([], family));
      await restore(family, foreignJumps());
    }
  });
  afterAll(async () => await lab?.[Symbol.asyncDispose]());

  async function restore(family: Family, rules: string): Promise<void> {
    const { stderr, exitCode } = await lab.run(
      'node',
      [program(family, backend, 'restore'), '--noflush'],
      rules,
    );
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
  }

  async function savedRules(family: Family): Promise<PreparedRuleset> {
    const { stdout } = await lab.run('node', [program(family, backend, 'save')]);
    return prepareSaved(stdout, family);
  }

  /** The lists of xt_recent. All that tests write there is from now. */
  async function recentLists(): Promise<Map<string, Map<string, number>>> {
    const { stdout } = await lab.run('node', ['sh', '-c', 'grep -r src= /proc/net/xt_recent']);
    const lists = new Map<string, Map<string, number>>();
    for (const [, list = '', address = ''] of stdout.matchAll(/^.*\/([^/:]+):src=(\S+)/gm)) {
      const entries = lists.get(list) ?? new Map<string, number>();
      lists.set(list, entries.set(parseAddress(address) ?? '', 0));
    }
    return lists;
  }

  async function ask(
    { client, protocol, to, port }: Question,
    family: Family,
    predicted: ReadonlyMap<string, number>,
    times = timesFor(predicted),
  ): Promise<string[]> {
    const { place } = CLIENTS[client];
    const source = place === 'outside' ? ADDRESSES[family][client] : undefined;
    const timeout = predicted.has('dropped') ? { timeout: DROPPED_AFTER } : {};
    const call = { from: place, source, protocol, to, port };
    const { outcomes } = await lab.peers.ask(call, { times, ...timeout });
    return Object.keys(outcomes).sort();
  }

  describe.each(SEEDS)('seed %i', (seed) => {
    const one = <T>(arbitrary: fc.Arbitrary<T>): T => fc.sample(arbitrary, { seed, numRuns: 1 })[0] as T;
    // Few enough not to hide each other, and all of them with some seed.
    const foreign = FOREIGN.filter((_, i) => (i + seed) % 3 === 0);

    beforeAll(async () => {
      const { exitCode, stderr } = await svc2ipt(lab, backend, 'apply', labCluster(one(cluster)));
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
      for (const family of FAMILIES) {
        const rules = foreign.flatMap((rules) => rules(family));
        const policy = FORWARD_DROPS[seed] === family ? 'DROP' : 'ACCEPT';
        await restore(family, `${foreignRules(rules, family)}*filter\n:FORWARD ${policy} [0:0]\nCOMMIT\n`);
      }
      // Connections of another seed are none of this one's.
      await lab.run('node', ['conntrack', '-F']);
    });

    test.each(FAMILIES)('%s', async (family) => {
      const ruleset = await savedRules(family);
      const node = nodeOf(family);
      const any = fc.sample(question(family), { seed, numRuns: QUESTIONS });
      const questions = [...aimed(family), ...any];
      const asked = await some(questions, async (question) => {
        const { outcomes, unknown } = predict(ruleset, question, node);
        if (!outcomes) return undefined;
        const { client, protocol, to, port } = question;
        const predicted = [...outcomes.keys()].sort();
        const first = await ask(question, family, outcomes);
        // On a busy machine, a packet may get lost; what the rules do to one, they do again.
        const seen = sameList(first, predicted, Object.is) ? first : await ask(question, family, outcomes);
        return { question: `${client} to ${nameOf(to)} ${port}/${protocol}`, unknown, predicted, seen };
      });
      const known = asked.filter((answer) => answer !== undefined);
      expect(known.length).toBeGreaterThan(QUESTIONS / 2);
      expect(known.filter(({ unknown }) => unknown.length > 0)).toEqual([]);
      const said = (what: 'predicted' | 'seen') =>
        known.map((one) => `${one.question}: ${one[what].join(', ')}`);
      expect(said('seen')).toEqual(said('predicted'));
    });

    test.each(FAMILIES)('session affinity, %s', async (family) => {
      const ruleset = await savedRules(family);
      const to = addressOf(family, 'cluster IP', STICKY);
      for (const client of ['pod-1', 'client'] as const) {
        const question: Question = { client, protocol: 'tcp', to, port: PORT };
        const now = async () =>
          predict(ruleset, question, nodeOf(family, await recentLists())).outcomes ??
          new Map<string, number>();
        const before = await now();
        expect([...before.keys()]).toEqual(expect.arrayContaining(await ask(question, family, before, 1)));
        const after = await now();
        expect([...after.keys()]).toEqual(await ask(question, family, after));
      }
    });
  });
});

/** Servers have no room for the questions of more than so many at once. */
const AT_ONCE = 6;

/** Does something to each item, to some of them at once. */
async function some<T, R>(items: readonly T[], doTo: (item: T) => Promise<R>): Promise<R[]> {
  const results = new Map<number, R>();
  const left = items.entries();
  const worker = async () => {
    for (const [i, item] of left) results.set(i, await doTo(item));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return [...results].sort(([a], [b]) => a - b).map(([, result]) => result);
}

/** So many connections find every outcome, but for once in very many times. */
function timesFor(predicted: ReadonlyMap<string, number>): number {
  if (predicted.size === 1) return 2;
  return Math.ceil(Math.log(BY_CHANCE) / Math.log(1 - Math.min(...predicted.values())));
}

function program(family: Family, backend: Backend, what: 'save' | 'restore'): string {
  return `${family === 'ipv4' ? 'iptables' : 'ip6tables'}-${backend}-${what}`;
}
