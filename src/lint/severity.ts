/** How bad a finding is. */

/**
 * `error`: it cannot work as it stands, or whether it does is chance. `warning`: it does something else than most
 * people expect. `info`: it works as it should, within limits that few know.
 */
export type Severity = 'error' | 'warning' | 'info';

/** The worst first. */
export const SEVERITIES: readonly Severity[] = ['error', 'warning', 'info'];
