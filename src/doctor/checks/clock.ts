/** The node's clock. */
import type { Check } from '../check.ts';
import { NotChecked } from '../not-checked.ts';

export const clock: Check = {
  code: 'clock-unsynchronized',
  title: 'The clock follows another one.',
  severity: 'warning',
  remedy: 'Run an NTP client on the node (chrony, systemd-timesyncd), and look at what it says: timedatectl.',
  needs: 'node',
  find({ snapshot: { clockSynchronized, takenAt } }) {
    if (clockSynchronized === undefined) throw new NotChecked('the kernel cannot be asked about its clock');
    if (clockSynchronized) return [];
    const cause =
      'The clock of the node follows no other one: certificates of the API server may seem to be invalid once it is off.';
    return [{ cause, evidence: ['adjtimex: not synchronized', `the clock says ${takenAt}`] }];
  },
};
