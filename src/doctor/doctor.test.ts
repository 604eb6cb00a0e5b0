import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { checkedCluster } from '../../test/support/checked-cluster.ts';
import { type LabService, labCluster } from '../../test/support/kernel/cluster.ts';
import { NODE_NAME, OTHER_NODE_NAME } from '../../test/support/kernel/lab.ts';
import { PROJECT } from '../../test/support/project.ts';
import { type Changes, soundSnapshot } from '../../test/support/sound-snapshot.ts';
import { OperationalError } from '../errors/operational-error.ts';
import { snapshotSchema } from '../snapshot/snapshot.ts';
import { checkedNode, factsIn } from './checked-node.ts';
import { CHECKS } from './checks.ts';
import { type CheckResult, examine, expectRules } from './doctor.ts';
import { firewallOf } from './firewalls.ts';
import { doctorJSON, doctorText } from './report.ts';

const SERVICES: readonly LabService[] = [
  { name: 'web', index: 1, endpoints: ['pod-1', 'pod-3'] },
  { name: 'api', index: 2, endpoints: ['pod-2'] },
];
const NODES = [NODE_NAME, OTHER_NODE_NAME].map((name, i) => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name },
  spec: { podCIDRs: [`10.244.${i + 1}.0/24`, `fd00:10:244:${i + 1}::/64`] },
}));
const CLUSTER = checkedCluster([...labCluster(SERVICES), ...NODES]);

function resultsOf(changes: Changes = {}, cluster: typeof CLUSTER | undefined = CLUSTER): CheckResult[] {
  return examine(checkedNode(soundSnapshot(CLUSTER, changes)), cluster);
}

const words = ({ findings }: CheckResult) =>
  findings.map(({ cause, evidence }) => [cause, ...evidence].join('\n')).join('\n');

/** By code, what was found. */
const foundIn = (results: readonly CheckResult[]) =>
  Object.fromEntries(
    results.flatMap((result) => (result.findings.length > 0 ? [[result.check.code, words(result)]] : [])),
  );

test('nothing on a sound node, and every check is made', () => {
  const results = resultsOf();
  expect(results.filter(({ verdict }) => verdict !== 'ok').map(({ check }) => check.code)).toEqual([]);
  expect(foundIn(examine(checkedNode(soundSnapshot(CLUSTER)), undefined))).toEqual({});
});

test('without a cluster, checks that need one are not made, and say why', () => {
  const results = examine(checkedNode(soundSnapshot(CLUSTER)), undefined);
  for (const { check, verdict, reason } of results) {
    expect({ check: check.code, verdict }).toEqual({
      check: check.code,
      verdict: check.needs === 'cluster' ? 'not checked' : 'ok',
    });
    expect(reason?.startsWith('no cluster: ')).toBe(check.needs === 'cluster' ? true : undefined);
  }
});

/** What no namespace has of its own, and what depends on programs and versions. The kernel tests have the rest. */
const BROKEN: readonly (readonly [
  name: string,
  changes: Changes,
  finds: Readonly<Record<string, RegExp>>,
])[] = [
  [
    'br_netfilter is not loaded',
    {
      files: {
        '/proc/sys/net/bridge/bridge-nf-call-iptables': undefined,
        '/proc/sys/net/bridge/bridge-nf-call-ip6tables': undefined,
      },
    },
    { 'bridge-netfilter-off': /no net\.bridge\.bridge-nf-call-iptables: br_netfilter is not loaded/ },
  ],
  [
    'the clock',
    { others: { clockSynchronized: false } },
    { 'clock-unsynchronized': /adjtimex: not synchronized\nthe clock says 2026-01-31/ },
  ],
  [
    'a full table of connections',
    { files: { '/proc/sys/net/netfilter/nf_conntrack_count': '262144' } },
    { 'conntrack-nearly-full': /nf_conntrack_count = 262144\n/ },
  ],
  [
    'connections that are dropped early',
    { outputs: { 'conntrack-stats': { text: 'cpu=0 drop=1 early_drop=2\ncpu=1 drop=4 early_drop=0\n' } } },
    { 'conntrack-drops': /conntrack -S: drop=5\nconntrack -S: early_drop=2$/ },
  ],
  [
    'no ip6tables',
    {
      outputs: {
        'ip6tables-nft-save': { missing: 'ip6tables-nft-save is not installed' },
        'ip6tables-legacy-save': { missing: 'ip6tables-legacy-save is not installed' },
      },
    },
    { 'ipv6-half-set-up': /lab\/api has an IPv6 cluster IP, but the node has no ip6tables/ },
  ],
  [
    'IPv6 is disabled',
    { files: { '/proc/sys/net/ipv6/conf/all/disable_ipv6': '1' } },
    { 'ipv6-half-set-up': /net\.ipv6\.conf\.all\.disable_ipv6 = 1/ },
  ],
  [
    'an endpoint that does not answer',
    { others: { probes: [{ address: '10.244.1.2', port: 8080, failure: 'ECONNREFUSED' }] } },
    { 'endpoint-silent': /10\.244\.1\.2:8080, an endpoint of lab\/web:tcp .*\n.*ECONNREFUSED/ },
  ],
];

