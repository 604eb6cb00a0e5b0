/** The programs of iptables. */
import type { Family } from '../net/address.ts';

export type Backend = 'nft' | 'legacy';

/** The programs of one backend and family. */
export interface IptablesPrograms {
  readonly family: Family;
  readonly backend: Backend;
  readonly iptables: string;
  readonly save: string;
  readonly restore: string;
}

/** By family, of the machine's own choice of backend. */
export const PROGRAMS = { ipv4: 'iptables', ipv6: 'ip6tables' } as const;

/** The programs of a backend, whether they are there or not. */
export function iptablesPrograms(family: Family, backend: Backend): IptablesPrograms {
  return programsNamed(`${PROGRAMS[family]}-${backend}`, family, backend);
}

/** The programs that belong to one that goes by a name. */
export function programsNamed(iptables: string, family: Family, backend: Backend): IptablesPrograms {
  return { family, backend, iptables, save: `${iptables}-save`, restore: `${iptables}-restore` };
}
