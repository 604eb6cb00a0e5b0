/** The entry of doctor: every check, on one node. */
import { OperationalError } from '../errors/operational-error.ts';
import { saveOutput } from '../snapshot/snapshot.ts';
import type { Check, CheckSeverity, Trouble } from './check.ts';
import type { CheckedNode } from './checked-node.ts';
import { CHECKS } from './checks.ts';
import type { CheckedCluster } from './cluster.ts';
import { NotChecked } from './not-checked.ts';

/** What a check has come to: the worst of what it found. */
export type CheckVerdict = CheckSeverity | 'ok' | 'not checked';

/** A finding with all that there is to say of it. */
export type NodeFinding = Required<Trouble>;

export interface CheckResult {
  readonly check: Check;
  readonly verdict: CheckVerdict;
  readonly findings: readonly NodeFinding[];
  /** Why the check was not made; undefined where it was. */
  readonly reason: string | undefined;
}

/** What every check says that needs the cluster where there is none. */
const NO_CLUSTER = 'no cluster: name one with --context or --kubeconfig, or manifests with -f';

/**
 * Makes every check. Pure: the same snapshot and cluster give the same results.
 * @param cluster undefined where none is known: the checks that need one are not made
 * @param checks all there are unless given
 * @returns in the order of the table
 */
export function examine(
  node: CheckedNode,
  cluster: CheckedCluster | undefined,
  checks: readonly Check[] = CHECKS,
): CheckResult[] {
  return checks.map((check) => resultOf(check, node, cluster));
}

/**
 * Makes sure that there is something to look at.
 * @throws OperationalError where the rules of no backend and family could be read
 */
export function expectRules({ snapshot, backend, families }: CheckedNode): void {
  const reading = snapshot.outputs[saveOutput(backend, 'ipv4')];
  if (families.length === 0 && 'missing' in reading) {
    throw new OperationalError(`nothing can be checked without the rules of the node: ${reading.missing}`);
  }
}

function resultOf(check: Check, node: CheckedNode, cluster: CheckedCluster | undefined): CheckResult {
  try {
    const findings = find(check, node, cluster).map(
      (trouble): NodeFinding => ({ severity: check.severity, remedy: check.remedy, ...trouble }),
    );
    const worst = findings.some(({ severity }) => severity === 'error') ? 'error' : 'warning';
    return { check, verdict: findings.length === 0 ? 'ok' : worst, findings, reason: undefined };
  } catch (error) {
    if (!(error instanceof NotChecked)) throw error;
    return { check, verdict: 'not checked', findings: [], reason: error.message };
  }
}

function find(check: Check, node: CheckedNode, cluster: CheckedCluster | undefined): readonly Trouble[] {
  if (check.needs === 'node') return check.find(node, cluster);
  if (cluster === undefined) throw new NotChecked(NO_CLUSTER);
  return check.find(node, cluster);
}
