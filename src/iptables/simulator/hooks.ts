/** Where packets meet tables. */

/** The tables that have something to say at each hook, in the kernel's order (netfilter_ipv4.h). */
export const HOOKS = {
  PREROUTING: ['raw', 'mangle', 'nat'],
  INPUT: ['mangle', 'filter', 'security', 'nat'],
  FORWARD: ['mangle', 'filter', 'security'],
  OUTPUT: ['raw', 'mangle', 'nat', 'filter', 'security'],
  POSTROUTING: ['mangle', 'nat'],
} as const;

export type Hook = keyof typeof HOOKS;
