/** What a check is, and what it comes to. */
import type { CheckedNode } from './checked-node.ts';
import type { CheckedCluster } from './cluster.ts';

/** `error`: traffic to Services goes wrong, or will. `warning`: it may, for some traffic or under load. */
export type CheckSeverity = 'error' | 'warning';

/** What a check finds, each time that it finds it. */
export interface Trouble {
  /** What is wrong, and what follows: one sentence. */
  readonly cause: string;
  /** What shows it: lines of rules, values, names. */
  readonly evidence: readonly string[];
  /** That of the check unless given. */
  readonly remedy?: string;
  /** That of the check unless given. */
  readonly severity?: CheckSeverity;
}

/** A check that needs the cluster is not made without one. */
export type Check = CheckWords &
  (
    | {
        readonly needs: 'node';
        find(node: CheckedNode, cluster: CheckedCluster | undefined): readonly Trouble[];
      }
    | { readonly needs: 'cluster'; find(node: CheckedNode, cluster: CheckedCluster): readonly Trouble[] }
  );

interface CheckWords {
  /** Stable: what it stands for does not change between versions. */
  readonly code: string;
  /** What is so where nothing is found: one sentence. */
  readonly title: string;
  readonly severity: CheckSeverity;
  /** What to do about it: one sentence. */
  readonly remedy: string;
}
