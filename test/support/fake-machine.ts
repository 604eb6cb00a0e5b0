/** A machine for commands that look at its kernel: programs in a folder that print what they are told to. */
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FAMILIES, type Family } from '../../src/net/address.ts';

const PROGRAMS: Readonly<Record<Family, string>> = { ipv4: 'iptables', ipv6: 'ip6tables' };

/** Nothing else may be in PATH: shells know their own words. */
const CAT = '/bin/cat';

/**
 * Makes the programs of a machine on iptables-nft.
 * @param folder one of its own
 * @param saved what iptables-save prints of its kernel
 * @returns what PATH is to be
 */
export async function fakeMachine(folder: string, saved: Readonly<Record<Family, string>>): Promise<string> {
  const path = join(folder, 'bin');
  const program = join(folder, 'program');
  await mkdir(path, { recursive: true });
  const printing = FAMILIES.map(
    (family) => `'${PROGRAMS[family]}-nft-save'*) exec ${CAT} '${join(folder, family)}' ;;`,
  );
  const script = `#!/bin/sh
case "\${0##*/} $*" in
*' --version') echo 'iptables v1.8.9 (nf_tables)' ;;
*' -C '*) exit 1 ;;
*' -S '*) for chain; do :; done; echo "-P $chain ACCEPT" ;;
${printing.join('\n')}
*-save*) printf '*nat\\n:PREROUTING ACCEPT [0:0]\\nCOMMIT\\n' ;;
'nft list chains'*) printf 'table ip nat {\\n\\tchain PREROUTING {\\n\\t}\\n}\\n' ;;
*) exit 1 ;;
esac
`;
  await writeFile(program, script);
  await chmod(program, 0o755);
  const names = Object.values(PROGRAMS)
    .flatMap((name) => [name, `${name}-nft`, `${name}-legacy`])
    .flatMap((name) => [name, `${name}-save`, `${name}-restore`])
    .concat('nft', 'nfacct', 'conntrack', 'ipset', 'ip');
  await Promise.all([
    ...names.map((name) => symlink(program, join(path, name))),
    ...FAMILIES.map((family) => writeFile(join(folder, family), saved[family])),
  ]);
  return path;
}