test.each(BROKEN)('%s', (_, changes, finds) => {
  const found = foundIn(resultsOf(changes));
  expect(Object.keys(found)).toEqual(Object.keys(finds));
  for (const [code, pattern] of Object.entries(finds)) expect(found[code]).toMatch(pattern);
});

describe('who writes rules', () => {
  const two = (...commands: readonly string[]) => {
    const processes = commands.map((command, i) => ({
      pid: i + 1,
      command: command.split(' '),
      sameNetwork: !command.includes('elsewhere'),
      sockets: [],
    }));
    return 'two-writers' in foundIn(resultsOf({ others: { processes } }));
  };

  test.each([
    ['kube-proxy and an agent', true, ['/usr/local/bin/kube-proxy --config=a', 'svc2ipt agent']],
    ['two agents', true, ['node --flag /usr/bin/svc2ipt agent', '/x/node /app/dist/cli/main.js agent --v 2']],
    ['a single executable', true, ['./svc2ipt --node-options=--flag=1 agent', 'kube-proxy']],
    ['the plugin of kubectl', true, ['kubectl-svc2ipt agent', 'kube-proxy']],
    ['one of them alone', false, ['kube-proxy', 'kubelet', 'svc2ipt doctor']],
    ['what started an agent', false, ['sudo svc2ipt agent', 'svc2ipt agent', 'vi kube-proxy']],
    ['what ends by itself', false, ['svc2ipt agent --init-only', 'svc2ipt agent', 'kube-proxy --cleanup']],
    ['one in another network', false, ['kube-proxy --name elsewhere', 'svc2ipt agent']],
  ])('%s', (_, expected, commands) => {
    expect(two(...commands)).toBe(expected);
  });
});

test.each([
  ['-m mark --mark 0x4000/0x4000 -j RETURN', 'POSTROUTING', false],
  ['-m mark --mark 0x6000/0x6000 -j DROP', 'FORWARD', true],
  ['-m mark --mark 0x4000 -j ACCEPT', 'FORWARD', true],
  ['-j MARK --set-xmark 0x4000/0x4000', 'PREROUTING', true],
  ['-j MARK --set-xmark 0x539/0xffffffff', 'PREROUTING', false],
  ['-j MARK --set-xmark 0x0/0xffffffff', 'FORWARD', true],
  ['-j MARK --set-xmark 0x40000/0xff0000', 'FORWARD', false],
  ['-j MARK --and-mark 0xffffbfff', 'POSTROUTING', true],
  ['-j CONNMARK --restore-mark --nfmask 0xff --ctmask 0xff', 'PREROUTING', false],
])('the bit of masquerading, and %s in %s', (rule, chain, expected) => {
  const text = `*mangle\n:${chain} ACCEPT [0:0]\n-A ${chain} -i eth9 ${rule}\nCOMMIT\n`;
  const sound = soundSnapshot(CLUSTER).outputs['iptables-nft-save'];
  const all = `${'text' in sound ? sound.text : ''}${text}`.replace(/\*mangle\n:KUBE[^*]*COMMIT\n/, '');
  const found = foundIn(resultsOf({ outputs: { 'iptables-nft-save': { text: all } } }));
  expect('mark-used-by-others' in found).toBe(expected);
});

test.each([
  ['DOCKER-USER', 'Docker'],
  ['DOCKER-ISOLATION-STAGE-1', 'Docker'],
  ['FORWARD_IN_ZONES', 'firewalld'],
  ['FWDI_public', 'firewalld'],
  ['IN_public_deny', 'firewalld'],
  ['ufw-before-forward', 'ufw'],
  ['ufw6-user-forward', 'ufw'],
  ['cali-FORWARD', 'Calico'],
  ['ISTIO_INBOUND', 'Istio'],
  ['CILIUM_FORWARD', 'Cilium'],
  ['INPUT', undefined],
  ['MY-CHAIN', undefined],
])('the chain %s is one of %s', (chain, owner) => {
  expect(firewallOf(chain)).toBe(owner);
});

test('what a program cannot say is not checked, and what it needs all the same is', () => {
  const missing = { missing: 'conntrack is not installed' };
  const results = resultsOf({
    outputs: { 'conntrack-stats': missing, 'conntrack-udp-ipv4': missing, 'conntrack-udp-ipv6': missing },
  });
  const unchecked = results.filter(({ verdict }) => verdict === 'not checked');
  expect(unchecked.map(({ check }) => check.code)).toEqual([
    'conntrack-drops',
    'conntrack-insert-failed',
    'stale-udp-flows',
  ]);
  expect(new Set(unchecked.map(({ reason }) => reason))).toEqual(new Set(['conntrack is not installed']));
});

