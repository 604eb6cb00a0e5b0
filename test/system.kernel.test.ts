/** What the kernel is asked and told beside rules: whether they are still there, its counters, its settings. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { FAMILIES } from '../src/net/address.ts';
import { labRules } from './support/kernel/cluster.ts';
import { type Firewall, FirewallNamespace } from './support/kernel/firewall.ts';
import { BACKENDS, MAY_USE_NAMESPACES, NetworkNamespace } from './support/kernel/namespace.ts';
import { PROJECT } from './support/project.ts';

const PLACES = BACKENDS.flatMap((backend) => FAMILIES.map((family): Firewall => ({ backend, family })));

describe.skipIf(!MAY_USE_NAMESPACES).each(PLACES)('rules in iptables-$backend, $family', (on) => {
  test.each<[string, string, boolean]>([
    ['a rule of somebody else', '-t filter -I INPUT -j ACCEPT', true],
    ['a chain of somebody else', '-t nat -N KUBE-ELSE', true],
    ['counters set to zero', '-t nat -Z', true],
    ['the filter table flushed', '-F', false],
    ['the nat table flushed', '-t nat -F', false],
    ['a built-in chain flushed', '-t nat -F PREROUTING', false],
    ['a jump deleted', '-t nat -D POSTROUTING 1', false],
    ['a canary deleted', '-t mangle -X KUBE-PROXY-CANARY', false],
    ['what jumps lead to flushed', '-t nat -F KUBE-SERVICES', false],
  ])('%s', async (_, change, intact) => {
    await using firewall = await FirewallNamespace.create(on);
    const applier = firewall.applier();
    await applier.apply(labRules([{ name: 'web', index: 1, endpoints: ['pod-1', 'pod-3'] }], on.family));
    expect(await applier.intact()).toBe(true);
    await execa(firewall.programs.iptables, ['--wait', '60', ...change.split(' ')]);
    expect(await applier.intact()).toBe(intact);
  });
});

test.skipIf(!MAY_USE_NAMESPACES).each(FAMILIES)('all tables of nftables flushed: %s', async (family) => {
  await using firewall = await FirewallNamespace.create({ backend: 'nft', family });
  const applier = firewall.applier();
  await applier.apply(labRules([], family));
  await firewall.namespace.run('nft', ['flush', 'ruleset']);
  expect(await applier.intact()).toBe(false);
});

test.skipIf(!MAY_USE_NAMESPACES).each(FAMILIES)(
  'a rule that iptables does not understand beside our jumps: %s',
  async (family) => {
    await using firewall = await FirewallNamespace.create({ backend: 'nft', family });
    const applier = firewall.applier();
    await applier.apply(labRules([], family));
    const run = (args: string) => firewall.namespace.run('nft', args.split(' '));
    const table = `${family === 'ipv4' ? 'ip' : 'ip6'} nat`;
    await run(`add rule ${table} PREROUTING fib daddr type local counter accept`);
    expect(await applier.intact()).toBe(true);
    await run(`flush chain ${table} KUBE-SERVICES`);
    expect(await applier.intact()).toBe(false);
  },
);

/** Runs a module in a namespace; gives what it prints as JSON. */
async function inside(namespace: NetworkNamespace, code: string): Promise<unknown> {
  const args = ['--input-type=module', '--eval', code];
  const { exitCode, stdout, stderr } = await namespace.run(process.execPath, args);
  if (exitCode !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

const moduleOf = (name: string) => JSON.stringify(join(PROJECT, 'src/applier', name));

const WITHOUT_NFACCT = (await execa('nfacct', ['list'], { reject: false })).code === 'ENOENT';

test.skipIf(!MAY_USE_NAMESPACES || WITHOUT_NFACCT).each(BACKENDS)(
  'rules count packets with named counters: iptables-%s',
  async (backend) => {
    await using firewall = await FirewallNamespace.create({ backend, family: 'ipv4' });
    const { namespace } = firewall;
    await namespace.run('ip', ['link', 'set', 'lo', 'up']);
    const nfacct = `import { countedPackets, createNfacct, hasNfacct } from ${moduleOf('nfacct.ts')};`;
    const before = `${nfacct} console.log(JSON.stringify(await hasNfacct()));`;
    expect(await inside(namespace, before)).toBe(false);

    // Making them again changes nothing: an agent that starts again finds them.
    const create = `${nfacct} await createNfacct(); await createNfacct();
      console.log(JSON.stringify([await hasNfacct(), ...await countedPackets()]));`;
    expect(await inside(namespace, create)).toEqual([
      true,
      ['ct_state_invalid_dropped_pkts', 0],
      ['localhost_nps_accepted_pkts', 0],
    ]);

    await firewall.add(
      '*filter\n-A OUTPUT -p udp -m nfacct --nfacct-name localhost_nps_accepted_pkts -j ACCEPT\nCOMMIT\n',
    );
    const send = `${nfacct} import { createSocket } from 'node:dgram';
      const socket = createSocket('udp4');
      for (let i = 0; i < 3; i++) await new Promise((sent) => socket.send('x', 9, '127.0.0.1', sent));
      socket.close();
      console.log(JSON.stringify([...await countedPackets()]));`;
    expect(await inside(namespace, send)).toEqual([
      ['ct_state_invalid_dropped_pkts', 0],
      ['localhost_nps_accepted_pkts', 3],
    ]);
    // Others look at counters, too; those that are read stay as they are.
    const again = `${nfacct} console.log(JSON.stringify(Object.fromEntries(await countedPackets())));`;
    expect(await inside(namespace, again)).toMatchObject({ localhost_nps_accepted_pkts: 3 });
  },
);

test.skipIf(!MAY_USE_NAMESPACES)('settings of a namespace: all but the limit of connections', async () => {
  await using namespace = await NetworkNamespace.create();
  const path = '/proc/sys/net/netfilter/nf_conntrack_max';
  // One more than there are: it is not to be written, but if it were, that would do no harm.
  const limit = Number(await readFile(path, 'utf8')) + 1;
  const settings = {
    maxPerCore: 1,
    min: limit,
    tcpEstablishedTimeout: 86_400_000,
    tcpCloseWaitTimeout: 3_600_000,
    tcpBeLiberal: true,
    udpTimeout: 31_000,
    udpStreamTimeout: 121_000,
  };
  const warnings = await inside(
    namespace,
    `import { allowLocalnetRouting, setUpConntrack } from ${moduleOf('sysctl.ts')};
     await allowLocalnetRouting();
     console.log(JSON.stringify(await setUpConntrack(${JSON.stringify(settings)})));`,
  );
  expect(warnings).toEqual([
    expect.stringMatching(
      `^net\\.netfilter\\.nf_conntrack_max stays ${limit - 1}, as ${limit} cannot be written`,
    ),
  ]);
  const settingsNow = async (...names: readonly string[]) => {
    const { stdout } = await namespace.run('sysctl', ['-n', ...names]);
    return stdout.trim().split('\n');
  };
  const prefix = 'net.netfilter.nf_conntrack_';
  expect(
    await settingsNow(
      `${prefix}tcp_timeout_established`,
      `${prefix}tcp_timeout_close_wait`,
      `${prefix}udp_timeout`,
      `${prefix}udp_timeout_stream`,
      `${prefix}tcp_be_liberal`,
      'net.ipv4.conf.all.route_localnet',
    ),
  ).toEqual(['86400', '3600', '31', '121', '1', '1']);
});
