/**
 * What base images are put together from on this machine: `node scripts/debian-base.ts` prints the release, the mirror and the
 * packages, as debootstrap takes them.
 */
import { readFile } from 'node:fs/promises';
import { execa } from 'execa';

/** What the image takes from its base image, and what Node.js needs to run there. */
export const BASE_PACKAGES = [
  ...['iptables', 'conntrack', 'nftables', 'nfacct', 'iproute2', 'ipset'],
  ...['binutils', 'libatomic1', 'libstdc++6'],
];

/** Where this machine gets its own packages from, and which release it is of; undefined where apt does not say. */
export async function aptSource(): Promise<
  { readonly mirror: string; readonly release: string } | undefined
> {
  const [, release] = /^VERSION_CODENAME=(\S+)$/m.exec(await readFile('/etc/os-release', 'utf8')) ?? [];
  const { stdout } = await execa({
    reject: false,
  })`apt-get indextargets --format ${'$(RELEASE) $(COMPONENT) $(REPO_URI)'} ${'Created-By: Packages'}`;
  const line = stdout.split('\n').find((text) => text.startsWith(`${release} main `));
  const mirror = line?.split(' ')[2];
  return mirror === undefined || release === undefined ? undefined : { mirror, release };
}

/** Why there is none. */
export const NO_APT_SOURCE = "apt's sources name no Debian or Ubuntu of this release";

if (import.meta.main) {
  const source = await aptSource();
  if (!source) throw new Error(NO_APT_SOURCE);
  console.log(source.release, source.mirror, BASE_PACKAGES.join());
}
