/** A node for pages of root: a kernel's network, processes, mounts and a host name of their own. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ApiServer } from '../kernel/api-server.ts';
import { NetworkNamespace } from '../kernel/namespace.ts';
import type { Place } from './place.ts';
import type { Scratch } from './scratch.ts';
import type { World } from './world.ts';

/** All processes in it are gone with the first of them; so are namespaces that a page makes, whose names it alone sees. */
const UNSHARE = ['unshare', '--mount', '--uts', '--pid', '--fork', '--kill-child', '--mount-proc'];

/** Folders that pages put files into, and whose real ones stay as they are. */
const MACHINE_FOLDERS = ['/etc', '/var/lib'];

export async function onNode(world: World, scratch: Scratch): Promise<Place> {
  const namespace = await NetworkNamespace.create();
  const inNetwork = ['ip', 'netns', 'exec', namespace.name];
  const server = world.objects && new ApiServer({ inside: () => inNetwork });
  const place = {
    inside: [...inNetwork, ...UNSHARE, 'bash', '-euc', `${await setup(world, scratch)}\nexec "$@"`, 'bash'],
    // The lock of iptables-legacy is for a whole machine.
    env: { XTABLES_LOCKFILE: join(scratch.folders.own, 'xtables.lock') },
    async [Symbol.asyncDispose]() {
      await server?.[Symbol.asyncDispose]();
      await namespace[Symbol.asyncDispose]();
    },
  };
  const apiServer = await server?.start();
  await server?.put(...(world.objects ?? []));
  return { ...place, apiServer };
}

async function setup({ hostname }: World, { folders }: Scratch): Promise<string> {
  const layers = join(folders.own, 'layers');
  await mkdir(layers);
  const overlays = MACHINE_FOLDERS.flatMap((folder) => {
    const [upper, work] = ['upper', 'work'].map((kind) => `${layers}/${folder.replaceAll('/', '-')}-${kind}`);
    const options = `lowerdir=${folder},upperdir=${upper},workdir=${work}`;
    return [`mkdir ${upper} ${work}`, `mount -t overlay overlay -o ${options} ${folder}`];
  });
  return [
    `hostname ${hostname}`,
    'ip link set lo up',
    'mkdir -p /run/netns && mount -t tmpfs tmpfs /run/netns',
    `mount -t tmpfs tmpfs ${layers}`,
    ...overlays,
  ].join('\n');
}
