/** The table of doctor's checks, in the order in which they are told. */
import type { Check } from './check.ts';
import { conntrackTable } from './checks/conntrack-table.ts';
import { ipForward } from './checks/ip-forward.ts';
import { otherBackend } from './checks/other-backend.ts';

export const CHECKS: readonly Check[] = [
  // The rules.
  otherBackend,
  // The kernel.
  ipForward,
  conntrackTable,
];
