/** Which iptables is chosen by what is in the kernel, and that looking leaves nothing behind. */
import { expect, test } from 'vitest';
import { BACKENDS, type Backend, MAY_USE_NAMESPACES, NetworkNamespace } from './support/kernel/namespace.ts';

/** Prints the program that would be used. */
const DETECT = `
  const { detectHost, findIptables } = await import(${JSON.stringify(new URL('../src/applier/host.ts', import.meta.url).href)});
  console.log((await detectHost(await findIptables())).iptables.ipv4.iptables);
`;

const opposite = (backend: Backend): Backend => (backend === 'nft' ? 'legacy' : 'nft');

async function detected(namespace: NetworkNamespace): Promise<string> {
  const { stdout } = await namespace.run(process.execPath, ['--input-type=module', '-e', DETECT]);
  return stdout.trim();
}

test.skipIf(!MAY_USE_NAMESPACES).each(BACKENDS)('%s is found by its chains and rules', async (backend) => {
  await using namespace = await NetworkNamespace.create();
  const wait = ['--wait', '60'];
  const { stdout: version } = await namespace.run('iptables', ['--version']);
  expect(await detected(namespace)).toBe(version.includes('nf_tables') ? 'iptables-nft' : 'iptables-legacy');
  expect((await namespace.run('cat', ['/proc/net/ip_tables_names'])).stdout).not.toContain('mangle');

  await namespace.run(`ip6tables-${backend}`, [...wait, '-A', 'INPUT', '-j', 'ACCEPT']);
  expect(await detected(namespace)).toBe(`iptables-${backend}`);

  await namespace.run(`iptables-${opposite(backend)}`, [...wait, '-t', 'nat', '-N', 'KUBE-SERVICES']);
  expect(await detected(namespace)).toBe(`iptables-${opposite(backend)}`);

  await namespace.run(`iptables-${backend}`, [...wait, '-t', 'mangle', '-N', 'KUBE-IPTABLES-HINT']);
  expect(await detected(namespace)).toBe(`iptables-${backend}`);
});
