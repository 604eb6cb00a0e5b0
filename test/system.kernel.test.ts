/** What the kernel is asked and told beside rules: its counters, its settings. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { FirewallNamespace } from './support/kernel/firewall.ts';
import { BACKENDS, MAY_USE_NAMESPACES, NetworkNamespace } from './support/kernel/namespace.ts';
import { PROJECT } from './support/project.ts';

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
