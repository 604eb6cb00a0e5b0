/** What a user wants explained: a Service, a chain, or a rule. */
import { InputError, show } from '../api/problem.ts';

export type Subject =
  | { readonly kind: 'service'; readonly service: string }
  | { readonly kind: 'chain'; readonly chain: string }
  /** `rule` is what follows `-A CHAIN`. */
  | { readonly kind: 'rule'; readonly chain: string; readonly rule: string };

/**
 * Reads `NAMESPACE/NAME`, the name of a chain, or a line of iptables-save, with or without counters.
 * @throws InputError where it is none of these
 */
export function parseSubject(text: string): Subject {
  const [, ruleChain, rule = ''] = /^(?:\[\d+:\d+\] *)?-A +(\S+)(.*)$/s.exec(text.trim()) ?? [];
  if (ruleChain !== undefined) return { kind: 'rule', chain: ruleChain, rule };
  if (/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?\/[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(text)) {
    return { kind: 'service', service: text };
  }
  // What iptables takes as a name; those of Kubernetes have capital letters.
  if (/^[^\s!/-][^\s/]*$/.test(text) || /^KUBE-\S+$/.test(text)) return { kind: 'chain', chain: text };
  const message = `expected NAMESPACE/NAME of a Service, the name of a chain, or a line of iptables-save, got ${show(text)}`;
  throw new InputError([{ at: [], message }]);
}
