/** What of rules a user wants explained: a chain, or a rule. */
import { InputError, show } from '../api/problem.ts';

export interface ChainSubject {
  readonly kind: 'chain';
  readonly chain: string;
}

export interface RuleSubject {
  readonly kind: 'rule';
  readonly chain: string;
  /** What follows `-A CHAIN`. */
  readonly rule: string;
}

/** Reads a line of iptables-save, with or without counters; undefined where the text is none. */
export function ruleIn(text: string): RuleSubject | undefined {
  const [, chain, rule = ''] = /^(?:\[\d+:\d+\] *)?-A +(\S+)(.*)$/s.exec(text.trim()) ?? [];
  return chain === undefined ? undefined : { kind: 'rule', chain, rule };
}

/** Reads what may be the name of a chain, as iptables takes it; undefined where it is none. */
export function chainIn(text: string): ChainSubject | undefined {
  // Of names with a slash, which are Kubernetes' own, none has capital letters.
  return /^[^\s!/-][^\s/]*$/.test(text) || /^KUBE-\S+$/.test(text)
    ? { kind: 'chain', chain: text }
    : undefined;
}

/** That a text is nothing that can be explained. */
export function noSubject(text: string): InputError {
  const message = `expected NAMESPACE/NAME of a Service, the name of a chain, or a line of iptables-save, got ${show(text)}`;
  return new InputError([{ at: [], message }]);
}