test('output of an old iproute2 is not taken for that of a node without interfaces', () => {
  const results = resultsOf({ outputs: { 'ip-address': { text: '1: lo: <LOOPBACK,UP> mtu 65536\n' } } });
  const mtu = results.find(({ check }) => check.code === 'pod-mtu-too-large');
  expect(mtu).toMatchObject({ verdict: 'not checked', reason: expect.stringContaining('iproute2') });
});

test('without any rules to read, nothing is said to be sound', () => {
  const missing = { missing: 'iptables-nft-save is not installed' };
  const names = ['iptables-nft-save', 'ip6tables-nft-save', 'iptables-legacy-save', 'ip6tables-legacy-save'];
  const node = checkedNode(
    soundSnapshot(CLUSTER, { outputs: Object.fromEntries(names.map((name) => [name, missing])) }),
  );
  expect(() => expectRules(node)).toThrow(OperationalError);
  expect(() => expectRules(checkedNode(soundSnapshot(CLUSTER)))).not.toThrow();
});

test('a snapshot says the same when it was written and read', () => {
  const snapshot = soundSnapshot(CLUSTER);
  expect(snapshotSchema.parse(JSON.parse(JSON.stringify(snapshot)))).toEqual(snapshot);
});

test('the facts of the node', () => {
  expect(factsIn(checkedNode(soundSnapshot(CLUSTER)))).toEqual({
    name: 'node-a',
    interfaceAddresses: [
      '192.168.50.10/24',
      'fd00:192:168:50::10/24',
      '10.244.1.1/24',
      'fd00:10:244:1::1/64',
    ],
    conntrackTCPBeLiberal: false,
  });
});

describe('the report', () => {
  const plain = (_: string, text: string) => text;
  const results = resultsOf({
    files: { '/proc/sys/net/ipv4/ip_forward': '0' },
    others: { clockSynchronized: false, probes: undefined },
  });

  test('as text', () => {
    expect(doctorText(results, { paint: plain, width: 80, all: false })).toBe(
      `1 error, 1 warning, ${CHECKS.length - 3} checks sound, 1 not checked

error [ip-forward-off] The node forwards no IPv4 packets, so none gets from a
    client to a Pod.
    net.ipv4.ip_forward = 0
  Set it to 1 with sysctl -w, and in a file of /etc/sysctl.d so that it stays.

warning [clock-unsynchronized] The clock of the node follows no other one:
    certificates of the API server may seem to be invalid once it is off.
    adjtimex: not synchronized
    the clock says 2026-01-31T12:00:00.000Z
  Run an NTP client on the node (chrony, systemd-timesyncd), and look at what it
  says: timedatectl.

not checked: endpoint-silent (only with --probe, which connects to them)
`,
    );
  });

  test('with all that is sound', () => {
    const text = doctorText(results, { paint: plain, width: 80, all: true });
    expect(text.match(/^ok \[/gm)).toHaveLength(CHECKS.length - 3);
  });

  test.each([40, 80, 120])('fits into %i columns, but for evidence', (width) => {
    const lines = doctorText(results, { paint: plain, width, all: true }).split('\n');
    const evidence = new Set(
      results.flatMap(({ findings }) => findings.flatMap((one) => one.evidence.map((line) => `    ${line}`))),
    );
    expect(
      lines.filter((line) => line.length > width && !evidence.has(line) && / /.test(line.trim())),
    ).toEqual([]);
  });

  test('as JSON', () => {
    const report = z
      .object({ verdict: z.string(), checks: z.array(z.object({ code: z.string(), verdict: z.string() })) })
      .parse(JSON.parse(doctorJSON(results, checkedNode(soundSnapshot(CLUSTER)))));
    expect(report.verdict).toBe('error');
    expect(report.checks).toHaveLength(CHECKS.length);
    expect(report.checks.find(({ code }) => code === 'ip-forward-off')?.verdict).toBe('error');
  });
});

describe('the table of checks', () => {
  test('each has a code of its own', () => {
    expect(new Set(CHECKS.map(({ code }) => code)).size).toBe(CHECKS.length);
  });

  test.each(CHECKS.map((check) => [check.code, check] as const))(
    '%s is in the documentation',
    async (_, check) => {
      const page = await readFile(join(PROJECT, 'docs/doctor.md'), 'utf8');
      const needs = check.needs === 'cluster' ? ', cluster' : '';
      const row = page.split('\n').find((line) => line.startsWith(`| \`${check.code}\` |`));
      expect(row).toContain(`| ${check.severity}${needs} |`);
      expect(row?.endsWith(`| ${check.remedy} |`)).toBe(true);
    },
  );
});
