/** By what Pods are made of workloads, where the node and its configuration are still being read. */
import { DEFAULT_CONFIGURATION } from '../api/kube-proxy-configuration.ts';
import type { HostFacts } from '../api/node.ts';
import { InputError } from '../api/problem.ts';
import type { Configuration } from './configuration.ts';
import { type WorkloadOptions, workloadOptions } from './control-plane/from-workloads.ts';
import { completeFacts, resolveNode } from './node.ts';

/**
 * What is wrong with these is told by whoever waits for them: Pods are made by the usual values then, so that what is wrong
 * in manifests is told of, too.
 */
export async function workloadOptionsOf(
  configuration: Promise<Configuration>,
  host: Promise<HostFacts>,
  flags: Promise<HostFacts> | HostFacts = {},
): Promise<WorkloadOptions> {
  try {
    const [{ kubeProxy }, ...facts] = await Promise.all([configuration, host, flags]);
    const { hostnameOverride } = kubeProxy;
    const told = resolveNode({ host: facts[0], flags: facts[1], hostnameOverride, nodes: new Map() });
    return workloadOptions(told, kubeProxy);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return workloadOptions(completeFacts([]), DEFAULT_CONFIGURATION);
  }
}
