/** Whose address it is. */
import type { Pod } from '../api/pod.ts';

/** What an address stands for, as `Pod NAME on NODE`; undefined where it is no Pod's, or several have it. */
export type PodNames = (address: string) => string | undefined;

/** Pods on the network of their node share its addresses, and Pods that have finished may have had another's: none is named. */
export function podNames(pods: Iterable<Pick<Pod, 'name' | 'nodeName' | 'ips' | 'finished'>>): PodNames {
  const names = new Map<string, string | undefined>();
  for (const { name, nodeName, ips, finished } of pods) {
    if (finished) continue;
    const words = nodeName === undefined ? `Pod ${name}` : `Pod ${name} on ${nodeName}`;
    for (const address of ips) names.set(address, names.has(address) ? undefined : words);
  }
  return (address) => names.get(address);
}
